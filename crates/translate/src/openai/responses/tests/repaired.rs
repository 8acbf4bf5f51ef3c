//! Items and formats: repaired where the backend would refuse them, else byte for byte.

use serde_json::{Value, json};

use crate::Responses;
use crate::failure::Failure;
use crate::openai::responses::ResponsesShape;
use crate::policy::Policy;
use crate::tests::support::{Settled, settled};

fn sent(body: &str) -> Settled<ResponsesShape> {
    settled::<Responses>(body, &Policy::default())
        .unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

/// A request whose answer must have this format.
fn with_format(format: &str) -> Result<Settled<ResponsesShape>, Failure> {
    let text = format!(r#"{{"verbosity": "low","format":{format}, "x":1E2}}"#);
    let body = format!(r#"{{"model":"m","input":[],"text":{text},"instructions":"i"}}"#);
    settled::<Responses>(&body, &Policy::default())
}

#[test]
fn long_call_ids_are_shortened_alike_in_call_and_output() {
    let (long, other) = ("c".repeat(69), r#"{"type":"brand_new", "call_id":"short","n":1E2}"#);
    let body = format!(
        r#"{{"model":"m","input":[{{"type":"function_call","call_id":"{long}","name":"f","arguments":"{{ }}"}},{other},{{"output":"caf\u00e9","call_id" : "{long}","type":"function_call_output"}}],"instructions":"i"}}"#
    );
    let settled = sent(&body);
    let short = settled.body["input"][0]["call_id"].as_str().unwrap().to_owned();
    assert!(short.len() <= 64 && short.starts_with("call_"), "{short}");
    // Nothing else of the items changes, and the others keep their bytes.
    let expected = body.replace(&long, &short).replace(r#""call_id" : "#, r#""call_id":"#);
    assert_eq!(settled.text, expected);
    assert_eq!(settled.noted(), [("input", "changed")]);
    assert_eq!(settled.shape.shortened[0].original, long);
    assert_eq!(sent(&body).text, settled.text);
}

#[test]
fn a_call_id_of_the_longest_length_is_left_alone() {
    for id in ["c".repeat(64), "\u{e9}".repeat(64)] {
        let body = format!(
            r#"{{"model":"m","input":[{{"type":"brand_new","call_id":"{id}"}}],"instructions":"i"}}"#
        );
        let settled = sent(&body);
        assert_eq!((settled.text.as_str(), settled.notices.len()), (body.as_str(), 0));
    }
}

#[test]
fn one_item_may_need_both_mends() {
    let long = "c".repeat(80);
    let body = format!(
        r#"{{"model":"m","input":[{{"type":"function_call","id":"item_1","call_id":"{long}","name":"a.b","arguments":""}},{{"type":"function_call_output","call_id":"{long}","output":"x"}}]}}"#
    );
    let item = &sent(&body).body["input"][0];
    assert_eq!((&item["arguments"], item.get("id")), (&json!("{}"), None));
    assert!(item["name"].as_str().unwrap().starts_with("a_b_"), "{item}");
    assert_eq!(sent(&body).noted(), [("input", "changed"), ("input", "changed")]);
    assert!(item["call_id"].as_str().unwrap().len() <= 64);
}

#[test]
fn arguments_of_white_space_are_an_empty_object() {
    for (arguments, sent_as) in [(" ", "{}"), ("  ", "{}"), ("null", "null")] {
        let body = format!(
            r#"{{"model":"m","input":[{{"type":"function_call","call_id":"c","name":"f","arguments":"{arguments}"}},{{"type":"function_call_output","call_id":"c","output":"x"}}]}}"#
        );
        assert_eq!(sent(&body).body["input"][0]["arguments"], sent_as, "{arguments:?}");
    }
}

#[test]
fn entries_that_are_no_items_are_named() {
    for (entry, path) in [
        ("5", "input[1]"),
        ("null", "input[1]"),
        (r#"["system"]"#, "input[1]"),
        ("{}", "input[1].type"),
        (r#"{"type":"message","content":"a"}"#, "input[1].role"),
        (r#"{"role":"critic","content":"a"}"#, "input[1].role"),
        (r#"{"role":"user","content":5}"#, "input[1].content"),
        (r#"{"role":"user","content":[{"type":"text"}]}"#, "input[1].content[0].text"),
        (r#"{"role":"user","content":[{"type":"input_image"}]}"#, "input[1].content[0].image_url"),
        (r#"{"type":"function_call","call_id":"a","arguments":"{}"}"#, "input[1].name"),
        (r#"{"type":"function_call_output","output":"x"}"#, "input[1].call_id"),
        (r#"{"type":"item_reference"}"#, "input[1].id"),
    ] {
        let body = format!(r#"{{"model":"m","input":[{{"role":"user","content":"a"}},{entry}]}}"#);
        let failure = settled::<Responses>(&body, &Policy::default()).unwrap_err();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(path)), "{entry}");
    }
}

#[test]
fn a_schema_without_a_word_on_strictness_is_completed() {
    let format = r#"{"type":"json_schema","name":"n","schema":{"type":"object","properties":{"a":{"type":"object","properties":{}}}},"y":1E2}"#;
    let settled = with_format(format).unwrap();
    let schema = json!({
        "type": "object",
        "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": false, "required": []}},
        "additionalProperties": false, "required": ["a"],
    });
    let format = &settled.body["text"]["format"];
    assert_eq!((&format["schema"], &format["strict"]), (&schema, &json!(true)));
    assert!(settled.text.contains(r#""verbosity":"low","format":"#), "{}", settled.text);
    assert!(settled.text.contains(r#""y":1E2,"strict":true},"x":1E2}"#), "{}", settled.text);
    assert!(settled.shape.json);
}

#[test]
fn a_schema_that_cannot_be_completed_is_not_kept_to_strictly() {
    let format = r#"{"type":"json_schema","name":"n","schema":{"type":"object","additionalProperties":{"type":"string"}}}"#;
    let settled = with_format(format).unwrap();
    let sent = &settled.body["text"]["format"];
    assert_eq!(sent["strict"], false);
    assert_eq!(
        sent["schema"],
        json!({"type": "object", "additionalProperties": {"type": "string"}})
    );
}

#[test]
fn a_schema_called_strict_that_is_not_is_refused_with_its_place() {
    let format = r#"{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object","properties":{"user":{"type":"object","properties":{"id":{}},"additionalProperties":false}},"required":["user"],"additionalProperties":false}}"#;
    let failure = with_format(format).unwrap_err();
    let place = "text.format.schema.properties.user";
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(place)));
    assert_eq!(failure.code.as_deref(), Some("invalid_json_schema"));
    assert!(failure.message.contains(place) && failure.message.contains("required"));
}

#[test]
fn every_other_format_keeps_its_bytes() {
    for (format, json) in [
        (
            r#"{"type":"json_schema","name":"n","strict":false,"schema":{"z":1E2 ,"type":"object"}}"#,
            true,
        ),
        (
            r#"{"type":"json_schema","name":"n","strict":true,"schema":{"type":"string", "x":1E2}}"#,
            true,
        ),
        (r#"{"type":"json_object", "x":1E2}"#, true),
        (r#"{"type":"text" }"#, false),
        ("null", false),
    ] {
        let settled = with_format(format).unwrap();
        let text = format!(r#""text":{{"verbosity": "low","format":{format}, "x":1E2}}"#);
        assert!(settled.text.contains(&text), "{}", settled.text);
        assert_eq!(settled.shape.json, json, "{format}");
    }
}

#[test]
fn formats_of_the_wrong_shape_are_named() {
    for (text, param) in [("5", "text"), ("[]", "text"), (r#"{"format":"json"}"#, "text.format")] {
        let body = format!(r#"{{"model":"m","input":[],"text":{text}}}"#);
        let failure = settled::<Responses>(&body, &Policy::default()).unwrap_err();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{text}");
    }
    let body = r#"{"model":"m","input":[],"text":null}"#;
    assert_eq!(sent(body).body["text"], Value::Null);
}
