//! Addresses and keys as people write them: served as what they mean, under the same rules.

use std::io::Write;

use chatmock_server::ApiKey;
use chatmock_testkit::client::{Connection, Request};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::dialects::{Row, dialect, dialects};
use crate::harness::{CHAT, Harness, RESPONSES};

const KEY: &str = "a-key-of-sixteen-and-more";

async fn keyed() -> Harness {
    Harness::with(|s| s.http.admission.keys = vec![ApiKey::new("lan", KEY)]).await
}

/// The paths of a turn as people write them.
fn written(dialect: Row) -> Vec<String> {
    let path = dialect.path;
    let mut all = vec![
        format!("/{path}"),
        format!("{path}/"),
        path.replacen('/', "//", 3),
        format!("{path}//?api-version=1"),
        format!("/v1{path}"),
        format!("/v1/v1{path}/"),
    ];
    match path.strip_prefix("/v1") {
        Some(rest) => {
            let bases = ["", "/", "/openai/v1", "/openai", "/v1/openai", "/api/v1"];
            all.extend(bases.map(|base| format!("{base}{rest}")));
        }
        None => all.push(format!("/api{path}")),
    }
    all
}

#[tokio::test]
async fn every_dialect_is_served_at_the_addresses_that_people_write() {
    let harness = Harness::new().await;
    for dialect in dialects() {
        for path in written(dialect) {
            for stream in [false, true] {
                let reply = harness.server.post(&path, &dialect.ask("hello", stream)).await;
                assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                assert_eq!(dialect.text(&reply, stream), "You said: hello", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn lists_and_the_servers_own_pages_are_served_at_them_too() {
    let harness = Harness::new().await;
    for (path, written) in [
        (
            "/v1/models",
            &[
                "/models",
                "/v1/models/",
                "//v1//models",
                "/v1/v1/models",
                "/openai/models?api-version=2024-10-21",
                "/openai/v1/models",
                "/v1/engines",
                "/engines/",
            ][..],
        ),
        ("/v1/models/gpt-5.5", &["/models/gpt-5.5/", "/engines/gpt-5.5", "/v1/v1//models/gpt-5.5"]),
        (
            "/api/tags",
            &["//api/tags", "/api/tags/", "/v1/api/tags", "/api//tags//", "/api/api/tags"],
        ),
        ("/api/version", &["/v1/api/version", "//api/version/"]),
        ("/health", &["//health", "/health/"]),
        ("/limits", &["/limits/"]),
        ("/", &["//", "///"]),
    ] {
        let expected = harness.server.get(path).await;
        for written in written {
            let reply = harness.server.get(written).await;
            assert_eq!((reply.status, reply.text()), (200, expected.text()), "{written}");
        }
    }
}

#[tokio::test]
async fn a_model_that_the_path_names_is_the_one_that_is_asked() {
    let harness = keyed().await;
    for (dialect, ends) in [
        ("chat", &["chat/completions"][..]),
        ("completions", &["completions"]),
        ("responses", &["responses"]),
    ] {
        let dialect = self::dialect(dialect);
        for end in ends {
            let mut bases = vec![
                "/openai/deployments/gpt-5.5".to_owned(),
                "/v1/openai/deployments/gpt-5.5".to_owned(),
                "/openai/deployments/gpt-6-sol%3Ahigh/".to_owned(),
            ];
            if dialect.name != "responses" {
                bases.extend(["/v1/engines/gpt-5.5", "/engines/gpt-5.5"].map(str::to_owned));
            }
            for base in bases {
                for model in [None, Some("gpt-4o"), Some("gpt-5.5")] {
                    let mut body = dialect.ask("hello", false);
                    match model {
                        Some(model) => body["model"] = json!(model),
                        None => drop(body.as_object_mut().unwrap().remove("model")),
                    }
                    let path = format!("{base}/{end}?api-version=2024-12-01-preview");
                    let request = Request::post(&path, body.to_string()).with("api-key", KEY);
                    let reply = harness.server.send(request).await;
                    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
                    assert_eq!(dialect.text(&reply, false), "You said: hello");
                    let asked = if base.contains("high") { "gpt-6-sol" } else { "gpt-5.5" };
                    assert_eq!(harness.sent()["model"], asked, "{path}");
                }
            }
        }
    }
    let path = "/openai/deployments/none/chat/completions";
    let body = dialect("chat").ask("hello", false).to_string();
    let reply = harness.server.send(Request::post(path, body).with("api-key", KEY)).await;
    assert_eq!(reply.error().2, "model_not_found");
}

#[tokio::test]
async fn what_two_readers_could_take_for_different_paths_is_not_served() {
    let harness = Harness::with(|s| s.policy.debug_model = Some("gpt-5.5".to_owned())).await;
    for path in [
        "/v1/../v1/chat/completions",
        "/x/../v1/chat/completions",
        "/./v1/chat/completions",
        "/v1%2fchat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/%63hat/completions",
        "/%2e/v1/chat/completions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/chat/completions;x=1",
        "/v1;x/chat/completions",
        "/v1\\chat\\completions",
        "/V1/chat/completions",
        "/v1/chat/completions/x/y",
        "/x/v1/chat/completions",
        "/openai/deployments//chat/completions/x",
        "/openai/deployments/../chat/completions",
        "/openai/deployments/%2e%2e/chat/completions",
        "/openai/deployments/a%2fb/chat/completions",
        "/openai/deployments/a;b/chat/completions",
        "/openai/deployments/a/b/chat/completions",
        "/v1/engines/../completions",
    ] {
        let body = dialect("chat").question;
        let reply = harness.server.send(Request::post(path, body)).await;
        assert_eq!(reply.error().2, "unknown_url", "{path}: {}", reply.text());
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn a_path_that_is_not_served_is_answered_with_the_one_that_is() {
    let harness = Harness::new().await;
    for (path, near) in [
        ("/x/chat/completions", CHAT),
        ("/v1/chat/completions/chat/completions", CHAT),
        ("/proxy/v1/responses", RESPONSES),
        ("/ollama/api/chat", "/api/chat"),
    ] {
        let reply = harness.server.post(path, &json!({})).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.message().ends_with(&format!("the path is {near}")), "{}", reply.message());
        assert!(reply.message().contains(path), "{}", reply.message());
    }
    for path in ["//api//nope", "/v1/api/nope", "/api/nope/"] {
        let reply = harness.server.get(path).await;
        assert_eq!((reply.status, reply.json()["error"].is_string()), (404, true), "{path}");
    }
    for path in ["/v1/embeddings", "/openai/deployments/m/embeddings"] {
        let reply = harness.server.post(path, &json!({"model": "m", "input": "x"})).await;
        assert_eq!((reply.status, reply.error().2), (400, json!("embeddings_not_set")), "{path}");
        assert!(reply.message().contains("--embeddings-url"), "{}", reply.message());
    }
}

#[tokio::test]
async fn a_wrong_method_at_such_an_address_names_the_right_ones() {
    let harness = Harness::new().await;
    for path in ["/v1/responses/", "/responses", "/v1/v1/completions", "//v1/completions/"] {
        let reply = harness.server.get(path).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{path}");
        let reply = harness.server.send(Request::new("OPTIONS", path)).await;
        assert_eq!((reply.status, reply.header("allow")), (204, Some("POST")), "{path}");
    }
}

#[tokio::test]
async fn the_rules_of_the_guard_hold_at_every_address() {
    // More wrong keys than a second allows.
    let harness = Harness::with(|settings| {
        settings.http.admission.keys = vec![ApiKey::new("lan", KEY)];
        settings.http.admission.wrong_keys = 1_000;
    })
    .await;
    for dialect in dialects() {
        for path in written(dialect) {
            let ask = || Request::post(&path, dialect.question);
            let reply = harness.server.send(ask()).await;
            assert_eq!(reply.status, 401, "{path}");
            let reply = harness.server.send(ask().with("x-api-key", "wrong-key-of-nobody")).await;
            assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
            for (name, value) in [("origin", "https://evil.test"), ("host", "evil.test")] {
                let reply = harness.server.send(ask().with("api-key", KEY).with(name, value)).await;
                assert_eq!(reply.status, 403, "{path} {name}");
            }
        }
    }
    assert_eq!(harness.server.get("//health/").await.status, 200);
    for path in ["/v1/health", "/api/health", "/health/x", "//limits", "/health//v1/models"] {
        assert_eq!(harness.server.get(path).await.status, 401, "{path}");
    }
    let slashes = format!("/{}", "/".repeat(9000));
    assert_eq!(harness.server.get(&slashes).await.status, 414);
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn a_key_is_taken_in_every_way_in_which_clients_send_it() {
    let harness = keyed().await;
    // lan:KEY, :KEY, KEY: and, wrong, lan:wrong-key-of-nobody, KEY without a colon, :.
    let right = [
        "bGFuOmEta2V5LW9mLXNpeHRlZW4tYW5kLW1vcmU=",
        "OmEta2V5LW9mLXNpeHRlZW4tYW5kLW1vcmU=",
        "YS1rZXktb2Ytc2l4dGVlbi1hbmQtbW9yZTo=",
        "YS1rZXktb2Ytc2l4dGVlbi1hbmQtbW9yZTo",
    ];
    let wrong = [
        "bGFuOndyb25nLWtleS1vZi1ub2JvZHk=",
        "YS1rZXktb2Ytc2l4dGVlbi1hbmQtbW9yZQ==",
        "Og==",
        "%%%",
        "",
    ];
    let basic = |credentials: &str| ("authorization", format!("Basic {credentials}"));
    for dialect in dialects() {
        let ask = |headers: &[(&str, String)]| {
            let request = Request::post(dialect.path, dialect.ask("hello", false).to_string());
            headers.iter().fold(request, |request, (name, value)| request.with(name, value))
        };
        let ways = [("x-api-key", KEY.to_owned()), ("api-key", KEY.to_owned())];
        let bearer = ("authorization", format!("Bearer {KEY}"));
        for way in right.map(basic).into_iter().chain(ways).chain([bearer]) {
            let reply = harness.server.send(ask(std::slice::from_ref(&way))).await;
            assert_eq!(reply.status, 200, "{dialect} {way:?}: {}", reply.text());
        }
        let wrong_key = || ("api-key", "wrong-key-of-nobody".to_owned());
        for headers in wrong
            .map(basic)
            .map(|way| vec![way])
            .into_iter()
            .chain([vec![wrong_key()], vec![basic(right[0]), wrong_key()]])
        {
            let reply = harness.server.send(ask(&headers)).await;
            assert_eq!(reply.status, 401, "{dialect} {headers:?}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "never Basic");
        }
        let page = [basic(right[0]), ("origin", "https://evil.test".to_owned())];
        assert_eq!(harness.server.send(ask(&page)).await.status, 403);
    }
}

#[tokio::test]
async fn a_scheme_that_no_web_site_has_is_listed_as_a_whole() {
    let harness = Harness::with(|s| {
        let origins = ["vscode-webview://*", "moz-extension://*"];
        s.http.admission.origins = origins.map(|origin| origin.parse().unwrap()).into();
    })
    .await;
    let panel = "vscode-webview://0a1b2c3d";
    for (origin, status) in [
        (panel, 204),
        ("https://vscode-webview.evil.example", 403),
        ("vscode-webview://", 403),
        ("vscode-webview://a/b", 403),
        ("vscode-webview://*", 403),
        ("moz-extension://0a1b", 403),
        ("null", 403),
    ] {
        let request = Request::new("OPTIONS", CHAT)
            .with("origin", origin)
            .with("access-control-request-method", "POST")
            .with("access-control-request-headers", "api-key, content-type");
        let reply = harness.server.send(request).await;
        assert_eq!(reply.status, status, "{origin}");
        let allowed = (status == 204).then_some(origin);
        assert_eq!(reply.header("access-control-allow-origin"), allowed);
        assert_eq!(reply.header("vary"), Some("Origin"));
    }
    let body = dialect("chat").ask("hello", false).to_string();
    let reply = harness.server.send(Request::post(CHAT, body).with("origin", panel)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some(panel)));
    let keyed = Harness::with(|s| {
        s.http.admission.origins = vec!["moz-extension://*".parse().unwrap()];
        s.http.admission.keys = vec![ApiKey::new("lan", KEY)];
    })
    .await;
    let ask = || Request::get("/v1/models").with("origin", "moz-extension://0a1b");
    assert_eq!(keyed.server.send(ask()).await.status, 401);
    assert_eq!(keyed.server.send(ask().with("x-api-key", KEY)).await.status, 200);
}

/// A body in each coding that its first bytes or a header name, with that header.
fn coded(body: &Value) -> Vec<(Vec<u8>, Option<&'static str>)> {
    let text = body.to_string().into_bytes();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&text).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&text).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(&text).unwrap();
    // A frame of one block that is not compressed.
    let length = u16::try_from(text.len()).unwrap();
    let block = u32::from(length) << 3 | 1;
    let zstd = [&b"\x28\xb5\x2f\xfd\x00\x00"[..], &block.to_le_bytes()[..3], &text].concat();
    let (gzip, zlib) = (gzip.finish().unwrap(), zlib.finish().unwrap());
    vec![
        (gzip.clone(), Some("gzip")),
        (gzip, None),
        (zstd.clone(), Some("zstd")),
        (zstd, None),
        (zlib.clone(), Some("deflate")),
        (zlib, None),
        (raw.finish().unwrap(), Some("deflate")),
    ]
}

#[tokio::test]
async fn a_compressed_body_is_read_whether_or_not_its_header_got_lost() {
    let harness = Harness::new().await;
    for dialect in dialects() {
        for (body, coding) in coded(&dialect.ask("hello", false)) {
            let mut request = Request::post(dialect.path, body);
            if let Some(coding) = coding {
                request = request.with("content-encoding", coding);
            }
            let reply = harness.server.send(request).await;
            assert_eq!(reply.status, 200, "{dialect} {coding:?}: {}", reply.text());
            assert_eq!(dialect.text(&reply, false), "You said: hello");
        }
    }
    let calls = harness.calls();
    for (body, coding) in coded(&dialect("chat").ask("hello", false)) {
        let cut = body[..body.len() - 1].to_vec();
        let mut request = Request::post(CHAT, cut);
        if let Some(coding) = coding {
            request = request.with("content-encoding", coding);
        }
        let reply = harness.server.send(request).await;
        assert_eq!(reply.error().0, 400, "{coding:?}");
        assert!(reply.message().contains("cannot be decoded as"), "{}", reply.message());
    }
    assert_eq!(harness.calls(), calls);
}

#[tokio::test]
async fn an_old_client_is_promised_a_connection_only_where_the_answer_has_a_length() {
    let harness = Harness::new().await;
    for dialect in dialects() {
        for stream in [false, true] {
            let body = dialect.ask("hello", stream).to_string();
            let request = format!(
                "POST {} HTTP/1.0\r\nhost: localhost\r\nconnection: keep-alive\r\ncontent-length: {}\r\n\r\n{body}",
                dialect.path,
                body.len()
            );
            let mut connection =
                Connection::begin(harness.server.address, request.as_bytes()).await.unwrap();
            let head = connection.head().await.unwrap();
            assert_eq!(head.status, 200);
            assert_eq!(head.header("transfer-encoding"), None, "{dialect}");
            let kept = head.header("connection").is_some_and(|value| value == "keep-alive");
            assert_eq!(kept, !stream, "{dialect}: {:?}", head.headers);
            let said = head.headers.iter().filter(|(name, _)| name == "connection");
            let said: Vec<&str> = said.map(|(_, value)| value.as_str()).collect();
            assert_eq!(said, [if stream { "close" } else { "keep-alive" }], "{dialect}");
            assert_eq!(head.header("content-length").is_some(), !stream, "{dialect}");
            if stream {
                let rest = connection.rest().await.unwrap();
                assert!(String::from_utf8_lossy(&rest).contains("hello"), "{dialect}");
                continue;
            }
            connection.body(head).await.unwrap();
            let again = connection.send(&Request::get("/health")).await.unwrap();
            assert_eq!(again.status, 200, "{dialect}");
        }
    }
}
