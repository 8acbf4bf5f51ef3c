//! The rows of the table of hostile inputs that a connection alone decides: browsers (B), keys (K),
//! HTTP (H), Ollama's other endpoints (L). Each goes over a socket of its own, byte for byte.

use chatmock_server::ApiKey;
use chatmock_testkit::client::{Connection, Reply, Request};

use crate::harness::{CHAT, Harness};

const KEY: &str = "a-key-of-sixteen-and-more";
const LISTED: &str = "http://localhost:3000";
const BODY: &str = r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"hello"}]}"#;

/// What may come back: a status and a code, where one is expected.
type Expected = (u16, &'static str);

/// One row: its name, what is sent, and what comes back.
struct Row(&'static str, String, Expected);

/// A request with what it lacks: a host, and for a body its length and type.
fn ask(line: &str, headers: &[&str], body: &str) -> String {
    let has = |name: &str| headers.iter().any(|header| header.to_lowercase().starts_with(name));
    let mut text = format!("{line} HTTP/1.1\r\n");
    for (name, value) in [("host:", "127.0.0.1:PORT"), ("content-type:", "application/json")] {
        if !has(name) {
            text.push_str(&format!("{name} {value}\r\n"));
        }
    }
    if !(has("content-length:") || has("transfer-encoding") || body.is_empty()) {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for header in headers.iter().filter(|header| !header.is_empty()) {
        text.push_str(&format!("{header}\r\n"));
    }
    text + "\r\n" + body
}

fn post(name: &'static str, headers: &[&str], expected: Expected) -> Row {
    Row(name, ask(&format!("POST {CHAT}"), headers, BODY), expected)
}

fn get(name: &'static str, path: &str, headers: &[&str], expected: Expected) -> Row {
    Row(name, ask(&format!("GET {path}"), headers, ""), expected)
}

/// Sends every row and checks its answer; a refusal reaches nobody.
async fn run(harness: &Harness, rows: Vec<Row>) {
    for Row(name, text, (status, code)) in rows {
        let before = harness.calls();
        let text = text.replace("PORT", &harness.server.address.port().to_string());
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        connection.write(text.as_bytes()).await.unwrap();
        let head = connection.head().await.unwrap();
        let reply = connection.body(head).await.unwrap();
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
        if status >= 400 {
            assert_eq!(harness.calls(), before, "{name}");
            assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
            assert!(reply.json().get("error").is_some(), "{name}: {}", reply.text());
        }
        if !code.is_empty() {
            assert_eq!(reply.json()["error"]["code"], code, "{name}: {}", reply.text());
        }
        assert_no_leave(&reply, &text, name);
    }
}

/// Only a listed origin is given leave by a browser's rules.
fn assert_no_leave(reply: &Reply, sent: &str, name: &str) {
    let leave = reply.headers.iter().any(|(name, _)| name.starts_with("access-control-"));
    assert_eq!(
        leave,
        sent.contains(&format!("Origin: {LISTED}\r\n")),
        "{name}: {:?}",
        reply.headers
    );
    assert_eq!(reply.header("access-control-allow-credentials"), None, "{name}");
}

#[tokio::test]
async fn hosts() {
    let harness = Harness::new().await;
    let (foreign, wrong) = ((403, "host_not_allowed"), (400, ""));
    let mut rows = Vec::new();
    for (name, host, expected) in [
        ("B01", "evil.test:PORT", foreign),
        ("B03", "127.evil.test", foreign),
        ("B05", "localhost.", foreign),
        ("B07", "[::1]:PORT", (200, "")),
        ("B09", "0.0.0.0:PORT", foreign),
        ("B11", "localhost:99999", wrong),
        ("B13", "user@localhost", wrong),
        ("upper case", "LOCALHOST:PORT", (200, "")),
        ("a number", "2130706433:PORT", foreign),
        ("hexadecimal", "0x7f.1", foreign),
        ("a mapped address", "[::ffff:127.0.0.1]:PORT", foreign),
        ("IPv4 in brackets", "[127.0.0.1]:PORT", wrong),
        ("empty", "", wrong),
        ("two in one", "localhost, evil.test", wrong),
    ] {
        rows.push(post(name, &[&format!("Host: {host}")], expected));
    }
    rows.push(Row("B15", format!("POST {CHAT} HTTP/1.1\r\ncontent-length: 0\r\n\r\n"), wrong));
    rows.push(post("B17", &["Host: localhost", "Host: localhost"], wrong));
    rows.push(post("B18", &["Host: localhost", "Host: evil.test"], wrong));
    rows.push(get("B19", "http://127.0.0.1:PORT/v1/models", &["Host: evil.test"], foreign));
    rows.push(get("B20", "http://evil.test/v1/models", &["Host: 127.0.0.1"], foreign));
    rows.push(get("two of ours", "http://localhost/v1/models", &["Host: 127.0.0.1"], wrong));
    rows.push(post("B21", &["Host: evil.test", "X-Forwarded-Host: localhost"], foreign));
    run(&harness, rows).await;
}

#[tokio::test]
async fn pages() {
    let harness = Harness::with(|s| s.http.admission.origins = vec![LISTED.parse().unwrap()]).await;
    let foreign = (403, "origin_not_allowed");
    let mut rows = Vec::new();
    for (name, origin) in [
        ("B23", "https://evil.test"),
        ("B24", "null"),
        ("B25", "file://"),
        ("B27", "http://localhost.evil.test"),
        ("B29", "http://127.0.0.1:PORT@evil.test"),
        ("B31", ""),
        ("another port", "http://localhost:3001"),
        ("a slash more", "http://localhost:3000/"),
        ("our own", "http://127.0.0.1:PORT"),
    ] {
        rows.push(post(name, &[&format!("Origin: {origin}")], foreign));
        rows.push(post(name, &[&format!("Origin: {origin}"), "Content-Type: text/plain"], foreign));
        rows.push(get(name, "/v1/models", &[&format!("Origin: {origin}")], foreign));
    }
    let form = ["Origin: https://evil.test", "Content-Type: application/x-www-form-urlencoded"];
    rows.push(post("B33", &form, foreign));
    let trick = r#"{"model":"m","messages":[],"x":"=y"}"#;
    let headers = ["Origin: null", "Content-Type: text/plain"];
    rows.push(Row("B35", ask(&format!("POST {CHAT}"), &headers, trick), foreign));
    rows.push(post("B36", &["Sec-Fetch-Site: cross-site"], foreign));
    rows.push(post("B37", &["Sec-Fetch-Site: same-site"], foreign));
    rows.push(post("B38", &["Sec-Fetch-Site: none"], (200, "")));
    rows.push(post("B39", &["Referer: https://evil.test/x"], foreign));
    let listed = format!("Origin: {LISTED}");
    rows.push(post("listed", &[&listed, "Sec-Fetch-Site: cross-site"], (200, "")));
    rows.push(get("listed and wrong", "/v1/models/none", &[&listed], (404, "model_not_found")));
    let image = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"];
    rows.push(get("B48", "/v1/models", &image, foreign));
    let query = format!("{CHAT}?model=x&messages=y");
    rows.push(get("B49", &query, &[], (405, "method_not_allowed")));
    rows.push(get("B51", CHAT, &["X-HTTP-Method-Override: POST"], (405, "method_not_allowed")));
    run(&harness, rows).await;
}

#[tokio::test]
async fn web_sockets() {
    let harness = Harness::with(|s| s.http.admission.origins = vec![LISTED.parse().unwrap()]).await;
    let upgrade = |key: &str, more: &str| {
        let key = format!("Sec-WebSocket-Key: {key}");
        let fixed = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
        ask("GET /v1/responses", &[&fixed[..], &[&key, more]].concat(), "")
    };
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let listed = format!("Origin: {LISTED}");
    let rows = vec![
        Row("B45", upgrade(key, "Origin: https://evil.test"), (403, "origin_not_allowed")),
        Row("null", upgrade(key, "Origin: null"), (403, "origin_not_allowed")),
        Row("host", upgrade(key, "Host: evil.test"), (403, "host_not_allowed")),
        Row("B46", upgrade(key, ""), (426, "upgrade_refused")),
        Row("listed", upgrade(key, &listed), (426, "upgrade_refused")),
        Row("B47 short", upgrade("c2hvcnQ=", ""), (400, "")),
        Row("B47 empty", upgrade("", ""), (400, "")),
        Row(
            "B47 missing",
            upgrade(key, "").replace(&format!("Sec-WebSocket-Key: {key}\r\n"), ""),
            (400, ""),
        ),
        Row("evil and short", upgrade("", "Origin: null"), (403, "origin_not_allowed")),
    ];
    run(&harness, rows).await;
}

#[tokio::test]
async fn keys() {
    let harness = Harness::with(|s| {
        s.http.admission.keys =
            vec![ApiKey::new("ann", KEY), ApiKey::new("ben", "another-long-key-of-ben")];
        s.http.admission.origins = vec![LISTED.parse().unwrap()];
    })
    .await;
    let (no, yes) = ((401, "invalid_api_key"), (200, ""));
    let right = format!("Authorization: Bearer {KEY}");
    let long = format!("Authorization: Bearer {}", "k".repeat(10_000));
    let both = [&*right, "X-Api-Key: wrong-key-of-nobody"];
    let listed = format!("Origin: {LISTED}");
    let mut rows = vec![
        post("none", &[], no),
        post("K01", &[&right], yes),
        post("K02", &["Authorization: Bearer wrong-key-of-nobody"], no),
        post("K03", &["Authorization: bEARER another-long-key-of-ben"], yes),
        post("K04", &["Authorization: Basic S0VZ"], no),
        post("K05", &[&format!("x-api-key: {KEY}")], yes),
        post("K06", &[&right, "Authorization: Bearer wrong-key-of-nobody"], no),
        post("K06 reversed", &["Authorization: Bearer wrong-key-of-nobody", &right], no),
        post("both, one wrong", &both, no),
        post("K10", &[&long], no),
        post("K12", &["Authorization: Bearer "], no),
        post("listed, without", &[&listed], no),
        get("health", "/health", &[], yes),
        get("health, wrong", "/health", &["Authorization: Bearer wrong-key-of-nobody"], yes),
    ];
    for path in ["/", "/v1/models", "/limits", "/nothing", "/v1/responses/resp_1"] {
        rows.push(get("without", path, &[], no));
    }
    let query = format!("POST {CHAT}?api_key={KEY}&key={KEY}");
    rows.push(Row("K08", ask(&query, &[], BODY), no));
    rows.push(Row("K14", ask("POST /v1/messages", &[], BODY), no));
    rows.push(Row("options", ask("OPTIONS /v1/models", &[], ""), no));
    let preflight = [&*listed, "Access-Control-Request-Method: GET"];
    rows.push(Row("K16", ask("OPTIONS /v1/models", &preflight, ""), (204, "")));
    run(&harness, rows).await;
    let evil = ["Origin: http://evil.test", &*right];
    run(&harness, vec![post("a right key from a page", &evil, (403, "origin_not_allowed"))]).await;
}

#[tokio::test]
async fn a_wrong_key_is_challenged_in_the_dialect_and_never_repeated() {
    let harness = Harness::with(|s| s.http.admission.keys = vec![ApiKey::new("ann", KEY)]).await;
    for path in [CHAT, "/v1/responses", "/api/chat", "/api/tags"] {
        let request = Request::post(path, BODY).with("x-api-key", "wrong-key-of-nobody");
        let reply = harness.server.send(request).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
        assert_eq!(reply.json()["error"].is_string(), path.starts_with("/api/"), "{path}");
        let shown = format!("{:?}{}", reply.headers, reply.text());
        assert!(!shown.contains("wrong-key") && !shown.contains("key-of-nobody"), "{shown}");
    }
}

#[tokio::test]
async fn http() {
    let harness = Harness::new().await;
    let sized = |more: &str, body: &str| {
        format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n{body}")
    };
    let chunked = |body: &str| sized("transfer-encoding: chunked\r\n", body);
    let length = BODY.len();
    let long = "a".repeat(9000);
    let letters = format!("{} /v1/models", "A".repeat(40));
    let rows = vec![
        Row("H12", sized("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n"), (400, "")),
        get("H22", &format!("/{long}"), &[], (414, "")),
        Row("H28", ask(&letters, &[], ""), (405, "method_not_allowed")),
        Row("H30", ask("TRACE /", &[], ""), (405, "method_not_allowed")),
        Row("H32", chunked("FFFFFFFFFFFFFFFFF\r\nx"), (400, "")),
        Row("H34", chunked("1\r\nxxxxx\r\n0\r\n\r\n"), (400, "")),
        Row(
            "H36",
            chunked(&format!(
                "{length:x}\r\n{BODY}\r\n0\r\nContent-Length: 5\r\nHost: evil\r\n\r\n"
            )),
            (200, ""),
        ),
        post("H42", &["Expect: 200-maybe"], (417, "")),
        get("H48", "/../../etc/passwd", &[], (404, "unknown_url")),
        get("H48", "/%2e%2e/%2e%2e/etc/passwd", &[], (404, "unknown_url")),
        get("H48", "/..%5c..%5cetc", &[], (404, "unknown_url")),
        get("H50", "/v1/models/%00", &[], (404, "model_not_found")),
        post("H52", &["Content-Type: text/plain", "Content-Type: text/plain"], (400, "")),
        post("H54", &["Content-Encoding: br"], (415, "")),
        post("H58", &["Content-Encoding: gzip"], (400, "")),
        Row("CONNECT", ask("CONNECT 127.0.0.1:1", &[], ""), (405, "")),
    ];
    run(&harness, rows).await;
}

#[tokio::test]
async fn endpoints_of_ollama() {
    let harness = Harness::new().await;
    let say = |line: &str| ask(line, &[], BODY);
    let chat = |member: &str| {
        let body = format!(r#"{{"model":"gpt-5.5",{member}}}"#);
        ask("POST /api/chat", &[], &body)
    };
    let images = r#""messages":[{"role":"user","content":"a","images":["%%%"]}]"#;
    let think = r#""messages":[{"role":"user","content":"a"}],"think":"bogus""#;
    let rows = vec![
        Row("L02", say("POST /api/push"), (501, "")),
        Row("L04", say("POST /api/copy"), (501, "")),
        Row("L04", say("POST /api/create"), (501, "")),
        Row("L06", say("POST /api/embed"), (501, "")),
        Row("L06", say("POST /api/embeddings"), (501, "")),
        Row("L08", ask("POST /api/show", &[], "{}"), (400, "")),
        Row("L10", chat(images), (400, "")),
        Row("L12", chat(think), (400, "")),
        Row("L14", ask("GET /api/nope", &[], ""), (404, "")),
        Row("a foreign host", ask("GET /api/tags", &["Host: evil.test"], ""), (403, "")),
        Row("a page", ask("GET /api/tags", &["Origin: null"], ""), (403, "")),
    ];
    run(&harness, rows).await;
}
