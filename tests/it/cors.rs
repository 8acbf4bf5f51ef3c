//! CORS: pages that a person trusts get their headers, and no other page gets any.

use chatmock_server::ApiKey;
use chatmock_testkit::client::{Reply, Request};

use crate::harness::{CHAT, Harness, chat};

const LISTED: &str = "http://localhost:3000";

async fn harness() -> Harness {
    Harness::with(|s| {
        s.http.admission.origins =
            vec![LISTED.parse().unwrap(), "app://obsidian.md".parse().unwrap()];
        s.http.admission.keys = vec![ApiKey::new("ann", "a-key-of-sixteen-and-more")];
    })
    .await
}

fn preflight(origin: &str) -> Request {
    Request::new("OPTIONS", CHAT)
        .with("origin", origin)
        .with("access-control-request-method", "POST")
        .with("access-control-request-headers", "content-type, x-evil")
}

/// The headers of a reply that a browser goes by, in the order of the alphabet.
fn leave(reply: &Reply) -> Vec<&str> {
    let names = reply.headers.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<&str> = names.filter(|name| name.starts_with("access-control-")).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_preflight_of_a_listed_page_is_answered_with_fixed_lists_and_no_key() {
    let harness = harness().await;
    for path in [CHAT, "/v1/models", "/api/chat", "/nothing"] {
        let request = Request::new("OPTIONS", path)
            .with("origin", LISTED)
            .with("access-control-request-method", "PUT")
            .with("access-control-request-headers", "x-evil");
        let reply = harness.server.send(request).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(LISTED));
        assert_eq!(reply.header("vary"), Some("Origin"));
        let methods = reply.header("access-control-allow-methods");
        assert_eq!(methods, Some("GET, HEAD, POST, DELETE"));
        let headers = reply.header("access-control-allow-headers").unwrap();
        for needed in ["authorization", "content-type", "traceparent", "x-api-key"] {
            assert!(headers.split(", ").any(|name| name == needed), "{needed}: {headers}");
        }
        assert!(!headers.contains("x-evil") && !headers.contains('*'), "{headers}");
        let age: u32 = reply.header("access-control-max-age").unwrap().parse().unwrap();
        assert!(age <= 600);
        assert!(!leave(&reply).contains(&"access-control-allow-private-network"));
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn the_private_network_is_opened_to_listed_pages_alone() {
    let harness = harness().await;
    let asks = |origin| preflight(origin).with("access-control-request-private-network", "true");
    let reply = harness.server.send(asks(LISTED)).await;
    assert_eq!(reply.header("access-control-allow-private-network"), Some("true"));
    let reply = harness.server.send(asks("https://evil.test")).await;
    assert_eq!((reply.status, leave(&reply).len()), (403, 0));
}

#[tokio::test]
async fn a_preflight_of_any_other_page_is_refused() {
    let harness = harness().await;
    for origin in ["https://evil.test", "null", "", "http://localhost:3001", "app://obsidian.md."] {
        let reply = harness.server.send(preflight(origin)).await;
        assert_eq!((reply.status, leave(&reply).len()), (403, 0), "{origin}");
        assert_eq!(reply.header("allow"), None);
    }
}

#[tokio::test]
async fn a_listed_page_reads_answers_and_failures_alike() {
    let harness = harness().await;
    let body = |stream| chat("hello", stream).to_string();
    let key = "Bearer a-key-of-sixteen-and-more";
    let ask = |body: String| Request::post(CHAT, body).with("origin", "app://obsidian.md");
    for (status, request) in [
        (200, ask(body(false)).with("authorization", key)),
        (200, ask(body(true)).with("authorization", key)),
        (400, ask("{}".to_owned()).with("authorization", key)),
        (401, ask(body(false))),
        (404, Request::get("/nothing").with("origin", LISTED).with("authorization", key)),
    ] {
        let reply = harness.server.send(request).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        let expected = ["access-control-allow-origin", "access-control-expose-headers"];
        assert_eq!(leave(&reply), expected, "{status}");
        let exposed = reply.header("access-control-expose-headers");
        let headers = "request-id, x-request-id, x-chatmock-notices, x-should-retry, retry-after, idempotent-replayed";
        assert_eq!(exposed, Some(headers));
        assert_eq!(reply.header("vary"), Some("Origin"));
    }
}

#[tokio::test]
async fn programs_and_servers_without_listed_pages_see_nothing_of_it() {
    let harness = harness().await;
    let key = "Bearer a-key-of-sixteen-and-more";
    let reply = harness.server.send(Request::get("/v1/models").with("authorization", key)).await;
    assert_eq!((reply.status, leave(&reply).len()), (200, 0));
    let harness = Harness::new().await;
    let reply = harness.server.get("/v1/models").await;
    assert_eq!((leave(&reply).len(), reply.header("vary")), (0, None));
}
