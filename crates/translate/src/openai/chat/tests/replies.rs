//! Replies as chunks and as whole objects.

use serde_json::{Value, json};

use crate::Chat;
use crate::openai::chat::ChatShape;
use crate::shape::Shape;
use crate::stop::StopCriteria;
use crate::tests::support::{
    CREATED, added, arguments, call, citation, completed, created, data, done, event, incomplete,
    message, refusal, shape, stream, text, whole,
};
use crate::tool_names::ShortenedName;

fn chunks(shape: &Shape<ChatShape>, events: &[String]) -> Vec<Value> {
    data(&stream::<Chat>(shape, events))
}

fn deltas(shape: &Shape<ChatShape>, events: &[String]) -> Vec<Value> {
    let chunks = chunks(shape, events);
    chunks.iter().filter_map(|chunk| chunk["choices"].get(0)).map(|c| c["delta"].clone()).collect()
}

fn reply(shape: &Shape<ChatShape>, events: &[String]) -> Value {
    whole::<Chat>(shape, events).unwrap()
}

/// The one finish reason of a stream, which must stand in its last chunk with a choice.
fn finish(shape: &Shape<ChatShape>, events: &[String]) -> String {
    let reasons: Vec<Value> = chunks(shape, events)
        .iter()
        .filter_map(|chunk| chunk["choices"].get(0).map(|choice| choice["finish_reason"].clone()))
        .collect();
    let (last, before) = reasons.split_last().unwrap();
    assert!(before.iter().all(Value::is_null), "{reasons:?}");
    assert_eq!(reply(shape, events)["choices"][0]["finish_reason"], *last);
    last.as_str().unwrap().to_owned()
}

#[test]
fn a_stream_is_written_to_the_letter() {
    let events = [created(), text(0, "H\u{e9} \"q\"\n"), text(0, ""), completed()];
    let head = r#"data: {"id":"chatcmpl-0a1b","object":"chat.completion.chunk","created":1795338734,"model":"gpt-6-sol","system_fingerprint":null,"choices":[{"index":0,"delta":"#;
    let tail = r#","logprobs":null,"finish_reason":null}],"service_tier":null}"#;
    let expected = [
        format!(r#"{head}{{"role":"assistant","content":""}}{tail}"#),
        format!(r#"{head}{{"content":"Hé \"q\"\n"}}{tail}"#),
        format!(
            r#"{head}{{}},"logprobs":null,"finish_reason":"stop"}}],"service_tier":"default"}}"#
        ),
        "data: [DONE]".to_owned(),
        String::new(),
    ];
    assert_eq!(stream::<Chat>(&shape(), &events), expected.join("\n\n"));
}

#[test]
fn a_whole_reply_is_written_to_the_letter() {
    let events = [created(), text(0, "Hi"), completed()];
    let expected = json!({
        "id": "chatcmpl-0a1b", "object": "chat.completion", "created": CREATED, "model": "gpt-6-sol",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}],
        "service_tier": "default",
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        },
        "system_fingerprint": null,
    });
    assert_eq!(reply(&shape(), &events), expected);
}

#[test]
fn the_first_chunk_gives_the_role_and_every_chunk_the_same_head() {
    let chunks = chunks(&shape(), &[created(), text(0, "a"), text(0, "b"), completed()]);
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    for chunk in &chunks[..4] {
        assert_eq!(
            (&chunk["id"], &chunk["created"], &chunk["model"]),
            (&json!("chatcmpl-0a1b"), &json!(CREATED), &json!("gpt-6-sol"))
        );
    }
    assert_eq!(chunks[4], "[DONE]");
}

