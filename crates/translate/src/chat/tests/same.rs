//! A stream collapsed is the whole reply, whatever the script.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::Chat;
use crate::dialect::Shape;
use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::tests::support::script::{item, script};
use crate::tests::support::{data, shape, stream, whole};

/// Puts a stream's chunks together as a client does.
fn collapsed(stream: &str) -> Value {
    let chunks = data(stream);
    let mut message = Map::new();
    let (mut finish, mut usage) = (Value::Null, Value::Null);
    for chunk in &chunks {
        if let Some(error) = chunk.get("error") {
            return json!({"error": error});
        }
        let Some(choices) = chunk["choices"].as_array() else { continue };
        if choices.is_empty() {
            usage = chunk["usage"].clone();
        }
        for choice in choices {
            assert!(finish.is_null(), "a chunk after the finish: {chunk}");
            finish = choice["finish_reason"].clone();
            merge(&mut message, choice["delta"].as_object().unwrap());
        }
    }
    assert_eq!(chunks.last(), Some(&json!("[DONE]")));
    json!({"message": message, "finish_reason": finish, "usage": usage})
}

fn merge(into: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (name, value) in delta {
        match (into.get_mut(name), value) {
            (Some(Value::String(sofar)), Value::String(more)) => sofar.push_str(more),
            (Some(Value::Object(sofar)), Value::Object(more)) => merge(sofar, more),
            (_, Value::Array(more)) if name == "tool_calls" => {
                let calls = into.entry(name.clone()).or_insert_with(|| json!([]));
                for piece in more {
                    let piece = piece.as_object().unwrap();
                    let at = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
                    let calls = calls.as_array_mut().unwrap();
                    assert!(at <= calls.len(), "an index was left out");
                    if at == calls.len() {
                        assert!(piece.contains_key("id"), "a call begins without its id");
                        calls.push(json!({}));
                    }
                    let mut piece = piece.clone();
                    piece.remove("index");
                    merge(calls[at].as_object_mut().unwrap(), &piece);
                }
            }
            (Some(Value::Array(sofar)), Value::Array(more)) if name == "content" => {
                let more = more[0]["text"].as_str().unwrap();
                let text = format!("{}{more}", sofar[0]["text"].as_str().unwrap());
                sofar[0]["text"] = text.into();
            }
            (Some(Value::Array(sofar)), Value::Array(more)) => sofar.extend(more.clone()),
            (_, value) => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The whole reply in the form of [`collapsed`].
fn gathered(shape: &Shape, events: &[String]) -> Value {
    match whole::<Chat>(shape, events) {
        Ok(reply) => {
            let choice = &reply["choices"][0];
            let mut message = choice["message"].clone();
            let members = message.as_object_mut().unwrap();
            members.retain(|_, value| !value.is_null());
            members.entry("content").or_insert_with(|| "".into());
            let usage = if shape.stream_usage { reply["usage"].clone() } else { Value::Null };
            json!({"message": message, "finish_reason": choice["finish_reason"], "usage": usage})
        }
        Err(failure) => {
            let error = <Chat as crate::Dialect>::error(&failure);
            json!({"error": serde_json::to_value(error).unwrap()["error"]})
        }
    }
}

const STYLES: [ReasoningStyle; 5] = [
    ReasoningStyle::ReasoningContent,
    ReasoningStyle::ThinkTags,
    ReasoningStyle::O3,
    ReasoningStyle::Legacy,
    ReasoningStyle::None,
];

proptest! {
    #[test]
    fn a_collapsed_stream_is_the_whole_reply(
        items in prop::collection::vec(item(), 0..6),
        turns in prop::collection::vec(any::<usize>(), 0..20),
        end in 0_usize..10,
        style in 0_usize..5,
        (stop, cap) in (any::<bool>(), prop::option::weighted(0.3, 0_u64..6)),
        (hide, json, legacy, usage) in any::<(bool, bool, bool, bool)>(),
    ) {
        let stop = if stop { vec!["END".to_owned(), "a\u{e9}".to_owned()] } else { Vec::new() };
        let shape = Shape {
            reasoning: STYLES[style],
            stop: StopCriteria { sequences: stop, max_tokens: cap },
            hide_commentary: hide,
            json,
            legacy_functions: legacy,
            stream_usage: usage,
            ..shape()
        };
        let script = script(&items, &turns, end);
        let collapsed = collapsed(&stream::<Chat>(&shape, &script));
        prop_assert_eq!(collapsed, gathered(&shape, &script));
    }
}
