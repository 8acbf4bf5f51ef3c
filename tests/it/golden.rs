//! The golden matrix: recordings and requests through every dialect, compared with files.
//!
//! `BLESS=1` writes the files anew; what they then hold is to be read before it is kept.

mod driver;
mod pretty;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chatmock_translate::{Chat, Dialect, Responses};

use driver::{settled, streamed, whole};

/// The request whose answers the recordings are.
const ASKED: &str = r#"{"model":"gpt-6-sol","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;

/// The same for the Responses API.
const ASKED_OF_RESPONSES: &str = r#"{"model":"gpt-6-sol","stream":true,"input":"hi"}"#;

#[test]
fn recorded_streams_are_worded_as_expected() {
    let mut faults = Vec::new();
    for case in cases("streams") {
        let upstream = std::fs::read(case.join("upstream.sse")).unwrap();
        for (name, text) in [
            ("chat.sse", streamed::<Chat>(ASKED, &upstream)),
            ("chat.json", whole::<Chat>(ASKED, &upstream)),
            ("responses.sse", streamed::<Responses>(ASKED_OF_RESPONSES, &upstream)),
            ("responses.json", whole::<Responses>(ASKED_OF_RESPONSES, &upstream)),
        ] {
            faults.extend(compare(&case.join(name), &text));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn requests_settle_as_expected() {
    let (mut faults, mut read) = (Vec::new(), BTreeSet::new());
    for case in cases("requests") {
        let mut found = false;
        for (name, settle) in [
            (Chat::NAME, settled::<Chat> as fn(&[u8]) -> String),
            (Responses::NAME, settled::<Responses>),
        ] {
            let Ok(body) = std::fs::read(case.join(format!("{name}.json"))) else { continue };
            (found, _) = (true, read.insert(name));
            faults.extend(compare(&case.join(format!("{name}.upstream.json")), &settle(&body)));
        }
        assert!(found, "{} holds no request", case.display());
    }
    assert_eq!(read.len(), 2, "every dialect needs a request");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn no_fixture_is_left_behind() {
    let known = [
        "upstream.sse",
        "chat.sse",
        "chat.json",
        "responses.sse",
        "responses.json",
        "chat.upstream.json",
        "responses.upstream.json",
    ];
    for case in [cases("streams"), cases("requests")].concat() {
        for entry in std::fs::read_dir(&case).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(known.contains(&name.as_str()), "{} is of no use in {}", name, case.display());
        }
        for (made, source) in
            [("chat.upstream.json", "chat.json"), ("responses.upstream.json", "responses.json")]
        {
            assert!(!case.join(made).exists() || case.join(source).exists(), "{}", case.display());
        }
    }
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
