//! Refusals and failures of the backend: status, type, code and message are kept, HTML pages are not.

use chatmock_simulator::{Mode, Script};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::dialects::ways;
use crate::harness::{CHAT, Harness, chat};

#[tokio::test]
async fn a_reached_limit_keeps_its_words_and_says_when_to_come_back() {
    let harness = Harness::new().await;
    for (dialect, stream) in ways() {
        let before = harness.calls();
        harness.simulator.enqueue(Mode::UsageLimit);
        let reply = harness.server.ask(dialect, "hello", stream).await;
        dialect.assert_failure(&reply, 429, &[("type", "usage_limit_reached")]);
        let message = reply.message();
        assert!(message.starts_with("5-hour limit reached, free at "), "{message}");
        assert!(message.ends_with(". The usage limit has been reached"), "{message}");
        assert_eq!(reply.header("retry-after"), Some("21000"));
        assert_eq!(harness.calls(), before + 1, "it is not retried here");
    }
}

#[tokio::test]
async fn retry_after_is_whole_seconds_within_a_day_or_absent() {
    let harness = Harness::new().await;
    for (sent, told) in [
        ("7", Some("7")),
        ("999999999", Some("86400")),
        ("0", Some("1")),
        ("-5", None),
        ("1e99", None),
        ("junk", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", Some("1")),
    ] {
        let body = json!({"error": {"type": "rate_limit_exceeded", "message": "slow down"}});
        harness.simulator.enqueue(Script::json(429, &body).with_header("retry-after", sent));
        let reply = harness.server.say("hello").await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, told), "{sent}");
    }
}

#[tokio::test]
async fn a_rate_limit_inside_the_stream_says_when_to_come_back_too() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(Mode::FailRate);
    let reply = harness.server.say("hello").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("12")));
}

#[tokio::test]
async fn an_overloaded_backend_is_a_503() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(Mode::Unavailable);
    let reply = harness.server.say("hello").await;
    let (status, kind, code, _) = reply.error();
    assert_eq!((status, kind.as_str()), (503, "service_unavailable_error"));
    assert_eq!(code, "server_is_overloaded");
    assert!(reply.message().contains("currently overloaded"));
    assert_eq!(harness.calls(), 1);
}

#[tokio::test]
async fn a_challenge_has_a_code_of_its_own_and_costs_neither_retry_nor_renewal() {
    let harness = Harness::new().await;
    for (dialect, stream) in ways() {
        let before = harness.calls();
        harness.simulator.enqueue(Mode::Html403);
        let reply = harness.server.ask(dialect, "hello", stream).await;
        dialect.assert_failure(&reply, 502, &[("code", "upstream_challenge")]);
        assert!(!reply.text().contains("<") && !reply.text().contains("Just a moment"));
        assert_eq!(harness.calls(), before + 1);
    }
    assert_eq!(harness.simulator.stats().refreshes, 0);
}

#[tokio::test]
async fn a_page_of_five_megabytes_becomes_a_short_message() {
    let harness = Harness::new().await;
    for (dialect, stream) in ways() {
        harness.simulator.enqueue(Mode::Html500);
        let reply = harness.server.ask(dialect, "hello", stream).await;
        dialect.assert_failure(&reply, 502, &[]);
        assert!(reply.message().len() <= 512, "{}", reply.message());
        assert!(!reply.text().contains("<html"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let harness = Harness::new().await;
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target = format!("http://{}/responses", elsewhere.local_addr().unwrap());
    for status in [302, 307, 308] {
        let script = Script::body(status, "text/plain", "").with_header("location", &target);
        harness.simulator.enqueue(script);
        let reply = harness.server.say("hello").await;
        assert_eq!((reply.error().0, reply.error().2), (502, json!("upstream_unexpected")));
        assert!(!reply.text().contains(&target), "{}", reply.text());
    }
    let nobody = elsewhere.into_std().unwrap().accept();
    assert_eq!(nobody.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_full_context_is_a_400() {
    let harness = Harness::new().await;
    for (dialect, stream) in ways() {
        harness.simulator.enqueue(Mode::FailContext);
        let reply = harness.server.ask(dialect, "hello", stream).await;
        let members = [("type", "invalid_request_error"), ("code", "context_length_exceeded")];
        dialect.assert_failure(&reply, 400, &members);
    }
}

#[tokio::test]
async fn both_envelopes_of_a_400_are_read() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(Script::json(400, &json!({"detail": "Store must be set to false"})));
    let reply = harness.server.say("hello").await;
    assert_eq!((reply.status, reply.message().as_str()), (400, "Store must be set to false"));
    let error = json!({"message": "too long", "type": "invalid_request_error",
        "param": "input[5].call_id", "code": "string_above_max_length"});
    harness.simulator.enqueue(Script::json(400, &json!({"error": error})));
    let reply = harness.server.say("hello").await;
    assert_eq!(reply.json()["error"], error);
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_a_bad_gateway() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let harness = Harness::with(|settings| {
        let route = settings.upstream.route.clone();
        settings.upstream.route = route.at(format!("http://{closed}/backend-api/codex"));
    })
    .await;
    for (dialect, stream) in ways() {
        let reply = harness.server.ask(dialect, "hello", stream).await;
        dialect.assert_failure(&reply, 502, &[("code", "upstream_refused")]);
        assert!(!reply.text().contains(&closed.to_string()), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_failure_of_one_choice_fails_them_all() {
    let harness = Harness::new().await;
    let mut request = chat("hello", false);
    request["n"] = json!(2);
    harness.simulator.enqueue(Mode::IncompleteLength);
    harness.simulator.enqueue(Mode::FailAfter);
    assert_eq!(harness.server.post(CHAT, &request).await.error().0, 502);
    request["stream"] = json!(true);
    harness.simulator.enqueue(Mode::IncompleteLength);
    harness.simulator.enqueue(Mode::FailAfter);
    let reply = harness.server.post(CHAT, &request).await;
    let events = reply.events();
    assert!(!reply.text().contains("[DONE]"), "{}", reply.text());
    assert_eq!(events.last().unwrap()["error"]["code"], "server_error");
    let usage: Vec<&Value> = events.iter().filter(|e| e["usage"].is_object()).collect();
    assert!(usage.is_empty());
}

#[tokio::test]
async fn a_model_that_is_not_listed_is_worded_with_the_version_and_the_flags_that_help() {
    let harness = Harness::new().await;
    for (dialect, stream) in ways() {
        let mut body = dialect.ask("hello", stream);
        body["model"] = json!("gpt-4o-mini");
        let reply = harness.server.post(dialect.path, &body).await;
        let message = reply.message();
        let version = format!("asked as Codex {}", chatmock_server::upstream::CLIENT_VERSION);
        for words in [version.as_str(), "--client-version", "--alias"] {
            assert!(message.contains(words), "{}: {message}", dialect.name);
        }
    }
}
