//! Members that are kept here and not by the backend: the response says them as they were asked.

use serde_json::{Value, json};

use crate::openai::responses::ResponsesShape;
use crate::policy::Policy;
use crate::shape::Shape;
use crate::tests::support::{
    added, completed, created, data, event, failed, incomplete, settled, stream, text, whole,
};
use crate::{Backend, Responses};

/// The shape of a request with these members.
fn asked(more: &str) -> Shape<ResponsesShape> {
    let body = format!(r#"{{"model":"gpt-6-sol","input":[]{more}}}"#);
    (*settled::<Responses>(&body, &Policy::default()).unwrap().shape).clone()
}

#[test]
fn every_event_with_a_response_says_what_was_asked() {
    let shape = asked(r#","previous_response_id":"resp_0","store":true,"max_output_tokens":64"#);
    for end in [completed(), incomplete("content_filter"), failed("server_error", "m")] {
        let progress = event("response.in_progress", &json!({"response": {"id": "resp_0a1b"}}));
        let events = data(&stream::<Responses>(&shape, &[created(), progress, end.clone()]));
        assert_eq!(events.len(), 3);
        for event in &events {
            let response = &event["response"];
            assert_eq!(
                (
                    &response["previous_response_id"],
                    &response["store"],
                    &response["max_output_tokens"]
                ),
                (&json!("resp_0"), &json!(true), &json!(64)),
                "{event}"
            );
        }
        if let Ok(reply) = whole::<Responses>(&shape, &[created(), end]) {
            assert_eq!(reply, events[2]["response"]);
        }
    }
}

#[test]
fn a_response_that_is_cut_here_says_it_too() {
    let shape = asked(r#","max_output_tokens":1"#);
    let open = json!({"type": "message", "id": "msg_1", "content": []});
    let events = [created(), added(0, &open), text(0, "12345")];
    let last = data(&stream::<Responses>(&shape, &events)).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["max_output_tokens"]),
        (&json!("response.incomplete"), &json!(1))
    );
    let failure = data(&stream::<Responses>(&shape, &events[..2])).pop().unwrap();
    assert_eq!(
        (&failure["type"], &failure["response"]["max_output_tokens"]),
        (&json!("response.failed"), &json!(1))
    );
}

#[test]
fn everything_else_of_the_event_keeps_its_bytes() {
    let shape = asked(r#","previous_response_id":"resp_\u0030""#);
    let begun = r#"{"type":"response.created","sequence_number":0,"x":1E2,"response":{"id":"r","y":-0.0,"previous_response_id":null,"z":"caf\u00e9"}}"#;
    let stream = stream::<Responses>(&shape, &[begun.to_owned()]);
    let expected =
        begun.replace(r#""previous_response_id":null"#, r#""previous_response_id":"resp_\u0030""#);
    assert!(stream.contains(&format!("data: {expected}\n")), "{stream}");
}

#[test]
fn a_backend_that_is_told_a_member_repeats_it_by_itself() {
    let body = r#"{"model":"gpt-6-sol","input":[],"previous_response_id":"resp_0","store":true}"#;
    let backend =
        Backend { accepted_params: &["previous_response_id", "store"], ..Backend::default() };
    let policy = Policy { backend, ..Policy::default() };
    let shape = settled::<Responses>(body, &policy).unwrap().shape;
    let events = data(&stream::<Responses>(&shape, &[created(), completed()]));
    assert_eq!(events[0], serde_json::from_str::<Value>(&created()).unwrap());
}

#[test]
fn what_was_not_asked_is_not_said() {
    for more in ["", r#","store":false"#, r#","store":null,"previous_response_id":null"#] {
        let shape = asked(more);
        assert!(shape.own.echoed_params.is_empty(), "{more}");
        let events = data(&stream::<Responses>(&shape, &[created(), completed()]));
        let before: Value = serde_json::from_str(&created()).unwrap();
        assert_eq!(events[0], before);
    }
}
