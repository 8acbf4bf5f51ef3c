//! The golden matrix: recordings and requests through every dialect, compared with files.
//!
//! `BLESS=1` writes the files anew; what they then hold is to be read before it is kept.

mod driver;
mod pretty;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chatmock_translate::{Dialect, Framing, for_each_dialect};

use crate::dialects::dialect;

use driver::{settled, streamed, whole};

/// One dialect's columns of the matrix.
struct Column {
    /// The dialect's name, by which its files are called.
    name: &'static str,
    /// The ending of its streams' files.
    ending: &'static str,
    /// The request whose answers the recordings are.
    asked: &'static str,
    streamed: fn(&str, &[u8]) -> String,
    whole: fn(&str, &[u8]) -> String,
    settled: fn(&[u8]) -> String,
}

impl Column {
    fn of<D: Dialect>(asked: &'static str) -> Self {
        Self {
            name: D::NAME,
            ending: match D::FRAMING {
                Framing::Sse => "sse",
                Framing::Ndjson => "ndjson",
                Framing::Message => unreachable!("no dialect has this for its own"),
            },
            asked,
            streamed: streamed::<D>,
            whole: whole::<D>,
            settled: settled::<D>,
        }
    }

    fn stream_files(&self) -> [String; 2] {
        [format!("{}.{}", self.name, self.ending), format!("{}.json", self.name)]
    }

    fn request_files(&self) -> [String; 2] {
        [format!("{}.json", self.name), format!("{}.upstream.json", self.name)]
    }
}

/// Every dialect, with the question of its row.
fn columns() -> Vec<Column> {
    for_each_dialect!(D => Column::of::<D>(dialect(D::NAME).question)).into()
}

#[test]
fn recorded_streams_are_worded_as_expected() {
    let mut faults = Vec::new();
    for case in cases("streams") {
        let upstream = std::fs::read(case.join("upstream.sse")).unwrap();
        for column in columns() {
            let [stream, whole] = column.stream_files();
            let texts = [
                (stream, (column.streamed)(column.asked, &upstream)),
                (whole, (column.whole)(column.asked, &upstream)),
            ];
            let compared = texts.into_iter().map(|(name, text)| compare(&case.join(name), &text));
            faults.extend(compared.flatten());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn requests_settle_as_expected() {
    let (mut faults, mut read) = (Vec::new(), BTreeMap::new());
    for case in cases("requests") {
        let mut found = false;
        for column in columns() {
            let [asked, settled] = column.request_files();
            let Ok(body) = std::fs::read(case.join(asked)) else { continue };
            found = true;
            *read.entry(column.name).or_insert(0) += 1;
            faults.extend(compare(&case.join(settled), &(column.settled)(&body)));
        }
        assert!(found, "{} holds no request", case.display());
    }
    for column in columns() {
        let count = read.get(column.name).copied().unwrap_or(0);
        assert!(count >= 5, "only {count} requests of {}", column.name);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn no_fixture_is_left_behind() {
    let streams: Vec<String> = columns().iter().flat_map(Column::stream_files).collect();
    for case in cases("streams") {
        for name in names(&case) {
            let known = name == "upstream.sse" || streams.contains(&name);
            assert!(known, "{name} is of no use in {}", case.display());
        }
    }
    for case in cases("requests") {
        let names = names(&case);
        let files: Vec<[String; 2]> = columns().iter().map(Column::request_files).collect();
        for name in &names {
            let known = files.iter().any(|[asked, settled]| {
                name == asked || (name == settled && names.contains(asked))
            });
            assert!(known, "{name} is of no use in {}", case.display());
        }
    }
}

/// The names of a case's files.
fn names(case: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(case).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The folders of cases of a kind, in order; there are always some.
fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(kind);
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 10, "only {} cases in {}", cases.len(), folder.display());
    cases
}

/// Compares with a file, or writes it where `BLESS` is set.
fn compare(file: &Path, actual: &str) -> Option<String> {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, actual).unwrap();
        return None;
    }
    let name = file.display();
    let Ok(expected) = std::fs::read_to_string(file) else {
        return Some(format!("{name} is missing; BLESS=1 writes it"));
    };
    // A checkout may have changed line ends; the dialects themselves never write CRLF.
    let expected = expected.replace("\r\n", "\n");
    (expected != actual).then(|| format!("{name} differs:\n{}", difference(&expected, actual)))
}

/// The lines around the first difference.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) =
        (expected.split('\n').collect(), actual.split('\n').collect());
    let same = expected.iter().zip(&actual).take_while(|(one, other)| one == other).count();
    let shown = |lines: &[&str], mark: char| {
        let lines = lines.iter().skip(same).take(5);
        lines.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    let before = expected.iter().take(same).skip(same.saturating_sub(2));
    let before: String = before.map(|line| format!("  {line}\n")).collect();
    let (less, more) = (shown(&expected, '-'), shown(&actual, '+'));
    format!("at line {} (- expected, + actual)\n{before}{less}{more}", same + 1)
}
