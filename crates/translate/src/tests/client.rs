//! Clients of every dialect: they put a stream together, so that it can be compared with the whole reply.

use serde_json::{Map, Value, json};

use super::support::{data, lines};
use crate::anthropic::{MessagesShape, ShownThinking};
use crate::openai::chat::ChatShape;
use crate::openai::completions::CompletionsShape;
use crate::openai::responses::ResponsesShape;
use crate::{Chat, Completions, Dialect, Framing, Messages, OllamaChat, OllamaGenerate, Responses};

/// What the program at the other end of a dialect makes of an answer.
///
/// The list of dialects asks it of each, so a new dialect does not compile in the tests of the
/// invariants until it says how its answers are read.
pub(crate) trait Client: Dialect {
    /// Where the visible text is in a message of a stream and in a whole reply; `None` in a dialect
    /// that copies what the backend sent instead of wording it.
    const TEXT: Option<[&'static str; 2]>;

    /// The dialect's own part of a shape.
    fn own(options: &Options) -> Self::Own;

    /// Puts a stream together; null where no whole reply says the same.
    fn of_stream(stream: &str) -> Value;

    /// Brings a whole reply into the form of [`Self::of_stream`].
    fn of_reply(reply: &Value, own: &Self::Own) -> Value;

    /// Brings an error body into the form of [`Self::of_stream`].
    fn of_error(error: &Value) -> Value {
        json!({"error": error["error"]})
    }

    /// The messages of a stream.
    fn messages(stream: &str) -> Vec<Value> {
        match Self::FRAMING {
            Framing::Sse => data(stream),
            Framing::Ndjson => lines(stream),
            Framing::Message => unreachable!("no dialect has this for its own"),
        }
    }
}

/// What some dialects' requests say of a reply, and others' do not.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) stream_usage: bool,
    pub(crate) legacy_functions: bool,
    pub(crate) echo: Vec<String>,
}

