//! Bodies that cannot be meant: each refusal says what and where.

use serde_json::{Value, json};

use crate::Chat;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::policy::Policy;
use crate::tests::support::{error, settled};

fn refused(body: &str) -> Failure {
    match settled::<Chat>(body, &Policy::default()) {
        Ok(_) => panic!("{body} was accepted"),
        Err(failure) => failure,
    }
}

fn wire(failure: &Failure) -> Value {
    error::<Chat>(failure)
}

#[test]
fn what_is_no_json_is_refused_without_a_param() {
    for body in [
        "",
        " ",
        "{",
        "{\"a\":1,}",
        "{}{}",
        "// comment\n{}",
        "{'model':'m'}",
        "[]",
        "5",
        "null",
        "\"text\"",
        "NaN",
        "{\"model\":\"a\",\"model\":\"b\",\"messages\":[]}",
    ] {
        let failure = refused(body);
        let error = wire(&failure)["error"].clone();
        assert_eq!(failure.status(), 400, "{body}");
        assert_eq!(
            (&error["type"], &error["param"], &error["code"]),
            (&json!("invalid_request_error"), &Value::Null, &Value::Null)
        );
        assert!(
            error["message"].as_str().unwrap().starts_with("invalid JSON body: "),
            "{body}: {error}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let failure = Chat::read(b"{\"model\":\"\xff\xfe\"}").unwrap_err();
    assert!(failure.message.contains("not UTF-8 at byte 10"), "{}", failure.message);
}

#[test]
fn values_of_the_wrong_shape_are_named_by_their_path() {
    let message = |content: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"a"}},{{"role":"user","content":{content}}}]}}"#
        )
    };
    for (body, param) in [
        (r#"{"messages":[{"role":"user","content":"hi"}]}"#.to_owned(), "model"),
        (r#"{"model":"","messages":[{"role":"user","content":"hi"}]}"#.to_owned(), "model"),
        (r#"{"model":5,"messages":[]}"#.to_owned(), "model"),
        (r#"{"model":{},"messages":[]}"#.to_owned(), "model"),
        (r#"{"model":"m"}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":[]}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":"hi"}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":[null]}"#.to_owned(), "messages[0]"),
        (r#"{"model":"m","messages":[1]}"#.to_owned(), "messages[0]"),
        (r#"{"model":"m","messages":[[]]}"#.to_owned(), "messages[0]"),
        (r#"{"model":"m","messages":[{"content":"a"}]}"#.to_owned(), "messages[0].role"),
        (r#"{"model":"m","messages":[{"role":"robot","content":"a"}]}"#.to_owned(), "messages[0].role"),
        (r#"{"model":"m","messages":[{"role":"user"}]}"#.to_owned(), "messages[0].content"),
        (r#"{"model":"m","messages":[{"role":"system","content":null}]}"#.to_owned(), "messages[0].content"),
        (r#"{"model":"m","messages":[{"role":"tool","content":"a"}]}"#.to_owned(), "messages[0].tool_call_id"),
        (r#"{"model":"m","messages":[{"role":"tool","tool_call_id":"a"}]}"#.to_owned(), "messages[0].content"),
        (r#"{"model":"m","messages":[{"role":"function","content":"a"}]}"#.to_owned(), "messages[0].name"),
        (r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a"}]}]}"#.to_owned(), "messages[0].tool_calls[0].function"),
        (r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{}}]}]}"#.to_owned(), "messages[0].tool_calls[0].function.name"),
        (r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[1]}]}"#.to_owned(), "messages[0].tool_calls[0]"),
        (message("{}"), "messages[1].content"),
        (message("5"), "messages[1].content"),
        (message("[]"), "messages[1].content"),
        (message("[null]"), "messages[1].content[0]"),
        (message("[\"a\"]"), "messages[1].content[0]"),
        (message("[{}]"), "messages[1].content[0].type"),
        (message(r#"[{"type":"bogus"}]"#), "messages[1].content[0].type"),
        (message(r#"[{"type":"text"}]"#), "messages[1].content[0].text"),
        (message(r#"[{"type":"text","text":5}]"#), "messages[1].content[0].text"),
        (message(r#"[{"type":"text","text":"a"},{"type":"image_url"}]"#), "messages[1].content[1].image_url"),
        (message(r#"[{"type":"image_url","image_url":{"url":"nonsense!"}}]"#), "messages[1].content[0].image_url"),
        (message(r#"[{"type":"image_url","image_url":{"url":5}}]"#), "messages[1].content[0].image_url.url"),
        (message(r#"[{"type":"file"}]"#), "messages[1].content[0].file"),
        (message(r#"[{"type":"file","file":{"file_data":"aGVsbG8="}}]"#), "messages[1].content[0].file.file_data"),
        (message(r#"[{"type":"input_audio","input_audio":{}}]"#), "messages[1].content"),
        (message(r#""\ud800""#), "messages[1].content"),
        (r#"{"model":"m","messages":[],"stream":"yes"}"#.to_owned(), "stream"),
        (r#"{"model":"m","messages":[],"stream":1}"#.to_owned(), "stream"),
        (r#"{"model":"m","messages":[],"temperature":1e400}"#.to_owned(), "temperature"),
        (format!(r#"{{"model":"m","messages":[],"max_tokens":{}}}"#, "1".repeat(5000)), "max_tokens"),
    ] {
        let failure = refused(&body);
        let shown: String = body.chars().take(120).collect();
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)), "{shown}");
        assert!(!failure.message.is_empty());
        assert_eq!(wire(&failure)["error"]["param"], param);
    }
}

#[test]
fn nesting_that_is_too_deep_is_named() {
    let deep = "[".repeat(128) + &"]".repeat(128);
    let body = format!(
        r#"{{"model":"m","messages":[],"tools":[{{"type":"function","function":{{"name":"f","parameters":{deep}}}}}]}}"#
    );
    let failure = refused(&body);
    assert_eq!(failure.param.as_deref(), Some("tools[0].function.parameters"));
    assert!(failure.message.contains("limit of 128"), "{}", failure.message);
}

#[test]
fn good_pairs_marks_and_null_pass() {
    for body in [
        "\u{feff}{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        r#"{"model":"m","messages":[{"role":"user","content":"\ud83d\ude00"}],"max_tokens":null}"#,
    ] {
        assert!(settled::<Chat>(body, &Policy::default()).is_ok(), "{body}");
    }
    let body = r#"{"model":"m","messages":[{"role":"user","content":"\ud83d\ude00"}]}"#;
    let settled = settled::<Chat>(body, &Policy::default()).unwrap();
    assert_eq!(settled.body["input"][0]["content"][0]["text"], "\u{1f600}");
}

#[test]
fn ten_thousand_tools_and_a_great_key_are_taken() {
    let tools: Vec<Value> = (0..10_000)
        .map(|n| json!({"type": "function", "function": {"name": format!("f{n}")}}))
        .collect();
    let key = "k".repeat(1 << 20);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": tools, key.as_str(): 1});
    let settled = settled::<Chat>(&body.to_string(), &Policy::default()).unwrap();
    assert_eq!(settled.body["tools"].as_array().unwrap().len(), 10_000);
    assert!(crate::notice::header(&settled.notices).len() < 100);
}

#[test]
fn a_cap_of_no_tokens_is_refused_under_the_name_that_was_used() {
    for member in ["max_tokens", "max_completion_tokens"] {
        let body = format!(r#"{{"model":"gpt-6-sol","messages":[],"{member}":0}}"#);
        let error = wire(&refused(&body))["error"].clone();
        let expected = (&json!(member), &json!("integer_below_min_value"));
        assert_eq!((&error["param"], &error["code"]), expected);
    }
}
