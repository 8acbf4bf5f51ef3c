//! The module graph of a crate: which top-level module names which, read from the source.
//!
//! A compiler plugin would know more and would have to be built with every toolchain. Reading `crate::` and
//! `super::` paths is enough, because the workspace has no glob imports and no macros that make paths. The
//! re-exports of the crate's root are followed, so that a circle through `crate::Name` is one, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{code, rust_files};

/// The top-level modules of a crate and those that each names, with a file that does so; `lib.rs` and
/// `main.rs` are apart.
#[derive(Debug, Default)]
pub(super) struct Graph(BTreeMap<String, BTreeMap<String, String>>);

/// A source file: its module path from the root of the crate, and its text.
pub(super) struct Source {
    pub(super) path: Vec<String>,
    pub(super) text: String,
}

impl Graph {
    /// The graph of the crate whose `src` folder this is.
    pub(super) fn of(folder: &Path) -> Self {
        let files = rust_files(folder);
        let read = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
        let source = |file: &PathBuf| Source {
            path: module_path(file.strip_prefix(folder).unwrap()),
            text: read(file),
        };
        Self::read(files.iter().map(source).collect())
    }

    /// The graph of the crate that consists of these files.
    pub(super) fn read(sources: Vec<Source>) -> Self {
        let tests = test_modules(&sources);
        let is_test = |source: &Source| tests.iter().any(|test| source.path.starts_with(test));
        let (root, modules): (Vec<_>, Vec<_>) =
            sources.into_iter().filter(|source| !is_test(source)).partition(|s| s.path.is_empty());
        let tops: BTreeSet<String> = modules.iter().map(|module| module.path[0].clone()).collect();
        let exports = exports(&root, &tops);
        let mut graph = Self::default();
        for module in &modules {
            let named = names(&module.text, module.path.len());
            let named = named.into_iter().filter_map(|name| exports.get(&name).cloned());
            let named = named.filter(|name| *name != module.path[0]);
            let edges = graph.0.entry(module.path[0].clone()).or_default();
            edges.extend(named.map(|name| (name, module.path.join("/"))));
        }
        graph
    }

    /// The modules.
    pub(super) fn modules(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Those that a module names.
    pub(super) fn named_by(&self, module: &str) -> impl Iterator<Item = &str> {
        self.0.get(module).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// Lists the edges of a circle with the files that make them, for the person who has to open it.
    pub(super) fn explain(&self, circle: &BTreeSet<&str>) -> String {
        let edges = circle.iter().flat_map(|module| {
            let named = self.0[*module].iter().filter(|(name, _)| circle.contains(name.as_str()));
            named.map(|(name, file)| format!("\n    {file}.rs names {name}"))
        });
        edges.collect()
    }

    /// The groups of modules of which each leads to every other.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.modules().map(|module| (module, self.reach(module))).collect();
        let mut circles: Vec<BTreeSet<&str>> = Vec::new();
        for (module, reached) in &reach {
            let back = reached.iter().copied().filter(|other| reach[other].contains(module));
            let circle: BTreeSet<&str> = back.collect();
            if !circle.is_empty() && !circles.contains(&circle) {
                circles.push(circle);
            }
        }
        circles
    }

    /// Every module that a module leads to, itself only through a circle.
    fn reach(&self, module: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&str> = self.named_by(module).collect();
        while let Some(next) = waiting.pop() {
            if reached.insert(next) {
                waiting.extend(self.named_by(next));
            }
        }
        reached
    }
}

/// The modules that exist in tests alone: those behind `#[cfg(test)]`.
fn test_modules(sources: &[Source]) -> Vec<Vec<String>> {
    let each = sources.iter().flat_map(|source| {
        let parts = source.text.split("#[cfg(test)]\n").skip(1);
        let names = parts.filter_map(|part| {
            let line = part.lines().find(|line| !line.trim_start().starts_with("#["))?;
            let (_, name) = line.split_once("mod ")?;
            name.strip_suffix(';')
        });
        names.map(|name| [&source.path[..], &[name.to_owned()]].concat())
    });
    each.collect()
}

/// The names at the root of a crate, and the top-level module that each leads to.
fn exports(root: &[Source], tops: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut exports: BTreeMap<String, String> =
        tops.iter().map(|top| (top.clone(), top.clone())).collect();
    for source in root {
        for statement in code(&source.text).split("use ").skip(1) {
            let tree = statement.split(';').next().unwrap_or_default();
            for (path, name) in leaves(tree) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let path = path.strip_prefix(&["crate"]).unwrap_or(&path);
                let path = path.strip_prefix(&["self"]).unwrap_or(path);
                if let Some(top) = path.first().filter(|top| tops.contains(**top)) {
                    exports.entry(name).or_insert_with(|| (*top).to_owned());
                }
            }
        }
    }
    exports
}

