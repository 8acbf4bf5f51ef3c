//! A cap on the tokens of a response: kept here, wherever the pieces of the text are cut.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::Responses;
use crate::failure::Failure;
use crate::openai::responses::ResponsesShape;
use crate::policy::Policy;
use crate::shape::Shape;
use crate::stop::StopCriteria;
use crate::tests::support::{
    added, arguments, call, completed, created, data, done, event, message, settled, shape, stream,
    text, whole, with_id,
};
use crate::tokens::CHARACTERS_PER_TOKEN;

fn capped(most: u64) -> Shape<ResponsesShape> {
    Shape { stop: StopCriteria { max_tokens: Some(most), ..StopCriteria::default() }, ..shape() }
}

fn open_message() -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []})
}

/// An event of some kind with its place in the stream.
fn numbered(number: usize, event: &str) -> String {
    event.replacen("\",", &format!("\",\"sequence_number\":{number},"), 1)
}

/// A response of these pieces, each event numbered.
fn script(pieces: &[&str]) -> Vec<String> {
    let mut events = vec![created(), added(0, &open_message())];
    events.extend(pieces.iter().map(|piece| text(0, piece)));
    let whole: String = pieces.concat();
    events.push(event("response.output_text.done", &json!({"output_index": 0, "text": whole})));
    events.push(done(0, &message(None, &whole)));
    events.push(completed());
    events.iter().enumerate().map(|(number, event)| numbered(number, event)).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// The text of the deltas.
fn said(events: &[Value]) -> String {
    let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
    deltas.map(|event| event["delta"].as_str().unwrap()).collect()
}

#[test]
fn a_response_over_its_cap_ends_with_all_the_events_of_an_end() {
    let events = data(&stream::<Responses>(&capped(2), &script(&["12345", "6789", "more"])));
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.output_item.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.incomplete",
        ]
    );
    let place = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
    for at in [4, 5] {
        for (name, value) in place.as_object().unwrap() {
            assert_eq!(events[at][name], *value, "{name} of {}", events[at]);
        }
    }
    assert_eq!((&events[4]["text"], &events[4]["logprobs"]), (&json!("12345678"), &json!([])));
    let part =
        json!({"type": "output_text", "text": "12345678", "annotations": [], "logprobs": []});
    assert_eq!(events[5]["part"], part);
    let mut item = open_message();
    item["status"] = "incomplete".into();
    item["content"] = json!([part]);
    assert_eq!((&events[6]["item"], &events[6]["output_index"]), (&item, &json!(0)));
    let response = &events[7]["response"];
    assert_eq!(
        (&response["id"], &response["status"], &response["incomplete_details"]),
        (&json!("resp_0a1b"), &json!("incomplete"), &json!({"reason": "max_output_tokens"}))
    );
    assert_eq!(response["output"], json!([item]));
    assert_eq!(
        response["usage"],
        json!({
            "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2,
        })
    );
}

#[test]
fn a_response_that_just_fits_its_cap_is_whole() {
    let script = script(&["1234", "5678"]);
    assert_eq!(stream::<Responses>(&capped(2), &script), stream::<Responses>(&shape(), &script));
    assert_eq!(whole::<Responses>(&capped(2), &script).unwrap()["status"], "completed");
}

#[test]
fn calls_and_reasoning_do_not_count_and_are_not_cut() {
    let f = call("a", "f", "{\"long\":\"arguments that are over any cap\"}");
    let events = [
        created(),
        added(0, &call("a", "f", "")),
        arguments(0, "{\"long\":\"arguments that are over any cap\"}"),
        done(0, &f),
        completed(),
    ];
    assert_eq!(stream::<Responses>(&capped(1), &events), stream::<Responses>(&shape(), &events));
}

