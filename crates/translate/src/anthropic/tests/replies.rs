//! Messages, streamed and whole.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Messages, MessagesShape, ShownThinking, thinking};
use crate::ReasoningSeal;
use crate::dialect::Dialect;
use crate::end::Finish;
use crate::stop::StopCriteria;
use crate::tests::client::of_events;
use crate::tests::support::{
    added, arguments, call, citation, completed, created, data, done, event, failed,
    immediate_finish, incomplete, message, reasoning, shape, stream, text, whole,
};
use crate::{Out, Shape};

fn stopping(stop: StopCriteria) -> Shape<MessagesShape> {
    let own = MessagesShape { input_tokens: 77, ..MessagesShape::default() };
    Shape { stop, own, ..shape() }
}

/// The whole reply, which the stream must say too.
fn both(shape: &Shape<MessagesShape>, events: &[String]) -> Value {
    let whole = whole::<Messages>(shape, events).unwrap();
    assert_eq!(of_events(&stream::<Messages>(shape, events)), whole);
    whole
}

fn blocks(shape: &Shape<MessagesShape>, events: &[String]) -> Value {
    both(shape, events)["content"].clone()
}

#[test]
fn a_text_is_one_block_between_a_start_and_an_end() {
    let events = [created(), text(0, "Hi"), text(0, " you"), completed()];
    let stream = stream::<Messages>(&shape(), &events);
    let kinds: Vec<String> =
        data(&stream).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    let start = &data(&stream)[0]["message"];
    assert_eq!((&start["id"], &start["model"]), (&json!("msg_0a1b"), &json!("gpt-6-sol")));
    assert_eq!(start["usage"]["input_tokens"], 0);
    assert!(stream.starts_with("event: message_start\ndata: {\"type\":\"message_start\","));
    assert!(!stream.contains("[DONE]"));
}

#[test]
fn counts_of_the_input_have_no_token_in_common() {
    let usage = json!({
        "input_tokens": 4120, "input_tokens_details": {"cached_tokens": 3968, "cache_write_tokens": 100},
        "output_tokens": 212, "output_tokens_details": {"reasoning_tokens": 128},
    });
    let response = json!({"id": "resp_1", "usage": usage, "service_tier": "priority"});
    let end = event("response.completed", &json!({"response": response}));
    let own = MessagesShape { fast: true, ..MessagesShape::default() };
    let usage = both(&Shape { own, ..shape() }, &[created(), text(0, "Hi"), end])["usage"].clone();
    let expected = json!({
        "input_tokens": 52, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 3968,
        "output_tokens": 212,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0},
        "output_tokens_details": {"thinking_tokens": 128}, "server_tool_use": null,
        "service_tier": "priority", "speed": "fast",
    });
    assert_eq!(usage, expected);
}

fn item(id: &str, content: Option<&str>) -> Value {
    json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": content})
}

#[test]
fn every_item_of_reasoning_is_one_block_with_its_own_seal() {
    let events = [
        created(),
        added(0, &item("rs_1", Some("early"))),
        reasoning(0, 0, "One."),
        reasoning(0, 1, "Two."),
        done(0, &item("rs_1", Some("gAAA"))),
        done(1, &item("rs_2", Some("gBBB"))),
        done(2, &item("rs_3", None)),
        text(3, "Four."),
        completed(),
    ];
    let seal = ReasoningSeal::default();
    let block = |text: &str, id, content| json!({"type": "thinking", "thinking": text, "signature": seal.seal(Some(id), content)});
    let shown = json!([
        block("One.\n\nTwo.", "rs_1", Some("gAAA")),
        block("", "rs_2", Some("gBBB")),
        block("", "rs_3", None),
        {"type": "text", "text": "Four."},
    ]);
    assert_eq!(blocks(&thinking(), &events), shown);
    let stream = stream::<Messages>(&thinking(), &events);
    assert!(!stream.contains("early"), "an early snapshot cannot be sent back");
    assert_eq!(stream.matches("signature_delta").count(), 3);
}

#[test]
fn reasoning_that_is_not_to_be_shown_leaves_no_block() {
    let events = [
        created(),
        reasoning(0, 0, "One."),
        done(0, &item("rs_1", Some("gA"))),
        text(1, "a"),
        completed(),
    ];
    assert_eq!(blocks(&shape(), &events), json!([{"type": "text", "text": "a"}]));
    let own = MessagesShape { thinking: ShownThinking::Sealed, ..MessagesShape::default() };
    let style = crate::reasoning_style::ReasoningStyle::None;
    let sealed = Shape { own, reasoning: style, ..shape() };
    assert_eq!(blocks(&sealed, &events)[0]["thinking"], "");
    assert_eq!(blocks(&sealed, &events)[0]["signature"], "cmr1.-.rs_1.gA");
}

