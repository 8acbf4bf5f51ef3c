//! Tests of events: every known shape, and unknown ones.

use bytes::Bytes;
use serde_json::json;

use super::{Body, Channel, Event, Phase};
use crate::responses::item::OutputKind;
use crate::sse::Frame;

/// One event of each shape that the backend is known to send, a line each.
const SAMPLES: &str = include_str!("samples.jsonl");

fn frame(data: &str) -> Frame {
    Frame::new(Bytes::copy_from_slice(data.as_bytes()))
}

fn name(body: &Body<'_>) -> &'static str {
    match body {
        Body::Created(_) => "created",
        Body::Progress => "progress",
        Body::ItemAdded { .. } => "added",
        Body::ItemDone { .. } => "done",
        Body::Text { .. } => "text",
        Body::Refusal { .. } => "refusal",
        Body::Annotation { .. } => "annotation",
        Body::Reasoning { .. } => "reasoning",
        Body::Arguments { .. } => "arguments",
        Body::ArgumentsDone { .. } => "arguments done",
        Body::Completed(_) => "completed",
        Body::Incomplete(_) => "incomplete",
        Body::Failed(_) => "failed",
        Body::Error(_) => "error",
        Body::Private => "private",
        Body::Other => "other",
    }
}

/// The payload and phase expected of a kind.
fn expected(kind: &str) -> (&'static str, Phase) {
    use Phase::{End, Handshake, Output};
    match kind {
        "response.created" => ("created", Handshake),
        "response.in_progress" | "response.queued" => ("progress", Handshake),
        "response.completed" | "response.done" => ("completed", End),
        "response.incomplete" => ("incomplete", End),
        "response.failed" => ("failed", End),
        "error" => ("error", End),
        "response.output_item.added" => ("added", Output),
        "response.output_item.done" => ("done", Output),
        "response.output_text.delta" => ("text", Output),
        "response.output_text.annotation.added" => ("annotation", Output),
        "response.refusal.delta" => ("refusal", Output),
        "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
            ("reasoning", Output)
        }
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            ("arguments", Output)
        }
        "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
            ("arguments done", Output)
        }
        "codex.rate_limits"
        | "codex.response.metadata"
        | "response.metadata"
        | "response.safety_buffering"
        | "responsesapi.websocket_timing"
        | "keepalive" => ("private", Handshake),
        _ => ("other", Output),
    }
}

#[test]
fn every_known_shape_is_read_as_its_kind_and_phase() {
    assert_eq!(SAMPLES.lines().count(), 51);
    for line in SAMPLES.lines() {
        let frame = frame(line);
        let event = Event::parse(&frame).unwrap_or_else(|error| panic!("{line}: {error}"));
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event.kind, value["type"].as_str().unwrap());
        assert_eq!((name(&event.body), event.phase()), expected(&event.kind), "{line}");
        let handshake = Event::is_handshake(&frame).unwrap();
        assert_eq!(handshake, event.phase() == Phase::Handshake, "{line}");
    }
}

#[test]
fn the_kind_is_found_at_any_position() {
    for line in SAMPLES.lines() {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        let kind = value.as_object_mut().unwrap().remove("type").unwrap();
        let others = value.to_string();
        let last = format!(" {},\n\"type\": {kind}}}", &others[..others.len() - 1]);
        let frame = frame(&last);
        let event = Event::parse(&frame).unwrap_or_else(|error| panic!("{last}: {error}"));
        assert_eq!(event.kind, kind.as_str().unwrap());
        assert_eq!((name(&event.body), event.phase()), expected(&event.kind));
        assert_eq!(Event::is_handshake(&frame).unwrap(), event.phase() == Phase::Handshake);
    }
}

