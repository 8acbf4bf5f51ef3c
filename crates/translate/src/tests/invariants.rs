//! Properties that hold in every dialect: a stream collapsed is the whole reply, and stop sequences
//! cut at the same place however the text arrives.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::dialect::{Dialect, Shape};
use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::tests::support::script::{item, script};
use crate::tests::support::{completed, created, data, lines, shape, stream, text, whole};
use crate::{Chat, Completions, OllamaChat, OllamaGenerate, Responses};

/// Appends the text under `from` in `line` to the text under `to`.
fn append(into: &mut Map<String, Value>, to: &str, text: Option<&Value>) {
    let more = text.and_then(Value::as_str).unwrap_or_default();
    let sofar = into.entry(to).or_insert_with(|| "".into());
    *sofar = format!("{}{more}", sofar.as_str().unwrap()).into();
}

/// A stream of Ollama's lines put together, as its clients do.
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
    ended(reply, calls, last)
}

/// The same of a whole reply.
fn of_reply(reply: &Value) -> Value {
    of_lines(&format!("{reply}\n"))
}

fn ended(mut reply: Map<String, Value>, mut calls: Vec<Value>, last: &Value) -> Value {
    calls.sort_by_key(|call| call["function"]["index"].as_u64());
    reply.insert("calls".to_owned(), calls.into());
    for name in ["model", "created_at", "done", "done_reason", "prompt_eval_count", "eval_count"] {
        reply.insert(name.to_owned(), last.get(name).cloned().unwrap_or_default());
    }
    Value::Object(reply)
}

/// A stream of completions put together.
fn of_completion_chunks(stream: &str) -> Value {
    let mut chunks = data(stream);
    let last = chunks.pop().unwrap();
    if let Some(error) = last.get("error") {
        return json!({"error": error});
    }
    assert_eq!(last, "[DONE]");
    let mut reply = Map::new();
    for chunk in chunks {
        for choice in chunk["choices"].as_array().unwrap() {
            assert!(reply.get("finish_reason").is_none_or(Value::is_null), "text after the end");
            append(&mut reply, "text", choice.get("text"));
            reply.insert("finish_reason".to_owned(), choice["finish_reason"].clone());
        }
        for name in ["id", "usage", "created", "model"] {
            reply.insert(name.to_owned(), chunk[name].clone());
        }
    }
    Value::Object(reply)
}

/// The same of a whole completion; a stream gives the counts only where they are asked for.
fn of_completion(reply: &Value, usage: bool) -> Value {
    let choice = &reply["choices"][0];
    json!({
        "text": choice["text"], "finish_reason": choice["finish_reason"], "id": reply["id"],
        "usage": if usage { reply["usage"].clone() } else { Value::Null },
        "created": reply["created"], "model": reply["model"],
    })
}

/// How a stream of the Responses API ended.
fn of_events(stream: &str) -> Value {
    let last = data(stream).pop().unwrap();
    match last["type"].as_str().unwrap() {
        "response.failed" => json!({"error": last["response"]["error"]["code"]}),
        "error" => json!({"error": last["code"]}),
        _ => last["response"].clone(),
    }
}

/// A whole reply by `word`, or the failure as the dialect words it.
fn gathered<D: Dialect>(shape: &Shape, events: &[String], word: impl Fn(&Value) -> Value) -> Value {
    match whole::<D>(shape, events) {
        Ok(reply) => word(&reply),
        Err(failure) => {
            let error = serde_json::to_value(D::error(&failure)).unwrap();
            json!({"error": error["error"]})
        }
    }
}

/// The visible text of the dialect's stream and of its whole reply, which must be the same.
fn visible<D: Dialect>(
    shape: &Shape,
    events: &[String],
    streamed: impl Fn(&str) -> String,
    path: &str,
) -> String {
    let streamed = streamed(&stream::<D>(shape, events));
    let whole = whole::<D>(shape, events).unwrap();
    assert_eq!(whole.pointer(path).unwrap(), &streamed);
    streamed
}

/// The text that each translating dialect shows of these pieces.
fn texts(shape: &Shape, pieces: &[&str]) -> Vec<String> {
    let mut events = vec![created()];
    events.extend(pieces.iter().map(|piece| text(0, piece)));
    events.push(completed());
    let joined = |values: Vec<Value>, path: &str| -> String {
        values.iter().filter_map(|value| value.pointer(path)?.as_str()).collect()
    };
    let chat = |stream: &str| joined(data(stream), "/choices/0/delta/content");
    let completion = |stream: &str| joined(data(stream), "/choices/0/text");
    let line = |stream: &str| joined(lines(stream), "/message/content");
    let response = |stream: &str| joined(lines(stream), "/response");
    vec![
        visible::<Chat>(shape, &events, chat, "/choices/0/message/content"),
        visible::<Completions>(shape, &events, completion, "/choices/0/text"),
        visible::<OllamaChat>(shape, &events, line, "/message/content"),
        visible::<OllamaGenerate>(shape, &events, response, "/response"),
    ]
}