#[test]
fn parallel_calls_are_put_in_a_row() {
    let events = [
        created(),
        added(0, &call("a", "f", "")),
        added(1, &call("b", "g", "")),
        arguments(0, "{\"x\""),
        arguments(1, "{\"y\":"),
        arguments(0, ":1}"),
        arguments(1, "2}"),
        done(1, &call("b", "g", "{\"y\":2}")),
        text(2, "Both."),
        done(0, &call("a", "f", "{\"x\":1}")),
        completed(),
    ];
    let reply = both(&shape(), &events);
    let expected = json!([
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {"y": 2}},
        {"type": "text", "text": "Both."},
    ]);
    assert_eq!((&reply["content"], &reply["stop_reason"]), (&expected, &json!("tool_use")));
}

#[test]
fn a_call_without_arguments_has_an_empty_object() {
    for arguments in ["", "{}"] {
        let events = [created(), done(0, &call("a", "f", arguments)), completed()];
        assert_eq!(both(&shape(), &events)["content"][0]["input"], json!({}));
    }
}

#[test]
fn arguments_that_are_no_object_fail_a_whole_reply_and_pass_in_a_stream() {
    for arguments in ["{\"a\":", "[1]", "\"ls\""] {
        let events = [created(), done(0, &call("a", "f", arguments)), completed()];
        let failure = whole::<Messages>(&shape(), &events).unwrap_err();
        assert_eq!(failure.status(), 502);
        let stream = stream::<Messages>(&shape(), &events);
        assert!(stream.contains(&serde_json::to_string(arguments).unwrap()), "{stream}");
        assert!(stream.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    }
}

#[test]
fn each_message_of_the_backend_is_a_text_of_its_own_with_its_citations() {
    let events = [
        created(),
        text(0, "Searching."),
        done(0, &message(Some("commentary"), "Searching.")),
        text(1, "Found."),
        citation(1, 0, 6),
        done(1, &message(None, "Found.")),
        completed(),
    ];
    let cited = json!([{"type": "web_search_result_location", "url": "https://example.org/a", "title": "A", "cited_text": "", "encrypted_index": "cmw1"}]);
    let expected = json!([
        {"type": "text", "text": "Searching."},
        {"type": "text", "text": "Found.", "citations": cited},
    ]);
    assert_eq!(blocks(&shape(), &events), expected);
}

fn searched() -> Vec<String> {
    let action = json!({"type": "search", "query": "oslo \"weather\""});
    let item =
        json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action});
    let open = json!({"type": "web_search_call", "id": "ws_2", "action": {"type": "open_page"}});
    vec![
        created(),
        added(0, &json!({"type": "web_search_call", "id": "ws_1", "status": "in_progress"})),
        done(0, &item),
        done(1, &open),
        text(2, "It "),
        text(2, "rains."),
        citation(2, 0, 2),
        citation(2, 3, 6),
        done(2, &message(None, "It rains.")),
        completed(),
    ]
}

#[test]
fn a_search_is_told_before_its_text_with_the_pages_that_it_cites_where_nothing_else_is_offered() {
    let own = MessagesShape { only_searches: true, ..MessagesShape::default() };
    let reply = both(&Shape { own, ..shape() }, &searched());
    let blocks = reply["content"].as_array().unwrap();
    let call = json!({"type": "server_tool_use", "id": "srvtoolu_ws_1", "name": "web_search", "input": {"query": "oslo \"weather\""}});
    let page = json!({"type": "web_search_result", "url": "https://example.org/a", "title": "A", "encrypted_content": "cmw1.ws_1", "page_age": null});
    assert_eq!(blocks[0], call);
    assert_eq!(
        blocks[1],
        json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_ws_1", "content": [page]})
    );
    assert_eq!((&blocks[2]["text"], blocks.len()), (&json!("It rains."), 3));
    assert_eq!(reply["stop_reason"], "end_turn");
    let counted = json!({"web_search_requests": 1, "web_fetch_requests": 0});
    assert_eq!(reply["usage"]["server_tool_use"], counted);
}