#[test]
fn an_escaped_kind_is_decoded() {
    let frame = frame(r#"{"type":"keep\u0061live"}"#);
    let event = Event::parse(&frame).unwrap();
    assert_eq!((&*event.kind, name(&event.body)), ("keepalive", "private"));
}

#[test]
fn data_that_is_not_an_object_is_private() {
    for data in ["[DONE]", "", "null", "1", "\"text\"", "ping"] {
        let frame = frame(data);
        let event = Event::parse(&frame).unwrap();
        assert_eq!((name(&event.body), event.phase()), ("private", Phase::Handshake), "{data}");
        assert!(Event::is_handshake(&frame).unwrap(), "{data}");
    }
}

#[test]
fn an_object_without_a_kind_is_other() {
    let frame = frame(r#"{"a":1}"#);
    assert_eq!(name(&Event::parse(&frame).unwrap().body), "other");
}

#[test]
fn broken_events_of_a_known_kind_are_errors() {
    for data in [
        "{",
        r#"{"type":5}"#,
        r#"{"type":"response.completed"}"#,
        r#"{"type":"response.created","response":[]}"#,
        r#"{"type":"response.output_text.delta"}"#,
        r#"{"type":"response.output_text.delta","delta":5}"#,
        r#"{"type":"response.output_text.delta","output_index":-1,"delta":"a"}"#,
        r#"{"type":"response.output_item.added","output_index":0}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call"}}"#,
    ] {
        let frame = frame(data);
        assert!(Event::parse(&frame).is_err(), "{data}");
    }
}

#[test]
fn unknown_kinds_need_no_members() {
    for data in [r#"{"type":"response.brand_new"}"#, r#"{"type":"response.in_progress"}"#] {
        let frame = frame(data);
        assert!(Event::parse(&frame).is_ok(), "{data}");
    }
}

#[test]
fn a_text_delta_keeps_its_position_and_escapes() {
    let frame = frame(
        r#"{"type":"response.output_text.delta","output_index":3,"content_index":2,"delta":"a\n\ud83d\ude00","logprobs":[],"obfuscation":"k2Jd"}"#,
    );
    let event = Event::parse(&frame).unwrap();
    let Body::Text { output_index, content_index, delta } = event.body else { panic!("no text") };
    assert_eq!((output_index, content_index, &*delta.to_text()), (3, 2, "a\n\u{1f600}"));
}

#[test]
fn reasoning_deltas_name_their_channel_and_part() {
    for (data, expected) in [
        (
            r#"{"type":"response.reasoning_summary_text.delta","output_index":1,"summary_index":4,"delta":"a"}"#,
            (1, 4, Channel::Summary),
        ),
        (
            r#"{"type":"response.reasoning_text.delta","output_index":2,"content_index":5,"delta":"a"}"#,
            (2, 5, Channel::Raw),
        ),
    ] {
        let frame = frame(data);
        let Body::Reasoning { output_index, part, channel, .. } =
            Event::parse(&frame).unwrap().body
        else {
            panic!("no reasoning")
        };
        assert_eq!((output_index, part, channel), expected);
    }
}

#[test]
fn both_shapes_of_an_error_are_read() {
    let flat =
        r#"{"type":"error","sequence_number":4,"code":"server_error","message":"m","param":null}"#;
    let nested = r#"{"type":"error","error":{"type":"service_unavailable_error","code":"server_is_overloaded","message":"m","param":null},"sequence_number":2}"#;
    let bare = r#"{"type":"error","error":"m"}"#;
    let null = r#"{"type":"error","error":null,"message":"m"}"#;
    for (data, kind, code) in [
        (flat, None, Some("server_error")),
        (nested, Some("service_unavailable_error"), Some("server_is_overloaded")),
        (bare, None, None),
        (null, None, None),
    ] {
        let frame = frame(data);
        let Body::Error(error) = Event::parse(&frame).unwrap().body else { panic!("no error") };
        assert_eq!((error.kind.as_deref(), error.code.as_deref()), (kind, code), "{data}");
        assert_eq!(error.message.as_deref(), Some("m"), "{data}");
    }
}

#[test]
fn a_failed_response_may_have_no_error() {
    let frame = frame(r#"{"type":"response.failed","response":{"id":"r","error":null}}"#);
    let Body::Failed(response) = Event::parse(&frame).unwrap().body else { panic!("not failed") };
    assert_eq!(response.error, None);
}

#[test]
fn items_are_read_as_their_kind() {
    let read = |item: serde_json::Value| {
        let event = json!({"type": "response.output_item.done", "output_index": 7, "item": item});
        let frame = frame(&event.to_string());
        let Body::ItemDone { output_index: 7, item } = Event::parse(&frame).unwrap().body else {
            panic!("not done")
        };
        match item.kind {
            OutputKind::Message { phase, content } => {
                let texts = content.iter().map(|part| {
                    let refusal = part.refusal.map(|text| format!("!{}", text.to_text()));
                    refusal.or_else(|| part.text.map(|text| text.to_text())).unwrap_or_default()
                });
                format!("message {phase:?} {}", texts.collect::<Vec<_>>().join("|"))
            }
            OutputKind::Reasoning { summary, content, .. } => {
                let texts = summary.iter().chain(&content).map(|text| text.to_text());
                format!("reasoning {}", texts.collect::<Vec<_>>().join("|"))
            }
            OutputKind::Call { custom, call_id, name, arguments } => {
                let arguments = arguments.map(|text| text.to_text());
                format!("call {custom} {} {} {arguments:?}", &*call_id, &*name)
            }
            OutputKind::Image { result, format } => {
                format!("image {:?} {:?}", result.as_deref(), format.as_deref())
            }
            OutputKind::WebSearch(search) => {
                let sources: Vec<&str> = search.sources.iter().map(|source| &**source).collect();
                format!("search {:?} {} {sources:?}", search.query.as_deref(), search.failed)
            }
            OutputKind::Other => "other".to_owned(),
        }
    };
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "failed", "action": {"type": "search", "query": "q", "sources": [{"url": "https://e.org"}, {}]}});
    assert_eq!(read(search), r#"search Some("q") true ["https://e.org"]"#);
    let begun = json!({"type": "web_search_call", "id": 5, "action": null});
    assert_eq!(read(begun), "search None false []");
    assert_eq!(read(json!({"type": "web_search_call", "action": {"type": "open_page"}})), "other");
    let message = json!({"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}, {"type": "new"}]});
    assert_eq!(read(message), "message None a|!b|");
    assert_eq!(read(json!({"type": "message", "content": null})), "message None ");
    let reasoning = json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "content": [{"type": "reasoning_text", "text": "b"}, {"type": "redacted"}]});
    assert_eq!(read(reasoning), "reasoning a|b");
    assert_eq!(read(json!({"type": "reasoning", "encrypted_content": "g"})), "reasoning ");
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "namespace": "n", "arguments": "{}"});
    assert_eq!(read(call), "call false c f Some(\"{}\")");
    let custom = json!({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"});
    assert_eq!(read(custom), "call true c f Some(\"x\")");
    let bare = json!({"type": "function_call", "call_id": "c", "name": "f"});
    assert_eq!(read(bare), "call false c f None");
    let image = json!({"type": "image_generation_call", "result": "iVBO", "output_format": "png"});
    assert_eq!(read(image), "image Some(\"iVBO\") Some(\"png\")");
    assert_eq!(read(json!({"type": "image_generation_call", "result": null})), "image None None");
    for kind in ["compaction", "local_shell_call", "brand_new"] {
        assert_eq!(read(json!({"type": kind})), "other");
    }
    assert_eq!(read(json!({})), "other");
}