#[test]
fn the_tier_that_was_used_is_in_the_last_chunks_as_in_a_whole_reply() {
    let last = event(
        "response.completed",
        &json!({"response": {"id": "r", "service_tier": "default", "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}}),
    );
    let events = [created(), text(0, "a"), last];
    let asked = Shape { own: ChatShape { stream_usage: true, ..shape().own }, ..shape() };
    let tiers: Vec<Value> =
        chunks(&asked, &events)[..4].iter().map(|c| c["service_tier"].clone()).collect();
    assert_eq!(tiers, [json!(null), json!(null), json!("default"), json!("default")]);
    assert_eq!(reply(&asked, &events)["service_tier"], "default");
}

#[test]
fn an_id_is_made_where_the_backend_gave_none() {
    let nameless = event("response.completed", &json!({"response": {"output": []}}));
    assert_eq!(chunks(&shape(), &[text(0, "a"), nameless.clone()])[0]["id"], "chatcmpl-1795338734");
    assert_eq!(reply(&shape(), &[nameless])["id"], "chatcmpl-1795338734");
}

#[test]
fn token_counts_come_in_a_chunk_without_choices_only_when_asked_for() {
    let events = [created(), text(0, "a"), completed()];
    assert!(!stream::<Chat>(&shape(), &events).contains("usage"));
    let asked = Shape { own: ChatShape { stream_usage: true, ..shape().own }, ..shape() };
    let chunks = chunks(&asked, &events);
    let (last, before) = chunks[..chunks.len() - 1].split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"], reply(&shape(), &events)["usage"]);
    assert!(
        before
            .iter()
            .all(|chunk| chunk["usage"].is_null()
                && chunk.as_object().unwrap().contains_key("usage"))
    );
    let silent = [created(), incomplete("max_output_tokens")];
    assert!(
        data(&stream::<Chat>(&asked, &silent)).iter().all(|chunk| chunk["choices"] != json!([]))
    );
    assert!(reply(&asked, &silent).get("usage").is_none());
}

#[test]
fn calls_are_streamed_with_a_stable_index() {
    let events = [
        created(),
        text(0, "Looking."),
        added(2, &call("call_1", "f", "")),
        added(3, &call("call_2", "g", "")),
        arguments(3, "{\"y\""),
        arguments(2, "{\"x\""),
        arguments(3, ":2}"),
        arguments(2, ":1}"),
        done(2, &call("call_1", "f", "{\"x\":1}")),
        done(3, &call("call_2", "g", "{\"y\":2}")),
        completed(),
    ];
    let deltas = deltas(&shape(), &events);
    let start = |index: u32, id: &str, name: &str| json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]});
    let piece = |index: u32, text: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
    let expected = [
        json!({"role": "assistant", "content": ""}),
        json!({"content": "Looking."}),
        start(0, "call_2", "g"),
        piece(0, "{\"y\""),
        start(1, "call_1", "f"),
        piece(1, "{\"x\""),
        piece(0, ":2}"),
        piece(1, ":1}"),
        json!({}),
    ];
    assert_eq!(deltas, expected);
    assert_eq!(finish(&shape(), &events), "tool_calls");
    let message = &reply(&shape(), &events)["choices"][0]["message"];
    assert_eq!(message["content"], "Looking.");
    let calls = json!([
        {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{\"y\":2}"}},
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
    ]);
    assert_eq!(message["tool_calls"], calls);
}

#[test]
fn calls_without_arguments_or_without_deltas_are_whole() {
    for arguments in ["", "{}"] {
        let events = [created(), done(0, &call("call_1", "f", arguments)), completed()];
        let deltas = deltas(&shape(), &events);
        assert_eq!(deltas.iter().filter(|delta| delta.get("tool_calls").is_some()).count(), 2);
        let message = &reply(&shape(), &events)["choices"][0]["message"];
        assert_eq!(
            (&message["content"], &message["tool_calls"][0]["function"]["arguments"]),
            (&Value::Null, &json!("{}"))
        );
        assert_eq!(finish(&shape(), &events), "tool_calls");
    }
}

#[test]
fn arguments_that_are_no_json_pass_as_they_are() {
    let events = [added(0, &call("a", "f", "")), arguments(0, "not {json\u{2028}"), completed()];
    assert_eq!(
        reply(&shape(), &events)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"],
        "not {json\u{2028}"
    );
}

#[test]
fn shortened_names_are_mapped_back() {
    let shortened = |short: &str, original: &str| ShortenedName {
        short: short.to_owned(),
        original: original.to_owned(),
    };
    let shape = Shape {
        shortened: vec![shortened("f_short", "files.read"), shortened("call_short", "long id")],
        ..shape()
    };
    let events = [done(0, &call("call_short", "f_short", "{}")), completed()];
    assert_eq!(deltas(&shape, &events)[1]["tool_calls"][0]["function"]["name"], "files.read");
    let call = &reply(&shape, &events)["choices"][0]["message"]["tool_calls"][0];
    assert_eq!((&call["function"]["name"], &call["id"]), (&json!("files.read"), &json!("long id")));
}

#[test]
fn the_old_form_of_calls_is_answered_in_the_old_form() {
    let shape = Shape { own: ChatShape { legacy_functions: true, ..shape().own }, ..shape() };
    let events = [
        added(0, &call("a", "f", "")),
        arguments(0, "{\"x\":1}"),
        done(0, &call("a", "f", "{\"x\":1}")),
        done(1, &call("b", "g", "{}")),
        completed(),
    ];
    let deltas = deltas(&shape, &events);
    assert_eq!(deltas[1], json!({"function_call": {"name": "f", "arguments": ""}}));
    assert_eq!(deltas[2], json!({"function_call": {"arguments": "{\"x\":1}"}}));
    assert_eq!(deltas.len(), 4);
    let message = &reply(&shape, &events)["choices"][0]["message"];
    assert_eq!(message["function_call"], json!({"name": "f", "arguments": "{\"x\":1}"}));
    assert!(message.get("tool_calls").is_none());
    assert_eq!(finish(&shape, &events), "function_call");
}

#[test]
fn freeform_calls_have_a_kind_of_their_own() {
    let item =
        json!({"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"});
    let events = [done(0, &item), completed()];
    let deltas = deltas(&shape(), &events);
    assert_eq!(
        deltas[1]["tool_calls"],
        json!([{"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": ""}}])
    );
    assert_eq!(deltas[2]["tool_calls"], json!([{"index": 0, "custom": {"input": "*** Begin"}}]));
    let call =
        json!([{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}]);
    assert_eq!(reply(&shape(), &events)["choices"][0]["message"]["tool_calls"], call);
}

