//! Tests of failures at the proxy or on the way to it, and of a client that leaves.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::answers::chat_body;
use crate::harness::Harness;
use crate::litellm::{KEY, LOCKED, MODEL};
use crate::process::chat;
use crate::reply::{Reply, text};

pub(crate) fn failure(harness: &Harness) {
    const WHY: &str = "The model failed half way";
    let mut body = chat_body("MODE:fail-after");
    let whole = harness.post("/v1/chat/completions", &body);
    assert!(whole.status >= 500 && whole.body.contains(WHY), "{} {}", whole.status, whole.body);

    body["stream"] = json!(true);
    let reply = harness.post("/v1/chat/completions", &body);
    assert!(!reply.body.contains("[DONE]"), "{}", reply.body);
    let events = reply.events();
    assert!(!text(&events, "/choices/0/delta/content").is_empty(), "{}", reply.body);
    assert_eq!(text(&events, "/choices/0/finish_reason"), "");
    told(&events.last().unwrap()["error"]["message"], WHY);

    let lines = harness.post("/api/chat", &body).lines();
    told(&lines.last().unwrap()["error"], WHY);
    assert!(lines.iter().all(|line| line["done"] != true), "{lines:?}");
}

pub(crate) fn unknown_model(harness: &Harness) {
    for (path, error) in everywhere(harness, "no-such-model", 400) {
        told(message(path, &error), "no-such-model");
        let kind = error.get("type");
        assert!(kind.is_none_or(|kind| kind == "invalid_request_error"), "{path}: {error}");
    }
}

/// If the provider rejects a key, the proxy answers as any server that rejects a key.
pub(crate) fn refused_key(harness: &Harness) {
    for (path, error) in everywhere(harness, LOCKED, 401) {
        told(message(path, &error), "--upstream-key-file");
    }
}

/// Without a database the proxy has only one key, and rejects any other as a bad request.
pub(crate) fn unknown_key(harness: &Harness) {
    let wrong = "sk-a-key-that-nobody-knows";
    let front = harness.other(&format!("{}/v1", harness.proxy.url), wrong);
    let list = Reply::of(front.open("GET", "/v1/models", "")).json();
    assert_eq!(list["data"], json!([]));
    let body = chat_body("hello").to_string();
    let answer = front.open("POST", "/v1/chat/completions", &body).reply().unwrap();
    told(&Reply::from(&answer).error(400)["message"], "No connected db");
    let answer = format!("{:?}{}", answer.headers, answer.text());
    let (before, line) = front.line("status=400");
    let log = format!("{}{before}{line}", front.started);
    assert!(log.contains("no models are listed"), "{log}");
    assert!(!log.contains(wrong) && !answer.contains(wrong), "{log}{answer}");
}

pub(crate) fn no_path(harness: &Harness) {
    let url = &harness.proxy.url;
    let started = &harness.other(url, KEY).started;
    let advice = format!("--upstream-url {url} has no path; most servers expect {url}/v1");
    assert!(started.contains("WARN") && started.contains(&advice), "{started}");
    assert!(!harness.front.started.contains("WARN"), "{}", harness.front.started);
}

pub(crate) fn wrong_path(harness: &Harness) {
    let front = harness.other(&format!("{}/v2", harness.proxy.url), KEY);
    let body = chat_body("hello").to_string();
    let error = Reply::of(front.open("POST", "/v1/chat/completions", &body)).error(404);
    told(&error["message"], "is the path of --upstream-url right");
}

pub(crate) fn nobody(harness: &Harness) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let front = harness.other(&url, KEY);
    let body = chat_body("hello").to_string();
    let error = Reply::of(front.open("POST", "/v1/chat/completions", &body)).error(502);
    assert_eq!(error["code"], "upstream_refused", "{error}");
    let error = Reply::of(front.open("POST", "/api/chat", &body)).error(502);
    told(&error, "refused");
}

pub(crate) fn leaving(harness: &Harness) {
    let body = chat("MODE:slow:1000:100", true).replace("gpt-5.5", MODEL);
    let mut connection = harness.front.open("POST", "/v1/chat/completions", &body);
    connection.head().unwrap();
    connection.chunks_until("\"content\":\"2 \"").unwrap();
    drop(connection);
    harness.front.line("outcome=\"left\"");
    harness.provider.line("outcome=\"left\"");
}

/// Returns the errors of every dialect for a model.
fn everywhere(harness: &Harness, model: &str, status: u16) -> Vec<(&'static str, Value)> {
    let ask = |(path, body): (&'static str, Value)| {
        let mut body = body;
        body["model"] = json!(model);
        (path, harness.post(path, &body).error(status))
    };
    let bodies = [
        ("/v1/chat/completions", chat_body("hello")),
        ("/v1/responses", json!({"input": "hello"})),
        ("/v1/completions", json!({"prompt": "hello"})),
        ("/api/chat", chat_body("hello")),
    ];
    bodies.into_iter().map(ask).collect()
}

/// Returns the message of an error; Ollama's errors have nothing else.
fn message<'e>(path: &str, error: &'e Value) -> &'e Value {
    if path.starts_with("/api/") { error } else { &error["message"] }
}

fn told(message: &Value, wanted: &str) {
    assert!(message.as_str().unwrap().contains(wanted), "{message}");
}
