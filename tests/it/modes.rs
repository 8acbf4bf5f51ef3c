//! Every special case of the backend, through chat completions and responses, streamed and whole.

use std::time::Duration;

use chatmock_simulator::Mode;
use chatmock_testkit::client::Reply;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, RESPONSES, ask};

/// The required outcome of a mode.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// A whole answer with this finish reason.
    Ends(&'static str),
    /// A refusal with this status and code, also of a stream; an empty code is none.
    Refused(u16, &'static str),
    /// An answer that breaks off: this status and code when whole, a failed end when streamed.
    Breaks(u16, &'static str),
}

use Outcome::{Breaks, Ends, Refused};

fn outcome(mode: Mode) -> Outcome {
    match mode {
        Mode::ParallelCalls
        | Mode::Argless
        | Mode::Deltaless
        | Mode::TextBeforeCall
        | Mode::CustomCall
        | Mode::BadArguments
        | Mode::LongCallId
        | Mode::Commentary
        | Mode::Steps => Ends("tool_calls"),
        Mode::IncompleteLength => Ends("length"),
        Mode::IncompleteFilter => Ends("content_filter"),
        Mode::FailBefore | Mode::ErrorFlat | Mode::ErrorNested => Refused(502, "server_error"),
        Mode::FailNull => Refused(502, ""),
        Mode::FailRate => Refused(429, "rate_limit_exceeded"),
        Mode::FailContext => Refused(400, "context_length_exceeded"),
        Mode::Overloaded | Mode::Unavailable => Refused(503, "server_is_overloaded"),
        Mode::FailAfter => Breaks(502, "server_error"),
        Mode::OverloadedAfter => Breaks(503, "server_is_overloaded"),
        Mode::Unauthorized => Refused(401, "sign_in_required"),
        Mode::Deactivated => Refused(402, "deactivated_workspace"),
        Mode::UsageLimit => Refused(429, ""),
        Mode::RateLimit => Refused(429, "rate_limit_exceeded"),
        Mode::NotIncluded => Refused(403, ""),
        Mode::Html500 => Refused(502, ""),
        Mode::Html403 => Refused(502, "upstream_challenge"),
        Mode::Html200 | Mode::Redirect => Refused(502, "upstream_unexpected"),
        Mode::Empty404 => Refused(404, ""),
        Mode::HugeHead => Refused(502, "upstream_disconnected"),
        Mode::Mute => Refused(504, "upstream_timeout"),
        Mode::Stall => Refused(504, "upstream_stalled"),
        Mode::StallAfter => Breaks(504, "upstream_stalled"),
        Mode::Cut | Mode::CutHard | Mode::DoneOnly => Breaks(502, "upstream_incomplete"),
        Mode::HugeEvent => Breaks(502, "upstream_event_too_large"),
        mode => of_other_backends(mode).unwrap_or(Ends("stop")),
    }
}

/// The outcomes of the other two backends' failures, should this one ever answer so.
fn of_other_backends(mode: Mode) -> Option<Outcome> {
    let (status, code) = match mode {
        Mode::PlanInvalidUser => (401, "subscription_sharing_invalid_user"),
        Mode::PlanNotEligible => (403, "subscription_sharing_user_not_eligible"),
        Mode::PlanWrongRoute => (403, "subscription_sharing_route_not_supported"),
        Mode::PlanLimit => (429, "subscription_sharing_usage_limit_exceeded"),
        Mode::PlanLimitLate => {
            return Some(Breaks(429, "subscription_sharing_usage_limit_exceeded"));
        }
        Mode::PlanUsageUnavailable => (503, "subscription_sharing_usage_unavailable"),
        Mode::PlanUserUnavailable => (503, "subscription_sharing_user_unavailable"),
        Mode::PlanUnsupported => (400, "subscription_sharing_unsupported_capability"),
        Mode::PlanScope => (403, "chatpass_v2_scope_not_authorized"),
        Mode::PlanContext => (403, "chatpass_v2_invalid_authorization_context"),
        Mode::PlanDetail => (403, ""),
        Mode::Quota => (429, "insufficient_quota"),
        Mode::ApiRateLimit => (429, "rate_limit_exceeded"),
        Mode::NoSuchModel => (404, "model_not_found"),
        Mode::ContextLength => (400, "context_length_exceeded"),
        Mode::ServerError => (500, "server_error"),
        _ => return None,
    };
    Some(Refused(status, code))
}

/// The question that asks for a mode, small enough for a test.
fn question(mode: Mode) -> String {
    let numbers = match mode {
        Mode::Slow => ":3:5",
        Mode::Flood => ":20:2000",
        Mode::HugeEvent => ":2000000",
        _ => "",
    };
    format!("MODE:{}{numbers}", mode.name())
}

/// A harness that waits for nothing long.
async fn harness() -> Harness {
    Harness::with(|settings| {
        settings.upstream.limits.header = Duration::from_secs(2);
        settings.upstream.limits.idle = Duration::from_secs(2);
        settings.upstream.limits.frame = 1 << 20;
    })
    .await
}

/// Plays every mode and looks at each answer.
async fn all(path: &str, stream: bool, look: impl Fn(Mode, Outcome, &Reply)) {
    let harness = harness().await;
    // The list of models is there before the first question.
    harness.server.get("/v1/models").await;
    let replies = Mode::ALL.iter().map(|mode| {
        let request = ask(path, &question(*mode), stream);
        let server = &harness.server;
        async move { (*mode, server.post(path, &request).await) }
    });
    for (mode, reply) in join_all(replies).await {
        assert!(reply.whole, "{mode:?}: not well-formed: {}", reply.text());
        let expected = outcome(mode);
        match expected {
            Refused(status, code) => refused(mode, &reply, status, code),
            Breaks(status, code) if !stream => refused(mode, &reply, status, code),
            _ => {
                assert_eq!(reply.status, 200, "{mode:?}: {}", reply.text());
                look(mode, expected, &reply);
            }
        }
    }
}

fn refused(mode: Mode, reply: &Reply, status: u16, code: &str) {
    let (got, _, found, _) = reply.error();
    let code = if code.is_empty() { Value::Null } else { json!(code) };
    assert_eq!((got, found), (status, code), "{mode:?}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"), "{mode:?}");
    assert!(reply.body.len() < 1200, "{mode:?}: {} bytes", reply.body.len());
    assert!(!reply.text().contains('<'), "{mode:?}: {}", reply.text());
}

#[tokio::test]
async fn every_mode_through_a_whole_chat_reply() {
    all(CHAT, false, |mode, expected, reply| {
        let Ends(reason) = expected else { panic!("{mode:?} must not give an answer") };
        let choice = &reply.json()["choices"][0];
        assert_eq!(choice["finish_reason"], reason, "{mode:?}");
        let calls = choice["message"]["tool_calls"].as_array().map_or(0, Vec::len);
        assert_eq!(calls > 0, reason == "tool_calls", "{mode:?}");
    })
    .await;
}

#[tokio::test]
async fn every_mode_through_a_streamed_chat_reply() {
    all(CHAT, true, |mode, expected, reply| {
        let events = reply.events();
        let reasons = events.iter().filter_map(|e| e["choices"][0]["finish_reason"].as_str());
        let reasons: Vec<&str> = reasons.collect();
        let done = reply.text().matches("[DONE]").count();
        let last = &events.last().unwrap()["error"];
        match expected {
            Ends(reason) => {
                assert_eq!((reasons, done), (vec![reason], 1), "{mode:?}");
                assert!(last.is_null(), "{mode:?}");
            }
            Breaks(_, code) => {
                assert_eq!((reasons.len(), done), (0, 0), "{mode:?}: {}", reply.text());
                assert_eq!(last["code"], code, "{mode:?}");
                assert!(last["message"].is_string() && last["type"].is_string(), "{mode:?}");
            }
            Refused(..) => unreachable!(),
        }
    })
    .await;
}

/// The status that a response ends with for a finish reason.
fn status(reason: &str) -> &'static str {
    if matches!(reason, "length" | "content_filter") { "incomplete" } else { "completed" }
}

