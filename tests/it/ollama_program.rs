//! Ollama's own program: the calls that its client makes, byte for byte, and what it reads of the answers.

use chatmock_testkit::client::{Connection, Reply, Request};
use serde_json::{Value, json};

use crate::harness::{Harness, Running, settings_by};

/// The calls of Ollama 0.33's client: method, path and body, and the status that it gets.
const CALLS: &[(&str, &str, &str, u16)] = &[
    ("HEAD", "/", "", 200),
    ("GET", "/api/version", "", 200),
    ("GET", "/api/tags", "", 200),
    ("GET", "/api/ps", "", 200),
    ("GET", "/api/status", "", 200),
    ("POST", "/api/me", "", 200),
    (
        "POST",
        "/api/show",
        r#"{"model":"","system":"","template":"","verbose":false,"options":null,"name":"gpt-6-sol"}"#,
        200,
    ),
    (
        "POST",
        "/api/show",
        r#"{"model":"gpt-6-sol","system":"","template":"","verbose":true,"options":null,"name":""}"#,
        200,
    ),
    (
        "POST",
        "/api/show",
        r#"{"model":"","system":"","template":"","verbose":false,"options":null,"name":"nope"}"#,
        404,
    ),
    (
        "POST",
        "/api/show",
        r#"{"model":"","system":"","template":"","verbose":false,"options":null,"name":""}"#,
        400,
    ),
    ("POST", "/api/pull", r#"{"model":"","username":"","password":"","name":"gpt-6-sol"}"#, 200),
    ("POST", "/api/pull", r#"{"model":"gpt-6-sol","username":"","password":"","name":""}"#, 200),
    ("POST", "/api/pull", r#"{"model":"","username":"","password":"","name":"nope"}"#, 404),
    ("DELETE", "/api/delete", r#"{"model":"","name":"gpt-6-sol"}"#, 400),
    ("DELETE", "/api/delete", r#"{"model":"","name":"nope"}"#, 404),
    ("POST", "/api/push", r#"{"model":"","username":"","password":"","name":"gpt-6-sol"}"#, 400),
    ("POST", "/api/create", r#"{"model":"own","from":"gpt-6-sol","name":""}"#, 400),
    ("POST", "/api/copy", r#"{"source":"gpt-6-sol","destination":"own"}"#, 400),
    ("POST", "/api/embed", r#"{"model":"gpt-6-sol","input":"x","options":null}"#, 400),
    ("POST", "/api/embeddings", r#"{"model":"gpt-6-sol","prompt":"x","options":null}"#, 400),
    ("POST", "/api/signout", "", 400),
    ("HEAD", "/api/blobs/sha256:29fdb92e57cf", "", 400),
    (
        "POST",
        "/api/generate",
        r#"{"model":"gpt-6-sol","prompt":"","suffix":"","system":"","template":"","options":null}"#,
        200,
    ),
    (
        "POST",
        "/api/generate",
        r#"{"model":"gpt-6-sol","prompt":"hello","suffix":"","system":"","template":"","stream":false,"options":{}}"#,
        200,
    ),
    (
        "POST",
        "/api/chat",
        r#"{"model":"gpt-6-sol","messages":[{"role":"user","content":"hello"}],"options":{},"think":null}"#,
        200,
    ),
];

/// Sends a call as Ollama's client does, whose requests always have these headers.
async fn call(server: &Running, method: &str, path: &str, body: &str) -> Reply {
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: ollama/0.33.0 (amd64 linux) Go/go1.24.1\r\n\
         Content-Length: {}\r\nAccept: application/x-ndjson\r\nContent-Type: application/json\r\n\
         Accept-Encoding: gzip\r\n\r\n{body}",
        server.address.port(),
        body.len(),
    );
    let mut connection = Connection::begin(server.address, text.as_bytes()).await.unwrap();
    let head = connection.head().await.unwrap();
    if method == "HEAD" {
        return head;
    }
    connection.body(head).await.unwrap()
}

#[tokio::test]
async fn every_call_of_ollamas_client_is_answered_as_it_expects() {
    let harness = Harness::new().await;
    for &(method, path, body, status) in CALLS {
        let reply = call(&harness.server, method, path, body).await;
        assert_eq!(reply.status, status, "{method} {path} {body}: {}", reply.text());
        if status == 404 {
            assert!(reply.message().contains("not found"), "{body}: {}", reply.message());
            assert!(reply.message().contains("nope"), "{body}: {}", reply.message());
        }
    }
}

/// The entry of a model in a list under `models`.
fn entry<'l>(list: &'l Value, name: &str) -> &'l Value {
    let mut models = list["models"].as_array().unwrap().iter();
    models.find(|model| model["name"] == name).unwrap_or_else(|| panic!("{name} in {list}"))
}

#[tokio::test]
async fn every_list_says_the_same_of_a_model() {
    let harness = Harness::new().await;
    let tags = harness.server.get("/api/tags").await.json();
    let models = harness.server.get("/v1/models").await.json();
    for listed in models["data"].as_array().unwrap() {
        let name = listed["id"].as_str().unwrap();
        let tag = entry(&tags, name);
        let shown = harness.server.post("/api/show", &json!({"model": name})).await.json();
        let one = harness.server.get(&format!("/v1/models/{name}")).await.json();
        let context = &tag["details"]["context_length"];
        assert!(context.as_u64().unwrap() > 0, "{tag}");
        for other in [
            &shown["details"]["context_length"],
            &shown["model_info"]["chatmock.context_length"],
            &listed["context_window"],
            &listed["context_length"],
            &one["context_length"],
        ] {
            assert_eq!(other, context, "{name}");
        }
        let capabilities = &tag["capabilities"];
        assert_eq!(capabilities[0], "completion", "{tag}");
        for other in [&shown, listed, &one] {
            assert_eq!(&other["capabilities"], capabilities, "{name}");
        }
        for model in [tag, &shown] {
            assert_eq!(model["remote_model"], name);
            let host = model["remote_host"].as_str().unwrap();
            assert!(host.starts_with("http://127.0.0.1:"), "{host}");
        }
    }
}

#[tokio::test]
async fn the_program_gets_a_version_and_a_user_that_it_understands() {
    let harness = Harness::new().await;
    let version = harness.server.get("/api/version").await.json();
    assert_eq!(version, json!({"version": "0.33.0"}));
    let status = harness.server.get("/api/status").await.json();
    assert_eq!(status, json!({"cloud": {"disabled": false, "source": "none"}}));
    let user = call(&harness.server, "POST", "/api/me", "").await.json();
    let id = "00000000-0000-0000-0000-000000000000";
    assert_eq!(user, json!({"id": id, "email": "", "name": "chatmock"}));
    std::fs::remove_file(harness.home.path().join("auth.json")).unwrap();
    let server = harness.another().await;
    let reply = call(&server, "POST", "/api/me", "").await;
    assert_eq!((reply.status, reply.json()["error"].is_string()), (401, true));
}

#[tokio::test]
async fn a_refusal_for_good_has_a_status_that_no_library_tries_again() {
    use chatmock_server::upstream::{ApiFlavor, UpstreamRoute};
    let harness = Harness::new().await;
    let settings = settings_by(UpstreamRoute::api(ApiFlavor::OpenAi), &harness.simulator);
    let keyed = Running::start(settings).await;
    for server in [&harness.server, &keyed] {
        for (method, path) in [
            ("POST", "/api/push"),
            ("POST", "/api/create"),
            ("POST", "/api/copy"),
            ("POST", "/api/embed"),
            ("POST", "/api/embeddings"),
            ("POST", "/api/signout"),
            ("DELETE", "/api/delete"),
            ("POST", "/api/blobs/sha256:1"),
            ("POST", "/api/blobs/"),
            ("POST", "/v1/embeddings"),
            ("POST", "/v1/api/embed"),
        ] {
            let body = json!({"model": "gpt-5.5", "input": "x"}).to_string();
            let reply = server.send(Request::new(method, path).body(body)).await;
            assert!([400, 404].contains(&reply.status), "{path}: {}", reply.text());
            assert!(!reply.message().is_empty(), "{path}");
        }
    }
    let request = json!({"model": "nope", "messages": [{"role": "user", "content": "a"}]});
    for path in ["/api/chat", "/api/generate", "/api/nope"] {
        let reply = harness.server.post(path, &request).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        assert!(reply.message().contains("not found"), "{path}: {}", reply.message());
    }
}
