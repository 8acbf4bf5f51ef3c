//! The guard: it refuses pages of browsers, names that are not ours, and ambiguous messages.

use chatmock_testkit::client::{Connection, Reply, Request};
use serde_json::json;

use crate::harness::{CHAT, Harness, chat};

fn post() -> Request {
    Request::post(CHAT, chat("hello", false).to_string())
}

/// Asserts a refusal in OpenAI's shape that nothing else heard of.
fn assert_refused(harness: &Harness, reply: &Reply, (status, code): (u16, &str), what: &str) {
    let (got, _, found, _) = reply.error();
    assert_eq!(got, status, "{what}: {}", reply.text());
    if !code.is_empty() {
        assert_eq!(found, code, "{what}");
    }
    assert!(!reply.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "{what}");
    assert_eq!(harness.calls(), 0, "{what}");
}

#[tokio::test]
async fn hosts_that_are_not_ours_are_refused() {
    let harness = Harness::new().await;
    let port = harness.server.address.port();
    for host in [
        format!("evil.test:{port}"),
        "evil.test".to_owned(),
        "127.evil.test".to_owned(),
        "localhost.evil.test".to_owned(),
        "localhost..".to_owned(),
        format!("0.0.0.0:{port}"),
        "[::]".to_owned(),
        "10.0.0.1".to_owned(),
        "host.docker.internal".to_owned(),
    ] {
        let reply = harness.server.send(post().with("host", &host)).await;
        assert_refused(&harness, &reply, (403, "host_not_allowed"), &host);
        let reply = harness.server.send(Request::get("/v1/models").with("host", &host)).await;
        assert_refused(&harness, &reply, (403, "host_not_allowed"), &host);
    }
}

#[tokio::test]
async fn hosts_that_are_ours_are_answered() {
    let harness =
        Harness::with(|settings| settings.http.admission.hosts.push("proxy.lan".parse().unwrap()))
            .await;
    let port = harness.server.address.port();
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.53", "[::1]", "proxy.lan"] {
        for host in [host.to_owned(), format!("{host}:{port}"), format!("{host}:8443")] {
            assert_eq!(harness.server.send(post().with("host", &host)).await.status, 200, "{host}");
        }
    }
}

#[tokio::test]
async fn malformed_hosts_are_a_bad_request() {
    let harness = Harness::new().await;
    for host in
        ["", "localhost:99999", "localhost:+80", "user@localhost", "[::1", "a b", "localhost:80:80"]
    {
        let reply = harness.server.send(post().with("host", host)).await;
        assert_refused(&harness, &reply, (400, ""), host);
    }
}

/// Sends text unchanged and reads one answer.
async fn raw(harness: &Harness, text: &str) -> Reply {
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    connection.write(text.as_bytes()).await.unwrap();
    let head = connection.head().await.unwrap();
    connection.body(head).await.unwrap()
}

#[tokio::test]
async fn a_request_names_its_host_exactly_once() {
    let harness = Harness::new().await;
    for hosts in ["", "host: localhost\r\nhost: localhost\r\n", "host: localhost\r\nhost: evil\r\n"]
    {
        let text = format!("POST {CHAT} HTTP/1.1\r\n{hosts}content-length: 2\r\n\r\n{{}}");
        assert_refused(&harness, &raw(&harness, &text).await, (400, ""), hosts);
    }
}

#[tokio::test]
async fn an_absolute_target_is_held_to_the_same_names() {
    let harness = Harness::new().await;
    for (target, host, status) in [
        ("http://127.0.0.1/v1/models", "evil.test", 403),
        ("http://evil.test/v1/models", "localhost", 403),
        ("http://user@localhost/v1/models", "localhost", 400),
        ("http://127.0.0.1/v1/models", "127.0.0.1", 200),
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(raw(&harness, &text).await.status, status, "{target}, {host}");
    }
}

#[tokio::test]
async fn this_is_no_proxy() {
    let harness = Harness::new().await;
    let text = "CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n";
    assert_refused(&harness, &raw(&harness, text).await, (405, ""), "CONNECT");
}

