//! Messages of the conversation: roles, images, calls and their results.

use serde_json::{Value, json};

use super::{said, with};
use crate::tests::support::settled;
use crate::{OllamaChat, Policy};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

/// The input that these messages lower to.
fn input(messages: &Value) -> Value {
    with(messages, &json!({})).body["input"].clone()
}

/// A call of the history as a client writes it.
fn call(id: Option<&str>, name: &str) -> Value {
    let function = json!({"name": name, "arguments": {}});
    match id {
        Some(id) => json!({"id": id, "function": function}),
        None => json!({"function": function}),
    }
}

/// The ids under which these results are joined to these calls; calls without a result do not go
/// out, and a result without a call is a message.
fn joined(calls: &[Value], results: &[Value]) -> Vec<(String, String)> {
    let mut messages = vec![json!({"role": "assistant", "tool_calls": calls})];
    messages.extend(results.iter().cloned());
    let input = input(&messages.into());
    let outputs = input.as_array().unwrap().iter().filter(|i| i["type"] == "function_call_output");
    let name = |id: &Value| {
        let call = input
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["type"] == "function_call" && item["call_id"] == *id);
        call.unwrap()["name"].as_str().unwrap().to_owned()
    };
    outputs.map(|o| (name(&o["call_id"]), o["output"].as_str().unwrap().to_owned())).collect()
}

fn result(text: &str, more: &Value) -> Value {
    super::extended(json!({"role": "tool", "content": text}), more)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn roles_lower_as_in_chat_completions() {
    let settled = with(
        &json!([
            {"role": "system", "content": "one"},
            {"role": "system", "content": "two"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"},
            {"role": "system", "content": "late"},
        ]),
        &json!({}),
    );
    assert_eq!(settled.body["instructions"], "one\n\ntwo");
    let expected =
        json!([said("user", "hi"), said("assistant", "hello"), said("developer", "late")]);
    assert_eq!(settled.body["input"], expected);
    assert!(settled.notices.is_empty());
}

#[test]
fn images_are_told_by_their_data_or_pass_as_addresses() {
    let images = json!([
        PNG,
        "/9j/4AAQSkZJRg==",
        "data:image/jpg;base64,/9j/4AAQSkZJRg==",
        "https://example.org/a.png",
        "R0lGODlh",
        "UklGRh4AAABXRUJQ"
    ]);
    let input = input(&json!([{"role": "user", "content": "see", "images": images}]));
    let parts = input[0]["content"].as_array().unwrap();
    let urls: Vec<&str> = parts.iter().filter_map(|part| part["image_url"].as_str()).collect();
    assert_eq!(
        urls,
        [
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==",
            "data:image/jpeg;base64,/9j/4AAQSkZJRg==",
            "data:image/jpeg;base64,/9j/4AAQSkZJRg==",
            "https://example.org/a.png",
            "data:image/gif;base64,R0lGODlh",
            "data:image/webp;base64,UklGRh4AAABXRUJQ",
        ]
    );
    assert_eq!(parts[0], json!({"type": "input_text", "text": "see"}));
}

#[test]
fn an_image_may_stand_without_words() {
    let input = input(&json!([{"role": "user", "content": "", "images": [PNG]}]));
    assert_eq!(input[0]["content"].as_array().unwrap().len(), 1);
    assert_eq!(input[0]["content"][0]["type"], "input_image");
}

#[test]
fn a_picture_that_the_backend_refuses_is_refused_or_a_text_where_it_was_answered() {
    let drawing = "PHN2Zy8+";
    let last = json!([{"role": "user", "content": "see", "images": [PNG, drawing]}]);
    let body = json!({"model": "m", "messages": last}).to_string();
    let failure = settled::<OllamaChat>(&body, &Policy::default()).unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("messages[0].images[1]"));
    let older = json!([
        {"role": "user", "content": "see", "images": [PNG, drawing]},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]},
        {"role": "tool", "content": "here", "images": [drawing]},
    ]);
    let input = input(&older);
    let gone =
        json!({"type": "input_text", "text": "[There was a picture here that cannot be shown.]"});
    assert_eq!(input[0]["content"][2], gone);
    assert_eq!(input[1]["arguments"], "{}");
    assert_eq!(input[2]["output"][1], gone);
}

#[test]
fn the_assistant_s_thinking_and_images_are_not_sent_back() {
    let settled = with(
        &json!([
            {"role": "assistant", "content": "<think>hm</think>\n\nyes", "thinking": "hm", "images": [PNG]},
            {"role": "assistant", "content": "", "images": [PNG]},
            {"role": "user", "content": "go on"},
        ]),
        &json!({}),
    );
    assert_eq!(settled.body["input"], json!([said("assistant", "yes"), said("user", "go on")]));
    assert_eq!(
        settled.noted(),
        [
            ("messages[0].thinking", "changed"),
            ("messages[0].images", "changed"),
            ("messages[1].images", "changed"),
        ]
    );
}