impl Client for Chat {
    const TEXT: Option<[&'static str; 2]> =
        Some(["/choices/0/delta/content", "/choices/0/message/content"]);

    fn own(options: &Options) -> ChatShape {
        let Options { stream_usage, legacy_functions, .. } = *options;
        ChatShape { stream_usage, legacy_functions, ..ChatShape::default() }
    }

    fn of_stream(stream: &str) -> Value {
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

    fn of_reply(reply: &Value, own: &Self::Own) -> Value {
        let choice = &reply["choices"][0];
        let mut message = choice["message"].clone();
        let members = message.as_object_mut().unwrap();
        // A stream has no chunk for an empty member.
        members.retain(|_, value| !value.is_null() && *value != json!([]));
        members.entry("content").or_insert_with(|| "".into());
        let usage = if own.stream_usage { reply["usage"].clone() } else { Value::Null };
        json!({"message": message, "finish_reason": choice["finish_reason"], "usage": usage})
    }
}

/// Merges a chunk's `delta` into the message so far.
fn merge(into: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (name, value) in delta {
        match (into.get_mut(name), value) {
            (Some(Value::String(text)), Value::String(more)) => text.push_str(more),
            (Some(Value::Object(object)), Value::Object(more)) => merge(object, more),
            (_, Value::Array(more)) if name == "tool_calls" => {
                let calls = into.entry(name.clone()).or_insert_with(|| json!([]));
                merge_calls(calls.as_array_mut().unwrap(), more);
            }
            (Some(Value::Array(content)), Value::Array(more)) if name == "content" => {
                let more = more[0]["text"].as_str().unwrap();
                let text = format!("{}{more}", content[0]["text"].as_str().unwrap());
                content[0]["text"] = text.into();
            }
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more.clone()),
            (_, value) => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

fn merge_calls(calls: &mut Vec<Value>, pieces: &[Value]) {
    for piece in pieces {
        let piece = piece.as_object().unwrap();
        let at = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
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

impl Client for Completions {
    const TEXT: Option<[&'static str; 2]> = Some(["/choices/0/text"; 2]);

    fn own(options: &Options) -> CompletionsShape {
        CompletionsShape {
            stream_usage: options.stream_usage,
            echo: options.echo.clone(),
            choices_per_prompt: 1,
        }
    }

    fn of_stream(stream: &str) -> Value {
        let mut chunks = data(stream);
        let last = chunks.pop().unwrap();
        if let Some(error) = last.get("error") {
            return json!({"error": error});
        }
        assert_eq!(last, "[DONE]");
        let mut reply = Map::new();
        for chunk in chunks {
            for choice in chunk["choices"].as_array().unwrap() {
                assert!(
                    reply.get("finish_reason").is_none_or(Value::is_null),
                    "text after the end"
                );
                append(&mut reply, "text", choice.get("text"));
                reply.insert("finish_reason".to_owned(), choice["finish_reason"].clone());
            }
            for name in ["id", "usage", "created", "model"] {
                reply.insert(name.to_owned(), chunk[name].clone());
            }
        }
        Value::Object(reply)
    }

    fn of_reply(reply: &Value, own: &Self::Own) -> Value {
        let choice = &reply["choices"][0];
        // A stream gives the counts only where they are asked for.
        let usage = if own.stream_usage { reply["usage"].clone() } else { Value::Null };
        json!({
            "text": choice["text"], "finish_reason": choice["finish_reason"], "id": reply["id"],
            "usage": usage, "created": reply["created"], "model": reply["model"],
        })
    }
}

impl Client for Messages {
    const TEXT: Option<[&'static str; 2]> = Some(["/delta/text", "/content/0/text"]);

    fn own(_: &Options) -> MessagesShape {
        MessagesShape { thinking: ShownThinking::Text, ..MessagesShape::default() }
    }

    fn of_stream(stream: &str) -> Value {
        of_events(stream)
    }

    fn of_reply(reply: &Value, _: &Self::Own) -> Value {
        reply.clone()
    }
}

/// The events of a message put together, with the checks that clients make of their order.
pub(crate) fn of_events(stream: &str) -> Value {
    let events = data(stream);
    let names = stream.lines().filter_map(|line| line.strip_prefix("event: "));
    assert!(names.eq(events.iter().map(|event| event["type"].as_str().unwrap())), "{stream}");
    let (mut message, mut blocks, mut open) = (Value::Null, Vec::<Value>::new(), false);
    for event in &events {
        assert!(message["stop_reason"].is_null() || event["type"] == "message_stop", "{event}");
        let last = blocks.len().wrapping_sub(1);
        match event["type"].as_str().unwrap() {
            "error" if blocks.iter().any(|block| block.get("arguments").is_some()) => {
                return Value::Null;
            }
            "error" => return json!({"error": event["error"]}),
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert!(!std::mem::replace(&mut open, true), "two blocks are open: {stream}");
                assert_eq!(event["index"], json!(blocks.len()));
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                assert!(open && event["index"] == json!(last), "{event} in {stream}");
                piece(blocks.last_mut().unwrap(), &event["delta"]);
            }
            "content_block_stop" => {
                assert!(std::mem::replace(&mut open, false) && event["index"] == json!(last));
                whole_block(blocks.last_mut().unwrap());
            }
            "message_delta" => {
                assert!(!open, "a block stays open: {stream}");
                let ends = event["delta"].as_object().unwrap().clone();
                message.as_object_mut().unwrap().extend(ends);
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => {}
            other => panic!("an unknown event: {other}"),
        }
    }
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    // A whole reply fails where a call has no object for its arguments.
    if blocks.iter().any(|block| block.get("arguments").is_some()) {
        return Value::Null;
    }
    blocks.retain(|block| *block != json!({"type": "text", "text": ""}));
    message["content"] = blocks.into();
    message
}

/// Adds a piece to a block.
fn piece(block: &mut Value, delta: &Value) {
    let more = |name: &str| delta[name].as_str().unwrap().to_owned();
    let (member, more) = match delta["type"].as_str().unwrap() {
        "text_delta" => ("text", more("text")),
        "thinking_delta" => ("thinking", more("thinking")),
        "input_json_delta" => ("arguments", more("partial_json")),
        "signature_delta" => {
            assert_eq!(block["signature"], "", "two seals");
            ("signature", more("signature"))
        }
        _ => {
            let cited = block.as_object_mut().unwrap().entry("citations").or_insert(json!([]));
            return cited.as_array_mut().unwrap().push(delta["citation"].clone());
        }
    };
    let whole = format!("{}{more}", block[member].as_str().unwrap_or_default());
    block[member] = whole.into();
}

/// Reads the arguments of a call that is complete.
fn whole_block(block: &mut Value) {
    let block = block.as_object_mut().unwrap();
    let Some(arguments) = block.get("arguments").and_then(Value::as_str) else { return };
    let object = serde_json::from_str(arguments).ok().filter(Value::is_object);
    if let Some(object) = object {
        block.insert("input".to_owned(), object);
        block.remove("arguments");
    }
}

impl Client for OllamaChat {
    const TEXT: Option<[&'static str; 2]> = Some(["/message/content"; 2]);

    fn own(_: &Options) {}

    fn of_stream(stream: &str) -> Value {
        of_lines(stream)
    }

    fn of_reply(reply: &Value, _: &Self::Own) -> Value {
        of_lines(&format!("{reply}\n"))
    }
}

impl Client for OllamaGenerate {
    const TEXT: Option<[&'static str; 2]> = Some(["/response"; 2]);

    fn own(_: &Options) {}

    fn of_stream(stream: &str) -> Value {
        of_lines(stream)
    }

    fn of_reply(reply: &Value, _: &Self::Own) -> Value {
        of_lines(&format!("{reply}\n"))
    }
}

/// A stream of Ollama's lines put together.
fn of_lines(stream: &str) -> Value {
    let lines = lines(stream);
    let (last, before) = lines.split_last().unwrap();
    if let Some(error) = last.get("error") {
        return json!({"error": error});
    }
    assert!(before.iter().all(|line| line["done"] == json!(false)), "done comes last");
    let (mut reply, mut calls) = (Map::new(), Vec::new());
    for line in &lines {
        let part = line.get("message").unwrap_or(line);
        append(&mut reply, "text", part.get("content").or_else(|| part.get("response")));
        append(&mut reply, "thinking", part.get("thinking"));
        calls.extend(part["tool_calls"].as_array().into_iter().flatten().cloned());
    }
    calls.sort_by_key(|call| call["function"]["index"].as_u64());
    reply.insert("calls".to_owned(), calls.into());
    for name in ["model", "created_at", "done", "done_reason", "prompt_eval_count", "eval_count"] {
        reply.insert(name.to_owned(), last.get(name).cloned().unwrap_or_default());
    }
    Value::Object(reply)
}

impl Client for Responses {
    const TEXT: Option<[&'static str; 2]> = None;

    fn own(_: &Options) -> ResponsesShape {
        ResponsesShape::default()
    }

    fn of_stream(stream: &str) -> Value {
        let last = data(stream).pop().unwrap();
        match last["type"].as_str().unwrap() {
            "response.failed" => {
                // The code is of a closed list; another one stands after the message.
                let error = &last["response"]["error"];
                let said = error["message"].as_str().and_then(|m| m.rsplit_once(" ("));
                let own = said.and_then(|(_, word)| word.strip_suffix(')')).map(Value::from);
                json!({"error": own.unwrap_or_else(|| error["code"].clone())})
            }
            "error" => json!({"error": last["code"]}),
            _ => last["response"].clone(),
        }
    }

    fn of_reply(reply: &Value, _: &Self::Own) -> Value {
        reply.clone()
    }

    fn of_error(error: &Value) -> Value {
        json!({"error": error["error"]["code"]})
    }
}

/// Appends a text to the member `to`.
fn append(into: &mut Map<String, Value>, to: &str, text: Option<&Value>) {
    let more = text.and_then(Value::as_str).unwrap_or_default();
    let whole = into.entry(to).or_insert_with(|| "".into());
    *whole = format!("{}{more}", whole.as_str().unwrap()).into();
}