#[tokio::test]
async fn forwarded_names_count_for_nothing() {
    let harness = Harness::new().await;
    for name in ["x-forwarded-host", "x-host", "forwarded", "x-original-host"] {
        let reply =
            harness.server.send(post().with("host", "evil.test").with(name, "localhost")).await;
        assert_refused(&harness, &reply, (403, "host_not_allowed"), name);
    }
}

#[tokio::test]
async fn no_page_is_answered_whatever_its_origin() {
    let harness = Harness::new().await;
    let port = harness.server.address.port();
    for origin in [
        "https://evil.test",
        "null",
        "file://",
        "app://obsidian.md",
        "http://localhost.evil.test",
        &format!("http://127.0.0.1:{port}@evil.test"),
        &format!("http://127.0.0.1:{port}"),
        "chrome-extension://abc",
        "",
    ] {
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            let body = r#"{"model":"gpt-5.5","messages":[],"x":"=y"}"#;
            let request = Request::new("POST", CHAT).with("content-type", kind);
            let request = request.with("origin", origin);
            let request = request.with("content-length", &body.len().to_string());
            let text = [request.bytes(), body.as_bytes().to_vec()].concat();
            let reply = raw(&harness, &String::from_utf8(text).unwrap()).await;
            assert_refused(&harness, &reply, (403, "origin_not_allowed"), origin);
        }
        for path in ["/", "/v1/models", "/limits", "/health"] {
            let reply = harness.server.send(Request::get(path).with("origin", origin)).await;
            assert_refused(&harness, &reply, (403, "origin_not_allowed"), origin);
        }
    }
}

#[tokio::test]
async fn a_preflight_opens_nothing() {
    let harness = Harness::new().await;
    for origin in ["https://evil.test", "null"] {
        let request = Request::new("OPTIONS", CHAT)
            .with("origin", origin)
            .with("access-control-request-method", "POST")
            .with("access-control-request-headers", "content-type, x-evil")
            .with("access-control-request-private-network", "true");
        let reply = harness.server.send(request).await;
        assert_refused(&harness, &reply, (403, "origin_not_allowed"), origin);
    }
}

#[tokio::test]
async fn what_a_browser_says_of_itself_counts_without_an_origin_too() {
    let harness = Harness::new().await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("referer", "https://evil.test/x"),
        ("referer", "http://localhost.evil.test/"),
        ("referer", "http://localhost@evil.test/"),
        ("referer", "about:blank"),
    ] {
        let reply = harness.server.send(post().with(name, value)).await;
        assert_refused(&harness, &reply, (403, "origin_not_allowed"), value);
    }
    for (name, value) in [("sec-fetch-site", "none"), ("referer", "http://localhost:3000/x")] {
        assert_eq!(harness.server.send(post().with(name, value)).await.status, 200, "{value}");
    }
}

#[tokio::test]
async fn a_refusal_comes_before_the_body_is_read() {
    let harness = Harness::new().await;
    let head = post().with("origin", "https://evil.test").with("content-length", "1000000");
    let head = String::from_utf8(head.bytes()).unwrap();
    let head = head.split("{\"").next().unwrap();
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    connection.write(head.as_bytes()).await.unwrap();
    let reply = connection.head().await.unwrap();
    assert_eq!(reply.status, 403);
    let reply = connection.body(reply).await.unwrap();
    assert_eq!(reply.json()["error"]["code"], json!("origin_not_allowed"));
}

#[tokio::test]
async fn a_body_in_a_coding_that_is_not_known_is_a_415() {
    let harness = Harness::new().await;
    for coding in ["br", "compress", "gzip, br"] {
        let reply = harness.server.send(post().with("content-encoding", coding)).await;
        assert_refused(&harness, &reply, (415, ""), coding);
    }
    assert_eq!(harness.server.send(post().with("content-encoding", "identity")).await.status, 200);
}
