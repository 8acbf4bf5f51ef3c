//! Everything that is served apart from turns, and the answers to unknown paths and methods.

use chatmock_server::{Served, Server};
use chatmock_simulator::Claims;
use chatmock_testkit::client::{self, Connection, Reply, Request};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{CHAT, Harness, RESPONSES, Running, ask, settings, sign_in, soon};

fn assert_standing(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
    assert!(reply.header("x-request-id").is_some());
    assert!(!reply.headers.iter().any(|(name, _)| name.starts_with("access-control-")));
}

/// What is served, in the order in which it is named.
pub(crate) const ENDPOINTS: [&str; 50] = [
    "POST /v1/chat/completions",
    "GET /v1/chat/completions",
    "GET /v1/chat/completions/{id}",
    "POST /v1/chat/completions/{id}",
    "DELETE /v1/chat/completions/{id}",
    "GET /v1/chat/completions/{id}/messages",
    "POST /v1/responses",
    "GET /v1/responses",
    "POST /v1/responses/compact",
    "POST /v1/responses/input_tokens",
    "POST /v1/completions",
    "GET /v1/responses/{id}",
    "DELETE /v1/responses/{id}",
    "GET /v1/responses/{id}/input_items",
    "POST /v1/responses/{id}/cancel",
    "POST /v1/conversations",
    "GET /v1/conversations/{id}",
    "POST /v1/conversations/{id}",
    "DELETE /v1/conversations/{id}",
    "GET /v1/conversations/{id}/items",
    "POST /v1/conversations/{id}/items",
    "GET /v1/models",
    "GET /v1/models/{id}",
    "POST /v1/images/generations",
    "POST /v1/images/edits",
    "POST /v1/embeddings",
    "POST /v1/audio/transcriptions",
    "POST /v1/audio/translations",
    "POST /v1/audio/speech",
    "POST /api/chat",
    "POST /api/generate",
    "GET /api/tags",
    "POST /api/show",
    "GET /api/ps",
    "GET /api/version",
    "POST /api/pull",
    "DELETE /api/delete",
    "POST /api/embed",
    "POST /api/embeddings",
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "GET /",
    "GET /health",
    "GET /live",
    "GET /ready",
    "GET /limits",
    "GET /usage",
    "GET /metrics",
    "GET /ui",
    "POST /admin/log-level",
];

