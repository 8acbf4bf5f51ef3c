//! `POST /explain/…`: what would be sent, without sending it.

use chatmock_server::ApiKey;
use chatmock_testkit::client::Request;
use serde_json::json;

use crate::harness::{CHAT, Harness, chat};

async fn explaining() -> Harness {
    Harness::with(|settings| settings.http.admission.explain = true).await
}

#[tokio::test]
async fn the_explained_request_is_the_one_that_is_sent() {
    let harness = explaining().await;
    for (path, body) in [
        (
            CHAT,
            json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "hi"}], "n": 1,
            "tools": [{"type": "function", "function": {"name": "lookup"}}], "reasoning_effort": "low"}),
        ),
        ("/v1/responses", json!({"model": "gpt-5.5", "input": "hi", "temperature": 1})),
        ("/v1/completions", json!({"model": "gpt-5.5", "prompt": "hi"})),
        (
            "/v1/messages",
            json!({"model": "gpt-5.5", "max_tokens": 50, "system": "brief",
            "messages": [{"role": "user", "content": "hi"}]}),
        ),
        (
            "/api/chat",
            json!({"model": "gpt-5.5", "stream": false, "messages": [{"role": "user", "content": "hi"}]}),
        ),
        ("/api/generate", json!({"model": "gpt-5.5", "stream": false, "prompt": "hi"})),
        ("/v1/images/generations", json!({"prompt": "a hat", "quality": "low"})),
        (
            "/v1/images/edits",
            json!({"prompt": "a hat", "images": [{"image_url": "data:image/png;base64,iVBORw0KGgo="}]}),
        ),
        ("/openai/deployments/gpt-image-1/images/generations", json!({"prompt": "a hat"})),
        (
            "/openai/deployments/gpt-5.5/chat/completions",
            json!({"messages": [{"role": "user", "content": "hi"}]}),
        ),
    ] {
        let before = harness.calls();
        let reply = harness.server.post(&format!("/explain{path}"), &body).await;
        assert_eq!((reply.status, harness.calls()), (200, before), "{path}: {}", reply.text());
        let explained = reply.json();
        assert!(explained.get("signed_out").is_none(), "{explained}");
        let reply = harness.server.post(path, &body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let sent = harness.simulator.model_calls().pop().unwrap();
        let request = &explained["requests"][0];
        assert_eq!(request["body"], sent.json(), "{path}");
        for name in ["session-id", "originator", "user-agent", "accept", "content-type", "version"]
        {
            assert_eq!(
                request["headers"][name],
                *sent.header(name).unwrap_or_default(),
                "{path} {name}"
            );
        }
        assert_eq!(request["headers"]["authorization"], "Bearer ****");
    }
}

#[tokio::test]
async fn it_is_off_by_default_and_refuses_as_the_dialect_does() {
    let harness = Harness::new().await;
    let reply = harness.server.post("/explain/v1/chat/completions", &chat("hi", true)).await;
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("--explain"), "{}", reply.text());
    let harness = explaining().await;
    let empty = json!({"model": "gpt-5.5", "messages": []});
    let reply = harness.server.post("/explain/v1/messages", &empty).await;
    assert_eq!((reply.status, &reply.json()["type"]), (400, &json!("error")), "{}", reply.text());
    let reply = harness.server.post("/explain/api/chat", &json!({"model": 5})).await;
    assert!(reply.status == 400 && reply.json()["error"].is_string(), "{}", reply.text());
    for path in ["/explain/v1/models", "/explain/v1/responses/input_tokens", "/explain"] {
        let reply = harness.server.post(path, &json!({})).await;
        assert!([404, 405].contains(&reply.status), "{path}: {}", reply.status);
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn keys_and_hosts_count_as_everywhere_and_budgets_do_not() {
    let harness = Harness::with(|settings| {
        settings.http.admission.explain = true;
        settings.http.admission.keys = vec![ApiKey::new("ann", "0123456789abcdef")];
        settings.http.admin.budgets = vec!["ann: requests/min=1".parse().unwrap()];
    })
    .await;
    let request = |key: &str| {
        let request = Request::post("/explain/v1/chat/completions", chat("hi", true).to_string());
        request.with("authorization", &format!("Bearer {key}"))
    };
    assert_eq!(harness.server.send(request("wrong")).await.status, 401);
    for _ in 0..3 {
        let reply = harness.server.send(request("0123456789abcdef")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(!reply.text().contains("0123456789abcdef"));
    }
    let foreign = request("0123456789abcdef").with("host", "evil.example");
    assert_eq!(harness.server.send(foreign).await.status, 403);
}