#[test]
fn refusals_have_their_own_member() {
    let events = [created(), refusal(0, "I can"), refusal(0, "'t."), completed()];
    let deltas = deltas(&shape(), &events);
    assert_eq!(
        (&deltas[1], &deltas[2]),
        (&json!({"refusal": "I can"}), &json!({"refusal": "'t."}))
    );
    let message = &reply(&shape(), &events)["choices"][0]["message"];
    assert_eq!((&message["refusal"], &message["content"]), (&json!("I can't."), &Value::Null));
    assert_eq!(finish(&shape(), &events), "stop");
}

#[test]
fn an_incomplete_reply_has_the_reason_as_its_finish() {
    for (reason, word) in [("max_output_tokens", "length"), ("content_filter", "content_filter")] {
        assert_eq!(finish(&shape(), &[created(), text(0, "a"), incomplete(reason)]), word);
        let in_call =
            [created(), added(0, &call("a", "f", "")), arguments(0, "{"), incomplete(reason)];
        assert_eq!(finish(&shape(), &in_call), word);
    }
}

#[test]
fn citations_become_annotations() {
    let events = [created(), text(0, "Rain in Oslo."), citation(0, 0, 12), completed()];
    let expected = json!([{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 12, "url": "https://example.org/a", "title": "A"}}]);
    assert_eq!(deltas(&shape(), &events)[2], json!({"annotations": expected}));
    assert_eq!(reply(&shape(), &events)["choices"][0]["message"]["annotations"], expected);
    let odd = event(
        "response.output_text.annotation.added",
        &json!({"output_index": 0, "annotation": {"type": "file_citation", "n": 1.50}}),
    );
    let events = [created(), text(0, "a"), odd, completed()];
    assert_eq!(
        reply(&shape(), &events)["choices"][0]["message"]["annotations"],
        json!([{"type": "file_citation", "n": 1.5}])
    );
}

#[test]
fn searches_are_never_calls_of_the_client() {
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}});
    let progress =
        event("response.web_search_call.searching", &json!({"output_index": 0, "item_id": "ws_1"}));
    let events =
        [created(), added(0, &search), progress, done(0, &search), text(1, "Rain."), completed()];
    assert_eq!(deltas(&shape(), &events).len(), 3);
    assert!(reply(&shape(), &events)["choices"][0]["message"].get("tool_calls").is_none());
    assert_eq!(finish(&shape(), &events), "stop");
}

#[test]
fn generated_images_are_listed() {
    let item = json!({"type": "image_generation_call", "result": "iVBO", "output_format": "png"});
    let events = [created(), done(0, &item), completed()];
    let images = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}]);
    assert_eq!(deltas(&shape(), &events)[1], json!({"images": images}));
    assert_eq!(reply(&shape(), &events)["choices"][0]["message"]["images"], images);
}

#[test]
fn commentary_is_part_of_the_text_unless_hidden() {
    let events = [
        created(),
        added(0, &message(Some("commentary"), "")),
        text(0, "Looking."),
        added(1, &message(Some("final_answer"), "")),
        text(1, "Four."),
        citation(1, 0, 4),
        completed(),
    ];
    let message = |shape: &Shape<ChatShape>| reply(shape, &events)["choices"][0]["message"].clone();
    let shown = message(&shape());
    assert_eq!(shown["content"], "Looking.\n\nFour.");
    assert_eq!(shown["annotations"][0]["url_citation"]["start_index"], 10);
    let hidden = message(&Shape { hide_commentary: true, ..shape() });
    assert_eq!(hidden["content"], "Four.");
    assert_eq!(hidden["annotations"][0]["url_citation"]["start_index"], 0);
}

#[test]
fn a_stop_sequence_or_cap_ends_stream_and_whole_alike() {
    let events = [created(), text(0, "one EN"), text(0, "D two"), completed()];
    let stop = StopCriteria { sequences: vec!["END".to_owned()], max_tokens: None };
    let stopped = Shape { stop, own: ChatShape { stream_usage: true, ..shape().own }, ..shape() };
    assert_eq!(finish(&stopped, &events), "stop");
    assert_eq!(reply(&stopped, &events)["choices"][0]["message"]["content"], "one ");
    assert_eq!(reply(&stopped, &events)["usage"]["completion_tokens"], 1);
    let capped =
        Shape { stop: StopCriteria { sequences: Vec::new(), max_tokens: Some(1) }, ..shape() };
    assert_eq!(finish(&capped, &events), "length");
    assert_eq!(reply(&capped, &events)["choices"][0]["message"]["content"], "one ");
}

#[test]
fn a_reply_without_anything_has_empty_text() {
    let message = &reply(&shape(), &[created(), completed()])["choices"][0]["message"];
    assert_eq!(message["content"], "");
    assert_eq!(deltas(&shape(), &[created(), completed()]).len(), 2);
}

#[test]
fn line_separators_in_text_do_not_break_the_stream() {
    let told = "a\u{2028}b\u{85}c\rd\n\ne";
    let events = [created(), text(0, told), completed()];
    assert_eq!(deltas(&shape(), &events)[1]["content"], told);
}
