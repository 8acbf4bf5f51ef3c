//! Tests of the fast path: it accepts what the backend writes, and agrees with the general path.

use proptest::prelude::*;
use serde::Deserialize;

use super::{DeltaEvent, read};
use crate::responses::Event;

/// Events of the known shapes, a line each.
const SAMPLES: &str = include_str!("../samples.jsonl");

#[derive(Deserialize)]
struct Numbered {
    sequence_number: Option<u64>,
}

/// Whether the fast path accepts a line; if so, the general path must agree with it.
fn accepted(line: &str) -> bool {
    let Some(quick) = read(line.as_bytes()) else { return false };
    let typed = Event::parse_typed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(quick.kind, typed.kind, "{line}");
    assert_eq!(format!("{:?}", quick.body), format!("{:?}", typed.body), "{line}");
    let Numbered { sequence_number } = serde_json::from_str(line).unwrap();
    assert_eq!(quick.sequence_number, sequence_number, "{line}");
    true
}

#[test]
fn every_delta_that_the_backend_is_known_to_send_is_accepted() {
    for line in SAMPLES.lines() {
        let kind = line.split('"').nth(3).unwrap();
        let known = kind.ends_with(".delta") && !kind.contains("code");
        assert_eq!(accepted(line), known, "{line}");
    }
}

#[test]
fn members_may_come_in_any_order() {
    let members = [
        r#""type":"response.output_text.delta""#,
        r#""delta":"a\n\u00e9\ud83d\ude00\"""#,
        r#""output_index":18446744073709551"#,
        r#""content_index":0"#,
        r#""summary_index":7"#,
        r#""item_id":"msg_\u0001""#,
        r#""call_id":"""#,
        r#""logprobs":[]"#,
        r#""obfuscation":"x""#,
    ];
    for turn in 0..members.len() {
        let (after, before) = members.split_at(turn);
        assert!(accepted(&format!("{{{}}}", [before, after].concat().join(","))));
    }
    // Members that no one needs may occur twice, as in the general path.
    assert!(accepted(&format!("{{{},{}}}", members.join(","), members[5..].join(","))));
}

#[test]
fn other_spellings_are_left_to_the_general_path() {
    let kind = r#"{"type":"response.output_text.delta","#;
    for rest in [
        r#""delta":"a","delta":"b"}"#,
        r#""output_index":1,"delta":"a","output_index":1}"#,
        r#""delta":"a","type":"response.output_text.delta"}"#,
        r#""delta":"a","sequence_number":1,"sequence_number":1}"#,
        r#""delta":"a"} "#,
        r#""delta":"a"}}"#,
        r#""delta":"a"},"#,
        r#""delta":"a","#,
        r#""delta":"a",}"#,
        r#""delta": "a"}"#,
        r#""delta":"a" }"#,
        r#""d\u0065lta":"a"}"#,
        r#""delta":"\x"}"#,
        r#""delta":"\u12g4"}"#,
        r#""delta":"\ud800\"}"#,
        r#""delta":"a"#,
        r#""delta":"a\"}"#,
        "\"delta\":\"a\u{1}\"}",
        "\"delta\":\"0123456789\n\"}",
        r#""delta":null}"#,
        r#""delta":5}"#,
        r#""delta":"a","output_index":01}"#,
        r#""delta":"a","output_index":-1}"#,
        r#""delta":"a","output_index":1.0}"#,
        r#""delta":"a","output_index":1e1}"#,
        r#""delta":"a","output_index":}"#,
        r#""delta":"a","output_index":null}"#,
        r#""delta":"a","output_index":98765432109876543210}"#,
        r#""delta":"a","sequence_number":"1"}"#,
        r#""delta":"a","logprobs":[{}]}"#,
        r#""delta":"a","new":1}"#,
        r#""item_id":"m"}"#,
        "}",
        "",
    ] {
        assert!(!accepted(&format!("{kind}{rest}")), "{rest}");
    }
    for line in ["", "{", "{}", "{\"", "[]", "null", r#"{"delta":"a"}"#, r#"{"type":"error"}"#] {
        assert!(!accepted(line), "{line}");
    }
}

#[test]
fn a_lone_surrogate_is_accepted_and_marked() {
    for (text, raw) in [
        (r"\ud800", None),
        (r"\udc00a", None),
        (r"\ud83d\ud83d\ude00", None),
        (r"\uD83D\uDE00", Some(r"\uD83D\uDE00")),
    ] {
        let line = format!(r#"{{"type":"response.refusal.delta","delta":"{text}"}}"#);
        assert!(accepted(&line));
        let Some(DeltaEvent { body: super::Body::Refusal { delta, .. }, .. }) =
            read(line.as_bytes())
        else {
            panic!("{line}")
        };
        assert_eq!(delta.raw(), raw);
    }
}

/// A value or name that is valid in such an event, or almost.
fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "\"type\":\"response.output_text.delta\"",
        "\"type\":\"response.function_call_arguments.delta\"",
        "\"type\":\"response.reasoning_summary_text.delta\"",
        "\"type\":\"response.reasoning_text.delta\"",
        "\"type\":\"response.completed\"",
        "\"delta\":\"\"",
        "\"delta\":\"\\ud800\"",
        "\"delta\":null",
        "\"output_index\":0",
        "\"output_index\":00",
        "\"content_index\":3",
        "\"summary_index\":18446744073709551616",
        "\"sequence_number\":7",
        "\"logprobs\":[]",
        "\"logprobs\":[1]",
        "\"item_id\":\"msg_1\"",
        "\"obfuscation\":\"\\n\"",
        "\"new\":{}",
    ]);
    prop_oneof![
        4 => words.prop_map(str::to_owned),
        1 => ".{0,12}".prop_map(|text| format!("\"delta\":\"{text}\"")),
        1 => any::<String>()
            .prop_map(|text| format!("\"delta\":{}", serde_json::to_string(&text).unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_fast_path_agrees_with_the_general_path(
        leads in any::<bool>(),
        pieces in prop::collection::vec(piece(), 0..6),
        cut in prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)],
        put in ".{0,2}",
    ) {
        let lead = if leads { "\"type\":\"response.output_text.delta\"," } else { "" };
        let mut line = format!("{{{lead}{}}}", pieces.join(","));
        if let Some(cut) = cut {
            let places: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
            line.insert_str(places[cut.index(places.len())], &put);
        }
        accepted(&line);
    }
}
