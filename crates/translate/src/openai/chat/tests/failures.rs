//! Failures in the middle of a reply, and failures worded.

use serde_json::{Value, json};

use crate::Chat;
use crate::failure::{Failure, FailureKind};
use crate::tests::support::{created, data, error, event, failed, shape, stream, text, whole};

#[test]
fn a_stream_that_fails_ends_in_the_error_and_nothing_else() {
    let events = [created(), text(0, "Hel"), failed("server_error", "It broke.")];
    let chunks = data(&stream::<Chat>(&shape(), &events));
    let error = json!({"error": {"message": "It broke.", "type": "server_error", "param": null, "code": "server_error"}});
    assert_eq!(chunks.last(), Some(&error));
    assert!(chunks.iter().all(|chunk| chunk["choices"][0]["finish_reason"].is_null()));
    assert_eq!(chunks.len(), 3);
}

#[test]
fn a_stream_that_is_cut_is_never_called_whole() {
    let told = "response.output_text.delta";
    for events in [
        vec![],
        vec![created()],
        vec![created(), text(0, "Hel")],
        vec![created(), "[DONE]".to_owned()],
    ] {
        let stream = stream::<Chat>(&shape(), &events);
        assert!(
            !stream.contains("[DONE]") && !stream.contains("\"stop\"") && !stream.contains(told)
        );
        let last = data(&stream).pop().unwrap();
        assert_eq!(
            (&last["error"]["code"], &last["error"]["type"]),
            (&json!("upstream_incomplete"), &json!("server_error"))
        );
        let failure = whole::<Chat>(&shape(), &events).unwrap_err();
        assert_eq!((failure.status(), failure.code.as_deref()), (502, Some("upstream_incomplete")));
    }
}

#[test]
fn the_backend_s_codes_have_their_status() {
    for (code, status, class) in [
        ("context_length_exceeded", 400, "invalid_request_error"),
        ("invalid_prompt", 400, "invalid_request_error"),
        ("cyber_policy", 400, "invalid_request_error"),
        ("rate_limit_exceeded", 429, "rate_limit_error"),
        ("usage_limit_reached", 429, "rate_limit_error"),
        ("organization_usage_limit_exceeded", 429, "rate_limit_error"),
        ("insufficient_quota", 429, "rate_limit_error"),
        ("usage_not_included", 403, "permission_error"),
        ("server_is_overloaded", 503, "service_unavailable_error"),
        ("slow_down", 503, "service_unavailable_error"),
        ("model_not_found", 404, "invalid_request_error"),
        ("token_invalidated", 401, "authentication_error"),
        ("server_error", 502, "server_error"),
        ("brand_new", 502, "server_error"),
    ] {
        let failure = whole::<Chat>(&shape(), &[created(), failed(code, "m")]).unwrap_err();
        let error = error::<Chat>(&failure)["error"].clone();
        assert_eq!((failure.status(), error["type"].as_str()), (status, Some(class)), "{code}");
        assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!("m")));
    }
}

#[test]
fn both_shapes_of_an_error_event_end_the_reply() {
    let flat = json!({"code": "server_is_overloaded", "message": "busy", "param": "model"});
    let mut nested = flat.clone();
    nested["type"] = "service_unavailable_error".into();
    for members in [flat, json!({"error": nested})] {
        let events = [created(), event("error", &members), text(0, "never")];
        let failure = whole::<Chat>(&shape(), &events).unwrap_err();
        let error = error::<Chat>(&failure);
        let expected = json!({"error": {"message": "busy", "type": "service_unavailable_error", "param": "model", "code": "server_is_overloaded"}});
        assert_eq!((failure.status(), error), (503, expected));
        assert!(!stream::<Chat>(&shape(), &events).contains("never"));
    }
}

#[test]
fn a_failure_without_words_gets_some() {
    let silent = event("response.failed", &json!({"response": {"error": null}}));
    let failure = whole::<Chat>(&shape(), &[silent]).unwrap_err();
    let error = error::<Chat>(&failure)["error"].clone();
    assert_eq!(
        (failure.status(), &error["type"], &error["code"]),
        (502, &json!("server_error"), &Value::Null)
    );
    assert!(!error["message"].as_str().unwrap().is_empty());
}