#[test]
fn a_call_that_is_being_written_is_never_cut() {
    let f = call("a", "f", "{}");
    let events = [
        created(),
        added(0, &call("a", "f", "")),
        added(1, &open_message()),
        text(1, "123456"),
        arguments(0, "{}"),
        done(0, &f),
        text(1, "789"),
    ];
    // A token that was begun meanwhile is written to its end.
    let output = whole::<Responses>(&capped(1), &events).unwrap()["output"].clone();
    let f = with_id(0, f);
    assert_eq!((&output[0], &output[1]["content"][0]["text"]), (&f, &json!("12345678")));
    let last = data(&stream::<Responses>(&capped(1), &events)).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["output"]),
        (&json!("response.incomplete"), &output)
    );
}

#[test]
fn finished_items_stand_in_the_output_of_a_cut_response() {
    let f = call("a", "f", "{}");
    let events = [created(), done(0, &f), added(1, &open_message()), text(1, "12345")];
    let output = whole::<Responses>(&capped(1), &events).unwrap()["output"].clone();
    let f = with_id(0, f);
    assert_eq!((&output[0], &output[1]["content"][0]["text"]), (&f, &json!("1234")));
}

#[test]
fn a_cut_before_a_response_was_created_is_a_failure() {
    let failure = whole::<Responses>(&capped(1), &[text(0, "12345")]).unwrap_err();
    assert_eq!(failure, Failure::incomplete());
}

