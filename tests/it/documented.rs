//! docs/dialects.md against the code: what it names is tested, and what is read is named in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::dialects::dialects;
use crate::paths::ENDPOINTS;

/// The sources whose `object!` types are the requests of the documented APIs.
const REQUESTS: &[&str] = &[
    "anthropic/request.rs",
    "anthropic/request",
    "openai/chat/request.rs",
    "openai/chat/request",
    "openai/completions.rs",
    "openai/embeddings.rs",
    "openai/images.rs",
    "ollama/chat.rs",
    "ollama/embed.rs",
    "ollama/generate.rs",
    "ollama/shared.rs",
];

/// Members of parts of a request that the document speaks of by the part's name alone.
const PARTS: &[&str] = &[
    // Of tools and calls.
    "definition",
    "grammar",
    "syntax",
    // Of content parts.
    "file_data",
    "filename",
    // Of a named schema.
    "schema",
];

#[test]
fn every_documented_request_field_is_named_in_a_test_of_its_dialect() {
    let document = document();
    let mut faults = Vec::new();
    let mut counted = BTreeSet::new();
    for dialect in dialects() {
        let heading = dialect.heading;
        // Dialects that share a heading share their fields.
        let shared = dialects().into_iter().filter(|other| other.heading == heading);
        let fixtures: Vec<&str> = shared.map(|dialect| dialect.name).collect();
        let modules: Vec<&str> = dialect.tests.split(',').collect();
        let tested = tests_of(&modules) + &fixtures_of(&fixtures);
        let fields = fields(section(&document, heading));
        assert!(fields.len() >= 10, "only {} fields under {heading}", fields.len());
        for field in &fields {
            let named = tested.contains(&format!("\"{field}\""))
                || field.split('.').all(|step| tested.contains(&format!("\"{step}\"")));
            faults.extend((!named).then(|| format!("{heading}: no test names {field}")));
        }
        counted.extend(fields.into_iter().map(|field| (heading, field)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(counted.len() > 100, "the tables hold more than {} fields", counted.len());
}

#[test]
fn every_member_that_a_request_type_declares_is_documented() {
    let words = words(&document());
    let source = root().join("crates/protocol/src");
    let mut faults = Vec::new();
    for path in REQUESTS {
        for file in rust_files(&source.join(path)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let unnamed = declared(&text)
                .into_iter()
                .filter(|name| !words.contains(name.as_str()) && !PARTS.contains(&name.as_str()));
            faults.extend(unnamed.map(|name| format!("{}: {name}", file.display())));
        }
    }
    assert!(faults.is_empty(), "docs/dialects.md does not name\n{}", faults.join("\n"));
}

#[test]
fn every_path_that_is_served_has_a_row() {
    let document = document();
    let first_cells =
        document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let rows: BTreeSet<&str> = first_cells.flat_map(code).collect();
    let missing: Vec<_> = ENDPOINTS.iter().filter(|endpoint| !rows.contains(**endpoint)).collect();
    assert!(missing.is_empty(), "docs/dialects.md has no row for {missing:?}");
}

#[test]
fn every_test_by_which_a_report_is_guarded_exists() {
    let table = std::fs::read_to_string(root().join("docs/guarded.md")).unwrap();
    let named: BTreeSet<&str> =
        table.lines().flat_map(code).filter(|name| is_sentence(name)).collect();
    assert!(named.len() > 50, "the table names {} tests", named.len());
    let mut known = std::fs::read_to_string(root().join("tests/clients/checks.txt")).unwrap();
    for folder in ["crates", "bins", "tests/it"] {
        for file in all_rust_files(&root().join(folder)) {
            known.push_str(&std::fs::read_to_string(file).unwrap());
        }
    }
    let exists = |name: &str| {
        known.contains(&format!("fn {name}(")) || known.contains(&format!("\n{name}\n"))
    };
    let unknown: Vec<&&str> = named.iter().filter(|name| !exists(name)).collect();
    assert!(unknown.is_empty(), "there is no test {unknown:?}");
}

/// Returns whether a name is that of a test and not of a member.
fn is_sentence(name: &str) -> bool {
    name.matches('_').count() > 2 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// The Rust files below a folder, without those that were built.
fn all_rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let inside = |path: PathBuf| match path.is_dir() {
        true if path.ends_with("target") => Vec::new(),
        true => all_rust_files(&path),
        false => rust_files(&path),
    };
    paths.flat_map(inside).collect()
}

#[test]
fn no_exception_is_needless() {
    let words = words(&document());
    let needless: Vec<&&str> = PARTS.iter().filter(|name| words.contains(**name)).collect();
    assert!(needless.is_empty(), "the document names {needless:?}");
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn document() -> String {
    std::fs::read_to_string(root().join("docs/dialects.md")).unwrap().replace("\r\n", "\n")
}

/// The part of the document under the heading that begins so.
pub(crate) fn section<'d>(document: &'d str, heading: &str) -> &'d str {
    let mut sections = document.split("\n## ");
    sections.find(|section| section.starts_with(heading)).unwrap()
}

/// The names in the first column of a section's request tables, which are headed `field`.
pub(crate) fn fields(section: &str) -> Vec<String> {
    let (mut fields, mut inside) = (Vec::new(), false);
    for line in section.lines() {
        let first = line.strip_prefix("| ").and_then(|line| line.split(" |").next());
        inside = match first {
            Some(first) => inside || first == "field",
            None => inside && line.starts_with('|'),
        };
        let names = first.filter(|_| inside).map(code).unwrap_or_default();
        // A value after the name, as in `background: true`, is not part of it.
        fields.extend(names.iter().map(|name| name.split(':').next().unwrap().to_owned()));
    }
    fields
}

/// The spans between backquotes.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Every name in a code span of the document.
fn words(document: &str) -> BTreeSet<String> {
    let spans = document.lines().flat_map(code);
    let names = spans.flat_map(|span| span.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The names of members in the `object!` types of a source.
fn declared(source: &str) -> Vec<String> {
    let lines = source.lines().filter_map(|line| line.trim().strip_suffix("\","));
    lines.filter_map(|line| line.rsplit_once(" = \"")).map(|(_, name)| name.to_owned()).collect()
}

/// The unit tests of the named modules of the translating crate.
fn tests_of(modules: &[&str]) -> String {
    let source = root().join("crates/translate/src");
    let files = modules.iter().flat_map(|module| {
        let folder = source.join(module).join("tests");
        let mut files = rust_files(&folder);
        files.extend(rust_files(&folder.with_extension("rs")));
        files
    });
    // In a string of Rust a quote may stand behind a backslash.
    files.map(|file| std::fs::read_to_string(file).unwrap().replace("\\\"", "\"")).collect()
}

/// The requests of that name in the fixtures.
fn fixtures_of(names: &[&str]) -> String {
    let cases = std::fs::read_dir(root().join("tests/fixtures/requests")).unwrap();
    let files = cases.flat_map(|case| {
        let case = case.unwrap().path();
        names.iter().map(move |name| case.join(format!("{name}.json")))
    });
    files.filter_map(|file| std::fs::read_to_string(file).ok()).collect()
}

/// The Rust files at a path: itself, or those in the folder; none where there is nothing.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    let is_rust = |path: &Path| path.extension().is_some_and(|ending| ending == "rs");
    if is_rust(path) && path.exists() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path()).filter(|file| is_rust(file));
    files.collect()
}