#[test]
fn a_search_beside_other_tools_is_told_at_once_and_a_failed_one_as_such() {
    let reply = both(&shape(), &searched());
    assert_eq!(reply["content"][1]["content"], json!([]));
    let action = json!({"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://e.org"}]});
    let item = |status: &str| json!({"type": "web_search_call", "id": "ws_1", "status": status, "action": action});
    let content = |status: &str| {
        both(&shape(), &[created(), done(0, &item(status)), completed()])["content"][1]["content"]
            .clone()
    };
    assert_eq!(content("completed")[0]["url"], "https://e.org");
    let failed = json!({"type": "web_search_tool_result_error", "error_code": "unavailable"});
    assert_eq!(content("failed"), failed);
}

#[test]
fn an_end_has_its_reason() {
    let reason = |shape: &Shape<MessagesShape>, end: String| {
        both(shape, &[created(), text(0, "one END two"), end])
    };
    assert_eq!(reason(&shape(), completed())["stop_reason"], "end_turn");
    assert_eq!(reason(&shape(), incomplete("max_output_tokens"))["stop_reason"], "max_tokens");
    let refused = reason(&shape(), incomplete("content_filter"));
    assert_eq!(refused["stop_reason"], "refusal");
    assert_eq!(refused["stop_details"]["category"], Value::Null);
    let sequences = vec!["never".to_owned(), "END".to_owned()];
    let stopped = reason(&stopping(StopCriteria { sequences, max_tokens: None }), completed());
    assert_eq!(stopped["stop_reason"], "stop_sequence");
    assert_eq!(stopped["stop_sequence"], "END");
    assert_eq!(stopped["usage"]["input_tokens"], 77, "the estimate stands for the backend's count");
    let capped = StopCriteria { sequences: Vec::new(), max_tokens: Some(1) };
    let capped = reason(&stopping(capped), completed());
    assert_eq!(
        (&capped["stop_reason"], &capped["content"][0]["text"]),
        (&json!("max_tokens"), &json!("one "))
    );
}

#[test]
fn an_answer_that_was_cut_for_an_unknown_reason_is_never_called_whole() {
    let events = [created(), text(0, "one"), incomplete("something_new")];
    assert_eq!(whole::<Messages>(&shape(), &events).unwrap_err().status(), 502);
    let stream = stream::<Messages>(&shape(), &events);
    assert_eq!(data(&stream).last().unwrap()["error"]["type"], "api_error");
    assert!(!stream.contains("message_stop"));
}

#[test]
fn a_silent_answer_has_an_empty_text_in_a_stream_alone() {
    let events = [created(), completed()];
    assert_eq!(whole::<Messages>(&shape(), &events).unwrap()["content"], json!([]));
    let stream = stream::<Messages>(&shape(), &events);
    assert!(stream.contains(r#""content_block":{"type":"text","text":""}"#), "{stream}");
}

#[test]
fn nothing_is_asked_where_nothing_is_to_be_written() {
    let (stream, whole) = immediate_finish::<Messages>(&shape(), Finish::Length);
    assert_eq!((&whole["content"], &whole["stop_reason"]), (&json!([]), &json!("max_tokens")));
    assert_eq!(of_events(&stream), whole);
}

#[test]
fn a_broken_stream_ends_in_an_error_event() {
    let events = [created(), text(0, "one"), failed("server_is_overloaded", "busy")];
    let stream = stream::<Messages>(&shape(), &events);
    let last = data(&stream).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["error"]["type"]),
        (&json!("error"), &json!("overloaded_error"))
    );
    assert!(stream.contains("event: error\n") && !stream.contains("message_stop"));
}

#[test]
fn a_generated_image_is_shown_as_text() {
    let image = json!({"type": "image_generation_call", "result": "iVBO", "output_format": "png"});
    let events = [
        created(),
        text(0, "Here:"),
        done(0, &message(None, "Here:")),
        done(1, &image),
        completed(),
    ];
    let shown = blocks(&shape(), &events);
    assert_eq!(shown[1]["text"], "![image](data:image/png;base64,iVBO)");
}

#[test]
fn a_sign_of_life_is_a_comment_before_the_beginning_and_a_ping_after_it() {
    let written = |begun: bool| {
        let shape = Arc::new(shape::<MessagesShape>());
        if begun {
            shape.response_id.get_or_init(|| "resp_1".to_owned());
        }
        let mut out = Out::new(Messages::FRAMING);
        Messages::keep_alive(&shape, &mut out);
        String::from_utf8(out.frames.take().unwrap().to_vec()).unwrap()
    };
    assert_eq!(written(false), ": keep-alive\n\n");
    assert_eq!(written(true), "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}
