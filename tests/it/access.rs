//! The access log: who asked and for what, in words that cannot forge a line.

use chatmock_server::ApiKey;
use chatmock_testkit::client::Request;
use serde_json::json;

use crate::dialects::ways;
use crate::harness::{CHAT, Harness, RESPONSES, responses};
use crate::log::listen;

const ANN: &str = "canary-key-of-ann-0123";
const BEN: &str = "canary-key-of-ben-0123";

async fn keyed() -> Harness {
    Harness::with(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", ANN), ApiKey::new("ben", BEN)]
    })
    .await
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

#[tokio::test]
async fn every_line_names_the_request_and_the_caller_and_none_a_key() {
    let (log, _guard) = listen();
    let harness = keyed().await;
    let mut answers = Vec::new();
    for (dialect, stream) in ways() {
        let request = Request::post(dialect.path, dialect.ask("hello", stream).to_string());
        answers.push(harness.server.send(request.with("authorization", &bearer(ANN))).await);
    }
    answers.push(harness.server.send(Request::get("/v1/models").with("x-api-key", BEN)).await);
    answers.push(harness.server.get("/v1/models").await);
    let query = format!("/v1/models?api_key={ANN}&key={BEN}");
    harness.server.send(Request::get(&query).with("x-api-key", "canary-wrong")).await;
    harness.server.send(Request::get("/").with("authorization", "Basic canary-basic")).await;
    let text = log.text();
    let lines = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!(lines("caller=\"ann\""), ways().len(), "{text}");
    assert_eq!(lines("caller=\"ben\""), 1, "{text}");
    assert_eq!(lines("status=401"), 3, "{text}");
    assert_eq!(lines("canary"), 0, "{text}");
    for answer in answers {
        let id = format!("request_id=\"{}\"", answer.header("x-request-id").unwrap());
        assert!(lines(&id) > 0, "{id} in {text}");
    }
}

#[tokio::test]
async fn hostile_words_are_escaped_and_cut() {
    let (log, _guard) = listen();
    let harness = Harness::new().await;
    let long = "a".repeat(4000);
    for request in [
        Request::get("/%1b[2J%1b[31m"),
        Request::get("/\u{202e}\u{2028}x"),
        Request::get(&format!("/{long}")),
        Request::new(&long, "/"),
        Request::post(
            CHAT,
            json!({"model": "a\nERROR fake\u{1b}[2J\u{85}", "messages": []}).to_string(),
        ),
        Request::get("/").with("origin", "http://\u{1b}[2J.test"),
        Request::get("/").with("host", &long),
    ] {
        // A request that is no HTTP gets an answer too, if only an empty one.
        harness.server.send(request).await;
    }
    let text = log.text();
    assert!(!text.contains(['\u{1b}', '\u{85}', '\u{2028}', '\u{202e}']), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("ERROR")), "{text}");
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest < 1200, "{longest}");
}

#[tokio::test]
async fn bodies_are_logged_only_where_that_was_asked_for() {
    for asked in [false, true] {
        let (log, _guard) = listen();
        let harness = Harness::with(|s| s.http.log_bodies = asked).await;
        harness.server.say("canary\n\u{1b}[2J").await;
        let text = log.text();
        assert_eq!(text.contains("canary"), asked, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[tokio::test]
async fn what_one_key_keeps_is_not_there_for_another() {
    let harness = keyed().await;
    let mut request = responses("hello", false);
    request["store"] = json!(true);
    let post = Request::post(RESPONSES, request.to_string());
    let kept = harness.server.send(post.with("authorization", &bearer(ANN))).await.json();
    let path = format!("{RESPONSES}/{}", kept["id"].as_str().unwrap());
    let status = async |method: &str, key: &str| {
        let request = Request::new(method, &path).with("x-api-key", key);
        harness.server.send(request).await.status
    };
    assert_eq!(status("GET", BEN).await, 404);
    assert_eq!(status("DELETE", BEN).await, 404);
    assert_eq!(status("GET", ANN).await, 200);
    assert_eq!(status("DELETE", ANN).await, 200);
    let mut next = responses("and now?", false);
    next["previous_response_id"] = kept["id"].clone();
    let post = Request::post(RESPONSES, next.to_string()).with("authorization", &bearer(BEN));
    assert!(matches!(harness.server.send(post).await.status, 400 | 404));
}
