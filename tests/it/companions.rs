//! Servers beside the backend: what is passed on to them, in whose shape, and what never is.

use chatmock_server::auth::Secret;
use chatmock_server::{CompanionServer, Settings};
use chatmock_testkit::client::{Reply, Request};
use chatmock_testkit::companion::{Companion, CompanionKind};
use serde_json::{Value, json};

use crate::harness::{Harness, Running, settings};
use crate::log::listen;

const KEY: &str = "sk-of-the-companion";

const EMBEDDINGS: &str = "/v1/embeddings";

fn server(url: &str) -> Option<CompanionServer> {
    Some(CompanionServer { url: url.to_owned(), key: Some(Secret::new(KEY)) })
}

/// A server that passes embeddings on.
async fn embedding(kind: CompanionKind) -> (Harness, Companion) {
    let companion = Companion::start(kind, Some(KEY)).unwrap();
    let url = companion.url();
    let harness = Harness::with(|s: &mut Settings| s.companions.embeddings = server(&url)).await;
    (harness, companion)
}

/// A server that passes speech on.
async fn speaking() -> (Harness, Companion) {
    let companion = Companion::start(CompanionKind::OpenAi, Some(KEY)).unwrap();
    let url = companion.url();
    let harness = Harness::with(|s: &mut Settings| s.companions.audio = server(&url)).await;
    (harness, companion)
}

