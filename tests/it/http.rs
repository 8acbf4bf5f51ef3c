//! HTTP itself: hostile messages, slow ones and odd ones, byte by byte.

use std::time::{Duration, Instant};

use chatmock_server::Settings;
use chatmock_testkit::client::{Connection, Request};

use crate::dialects::dialects;
use crate::harness::{CHAT, Harness, ask, chat};

/// Sends bytes and reads all that comes until the server closes.
async fn all(harness: &Harness, bytes: &[u8]) -> String {
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    connection.write(bytes).await.unwrap();
    String::from_utf8_lossy(&connection.rest().await.unwrap()).into_owned()
}

/// The statuses of all answers in a run of bytes.
fn statuses(text: &str) -> Vec<u16> {
    let heads = text.match_indices("HTTP/1.");
    heads.map(|(at, _)| text[at + 9..at + 12].parse().unwrap()).collect()
}

fn post(headers: &str, body: &str) -> String {
    format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn messages_that_are_no_http_are_refused_and_the_connection_closed() {
    let harness = Harness::new().await;
    let long = format!("x-long: {}\r\n", "x".repeat(33 * 1024));
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a signed length", post("content-length: +4\r\n", "{}  ").into()),
        ("a negative length", post("content-length: -1\r\n", "{}").into()),
        ("a length beyond 64 bits", post("content-length: 18446744073709551616\r\n", "{}").into()),
        ("the largest length", post("content-length: 18446744073709551615\r\n", "{}").into()),
        ("two lengths", post("content-length: 2\r\ncontent-length: 3\r\n", "{} ").into()),
        ("another coding", post("transfer-encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n").into()),
        ("a blank before a colon", post("transfer-encoding : chunked\r\n", "0\r\n\r\n").into()),
        ("a folded line", post("x-a: 1\r\n 2\r\ncontent-length: 2\r\n", "{}").into()),
        ("NUL in a value", post("x-a: a\0b\r\ncontent-length: 2\r\n", "{}").into()),
        ("a head too large", post(&long, "").into()),
        ("too many headers", post(&many, "").into()),
        ("no version", b"GET /x\r\n\r\n".to_vec()),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("bytes in a path", b"GET /\xe9\xff HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
    ];
    for (what, bytes) in cases {
        let text = all(&harness, &bytes).await;
        let statuses = statuses(&text);
        assert!(statuses.len() <= 1, "{what}: {text}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{what}: {text}");
        assert_eq!(harness.calls(), 0, "{what}");
    }
}

#[tokio::test]
async fn a_second_request_is_never_smuggled() {
    let harness = Harness::new().await;
    let hidden = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for headers in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let text = all(&harness, post(headers, &format!("0\r\n\r\n{hidden}")).as_bytes()).await;
        assert_eq!(statuses(&text).len(), 1, "{text}");
        assert!(!text.contains("\"status\":\"ok\""), "{text}");
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn broken_messages_that_reach_us_get_an_answer_in_json() {
    let harness = Harness::new().await;
    for (what, bytes) in [
        ("two codings", post("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n")),
        (
            "a chunk's size beyond 64 bits",
            post("transfer-encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\nx"),
        ),
        (
            "a chunk longer than its size",
            post("transfer-encoding: chunked\r\n", "1\r\nxxxxx\r\n0\r\n\r\n"),
        ),
        (
            "a chunk's size that is none",
            post("transfer-encoding: chunked\r\n", "zz\r\nxxxxx\r\n0\r\n\r\n"),
        ),
    ] {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        connection.write(bytes.as_bytes()).await.unwrap();
        let head = connection.head().await.unwrap();
        let reply = connection.body(head).await.unwrap();
        assert_eq!(reply.error().0, 400, "{what}: {}", reply.text());
        assert!(connection.rest().await.unwrap().is_empty(), "{what}");
    }
    let twice = Request::post(CHAT, "{}").with("content-type", "text/plain");
    assert_eq!(harness.server.send(twice).await.error().0, 400);
    let reply = harness.server.get(&format!("/{}", "a".repeat(9000))).await;
    assert_eq!(reply.error().0, 414);
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn odd_messages_that_are_right_are_answered() {
    let harness = Harness::new().await;
    let body = chat("hello", false).to_string();
    let length = body.len();
    let chunked: String = body.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
    for (what, bytes) in [
        (
            "bare LF",
            format!("POST {CHAT} HTTP/1.1\nhost: localhost\ncontent-length: {length}\n\n{body}"),
        ),
        ("a chunk a byte", post("transfer-encoding: chunked\r\n", &format!("{chunked}0\r\n\r\n"))),
        ("shouted chunked", post("Transfer-Encoding: CHUNKED\r\n", &format!("{chunked}0\r\n\r\n"))),
        (
            "trailers",
            post(
                "transfer-encoding: chunked\r\n",
                &format!("{length:x}\r\n{body}\r\n0\r\ncontent-length: 5\r\nhost: evil\r\n\r\n"),
            ),
        ),
        ("31 KiB of headers", {
            let long = format!("x-long: {}\r\n", "x".repeat(31 * 1024));
            post(&format!("{long}content-length: {length}\r\n"), &body)
        }),
        ("HTTP/1.0", {
            format!(
                "POST {CHAT} HTTP/1.0\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
            )
        }),
    ] {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        connection.write(bytes.as_bytes()).await.unwrap();
        let head = connection.head().await.unwrap();
        let reply = connection.body(head).await.unwrap();
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_stream_to_an_old_client_ends_with_the_connection() {
    let harness = Harness::new().await;
    let body = chat("hello", true).to_string();
    let request = format!(
        "POST {CHAT} HTTP/1.0\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let text = all(&harness, request.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.0 200") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let harness = Harness::new().await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    let paths = ["/health", "/v1/models", "/limits", "/v1/models/gpt-5.5"];
    let requests = paths.map(|path| Request::get(path).bytes()).concat();
    connection.write(&requests).await.unwrap();
    for member in ["status", "data", "limits", "id"] {
        let head = connection.head().await.unwrap();
        let reply = connection.body(head).await.unwrap();
        assert!(reply.json().get(member).is_some(), "{member}: {}", reply.text());
    }
}

#[tokio::test]
async fn an_expectation_is_met_or_refused_and_never_hangs() {
    let harness = Harness::new().await;
    let body = chat("hello", false).to_string();
    for (expectation, status) in [("100-continue", 200), ("200-maybe", 417)] {
        let request = Request::post(CHAT, body.clone()).with("expect", expectation);
        let reply = harness.server.send(request).await;
        assert_eq!(reply.status, status, "{expectation}: {}", reply.text());
    }
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    let head = Request::new("POST", CHAT).with("expect", "100-continue");
    connection.write(&head.with("content-length", &body.len().to_string()).bytes()).await.unwrap();
    let leave = [connection.line().await.unwrap(), connection.line().await.unwrap()].concat();
    assert_eq!(leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write(body.as_bytes()).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_that_stops_arriving_is_a_408() {
    let harness =
        Harness::with(|s| s.http.timeouts.body_progress = Duration::from_millis(300)).await;
    for dialect in dialects() {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        let request = Request::post(dialect.path, "{\"model\"").with("content-length", "1000");
        connection.write(&request.bytes()).await.unwrap();
        let start = Instant::now();
        let head = connection.head().await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        dialect.assert_failure(&connection.body(head).await.unwrap(), 408, &[]);
        assert!(connection.rest().await.unwrap().is_empty(), "the connection is closed");
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn a_head_that_stops_arriving_and_an_idle_connection_are_closed() {
    let limits = |s: &mut Settings| {
        s.http.timeouts.head = Duration::from_millis(300);
        s.http.timeouts.idle = Duration::from_millis(300);
    };
    let harness = Harness::with(limits).await;
    for sent in ["", "POST /v1/chat/completions HTTP/1.1\r\nhost: loc"] {
        let start = Instant::now();
        let text = all(&harness, sent.as_bytes()).await;
        assert!(statuses(&text).iter().all(|status| *status == 408), "{text}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    assert_eq!(connection.send(&Request::get("/health")).await.unwrap().status, 200);
    assert!(connection.rest().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_long_answer_outlives_the_limit_on_heads() {
    let limits = |s: &mut Settings| {
        s.http.timeouts.head = Duration::from_millis(300);
        s.http.timeouts.idle = Duration::from_millis(300);
    };
    let harness = Harness::with(limits).await;
    let reply = harness.server.post(CHAT, &ask(CHAT, "MODE:slow:10:80", true)).await;
    assert!(reply.whole && reply.text().ends_with("data: [DONE]\n\n"), "{}", reply.text());
}
