//! Bodies that cannot be meant, and failures in this API's own shape.

use serde_json::{Value, json};

use super::super::{OllamaChat, OllamaGenerate};
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::policy::Policy;
use crate::tests::support::{created, error, failed, lines, settled, shape, stream, text, whole};

/// The failure's words, after a look that the body holds nothing else.
fn wire<D: Dialect>(failure: &Failure) -> String {
    let body = error::<D>(failure);
    let members = body.as_object().unwrap();
    assert_eq!(members.len(), 1, "{body}");
    members["error"].as_str().unwrap().to_owned()
}

fn refused<D: Dialect>(body: &str) -> Failure {
    match settled::<D>(body, &Policy::default()) {
        Ok(_) => panic!("{body} was accepted"),
        Err(failure) => failure,
    }
}

#[test]
fn what_is_no_json_is_refused_in_both_apis() {
    for body in [
        "",
        "{",
        "{\"a\":1,}",
        "{}{}",
        "// comment\n{}",
        "{'model':'m'}",
        "[]",
        "5",
        "null",
        "NaN",
        "{\"model\":\"a\",\"model\":\"b\"}",
    ] {
        for failure in [refused::<OllamaChat>(body), refused::<OllamaGenerate>(body)] {
            assert_eq!(failure.status(), 400, "{body}");
            assert!(wire::<OllamaChat>(&failure).starts_with("invalid JSON body: "), "{body}");
        }
    }
    let failure = OllamaChat::read(b"{\"model\":\"\xff\xfe\"}").unwrap_err();
    assert!(wire::<OllamaChat>(&failure).contains("not UTF-8 at byte 10"));
}

#[test]
fn values_of_the_wrong_shape_are_named_in_the_words_themselves() {
    let message = |message: &str| format!(r#"{{"model":"m","messages":[{message}]}}"#);
    for (body, place) in [
        (r#"{"messages":[]}"#.to_owned(), "model"),
        (r#"{"model":"  ","messages":[]}"#.to_owned(), "model"),
        (r#"{"model":":latest2","messages":5}"#.to_owned(), "messages"),
        (r#"{"model":5}"#.to_owned(), "model"),
        (r#"{"model":"m","stream":"yes"}"#.to_owned(), "stream"),
        (r#"{"model":"m","options":[]}"#.to_owned(), "options"),
        (r#"{"model":"m","options":{"num_predict":"9"}}"#.to_owned(), "options.num_predict"),
        (r#"{"model":"m","options":{"num_predict":1e400}}"#.to_owned(), "options.num_predict"),
        (r#"{"model":"m","options":{"stop":[5]}}"#.to_owned(), "options.stop[0]"),
        (r#"{"model":"m","options":{"stop":["a",""]}}"#.to_owned(), "options.stop[1]"),
        (message("null"), "messages[0]"),
        (message("1"), "messages[0]"),
        (message("[]"), "messages[0]"),
        (message(r#"{"content":"a"}"#), "messages[0].role"),
        (message(r#"{"role":"robot","content":"a"}"#), "messages[0].role"),
        (message(r#"{"role":"user","content":{}}"#), "messages[0].content"),
        (message(r#"{"role":"user","content":["a"]}"#), "messages[0].content"),
        (message(r#"{"role":"user","content":"\ud800"}"#), "messages[0].content"),
        (
            message(r#"{"role":"user","content":"a","images":["nonsense!"]}"#),
            "messages[0].images[0]",
        ),
        (
            message(r#"{"role":"user","content":"a","images":["aGVsbG8="]}"#),
            "messages[0].images[0]",
        ),
        (message(r#"{"role":"user","content":"a","images":[""]}"#), "messages[0].images[0]"),
        (message(r#"{"role":"user","content":"a","images":[5]}"#), "messages[0].images[0]"),
        (
            message(r#"{"role":"assistant","tool_calls":[{"id":"a"}]}"#),
            "messages[0].tool_calls[0].function.name",
        ),
        (message(r#"{"role":"assistant","tool_calls":[1]}"#), "messages[0].tool_calls[0]"),
    ] {
        let failure = refused::<OllamaChat>(&body);
        assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(place)), "{body}");
        let words = wire::<OllamaChat>(&failure);
        assert!(words.contains(place), "{body}: {words}");
    }
    let failure = refused::<OllamaGenerate>(r#"{"model":"m","prompt":"a","images":["?"]}"#);
    assert_eq!(
        wire::<OllamaGenerate>(&failure),
        "images[0]: expected an http(s) address, a data: address or base64 of an image"
    );
}

#[test]
fn a_missing_model_is_said_as_ollama_says_it() {
    for body in ["{}", r#"{"model":""}"#, r#"{"model":null}"#] {
        assert_eq!(wire::<OllamaChat>(&refused::<OllamaChat>(body)), "model is required");
        assert_eq!(wire::<OllamaGenerate>(&refused::<OllamaGenerate>(body)), "model is required");
    }
}

#[test]
fn a_broken_stream_ends_with_a_line_of_the_error_and_never_with_done() {
    for (events, words) in [
        (vec![created(), text(0, "Hi"), failed("server_error", "It broke.")], "It broke."),
        (vec![created(), text(0, "Hi")], "ended before"),
        (vec![], "ended before"),
    ] {
        for stream in
            [stream::<OllamaChat>(&shape(), &events), stream::<OllamaGenerate>(&shape(), &events)]
        {
            let lines = lines(&stream);
            let (last, before) = lines.split_last().unwrap();
            assert_eq!(last.as_object().unwrap().len(), 1, "{last}");
            assert!(last["error"].as_str().unwrap().contains(words), "{last}");
            assert!(before.iter().all(|line| line["done"] == json!(false)));
        }
        let failure = whole::<OllamaChat>(&shape(), &events).unwrap_err();
        assert_eq!(failure.status(), 502);
        assert!(wire::<OllamaChat>(&failure).contains(words));
    }
}

#[test]
fn text_that_was_held_back_comes_before_the_error() {
    let stop = crate::stop::StopCriteria { sequences: vec!["END".to_owned()], max_tokens: None };
    let shape = crate::Shape { stop, ..shape() };
    let events = [created(), text(0, "one EN"), failed("server_error", "m")];
    let lines = lines(&stream::<OllamaChat>(&shape, &events));
    let said: String =
        lines.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    assert_eq!(said, "one EN");
    assert_eq!(lines.last(), Some(&json!({"error": "m"})));
    assert_ne!(lines.last(), Some(&Value::Null));
}
