//! The wording of texts for people: no string of the programs and their crates uses a worn phrase.
//!
//! The tests of the programs look at their help in the same way.

use std::path::{Path, PathBuf};

use chatmock_testkit::wording::source::{Text, doc_comments, literals};
use chatmock_testkit::wording::worn_phrases;

/// Where texts for people are written.
const FOLDERS: &[&str] = &[
    "bins/chatmock-auth/src",
    "bins/chatmock-server/src",
    "crates/auth/src",
    "crates/server/src",
    "crates/translate/src",
    "crates/upstream/src",
];

#[test]
fn no_text_for_people_uses_a_worn_phrase() {
    let files: Vec<PathBuf> =
        FOLDERS.iter().flat_map(|folder| sources(&root().join(folder))).collect();
    assert!(files.len() > 100, "{} files", files.len());
    let faults: Vec<String> = files.iter().flat_map(|file| faults(file)).collect();
    assert!(faults.is_empty(), "worn phrases, see docs/glossary.md:\n{}", faults.join("\n"));
}

/// The crates that other programs embed know no command line: what to type is said by the program.
#[test]
fn no_crate_that_can_be_embedded_names_a_program_or_a_flag() {
    let folders = ["crates/protocol/src", "crates/translate/src", "crates/upstream/src"];
    let files = folders.iter().flat_map(|folder| sources(&root().join(folder)));
    let mut faults = Vec::new();
    for file in files {
        for Text { line, text } in literals(&std::fs::read_to_string(&file).unwrap()) {
            if names_command_line(&text) {
                faults.push(format!("{}:{line}: {text:?}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "hand these words in from the server:\n{}", faults.join("\n"));
}

#[test]
fn programs_flags_and_variables_are_recognised() {
    for text in ["run: chatmock-auth login", "is --upstream-url right?", "CHATMOCK_HOME", "--a"] {
        assert!(names_command_line(text), "{text}");
    }
    // The name of an instance in `Via`, a dash in prose, and a boundary are none of these.
    for text in ["chatmock-", "chatmock-0f", "a -- b", "--\r\n", "well--known"] {
        assert!(!names_command_line(text), "{text}");
    }
}

/// Returns whether a text names one of the programs, a flag, or a variable of the environment.
fn names_command_line(text: &str) -> bool {
    let is_flag = |word: &str| {
        let word = word.trim_start_matches(['`', '(', '"', '\'']);
        word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic))
    };
    let named = ["chatmock-auth", "chatmock-server", "CHATMOCK_", "OPENAI_API_KEY"];
    named.iter().any(|name| text.contains(name)) || text.split_whitespace().any(is_flag)
}

fn faults(file: &Path) -> Vec<String> {
    let source = std::fs::read_to_string(file).unwrap();
    let mut texts = literals(&source);
    if file.file_name().is_some_and(|name| name == "cli.rs") {
        texts.extend(doc_comments(&source));
    }
    let faults = texts.iter().flat_map(|Text { line, text }| {
        let phrases = worn_phrases(text).into_iter();
        phrases.map(move |phrase| format!("{}:{line}: {phrase:?}", file.display()))
    });
    faults.collect()
}

/// Returns the Rust files below a folder, without those of unit tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_source = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".rs") && name != "tests.rs"
    };
    let own = files.into_iter().filter(|path| is_source(path));
    let below = folders.into_iter().filter(|path| !path.ends_with("tests"));
    own.chain(below.flat_map(|folder| sources(&folder))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
