//! JSONTestSuite: texts that must be read (`y_`), that must be refused (`n_`), and that may be either (`i_`).

use std::fs;

use chatmock_testkit::client::Request;

use crate::answers::refusal;
use crate::fetch::{self, Problem, crate_source};
use crate::harness::{CHAT, Harness};
use crate::{Outcome, verdict, wait};

/// Valid JSON that is refused: numbers beyond a double, and an array deeper than any request is.
const BEYOND_US: [&str; 6] = [
    "y_number_huge_exp.json",
    "y_number_neg_int_huge_exp.json",
    "y_number_pos_double_huge_exp.json",
    "y_number_real_neg_overflow.json",
    "y_number_real_pos_overflow.json",
    "y_structure_500_nested_arrays.json",
];

/// One file.
struct Text {
    name: String,
    bytes: Vec<u8>,
}

/// Each as a whole body, which none of them is.
pub(crate) fn whole() -> Outcome {
    wait(async {
        let (texts, harness) = (texts()?, Harness::new().await);
        let mut faults = Vec::new();
        for Text { name, bytes } in &texts {
            let answer = harness.server.send(Request::post(CHAT, bytes.clone())).await;
            faults.extend(refusal(&answer).err().map(|why| format!("{name}: {why}")));
        }
        faults.extend((harness.calls() > 0).then(|| format!("{} backend calls", harness.calls())));
        verdict(format!("{} bodies", texts.len()), &faults)
    })
}

/// Each as the value of a member that no request has, next to all that a request needs.
pub(crate) fn wrapped() -> Outcome {
    wait(async {
        let (texts, harness) = (texts()?, Harness::new().await);
        let (mut faults, mut taken) = (Vec::new(), 0);
        for Text { name, bytes } in &texts {
            let before = harness.calls();
            let answer = harness.server.send(Request::post(CHAT, around(bytes))).await;
            let called = harness.calls() > before;
            let beyond_us = BEYOND_US.contains(&name.as_str());
            let may_be_taken = !(name.starts_with("n_") || beyond_us);
            let may_be_refused = !name.starts_with("y_") || beyond_us;
            let wrong = match answer.status {
                200 if may_be_taken && called => None,
                400..500 if may_be_refused && !called => refusal(&answer).err(),
                status => Some(format!("{status}, backend called: {called}, {}", answer.text())),
            };
            taken += usize::from(answer.status == 200);
            faults.extend(wrong.map(|why| format!("{name}: {why}")));
        }
        verdict(format!("{} values, {taken} taken", texts.len()), &faults)
    })
}

/// A good request with one more member.
fn around(value: &[u8]) -> Vec<u8> {
    let before = br#"{"model":"gpt-5.5","messages":[{"role":"user","content":"hi"}],"x_more":"#;
    [&before[..], value, b"}"].concat()
}

fn texts() -> Result<Vec<Text>, Problem> {
    let mut texts = Vec::new();
    for path in fetch::files(&crate_source("json-syntax")?.join("tests/inputs"), "json")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        texts.push(Text { name, bytes: fs::read(&path)? });
    }
    let count = |kind: &str| texts.iter().filter(|text| text.name.starts_with(kind)).count();
    let counts = ["y_", "n_", "i_"].map(count);
    if counts == [107, 188, 19] {
        Ok(texts)
    } else {
        Err(format!("{counts:?} texts to read, refuse and either are not those pinned").into())
    }
}