#[tokio::test]
async fn every_mode_through_a_whole_response() {
    all(RESPONSES, false, |mode, expected, reply| {
        let Ends(reason) = expected else { panic!("{mode:?} must not give an answer") };
        let body = reply.json();
        assert_eq!(body["status"], status(reason), "{mode:?}");
        let output = body["output"].as_array().unwrap();
        assert_eq!(output.is_empty(), mode == Mode::EmptyOutput, "{mode:?}: {body}");
        if status(reason) == "incomplete" {
            let last = output.last().unwrap();
            assert_eq!(last["status"], "incomplete", "{mode:?}: {body}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_mode_through_a_streamed_response() {
    all(RESPONSES, true, |mode, expected, reply| {
        let events = reply.events();
        let kinds: Vec<&str> = events.iter().filter_map(|e| e["type"].as_str()).collect();
        let terminal = |kind: &&&str| {
            let end = ["response.completed", "response.incomplete", "response.failed"];
            end.contains(*kind)
        };
        let last = *kinds.last().unwrap();
        assert_eq!(kinds.iter().filter(terminal).count(), 1, "{mode:?}: {kinds:?}");
        let hidden = ["keepalive", "codex.rate_limits", "response.metadata"];
        assert!(!kinds.iter().any(|kind| hidden.contains(kind)), "{mode:?}: {kinds:?}");
        match expected {
            Ends(reason) => assert_eq!(last, format!("response.{}", status(reason)), "{mode:?}"),
            Breaks(_, code) => {
                assert_eq!(last, "response.failed", "{mode:?}");
                let response = &events.last().unwrap()["response"];
                assert_eq!(response["status"], "failed", "{mode:?}");
                // A word that the API does not have stands after the message.
                let error = &response["error"];
                let message = error["message"].as_str().unwrap();
                let told = error["code"] == code || message.ends_with(&format!("({code})"));
                assert!(told, "{mode:?}: {error}");
            }
            Refused(..) => unreachable!(),
        }
    })
    .await;
}