/// The names at the root of the crate that a text of a module at this depth mentions.
fn names(text: &str, depth: usize) -> BTreeSet<String> {
    let text: String = code(text).lines().map(|line| format!("{}\n", bare(line))).collect();
    let mut found = BTreeSet::new();
    for (start, root) in [("crate::", true), ("super::", false)] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c)) {
                continue;
            }
            let rest = &text[at..];
            let ups = rest.split("::").take_while(|part| *part == "super").count();
            if root || ups == depth {
                let tree = if root { &rest[start.len()..] } else { &rest[ups * start.len()..] };
                let leaves = leaves(tree).into_iter();
                found.extend(leaves.filter_map(|(path, _)| path.into_iter().next()));
            }
        }
    }
    found
}

/// A line without its comment.
fn bare(line: &str) -> &str {
    let comment = line.find("//").filter(|at| !line[..*at].ends_with(':'));
    comment.map_or(line, |at| &line[..at])
}

/// The paths at the start of a text, groups in braces unfolded, each with the name that it goes by.
fn leaves(text: &str) -> Vec<(Vec<String>, String)> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return items(group).into_iter().flat_map(leaves).collect();
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Vec::new();
    }
    let below = rest.strip_prefix("::").map(leaves).unwrap_or_default();
    if below.is_empty() {
        let alias = rest.strip_prefix(" as ").map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
        });
        return vec![(vec![name.to_owned()], alias.unwrap_or(name).to_owned())];
    }
    let full =
        |(path, alias): (Vec<String>, String)| ([&[name.to_owned()], &path[..]].concat(), alias);
    below.into_iter().map(full).collect()
}

/// The items of a group whose opening brace has been read.
fn items(text: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&text[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

/// The module path of a file below `src`; empty for the root of the crate.
fn module_path(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    let parts: Vec<String> = parts.collect();
    if ["lib", "main"].contains(&parts[0].as_str()) { Vec::new() } else { parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> Graph {
        let source = |(path, text): &(&str, &str)| Source {
            path: module_path(Path::new(path)),
            text: (*text).to_owned(),
        };
        Graph::read(files.iter().map(source).collect())
    }

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let graph = graph(files);
        let circles = graph.circles().into_iter();
        circles.map(|circle| circle.into_iter().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_planted_circle_is_found_however_it_is_written() {
        let leaf = ("c.rs", "use std::fmt;");
        for (a, b) in [
            ("use crate::b::B;", "use crate::a::A;"),
            ("use crate::{c, b::{B, D}};", "fn f() { crate::a::f() }"),
            ("use super::b::B;", "use super::{c::C, a};"),
            ("fn f(b: &crate::b::B) {}", "use crate::c;\nuse crate::{\n    a::A,\n    c::C,\n};"),
        ] {
            assert_eq!(circles(&[("a.rs", a), ("b.rs", b), leaf]), ["a b"], "{a} {b}");
        }
        let deep = [("a/x/y.rs", "use super::super::super::b;"), ("b/z.rs", "use crate::a::x;")];
        assert_eq!(circles(&deep), ["a b"]);
        let long =
            [("a.rs", "use crate::b;"), ("b.rs", "use crate::c;"), ("c.rs", "use crate::a;")];
        assert_eq!(circles(&long), ["a b c"]);
        let exported = [
            ("lib.rs", "mod a;\nmod b;\npub use a::{A, X as Y};\n"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::Y;"),
        ];
        assert_eq!(circles(&exported), ["a b"]);
    }

    #[test]
    fn what_is_no_circle_is_none() {
        for (a, b) in [
            ("use crate::b::B;", "// as crate::a does\n/// See [`crate::a::A`].\nuse std::fmt;"),
            (
                "use crate::b::B;",
                "use std::fmt;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}",
            ),
            ("use crate::b::B;", "use othercrate::a::A;\nuse self::crate_like::a;"),
            ("use crate::b;\nuse super::a::X;", "use super::c;"),
        ] {
            let none: [&str; 0] = [];
            assert_eq!(circles(&[("a.rs", a), ("b.rs", b), ("c.rs", "")]), none, "{a}, {b}");
        }
        let tests = [
            ("a.rs", "use crate::b;"),
            ("b.rs", "#[cfg(test)]\nmod sample;\n"),
            ("b/sample.rs", "use crate::a;"),
            ("lib.rs", "#[cfg(test)]\nmod testing;\n"),
            ("testing.rs", "use crate::a;"),
        ];
        assert!(circles(&tests).is_empty());
    }
}