#[tokio::test]
async fn the_root_names_every_endpoint_and_health_says_ok() {
    let harness = Harness::new().await;
    let root = harness.server.send(Request::get("/").with("accept", "application/json")).await;
    assert_eq!(root.json()["name"], "chatmock");
    assert_eq!(root.json()["endpoints"], json!(ENDPOINTS.to_vec()));
    assert_standing(&root);
    let health = harness.server.get("/health").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
    assert_standing(&health);
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn the_limits_are_empty_at_first_and_then_those_of_the_last_answer() {
    let harness = Harness::new().await;
    let before = harness.server.get("/limits").await;
    assert_eq!(before.json(), json!({"as_of": null, "limits": null}));
    assert_standing(&before);
    harness.server.say("hello").await;
    let after = harness.server.get("/limits").await.json();
    assert!(after["as_of"].as_u64().unwrap() > 1_600_000_000);
    assert_eq!(after["limits"]["plan"], "plus");
    let primary = &after["limits"]["primary"];
    assert!(primary["used_percent"].is_number() && primary["window_minutes"].is_number());
    assert_eq!(harness.simulator.stats().count("GET /backend-api/wham/usage"), 0);
}

#[tokio::test]
async fn the_limits_that_come_with_a_refusal_or_in_a_stream_are_kept_too() {
    let harness = Harness::new().await;
    harness.server.say("MODE:429").await;
    let limits = harness.server.get("/limits").await.json();
    assert_eq!(limits["limits"]["primary"]["used_percent"], 100.0, "{limits}");
    harness.server.say("MODE:keepalive").await;
    let limits = harness.server.get("/limits").await.json();
    assert_eq!(limits["limits"]["primary"]["used_percent"], 12.0, "{limits}");
    assert_eq!(limits["limits"]["primary"]["window_minutes"], 10_080, "{limits}");
}

/// Waits for the file that a server keeps the limits in.
async fn kept_limits(harness: &Harness) -> Value {
    let file = harness.home.path().join("limits.json");
    soon(async {
        loop {
            match std::fs::read(&file) {
                Ok(text) => return serde_json::from_slice(&text).unwrap(),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_limits_outlive_the_server_with_their_own_time() {
    let harness = Harness::new().await;
    harness.server.say("hello").await;
    let kept = kept_limits(&harness).await;
    let told = harness.server.get("/limits").await.json();
    assert_eq!(kept["limits"]["plan"], told["limits"]["plan"]);
    assert!(kept["as_of"].as_u64().unwrap() <= told["as_of"].as_u64().unwrap());
    let file = harness.home.path().join("limits.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The second snapshot of a minute waits for the end of the server.
    harness.server.say("MODE:429").await;
    let Harness { simulator, home, server } = harness;
    assert_eq!(server.ended().await, Served::Drained);
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["limits"]["primary"]["used_percent"], 100.0, "{kept}");
    kept["as_of"] = json!(1_700_000_000);
    std::fs::write(&file, kept.to_string()).unwrap();
    let next = Running::start(settings(&simulator, home.path())).await;
    let limits = next.get("/limits").await.json();
    assert_eq!((&limits["as_of"], &limits["limits"]), (&kept["as_of"], &kept["limits"]));
}

#[tokio::test]
async fn the_limits_of_another_account_are_not_shown() {
    let harness = Harness::new().await;
    harness.server.say("hello").await;
    kept_limits(&harness).await;
    let nothing = json!({"as_of": null, "limits": null});
    // Members of one team share the workspace, and not its limits.
    let colleague = Claims { user_id: "user-two".to_owned(), ..Claims::default() };
    for other in [Claims::of_account("another-workspace"), colleague] {
        sign_in(harness.home.path(), &harness.simulator.tokens(other).auth_json());
        for server in [&harness.another().await, &harness.server] {
            assert_eq!(server.get("/limits").await.json(), nothing);
        }
    }
    sign_in(harness.home.path(), &harness.simulator.tokens(Claims::default()).auth_json());
    for server in [&harness.another().await, &harness.server] {
        assert_ne!(server.get("/limits").await.json(), nothing);
    }
    std::fs::remove_file(harness.home.path().join("auth.json")).unwrap();
    for server in [&harness.another().await, &harness.server] {
        assert_eq!(server.get("/limits").await.json(), nothing);
    }
}

#[tokio::test]
async fn options_name_the_methods_and_open_nothing() {
    let harness = Harness::new().await;
    for (path, methods) in [
        (CHAT, "POST, GET, HEAD"),
        (RESPONSES, "POST"),
        ("/v1/models", "GET, HEAD"),
        ("/v1/models/gpt-5.5", "GET, HEAD"),
        ("/health", "GET, HEAD"),
    ] {
        let reply = harness.server.send(Request::new("OPTIONS", path)).await;
        assert_eq!((reply.status, reply.header("allow")), (204, Some(methods)), "{path}");
        assert!(reply.body.is_empty());
        assert_standing(&reply);
    }
    let reply = harness.server.send(Request::new("OPTIONS", "/v1/nothing")).await;
    assert_eq!(reply.error().0, 404);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let harness = Harness::new().await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    for path in ["/", "/health", "/limits", "/v1/models", "/v1/models/gpt-5.5"] {
        let get = connection.send(&Request::get(path)).await.unwrap();
        let head = connection.send(&Request::new("HEAD", path)).await.unwrap();
        assert_eq!(
            (head.status, head.header("content-length")),
            (200, get.header("content-length"))
        );
    }
}

#[tokio::test]
async fn unknown_paths_are_a_404_in_json() {
    let harness = Harness::new().await;
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/models;x",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cetc",
        "/favicon.ico",
        "/%1b[2J",
    ] {
        let reply = harness.server.get(path).await;
        let (status, kind, code, _) = reply.error();
        assert_eq!((status, kind.as_str()), (404, "invalid_request_error"), "{path}");
        assert_eq!(code, "unknown_url", "{path}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_standing(&reply);
    }
    let posted = harness.server.post("/v1/moderations", &json!({"input": "x"})).await;
    assert_eq!((posted.error().0, posted.error().2), (404, json!("unknown_url")));
}

#[tokio::test]
async fn a_wrong_method_is_a_405_in_json_with_the_right_ones() {
    let harness = Harness::new().await;
    let unknown = "A".repeat(40);
    for (method, path, allowed) in [
        ("PUT", CHAT, "POST, GET, HEAD"),
        ("DELETE", "/v1/chat/completions?model=x&messages=y", "POST, GET, HEAD"),
        ("GET", "/v1/completions?model=x&prompt=y", "POST"),
        ("GET", RESPONSES, "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PUT", "/health", "GET, HEAD"),
        ("TRACE", "/", "GET, HEAD"),
        (unknown.as_str(), "/v1/models", "GET, HEAD"),
    ] {
        let request = Request::new(method, path).with("x-http-method-override", "POST");
        let reply = harness.server.send(request).await;
        let (status, kind, code, _) = reply.error();
        assert_eq!((status, kind.as_str()), (405, "invalid_request_error"), "{method} {path}");
        assert_eq!(code, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allowed), "{method} {path}");
        assert_standing(&reply);
    }
    assert_eq!(harness.calls(), 0);
}

fn upgrade() -> Request {
    Request::get(RESPONSES)
        .with("connection", "Upgrade")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test]
async fn only_a_program_may_upgrade_and_only_to_a_web_socket() {
    let harness = Harness::new().await;
    let reply = harness.server.send(upgrade()).await;
    assert_eq!((reply.status, reply.header("upgrade")), (101, Some("websocket")));
    assert_standing(&reply);
    let foreign = upgrade().with("origin", "https://evil.test");
    assert_eq!(harness.server.send(foreign).await.error().0, 403);
    assert_eq!(harness.server.get(RESPONSES).await.error().0, 405);
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn the_query_of_a_turn_is_passed_over() {
    let harness = Harness::new().await;
    let path = format!("{CHAT}?api-version=1");
    assert_eq!(harness.server.post(&path, &ask(CHAT, "hello", false)).await.status, 200);
}

#[tokio::test]
async fn a_server_answers_on_every_address_it_listens_on() {
    let harness = Harness::new().await;
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    }
    let addresses: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
    let server = Server::new(settings(&harness.simulator, harness.home.path())).unwrap();
    let served = tokio::spawn(server.serve(listeners, std::future::pending()));
    for address in addresses.iter().chain(&addresses) {
        let reply = client::send(*address, &Request::get("/health")).await.unwrap();
        assert_eq!(reply.status, 200);
    }
    served.abort();
}

#[tokio::test]
async fn a_codex_programs_request_is_served() {
    let harness = Harness::new().await;
    // Trimmed from what Codex 0.169.0 sends to a provider of one's own.
    let request = json!({
        "model": "gpt-5.5", "stream": true, "store": false, "tools": [
            {"type": "function", "name": "shell_command", "description": "Runs", "strict": false,
             "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}},
            {"type": "custom", "name": "apply_patch", "description": "Patches",
             "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}}],
        "tool_choice": "auto", "parallel_tool_calls": true,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "01a20287-0a42-7e72-9a9e-5026be1a6a16",
        "client_metadata": {"x-codex-installation-id": "i", "session_id": "s"},
        "input": [
            {"type": "message", "role": "developer", "content": [
                {"type": "input_text", "text": "You are an agent."}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "say hello"}]}],
    });
    let reply = harness.server.post(RESPONSES, &request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let last: Value = reply.events().pop().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert!(last["response"]["id"].is_string() && last["response"]["usage"].is_object());
    assert_eq!(harness.sent()["client_metadata"]["x-codex-installation-id"], "i");
}