/// A form with a file and fields.
fn form(path: &str, fields: &[(&str, &str)]) -> Request {
    let mut body = String::from(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n",
    );
    for (name, value) in fields {
        body.push_str(&format!(
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--x--\r\n");
    Request::new("POST", path).with("content-type", "multipart/form-data; boundary=x").body(body)
}

fn notices(reply: &Reply) -> &str {
    reply.header("x-chatmock-notices").unwrap_or_default()
}

#[tokio::test]
async fn each_dialect_of_embeddings_is_answered_by_either_kind_of_server() {
    for kind in [CompanionKind::OpenAi, CompanionKind::Ollama] {
        let (harness, companion) = embedding(kind).await;
        let two = json!({"model": "m", "input": ["a", "bcd"], "dimensions": 2});
        let reply = harness.server.post(EMBEDDINGS, &two).await;
        assert_eq!(reply.status, 200, "{kind:?}: {}", reply.text());
        let list = reply.json();
        assert_eq!(
            list["data"][1],
            json!({"object": "embedding", "index": 1, "embedding": [3, 0.5]})
        );
        assert_eq!(list["usage"], json!({"prompt_tokens": 6, "total_tokens": 6}));
        assert_eq!(companion.last().unwrap().json()["input"], json!(["a", "bcd"]));
        let reply = harness.server.post("/api/embed", &two).await;
        assert_eq!(reply.json()["embeddings"], json!([[1, 0.5], [3, 0.5]]), "{}", reply.text());
        assert_eq!(reply.json()["prompt_eval_count"], 6);
        let one = json!({"model": "m", "prompt": "abcd"});
        let reply = harness.server.post("/api/embeddings", &one).await;
        assert_eq!(reply.json(), json!({"embedding": [4, 0.5, 0.25]}), "{}", reply.text());
        let coded =
            json!({"model": "m", "input": "a", "dimensions": 2, "encoding_format": "base64"});
        let reply = harness.server.post(EMBEDDINGS, &coded).await;
        assert_eq!(reply.json()["data"][0]["embedding"], "AACAPwAAAD8=", "{}", reply.text());
        assert_eq!(notices(&reply), "encoding_format=emulated");
        assert_eq!(harness.calls(), 0, "the backend has no part in it");
        let records = harness.server.get("/usage?records=9").await.json()["records"].clone();
        assert!(records.as_array().is_none_or(Vec::is_empty), "they are no turns: {records}");
    }
}

#[tokio::test]
async fn token_ids_reach_a_server_of_openai_and_are_refused_for_ollama() {
    let body = json!({"model": "m", "input": [[1, 2, 3], [4]]});
    let (harness, companion) = embedding(CompanionKind::OpenAi).await;
    let reply = harness.server.post(EMBEDDINGS, &body).await;
    assert_eq!(reply.json()["data"][0]["embedding"][0], 3, "{}", reply.text());
    assert_eq!(companion.last().unwrap().json(), body);
    let (harness, _companion) = embedding(CompanionKind::Ollama).await;
    let (status, _, _, param) = harness.server.post(EMBEDDINGS, &body).await.error();
    assert_eq!((status, param), (400, json!("input")));
}

#[tokio::test]
async fn addresses_that_name_the_model_are_passed_on_too() {
    let (harness, companion) = embedding(CompanionKind::OpenAi).await;
    for path in [
        "/openai/deployments/m-1/embeddings?api-version=2024-10-21",
        "/v1/engines/m-1/embeddings",
        "/deployments/m-1/embeddings",
    ] {
        let reply = harness.server.post(path, &json!({"input": "a"})).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(companion.last().unwrap().json()["model"], "m-1", "{path}");
    }
    for path in ["/embeddings", "/v1/v1/embeddings/", "/openai/v1/embeddings"] {
        let reply = harness.server.post(path, &json!({"model": "m", "input": "a"})).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn nothing_of_the_sign_in_or_of_the_client_goes_to_another_server() {
    let (log, _guard) = listen();
    let (harness, companion) = embedding(CompanionKind::OpenAi).await;
    let body = json!({"model": "m", "input": "a"}).to_string();
    let request = Request::post(EMBEDDINGS, body)
        .with("authorization", "Bearer sk-of-the-client")
        .with("cookie", "session=1")
        .with("openai-organization", "org-1")
        .with("chatgpt-account-id", "acct")
        .with("user-agent", "agent/1");
    assert_eq!(harness.server.send(request).await.status, 200);
    let passed = companion.last().unwrap();
    let mut names: Vec<&str> = passed.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected =
        ["accept", "authorization", "content-length", "content-type", "host", "user-agent", "via"];
    assert_eq!(names, expected);
    assert_eq!(passed.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert!(passed.header("user-agent").unwrap().starts_with("chatmock/"));
    assert!(!log.text().contains(KEY), "the key is in the log");
}

#[tokio::test]
async fn without_a_server_each_dialect_says_how_one_is_set() {
    let harness = Harness::new().await;
    let body = json!({"model": "m", "input": "a", "prompt": "a"});
    for (path, flag) in [
        (EMBEDDINGS, "--embeddings-url"),
        ("/api/embed", "--embeddings-url"),
        ("/api/embeddings", "--embeddings-url"),
        ("/openai/deployments/m/embeddings", "--embeddings-url"),
        ("/v1/audio/transcriptions", "--audio-url"),
        ("/v1/audio/translations", "--audio-url"),
        ("/v1/audio/speech", "--audio-url"),
        ("/openai/deployments/m/audio/speech", "--audio-url"),
    ] {
        let reply = harness.server.post(path, &body).await;
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.message().contains(flag), "{path}: {}", reply.message());
        assert_eq!(reply.json()["error"].is_string(), path.starts_with("/api"), "{path}");
    }
}

#[tokio::test]
async fn errors_of_another_server_keep_their_status_and_say_whose_they_are() {
    for kind in [CompanionKind::OpenAi, CompanionKind::Ollama] {
        let (harness, companion) = embedding(kind).await;
        for path in [EMBEDDINGS, "/api/embed"] {
            let ask = |model: &str| json!({"model": model, "input": "a"});
            let reply = harness.server.post(path, &ask("nope")).await;
            assert_eq!(reply.status, 404, "{}", reply.text());
            assert!(reply.message().contains("not found"), "{}", reply.message());
            assert!(reply.message().contains("the embeddings server"), "{}", reply.message());
            let reply = harness.server.post(path, &ask("limit")).await;
            assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
            for model in ["moved", "page", "cut"] {
                let reply = harness.server.post(path, &ask(model)).await;
                assert_eq!(reply.status, 502, "{model}: {}", reply.text());
                assert!(
                    reply.message().contains("embeddings server") || model != "moved",
                    "{}",
                    reply.message()
                );
                assert!(!reply.text().contains("script"), "{}", reply.text());
            }
        }
        let before = companion.requests().len();
        assert!(
            companion.requests().iter().all(|request| !request.line.contains("elsewhere")),
            "{before}"
        );
    }
}

#[tokio::test]
async fn a_refused_key_is_nobody_s_sign_in() {
    let companion = Companion::start(CompanionKind::OpenAi, Some("another-key")).unwrap();
    let url = format!("{}/v1", companion.url());
    let harness = Harness::with(|s: &mut Settings| s.companions.embeddings = server(&url)).await;
    let reply = harness.server.post(EMBEDDINGS, &json!({"model": "m", "input": "a"})).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, None));
    assert!(reply.message().contains("check --embeddings-key-file"), "{}", reply.message());
    assert!(
        !reply.message().contains("chatmock-auth") && !reply.text().contains(KEY),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_bad_gateway_and_no_list_waits_for_it() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{closed}"), format!("http://{closed}/v1")] {
        let harness = Harness::with(|s: &mut Settings| {
            s.companions.embeddings = server(&url);
            s.companions.audio = server(&url);
        })
        .await;
        for (path, flag) in [
            (EMBEDDINGS, "--embeddings-url"),
            ("/api/embed", "--embeddings-url"),
            ("/v1/audio/speech", "--audio-url"),
        ] {
            let reply = harness.server.post(path, &json!({"model": "m", "input": "a"})).await;
            assert_eq!(reply.status, 502, "{}", reply.text());
            assert!(reply.message().contains(&format!("is {flag} right?")), "{}", reply.message());
            assert!(!reply.text().contains(&closed.to_string()), "{}", reply.text());
        }
        for path in ["/v1/models", "/api/tags"] {
            assert_eq!(harness.server.get(path).await.status, 200);
        }
    }
}

#[tokio::test]
async fn its_models_are_listed_beside_those_of_the_backend_with_what_they_can_do() {
    for (kind, name) in [
        (CompanionKind::OpenAi, "text-embedding-3-small"),
        (CompanionKind::Ollama, "nomic-embed-text:latest"),
    ] {
        let (harness, companion) = embedding(kind).await;
        let plain = Running::start(settings(&harness.simulator, harness.home.path())).await;
        let usual = plain.get("/v1/models").await.json()["data"].as_array().unwrap().len();
        let list = harness.server.get("/v1/models").await.json();
        let data = list["data"].as_array().unwrap();
        assert_eq!(data.len(), usual + 1, "{list}");
        let embeds = |model: &&Value| model["capabilities"] == json!(["embedding"]);
        let found: Vec<&Value> = data.iter().filter(embeds).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["id"], name);
        let tags = harness.server.get("/api/tags").await.json();
        let tag =
            tags["models"].as_array().unwrap().iter().find(|tag| tag["name"] == name).unwrap();
        assert_eq!(tag["capabilities"], json!(["embedding"]));
        let one = harness.server.get(&format!("/v1/models/{name}")).await;
        assert_eq!((one.status, one.json()["id"].clone()), (200, json!(name)));
        let bare = name.trim_end_matches(":latest");
        let shown = harness.server.post("/api/show", &json!({"model": bare})).await;
        assert_eq!(shown.json()["capabilities"], json!(["embedding"]), "{}", shown.text());
        let lists = companion.requests().iter().filter(|one| one.line.ends_with("s")).count();
        assert_eq!(lists, 1, "a list is kept for a while");
        let anthropic = Request::get("/v1/models").with("anthropic-version", "2023-06-01");
        assert!(!harness.server.send(anthropic).await.text().contains("embed"));
    }
}

#[tokio::test]
async fn what_a_server_cannot_do_is_named_and_refused_when_strict() {
    let companion = Companion::start(CompanionKind::OpenAi, Some(KEY)).unwrap();
    let url = companion.url();
    let body = json!({"model": "m", "input": "a", "truncate": false, "options": {"num_ctx": 1}});
    for strict in [false, true] {
        let harness = Harness::with(|s: &mut Settings| {
            s.companions.embeddings = server(&url);
            s.policy.strict = strict;
        })
        .await;
        let reply = harness.server.post("/api/embed", &body).await;
        match strict {
            false => assert_eq!(notices(&reply), "truncate=ignored, options=ignored"),
            true => assert_eq!(reply.status, 400, "{}", reply.text()),
        }
    }
}

#[tokio::test]
async fn an_address_that_leads_back_here_is_a_loop() {
    let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = first.local_addr().unwrap();
    drop(first);
    let harness = Harness::at(address, |s: &mut Settings| {
        s.companions.embeddings = server(&format!("http://{address}/v1"));
    })
    .await;
    let reply = harness.server.post(EMBEDDINGS, &json!({"model": "m", "input": "a"})).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.message().contains("--embeddings-url leads here"), "{}", reply.message());
}

#[tokio::test]
async fn speech_is_read_and_made_by_another_server() {
    let (harness, companion) = speaking().await;
    let fields = [("model", "whisper-1"), ("language", "en")];
    for path in ["/v1/audio/transcriptions", "/v1/audio/translations", "/audio/transcriptions"] {
        let request = form(path, &fields).with("authorization", "Bearer sk-client");
        let reply = harness.server.send(request).await;
        assert_eq!((reply.status, reply.json()), (200, json!({"text": "a cat"})), "{path}");
        let passed = companion.last().unwrap();
        assert!(passed.line.contains("/v1/audio/tran"), "{}", passed.line);
        assert_eq!(passed.header("content-type"), Some("multipart/form-data; boundary=x"));
        assert_eq!(passed.header("authorization"), Some(&*format!("Bearer {KEY}")));
    }
    let reply =
        harness.server.send(form("/v1/audio/transcriptions", &[("response_format", "text")])).await;
    assert_eq!(
        (reply.text().as_str(), reply.header("content-type")),
        ("a cat\n", Some("text/plain; charset=utf-8"))
    );
    let reply = harness.server.send(form("/v1/audio/transcriptions", &[("stream", "true")])).await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.events().len(), 2);
    let speech = json!({"model": "tts-1", "input": "a cat", "voice": "alloy"});
    let reply = harness.server.post("/v1/audio/speech", &speech).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("audio/mpeg")));
    assert_eq!((reply.body.len(), reply.header("set-cookie")), (3000, None));
    assert_eq!(companion.last().unwrap().json(), speech);
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn the_model_of_an_azure_address_is_put_into_forms_and_json() {
    let (harness, companion) = speaking().await;
    let path = "/openai/deployments/whisper-2/audio/transcriptions?api-version=1";
    let reply = harness.server.send(form(path, &[])).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = String::from_utf8(companion.last().unwrap().body).unwrap();
    assert!(
        body.contains("name=\"model\"\r\n\r\nwhisper-2\r\n") && body.contains("RIFF"),
        "{body}"
    );
    let path = "/openai/deployments/tts-2/audio/speech";
    let reply = harness.server.post(path, &json!({"input": "a", "voice": "alloy"})).await;
    assert_eq!(
        (reply.status, companion.last().unwrap().json()["model"].clone()),
        (200, json!("tts-2"))
    );
}

#[tokio::test]
async fn speech_that_breaks_off_never_looks_whole_and_pages_are_not_passed_on() {
    let (harness, _companion) = speaking().await;
    let ask = |model: &str| json!({"model": model, "input": "a", "voice": "alloy"});
    let reply = harness.server.post("/v1/audio/speech", &ask("cut")).await;
    assert_eq!((reply.status, reply.whole), (200, false), "{}", reply.text());
    for (model, status) in [("page", 502), ("moved", 502), ("nope", 404), ("limit", 429)] {
        let reply = harness.server.post("/v1/audio/speech", &ask(model)).await;
        assert_eq!(reply.error().0, status, "{}", reply.text());
        assert!(reply.message().contains("audio server"), "{}", reply.message());
    }
}