#[test]
fn the_cap_is_taken_out_of_the_request_and_noted() {
    let body = r#"{"model":"gpt-6-sol","max_output_tokens":16,"input":[],"instructions":"i"}"#;
    let settled = settled::<Responses>(body, &Policy::default()).unwrap();
    assert_eq!(settled.text, r#"{"model":"gpt-6-sol","input":[],"instructions":"i"}"#);
    assert_eq!(
        settled.shape.stop,
        StopCriteria { max_tokens: Some(16), ..StopCriteria::default() }
    );
    assert_eq!(settled.noted(), [("max_output_tokens", "emulated")]);
}

#[test]
fn a_cap_that_is_no_whole_number_above_zero_is_refused() {
    for value in ["0", "-1", "1.5", "\"9\"", "[]", "1e400"] {
        let body = format!(r#"{{"model":"m","input":[],"max_output_tokens":{value}}}"#);
        let failure = settled::<Responses>(&body, &Policy::default()).unwrap_err();
        let param = failure.param.as_deref();
        assert_eq!((failure.status(), param), (400, Some("max_output_tokens")), "{value}");
    }
    let null = r#"{"model":"m","input":[],"max_output_tokens":null}"#;
    let settled = settled::<Responses>(null, &Policy::default()).unwrap();
    assert_eq!((settled.shape.stop.max_tokens, settled.notices.len()), (None, 0));
}

proptest! {
    #[test]
    fn a_capped_response_is_the_same_however_its_text_is_cut(
        words in prop::collection::vec("[ab\u{e9}\u{1f600}\n\"]{0,6}", 0..6),
        most in 1_u64..6,
    ) {
        let pieces: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = words.concat();
        let room = usize::try_from(most * CHARACTERS_PER_TOKEN).unwrap();
        let within: String = text.chars().take(room).collect();
        let is_cut = within != text;
        let script = script(&pieces);
        let events = data(&stream::<Responses>(&capped(most), &script));
        prop_assert_eq!(&said(&events), &within);

        let (last, before) = events.split_last().unwrap();
        let end = if is_cut { "response.incomplete" } else { "response.completed" };
        prop_assert_eq!(&last["type"], end);
        let ends = |kind: &str| before.iter().filter(|event| event["type"] == kind).count();
        prop_assert_eq!(ends("response.output_item.done"), 1);
        prop_assert_eq!(ends("response.output_text.done"), 1);
        let item = before.iter().rfind(|event| event["type"] == "response.output_item.done");
        prop_assert_eq!(&last["response"]["output"], &json!([item.unwrap()["item"]]));
        prop_assert_eq!(last["response"]["output"][0]["content"].get(0).map_or("", |part| part["text"].as_str().unwrap()), within);

        // Numbers go up without a gap; empty pieces that fit are copied as well.
        let numbers: Vec<u64> = events.iter().map(|e| e["sequence_number"].as_u64().unwrap()).collect();
        prop_assert!(numbers.iter().zip(0..).all(|(number, expected)| *number == expected), "{:?}", numbers);
        prop_assert_eq!(whole::<Responses>(&capped(most), &script).unwrap(), last["response"].clone());
    }
}

/// A shape with these stop sequences.
fn stopped(sequences: &[&str], most: Option<u64>) -> Shape<ResponsesShape> {
    let sequences = sequences.iter().map(|text| (*text).to_owned()).collect();
    Shape { stop: StopCriteria { sequences, max_tokens: most }, ..shape() }
}

#[test]
fn a_response_ends_completed_before_a_stop_sequence() {
    let shape = stopped(&["END"], None);
    let events = data(&stream::<Responses>(&shape, &script(&["so far E", "ND and more"])));
    assert_eq!(said(&events), "so far ");
    let numbers: Vec<u64> =
        events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|before, after| before < after), "{numbers:?}");
    assert_eq!(
        kinds(&events)[3..],
        [
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let response = &events.last().unwrap()["response"];
    assert_eq!(
        (&response["status"], &response["incomplete_details"]),
        (&json!("completed"), &json!(null))
    );
    assert!(response["completed_at"].as_u64() >= response["created_at"].as_u64(), "{response}");
    let item = &response["output"][0];
    assert_eq!(
        (&item["status"], &item["content"][0]["text"]),
        (&json!("completed"), &json!("so far "))
    );
    assert_eq!(
        *response,
        whole::<Responses>(&shape, &script(&["so far E", "ND and more"])).unwrap()
    );
}

#[test]
fn text_that_only_begins_like_a_stop_sequence_is_all_told() {
    let shape = stopped(&["END"], None);
    for pieces in [&["an E", "N", "D"][..0], &["an E"], &["E", "N", " D"], &["EEN", "EN"]] {
        let script = script(pieces);
        let events = data(&stream::<Responses>(&shape, &script));
        assert_eq!(said(&events), pieces.concat(), "{pieces:?}");
        let numbers: Vec<u64> =
            events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert!(numbers.is_sorted_by(|before, after| before < after), "{numbers:?}");
        assert_eq!(events.last().unwrap()["type"], "response.completed");
        assert_eq!(
            events.last().unwrap(),
            data(&stream::<Responses>(&self::shape(), &script)).last().unwrap()
        );
    }
}

#[test]
fn a_stop_sequence_is_read_as_chat_completions_have_it() {
    for (given, sequences) in [(json!("a"), vec!["a"]), (json!(["a", "b"]), vec!["a", "b"])] {
        let body = json!({"model": "gpt-6-sol", "input": "hi", "stop": given});
        let settled = settled::<Responses>(&body.to_string(), &Policy::default()).unwrap();
        assert_eq!(settled.shape.stop.sequences, sequences);
        assert_eq!(settled.noted(), [("stop", "emulated")]);
        assert!(settled.body.get("stop").is_none());
    }
    let failure: Failure = settled::<Responses>(
        r#"{"model":"gpt-6-sol","input":"hi","stop":["a",""]}"#,
        &Policy::default(),
    )
    .unwrap_err();
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("stop[1]")));
}

proptest! {
    #[test]
    fn the_end_before_a_stop_sequence_does_not_depend_on_the_pieces(
        pieces in prop::collection::vec("[ab\u{e9}]{1,4}", 1..6),
        stop in "[ab]{1,3}",
    ) {
        let whole_text: String = pieces.concat();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let told = said(&data(&stream::<Responses>(&stopped(&[&stop], None), &script(&pieces))));
        let expected = whole_text.split_once(&stop).map_or(&*whole_text, |(before, _)| before);
        prop_assert_eq!(told, expected);
    }
}