#[test]
fn calls_keep_their_arguments_as_written() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","content":"see","tool_calls":[{"id":"a","type":"function","function":{"index":0,"name":"f","arguments":{"z":1E2, "a":"caf\u00e9"}}},{"id":"b","function":{"name":"g","arguments":"{\"x\":1}"}},{"id":"c","function":{"name":"h"}}]},{"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"b","content":"2"},{"role":"tool","tool_call_id":"c","content":"3"}]}"#;
    let settled = settled::<OllamaChat>(body, &Policy::default()).unwrap();
    let input = settled.body["input"].as_array().unwrap();
    assert_eq!(input[0], said("assistant", "see"));
    let arguments: Vec<&str> = input.iter().filter_map(|item| item["arguments"].as_str()).collect();
    assert_eq!(arguments, [r#"{"z":1E2, "a":"caf\u00e9"}"#, r#"{"x":1}"#, "{}"]);
    assert_eq!(input.len(), 7);
    assert!(settled.notices.is_empty());
}

#[test]
fn a_result_is_joined_to_its_call_by_id() {
    let calls = [call(Some("a"), "f"), call(Some("b"), "f")];
    let results = [
        result("of b", &json!({"tool_call_id": "b"})),
        result("of a", &json!({"tool_call_id": "a", "tool_name": "other"})),
    ];
    assert_eq!(joined(&calls, &results), pairs(&[("f", "of b"), ("f", "of a")]));
}

#[test]
fn a_result_without_an_id_is_joined_by_name_and_else_in_order() {
    let calls = [call(None, "f"), call(None, "g"), call(None, "h"), call(None, "i")];
    let results = [
        result("of h", &json!({"tool_name": "h"})),
        result("of g", &json!({"name": "g"})),
        result("first that is left", &json!({"tool_name": "unheard of"})),
        result("last", &json!({})),
    ];
    let expected = [("h", "of h"), ("g", "of g"), ("f", "first that is left"), ("i", "last")];
    assert_eq!(joined(&calls, &results), pairs(&expected));
}

#[test]
fn results_of_the_same_name_are_joined_in_order() {
    let calls = [call(None, "f"), call(None, "f")];
    let results =
        [result("1", &json!({"tool_name": "f"})), result("2", &json!({"tool_name": "f"}))];
    let settled = with(
        &json!([{"role": "assistant", "tool_calls": calls}, results[0], results[1]]),
        &json!({}),
    );
    let ids: Vec<&Value> =
        settled.body["input"].as_array().unwrap().iter().map(|item| &item["call_id"]).collect();
    assert_eq!(ids, ["call_0_0", "call_0_1", "call_0_0", "call_0_1"]);
}

#[test]
fn an_id_that_no_call_has_means_a_call_whose_id_was_not_kept() {
    let results = [
        result("of g", &json!({"tool_call_id": "lost", "tool_name": "g"})),
        result("of f", &json!({"tool_call_id": "lost too"})),
    ];
    let calls = [call(None, "f"), call(None, "g")];
    assert_eq!(joined(&calls, &results), pairs(&[("g", "of g"), ("f", "of f")]));
    // Where the calls have ids, another id is no call of theirs: it goes as a message.
    assert_eq!(joined(&[call(Some("a"), "f")], &results[1..]), []);
}

#[test]
fn results_without_a_call_and_calls_without_a_result_are_mended() {
    let settled = with(
        &json!([
            {"role": "assistant", "content": "", "tool_calls": [call(Some("a"), "f")]},
            {"role": "user", "content": "hi"},
        ]),
        &json!({}),
    );
    assert_eq!(settled.body["input"], json!([said("user", "hi")]));
    assert_eq!(settled.noted(), [("messages", "changed")]);
    let settled = with(&json!([result("out", &json!({}))]), &json!({}));
    let text = settled.body["input"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("Result of the tool call call_0"), "{text}");
    assert_eq!(settled.body["input"][0]["content"][1]["text"], "out");
}

#[test]
fn long_ids_and_names_go_out_shortened_alike() {
    let (id, name) = ("i".repeat(70), "n".repeat(70));
    let settled = with(
        &json!([
            {"role": "assistant", "tool_calls": [call(Some(&id), &name)]},
            {"role": "tool", "tool_call_id": id, "content": "out"},
        ]),
        &json!({}),
    );
    let input = &settled.body["input"];
    assert_eq!(input[0]["call_id"], input[1]["call_id"]);
    for short in [&input[0]["call_id"], &input[0]["name"]] {
        assert!(short.as_str().unwrap().len() <= 64);
    }
    assert_eq!(settled.shape.shortened.len(), 2);
}

#[test]
fn images_may_stand_in_a_tool_s_result() {
    let input = input(&json!([
        {"role": "assistant", "tool_calls": [call(None, "look")]},
        {"role": "tool", "content": "seen", "images": [PNG]},
    ]));
    let output = input[1]["output"].as_array().unwrap();
    assert_eq!((output.len(), &output[1]["type"]), (2, &json!("input_image")));
}

#[test]
fn members_that_no_one_knows_are_named() {
    let settled = with(
        &json!([
            {"role": "assistant", "mood": "good", "tool_calls": [
                {"id": "a", "x": 1, "function": {"name": "f", "y": 1}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "out"},
        ]),
        &json!({"z": 1}),
    );
    assert_eq!(
        settled.noted(),
        [
            ("z", "ignored"),
            ("messages[0].mood", "ignored"),
            ("messages[0].tool_calls[0].x", "ignored"),
            ("messages[0].tool_calls[0].function.y", "ignored"),
        ]
    );
}
