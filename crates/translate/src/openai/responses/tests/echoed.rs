//! Members that are kept here and not by the backend: the response says them as they were asked.

use std::time::Duration;

use serde_json::{Value, json};

use crate::openai::responses::ResponsesShape;
use crate::policy::Policy;
use crate::shape::Shape;
use crate::tests::support::{
    CREATED, added, completed, created, data, event, failed, incomplete, response, settled, stream,
    stream_at, text, whole,
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
            // What failed is not kept.
            let kept = event["type"] != "response.failed";
            assert_eq!(
                (
                    &response["previous_response_id"],
                    &response["store"],
                    &response["max_output_tokens"]
                ),
                (&json!("resp_0"), &json!(kept), &json!(64)),
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
    let shape = asked(r#","previous_response_id":"resp_\u0030","store":false"#);
    let whole = response(&json!({"z": "LAST"})).to_string();
    let whole = whole.replace(r#""z":"LAST""#, r#""y":-0.0,"z":"caf\u00e9""#);
    let begun =
        format!(r#"{{"type":"response.created","sequence_number":0,"x":1E2,"response":{whole}}}"#);
    let stream = stream::<Responses>(&shape, std::slice::from_ref(&begun));
    let expected =
        begun.replace(r#""previous_response_id":null"#, r#""previous_response_id":"resp_\u0030""#);
    assert!(stream.contains(&format!("data: {expected}\n")), "{stream}");
}

#[test]
fn a_backend_that_is_told_a_member_repeats_it_by_itself() {
    let body = r#"{"model":"gpt-6-sol","input":[],"previous_response_id":"resp_0","store":true}"#;
    let backend = Backend {
        accepted_params: &["previous_response_id", "store"],
        closed: false,
        ..Backend::default()
    };
    let policy = Policy { backend, ..Policy::default() };
    let shape = settled::<Responses>(body, &policy).unwrap().shape;
    let events = data(&stream::<Responses>(&shape, &[created(), completed()]));
    assert_eq!(events[0], serde_json::from_str::<Value>(&created()).unwrap());
}

#[test]
fn what_is_kept_says_so_and_nothing_else_that_was_not_asked() {
    for (more, kept) in [
        ("", true),
        (r#","store":false"#, false),
        (r#","store":null,"previous_response_id":null"#, true),
    ] {
        let shape = asked(more);
        assert_eq!(shape.own.echoed_params.len(), usize::from(kept), "{more}");
        let events = data(&stream::<Responses>(&shape, &[created(), completed()]));
        let mut before: Value = serde_json::from_str(&created()).unwrap();
        before["response"]["store"] = kept.into();
        assert_eq!(events[0], before);
    }
}

#[test]
fn labels_are_kept_and_said_again() {
    let shape = asked(r#","metadata":{"a":"b"}"#);
    let events = data(&stream::<Responses>(&shape, &[created(), completed()]));
    assert_eq!(events[1]["response"]["metadata"], json!({"a": "b"}));
    for wrong in ["5", "[]", r#"{"a":1}"#] {
        let body = format!(r#"{{"model":"m","input":[],"metadata":{wrong}}}"#);
        let failure = settled::<Responses>(&body, &Policy::default()).unwrap_err();
        assert_eq!(failure.status(), 400);
        assert!(failure.param.unwrap().starts_with("metadata"));
    }
}

#[test]
fn a_response_that_lacks_members_gets_those_in_force() {
    let shape = asked(
        r#","instructions":"be","reasoning":{"effort":"low"},"text":{"verbosity":"low"},"store":false,"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}},"strict":true},{"type":"web_search"}]"#,
    );
    let bare = |kind: &str| event(kind, &json!({"response": {"id": "resp_0a1b", "status": "s"}}));
    let script = [bare("response.created"), bare("response.completed")];
    let events = data(&stream_at::<Responses>(&shape, &script, Duration::from_secs(3)));
    let whole = response(&json!({}));
    for event in &events {
        let response = event["response"].as_object().unwrap();
        let missing: Vec<_> = whole
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| !response.contains_key(*name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(
            (&response["instructions"], &response["model"]),
            (&json!("be"), &json!("gpt-6-sol"))
        );
        assert_eq!(response["reasoning"], json!({"effort": "low", "summary": null}));
        assert_eq!(response["text"], json!({"verbosity": "low", "format": {"type": "text"}}));
        assert_eq!(
            response["tools"],
            json!([{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": true, "description": null}, {"type": "web_search"}])
        );
    }
    assert_eq!(events[0]["response"]["completed_at"], Value::Null);
    assert_eq!(events[1]["response"]["completed_at"], CREATED + 6);
}

#[test]
fn details_of_counts_that_are_missing_are_zero() {
    let usage = json!({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3});
    let end = event("response.completed", &json!({"response": response(&json!({"usage": usage}))}));
    let events = data(&stream::<Responses>(&asked(""), &[created(), end]));
    assert_eq!(
        events[1]["response"]["usage"],
        json!({
            "input_tokens": 1, "output_tokens": 2, "total_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        })
    );
}