#[test]
fn the_status_of_an_answer_comes_before_its_words() {
    let error = |code: Option<&str>, kind: Option<&str>| chatmock_protocol::responses::ApiError {
        code: code.map(str::to_owned),
        kind: kind.map(str::to_owned),
        resets_in: Some(40),
        ..Default::default()
    };
    for (status, code, kind, expected) in [
        (Some(429), Some("server_error"), None, FailureKind::RateLimited { retry_after: Some(40) }),
        (Some(401), Some("token_expired"), None, FailureKind::SignedOut),
        (Some(400), Some("rate_limit_exceeded"), None, FailureKind::BadRequest),
        (Some(402), None, None, FailureKind::Rejected(402)),
        (Some(403), None, None, FailureKind::Forbidden),
        (Some(404), None, None, FailureKind::NotFound),
        (Some(413), None, None, FailureKind::TooLarge),
        (Some(500), None, None, FailureKind::Rejected(500)),
        (Some(503), None, None, FailureKind::Unavailable { retry_after: Some(40) }),
        (Some(504), None, None, FailureKind::TimedOut),
        (Some(200), None, None, FailureKind::Failed),
        (
            None,
            Some("new"),
            Some("service_unavailable_error"),
            FailureKind::Unavailable { retry_after: Some(40) },
        ),
        (None, None, Some("invalid_request_error"), FailureKind::BadRequest),
    ] {
        let failure = Failure::from_api(error(code, kind), status, None);
        assert_eq!(failure.kind, expected, "{status:?} {code:?} {kind:?}");
    }
    let limited = Failure::from_api(error(None, None), Some(429), Some(7));
    assert_eq!(limited.retry_after(), Some(7));
    let silent = Failure::from_api(Default::default(), Some(418), None);
    assert_eq!((silent.status(), silent.message.contains("418")), (418, true));
}

#[test]
fn a_wait_that_only_the_message_names_is_found() {
    for (message, wait) in [
        ("Rate limit reached. Please try again in 11.054s.", Some(12)),
        ("Please try again in 2.0 seconds.", Some(2)),
        ("Please try again in 250ms.", Some(1)),
        ("Please try again in 2500.5ms.", Some(3)),
        ("Please try again in 0s.", Some(1)),
        ("Please try again in 5 minutes.", Some(300)),
        ("Please try again in a while.", None),
        ("Please try again in 99999999999999999999s.", Some(86_400)),
        ("Please try again in 5", None),
        ("Please try again in \u{e9}", None),
        ("Slow down.", None),
    ] {
        let failure = whole::<Chat>(&shape(), &[created(), failed("rate_limit_exceeded", message)])
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::RateLimited { retry_after: wait }, "{message}");
    }
}

#[test]
fn every_kind_has_a_status_and_a_class() {
    for (kind, status, class) in [
        (FailureKind::TooLarge, 413, "invalid_request_error"),
        (FailureKind::NotFound, 404, "invalid_request_error"),
        (FailureKind::MethodNotAllowed, 405, "invalid_request_error"),
        (FailureKind::SignedOut, 401, "authentication_error"),
        (FailureKind::Forbidden, 403, "permission_error"),
        (FailureKind::Rejected(422), 422, "invalid_request_error"),
        (FailureKind::Rejected(520), 520, "server_error"),
        (FailureKind::Unreachable, 502, "server_error"),
        (FailureKind::TimedOut, 504, "server_error"),
        (FailureKind::Internal, 500, "server_error"),
    ] {
        let failure = Failure::new(kind, "m");
        let error = error::<Chat>(&failure);
        assert_eq!(
            (failure.status(), error["error"]["type"].as_str()),
            (status, Some(class)),
            "{kind:?}"
        );
        assert_eq!(failure.to_string(), "m");
    }
}