fn stopping(stop: &[&str]) -> Shape {
    let stop = stop.iter().map(|stop| (*stop).to_owned()).collect();
    Shape { stop: StopCriteria { sequences: stop, max_tokens: None }, ..shape() }
}

#[test]
fn a_stop_sequence_cuts_at_every_split_point_in_every_dialect() {
    let shape = stopping(&["END\u{e9}\u{1f600}", "never"]);
    let text = "one EN END\u{e9} END\u{e9}\u{1f600} two";
    let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    for &first in &cuts {
        for &second in cuts.iter().filter(|second| **second >= first) {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            for shown in texts(&shape, &pieces) {
                assert_eq!(shown, "one EN END\u{e9} ", "{pieces:?}");
            }
        }
    }
}

#[test]
fn a_stop_sequence_cuts_where_every_letter_comes_alone() {
    let shape = stopping(&["aab"]);
    let pieces: Vec<String> = "aaaab!".chars().map(String::from).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(texts(&shape, &pieces), ["aa"; 4]);
}

proptest! {
    #[test]
    fn a_collapsed_stream_is_the_whole_reply_in_every_dialect(
        items in prop::collection::vec(item(), 0..6),
        turns in prop::collection::vec(any::<usize>(), 0..20),
        end in 0_usize..10,
        shown in any::<bool>(),
        (stop, cap) in (any::<bool>(), prop::option::weighted(0.3, 0_u64..6)),
        (hide, json, usage, keep) in any::<(bool, bool, bool, bool)>(),
    ) {
        let stop = if stop { vec!["END".to_owned(), "a\u{e9}".to_owned()] } else { Vec::new() };
        let shape = Shape {
            reasoning: if shown { ReasoningStyle::ReasoningContent } else { ReasoningStyle::None },
            stop: StopCriteria { sequences: stop, max_tokens: cap },
            hide_commentary: hide,
            json,
            stream_usage: usage,
            keep,
            ..shape()
        };
        let script = script(&items, &turns, end);
        prop_assert_eq!(
            of_lines(&stream::<OllamaChat>(&shape, &script)),
            gathered::<OllamaChat>(&shape, &script, of_reply)
        );
        prop_assert_eq!(
            of_lines(&stream::<OllamaGenerate>(&shape, &script)),
            gathered::<OllamaGenerate>(&shape, &script, of_reply)
        );
        let echoing = Shape { echo: vec!["END of the prompt".to_owned()], ..shape.clone() };
        for shape in [&shape, &echoing] {
            prop_assert_eq!(
                of_completion_chunks(&stream::<Completions>(shape, &script)),
                gathered::<Completions>(shape, &script, |reply| of_completion(reply, usage))
            );
        }
        let whole = gathered::<Responses>(&shape, &script, Clone::clone);
        let whole = match whole.pointer("/error/code") {
            Some(code) => json!({"error": code}),
            None => whole,
        };
        prop_assert_eq!(of_events(&stream::<Responses>(&shape, &script)), whole);
    }

    #[test]
    fn stop_sequences_cut_every_dialect_at_the_same_place(
        words in prop::collection::vec("[abEND\u{e9}\u{1f600}\n]{0,6}", 0..8),
        stop in "[abEND\u{e9}\u{1f600}]{1,4}",
    ) {
        let text = words.concat();
        let expected = text.split(stop.as_str()).next().unwrap().to_owned();
        let pieces: Vec<&str> = words.iter().map(String::as_str).collect();
        for shown in texts(&stopping(&[&stop]), &pieces) {
            prop_assert_eq!(&shown, &expected);
        }
    }
}

/// The bytes of a text delta in any dialect, whose text is written like this.
fn told<D: Dialect>(written: &str) -> (String, String) {
    let delta =
        format!(r#"{{"type":"response.output_text.delta","output_index":0,"delta":"{written}"}}"#);
    let events = [created(), delta, completed()];
    let whole = whole::<D>(&shape(), &events).unwrap().to_string();
    (stream::<D>(&shape(), &events), whole)
}

/// Both for every dialect that words text itself.
fn told_everywhere(written: &str) -> [(String, String); 4] {
    [
        told::<Chat>(written),
        told::<Completions>(written),
        told::<OllamaChat>(written),
        told::<OllamaGenerate>(written),
    ]
}

#[test]
fn escapes_leave_as_they_came() {
    let written = r#"\u00e9\/\ud83d\ude00\u0000\n\"\\é"#;
    let text: String = serde_json::from_str(&format!("\"{written}\"")).unwrap();
    for (stream, whole) in told_everywhere(written) {
        assert!(stream.contains(&format!("\"{written}\"")), "{stream}");
        assert!(whole.contains(&serde_json::to_string(&text).unwrap()), "{whole}");
    }
}

#[test]
fn half_a_surrogate_leaves_as_a_replacement_character() {
    for (stream, whole) in told_everywhere(r#"a\ud83d\n\"b"#) {
        assert!(stream.contains("\"a\u{fffd}\\n\\\"b\""), "{stream}");
        assert!(whole.contains("\"a\u{fffd}\\n\\\"b\""), "{whole}");
    }
}
