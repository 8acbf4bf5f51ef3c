//! The dialects as a client sees them: name, path and a question, from a table.

use chatmock_translate::{Dialect, for_each_dialect};

const TABLE: &str = include_str!("../fixtures/dialects.tsv");

/// One dialect.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// The dialect's name, by which its fixtures are called.
    pub(crate) name: &'static str,
    /// Where its turns are asked for.
    pub(crate) path: &'static str,
    /// The beginning of its heading in `docs/dialects.md`.
    pub(crate) heading: &'static str,
    /// The modules of `translate` with its unit tests.
    pub(crate) tests: &'static str,
    /// The body of a turn that is answered.
    pub(crate) question: &'static str,
}

/// Every dialect of `translate`'s list.
pub(crate) fn dialects() -> Vec<Row> {
    for_each_dialect!(D => dialect(D::NAME)).into()
}

/// The row of a dialect.
pub(crate) fn dialect(name: &str) -> Row {
    let row = rows().find(|row| row.name == name);
    row.unwrap_or_else(|| panic!("tests/fixtures/dialects.tsv has no row for {name}"))
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| {
        let [name, path, heading, tests, question] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("a row of five cells is wanted: {line}");
        };
        Row { name, path, heading, tests, question }
    })
}

#[test]
fn every_row_is_a_dialect() {
    let names: Vec<&str> = dialects().iter().map(|row| row.name).collect();
    let unknown: Vec<&str> = rows().map(|row| row.name).filter(|n| !names.contains(n)).collect();
    assert!(unknown.is_empty(), "translate has no {unknown:?}");
}
