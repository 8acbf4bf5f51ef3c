//! Halves of surrogate pairs, which clients that cut texts leave behind: replaced with a notice, or refused.

use chatmock_testkit::client::{Reply, Request};

use crate::dialects::dialects;
use crate::harness::{CHAT, Harness, RESPONSES};

async fn post(harness: &Harness, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    harness.server.send(Request::post(path, body)).await
}

/// What a dialect's notice names where the one text of a question is changed.
fn place_of_text(name: &str) -> &'static str {
    match name {
        "chat" | "messages" | "ollama-chat" => "messages[0].content=changed",
        "completions" | "ollama-generate" => "prompt=changed",
        "responses" => "input=changed",
        other => panic!("where {other} has its text is to be said here"),
    }
}

#[tokio::test]
async fn half_a_surrogate_pair_is_replaced_with_a_notice_in_every_dialect() {
    let harness = Harness::new().await;
    for (escape, arrives) in [
        (r"a\ud83d", "a\u{fffd}"),
        (r"\uDE00b", "\u{fffd}b"),
        (r"\ud800\u0041", "\u{fffd}A"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
    ] {
        for dialect in dialects() {
            let body = dialect.ask("<text>", false).to_string().replace("<text>", escape);
            let reply = post(&harness, dialect.path, body).await;
            assert_eq!(reply.status, 200, "{dialect} {escape}: {}", reply.text());
            let notices = reply.header("x-chatmock-notices").unwrap_or_default();
            assert!(notices.contains(place_of_text(dialect.name)), "{dialect}: {notices}");
            let sent = harness.sent()["input"].to_string();
            assert!(sent.contains(arrives), "{dialect} {escape}: {sent}");
        }
    }
}

#[tokio::test]
async fn pairs_and_texts_about_escapes_arrive_whole_and_without_a_notice() {
    let harness = Harness::new().await;
    for (escape, arrives) in [(r"\ud83d\ude00", "\u{1f600}"), (r"\\ud83d", r"\\ud83d")] {
        for dialect in dialects() {
            let body = dialect.ask("<text>", false).to_string().replace("<text>", escape);
            let reply = post(&harness, dialect.path, body).await;
            assert_eq!((reply.status, reply.header("x-chatmock-notices")), (200, None));
            assert!(harness.sent()["input"].to_string().contains(arrives), "{dialect} {escape}");
        }
    }
}

#[tokio::test]
async fn a_history_with_halves_of_pairs_goes_on_wherever_they_are() {
    let harness = Harness::new().await;
    let (long, half) = ("x".repeat(200_000), r"\ud83d");
    for (path, body, places) in [
        (
            CHAT,
            r#"{"model":"gpt-5.5","messages":[{"role":"user","content":[{"type":"text","text":"<>"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"name\":\"<>\"}"}}]},{"role":"tool","tool_call_id":"c","content":"<>"},{"role":"user","content":"LONG"}],"tools":[{"type":"function","function":{"name":"f","description":"<>","parameters":{"type":"object","properties":{"a":{"type":"string","description":"<>"}}}}}]}"#,
            5,
        ),
        (
            RESPONSES,
            r#"{"model":"gpt-5.5","input":[{"role":"user","content":[{"type":"input_text","text":"<>"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{\"id\":\"<>\"}"},{"type":"function_call_output","call_id":"c","output":"<>"},{"role":"user","content":"LONG"}],"tools":[{"type":"function","name":"f","strict":false,"parameters":{"type":"object","properties":{"a":{"type":"string","description":"<>"}}}}]}"#,
            4,
        ),
        (
            "/api/chat",
            r#"{"model":"gpt-5.5","stream":false,"messages":[{"role":"user","content":"<>"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"name":"<>"}}}]},{"role":"tool","tool_name":"f","content":"<>"},{"role":"user","content":"LONG"}]}"#,
            3,
        ),
    ] {
        for text in ["go on", &long] {
            let body = body.replace("<>", half).replace("LONG", text);
            let reply = post(&harness, path, body).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            let sent = harness.simulator.model_calls().pop().unwrap().json().to_string();
            let replaced = sent.matches('\u{fffd}').count() + sent.matches(r"\\ufffd").count();
            assert_eq!(replaced, places, "{path}: {sent}");
            let notices = reply.header("x-chatmock-notices").unwrap();
            assert_eq!(notices.matches("=changed").count(), places, "{path}: {notices}");
        }
    }
}

#[tokio::test]
async fn a_strict_server_refuses_half_a_surrogate_pair() {
    let harness = Harness::with(|settings| settings.policy.strict = true).await;
    for dialect in dialects() {
        for escape in [r"\ud800", r"\udc00", r"\ud800\u0041", r"a\ud83d"] {
            let body = dialect.ask("<text>", false).to_string().replace("<text>", escape);
            let reply = post(&harness, dialect.path, body).await;
            dialect.assert_failure(&reply, 400, &[("type", "invalid_request_error")]);
            assert_eq!(harness.calls(), 0);
        }
    }
}

#[tokio::test]
async fn ids_of_calls_and_names_with_half_a_pair_stay_refused() {
    let harness = Harness::new().await;
    for (path, body) in [
        (
            CHAT,
            r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"<>","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"<>","content":"x"}]}"#,
        ),
        (
            CHAT,
            r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"<>"}}]}"#,
        ),
        (CHAT, r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"a"}],"<>":1}"#),
        (
            RESPONSES,
            r#"{"model":"gpt-5.5","input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"<>","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"<>","output":"x"}]}"#,
        ),
        (
            RESPONSES,
            r#"{"model":"gpt-5.5","input":"a","tools":[{"type":"function","name":"<>","parameters":{"type":"object","properties":{}}}]}"#,
        ),
        (RESPONSES, r#"{"model":"gpt-5.5","input":"a","metadata":{"<>":"x"}}"#),
        (
            "/api/chat",
            r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"<>","arguments":{}}}]}]}"#,
        ),
        (
            "/api/chat",
            r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"a"},{"role":"tool","tool_name":"<>","content":"x"}]}"#,
        ),
        ("/api/generate", r#"{"model":"gpt-5.5","prompt":"a","options":{"<>":1}}"#),
        ("/v1/completions", r#"{"model":"gpt-5.5","prompt":"a","<>":1}"#),
    ] {
        let reply = post(&harness, path, body.replace("<>", r"\ud83d")).await;
        assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text());
        assert_eq!(harness.calls(), 0, "{body}");
    }
}
