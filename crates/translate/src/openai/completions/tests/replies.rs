//! Chunks and whole completions.

use serde_json::{Value, json};
use std::time::Duration;

use crate::Completions;
use crate::openai::completions::CompletionsShape;
use crate::reasoning_style::ReasoningStyle;
use crate::shape::Shape;
use crate::stop::StopCriteria;
use crate::tests::support::{
    CREATED, call, completed, created, data, done, failed, incomplete, reasoning, refusal, shape,
    stream, streams, text, whole, wholes,
};

fn plain() -> Shape<CompletionsShape> {
    Shape { reasoning: ReasoningStyle::None, ..shape() }
}

/// A response of its own id.
fn response(id: &str, said: &str) -> Vec<String> {
    let begun = created().replace("resp_0a1b", id);
    vec![begun, text(0, said), completed().replace("resp_0a1b", id)]
}

#[test]
fn a_stream_is_written_to_the_letter() {
    let events = [created(), text(0, "H\u{e9} \"q\"\n"), text(0, ""), completed()];
    let head = r#"data: {"id":"cmpl-0a1b","object":"text_completion","created":1795338734,"model":"gpt-6-sol","choices":[{"text":"#;
    let expected = [
        format!(r#"{head}"Hé \"q\"\n","index":0,"logprobs":null,"finish_reason":null}}]}}"#),
        format!(r#"{head}"","index":0,"logprobs":null,"finish_reason":"stop"}}]}}"#),
        "data: [DONE]".to_owned(),
        String::new(),
    ];
    assert_eq!(stream::<Completions>(&plain(), &events), expected.join("\n\n"));
}

#[test]
fn a_whole_reply_is_written_to_the_letter() {
    let expected = json!({
        "id": "cmpl-0a1b", "object": "text_completion", "created": CREATED, "model": "gpt-6-sol",
        "choices": [{"text": "Hi", "index": 0, "logprobs": null, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
        },
    });
    let events = [created(), text(0, "Hi"), completed()];
    assert_eq!(whole::<Completions>(&plain(), &events).unwrap(), expected);
}

#[test]
fn counts_come_in_a_chunk_of_their_own_and_are_null_before_it() {
    let shape = Shape { own: CompletionsShape { stream_usage: true, ..plain().own }, ..plain() };
    let mut chunks = data(&stream::<Completions>(&shape, &[created(), text(0, "Hi"), completed()]));
    assert_eq!(chunks.pop().unwrap(), "[DONE]");
    let counts = chunks.pop().unwrap();
    assert_eq!((&counts["choices"], &counts["usage"]["total_tokens"]), (&json!([]), &json!(120)));
    for chunk in chunks {
        assert_eq!(chunk.get("usage"), Some(&Value::Null));
    }
}

#[test]
fn every_choice_of_every_prompt_has_its_number_its_echo_and_the_first_one_s_id() {
    let echo = vec!["A:".to_owned(), "B:".to_owned()];
    let shape = Shape {
        own: CompletionsShape { echo, choices_per_prompt: 2, stream_usage: true },
        ..plain()
    };
    let choices: Vec<Vec<String>> =
        (0..4).map(|n| response(&format!("resp_{n}"), &format!(" {n}"))).collect();
    let reply = wholes::<Completions>(&shape, &choices, Duration::ZERO).unwrap();
    let texts: Vec<&Value> =
        reply["choices"].as_array().unwrap().iter().map(|choice| &choice["text"]).collect();
    assert_eq!(texts, ["A: 0", "A: 1", "B: 2", "B: 3"]);
    assert_eq!((&reply["id"], &reply["usage"]["total_tokens"]), (&json!("cmpl-0"), &json!(480)));

    let chunks = data(&streams::<Completions>(&shape, &choices));
    for (index, expected) in ["A: 0", "A: 1", "B: 2", "B: 3"].into_iter().enumerate() {
        let of_choice = chunks.iter().filter_map(|chunk| chunk["choices"].get(0));
        let of_choice = of_choice.filter(|choice| choice["index"] == index);
        let text: String = of_choice.map(|choice| choice["text"].as_str().unwrap()).collect();
        assert_eq!(text, expected);
    }
    let (done, chunks) = chunks.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    assert!(chunks.iter().all(|chunk| chunk["id"] == "cmpl-0"));
    assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"], 480);
    assert_eq!(chunks.iter().filter(|chunk| chunk["usage"].is_object()).count(), 1);
}

#[test]
fn an_echo_comes_first_and_is_not_cut() {
    let stop = StopCriteria { sequences: vec!["END".to_owned()], max_tokens: Some(1) };
    let shape = Shape {
        own: CompletionsShape { echo: vec!["the END of it: ".to_owned()], ..plain().own },
        stop,
        ..plain()
    };
    let events = [created(), text(0, "12345"), completed()];
    let reply = whole::<Completions>(&shape, &events).unwrap();
    assert_eq!(reply["choices"][0]["text"], "the END of it: 1234");
    assert_eq!(reply["choices"][0]["finish_reason"], "length");
    let chunks = data(&stream::<Completions>(&shape, &events));
    assert_eq!(chunks[0]["choices"][0]["text"], "the END of it: ");
    // An answer of nothing still repeats its prompt.
    let reply = whole::<Completions>(&shape, &[completed()]).unwrap();
    assert_eq!(reply["choices"][0]["text"], "the END of it: ");
}

#[test]
fn refusals_are_text_and_reasoning_and_calls_are_nothing() {
    let events = [
        created(),
        reasoning(0, 0, "hm"),
        done(1, &call("a", "f", "{}")),
        refusal(2, "No."),
        completed(),
    ];
    let reply = whole::<Completions>(&plain(), &events).unwrap();
    let choice = &reply["choices"][0];
    assert_eq!((&choice["text"], &choice["finish_reason"]), (&json!("No."), &json!("stop")));
}

#[test]
fn every_end_has_its_word() {
    for (end, reason) in [
        (completed(), "stop"),
        (incomplete("max_output_tokens"), "length"),
        (incomplete("content_filter"), "content_filter"),
    ] {
        let reply = whole::<Completions>(&plain(), &[created(), text(0, "a"), end]).unwrap();
        assert_eq!(reply["choices"][0]["finish_reason"], reason);
        let usage = reply.get("usage");
        assert_eq!(usage.is_some(), reason == "stop", "counts that never came are left out");
    }
}

#[test]
fn a_broken_stream_ends_with_the_error_and_no_done() {
    for events in
        [vec![created(), text(0, "a"), failed("server_error", "m")], vec![created()], vec![]]
    {
        let stream = stream::<Completions>(&plain(), &events);
        let last = data(&stream).pop().unwrap();
        assert!(last["error"]["message"].is_string() && !stream.contains("[DONE]"), "{stream}");
        assert_eq!(whole::<Completions>(&plain(), &events).unwrap_err().status(), 502);
    }
}

#[test]
fn a_response_without_an_id_gets_one_of_its_time() {
    let reply =
        whole::<Completions>(&plain(), &[text(0, "a"), completed().replace("resp_0a1b", "")]);
    assert_eq!(reply.unwrap()["id"], format!("cmpl-{CREATED}"));
}
