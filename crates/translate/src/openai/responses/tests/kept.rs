//! What is kept and continued: the final response handed back, the earlier one asked for.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;
use serde_json::{Value, json};

use crate::Responses;
use crate::dialect::Dialect;
use crate::encoder::Encoder;
use crate::failure::Failure;
use crate::frames::Out;
use crate::openai::responses::ResponsesShape;
use crate::policy::Policy;
use crate::shape::Shape;
use crate::stop::StopCriteria;
use crate::tests::support::{
    added, completed, created, data, done, incomplete, message, settled, shape, stream, text,
    value, whole, with_id,
};

/// The response that a stream hands back at its end, beside what it wrote.
fn kept(shape: &Shape<ResponsesShape>, events: &[String]) -> (Option<Value>, String) {
    let shape = Arc::new(shape.clone());
    let (mut encoder, mut out) = (Responses::encoder(&shape, 0), Out::default());
    for event in events {
        let frame = Frame::new(Bytes::copy_from_slice(event.as_bytes()));
        let event = Event::parse(&frame).unwrap();
        if let ControlFlow::Break(end) = encoder.event(&frame, &event, &mut out) {
            let output = encoder.finish(end.unwrap(), &mut out);
            let kept = Responses::kept(&[output], &shape).map(|text| value(&text));
            return (kept, String::from_utf8(out.frames.take().unwrap().to_vec()).unwrap());
        }
    }
    panic!("the script has no end");
}

fn drafted(body: &str) -> Result<crate::Draft<'_>, Failure> {
    Ok(Responses::draft(Responses::read(body.as_bytes())?, &crate::ReasoningSeal::default())?.draft)
}

fn keeping() -> Shape<ResponsesShape> {
    Shape { store: true, ..shape() }
}

#[test]
fn a_kept_stream_hands_back_the_response_that_it_wrote() {
    let events = [created(), done(0, &message(None, "Hi")), completed()];
    let (kept, stream) = kept(&keeping(), &events);
    let kept = kept.unwrap();
    assert_eq!(kept["output"], json!([with_id(0, message(None, "Hi"))]));
    assert_eq!(data(&stream).pop().unwrap()["response"], kept);
    assert_eq!(whole::<Responses>(&keeping(), &events).unwrap(), kept);
}

#[test]
fn a_stream_that_is_not_kept_hands_nothing_back_and_reads_the_same() {
    let events = [created(), done(0, &message(None, "Hi")), completed()];
    let (nothing, plain) = kept(&shape(), &events);
    assert_eq!(nothing, None);
    assert_eq!(plain, kept(&keeping(), &events).1);
}

#[test]
fn a_cut_response_is_kept_as_it_was_cut() {
    let stop = StopCriteria { max_tokens: Some(1), ..StopCriteria::default() };
    let shape = Shape { stop, ..keeping() };
    let events = [created(), added(0, &message(None, "")), text(0, "more than that")];
    let (kept, stream) = kept(&shape, &events);
    let kept = kept.unwrap();
    assert_eq!(kept["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(kept["output"][0]["content"][0]["text"], "more");
    assert_eq!(data(&stream).pop().unwrap()["response"], kept);
}

#[test]
fn messages_that_were_not_finished_appear_in_a_rebuilt_output() {
    let open = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []});
    let events = [
        created(),
        done(1, &message(None, "whole")),
        added(0, &open),
        text(0, "half "),
        text(0, "of it"),
        added(2, &message(None, "")),
        incomplete("content_filter"),
    ];
    let mut expected = open;
    expected["status"] = "incomplete".into();
    expected["content"] =
        json!([{"type": "output_text", "text": "half of it", "annotations": [], "logprobs": []}]);
    // The last one said nothing, so there is nothing to show of it.
    let expected = json!([expected, with_id(1, message(None, "whole"))]);
    for shape in [shape(), keeping()] {
        let last = data(&stream::<Responses>(&shape, &events)).pop().unwrap();
        assert_eq!(last["response"]["output"], expected);
        assert_eq!(whole::<Responses>(&shape, &events).unwrap()["output"], expected);
    }
}

#[test]
fn a_finished_message_takes_the_place_of_its_pieces() {
    let events = [
        created(),
        added(0, &message(None, "")),
        text(0, "pieces"),
        done(0, &message(None, "the whole")),
        completed(),
    ];
    let output = whole::<Responses>(&keeping(), &events).unwrap()["output"].clone();
    assert_eq!(output, json!([with_id(0, message(None, "the whole"))]));
}

#[test]
fn responses_are_kept_unless_the_request_says_otherwise() {
    for (store, keep) in [
        ("", true),
        (r#","store":null"#, true),
        (r#","store":true"#, true),
        (r#","store":false"#, false),
    ] {
        let body = format!(r#"{{"model":"m","input":[]{store}}}"#);
        let settled = settled::<Responses>(&body, &Policy::default()).unwrap();
        assert_eq!(settled.shape.store, keep, "{store}");
    }
    let failure = drafted(r#"{"model":"m","input":[],"store":"yes"}"#).unwrap_err();
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("store")));
}

#[test]
fn the_response_to_continue_is_carried_and_taken_out_of_the_request() {
    let body = r#"{"model":"m","previous_response_id":"resp_\u0031","input":"hi"}"#;
    let draft = drafted(body).unwrap();
    assert_eq!(draft.storage.previous_response_id.as_deref(), Some("resp_1"));
    assert!(!draft.request.contains("previous_response_id"));
    // Whoever keeps it puts its conversation in front, so the input is a list by now.
    assert!(draft.request.get("input").unwrap().get().starts_with('['));
    let none = drafted(r#"{"model":"m","previous_response_id":null,"input":[]}"#).unwrap();
    assert_eq!(none.storage.previous_response_id, None);
    let failure = drafted(r#"{"model":"m","previous_response_id":5,"input":[]}"#).unwrap_err();
    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some("previous_response_id")));
}
