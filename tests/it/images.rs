//! Pictures: through the backend's image tool, whole and streamed, made and changed.

use chatmock_server::upstream::UpstreamRoute;
use chatmock_server::{Settings, TurnLimits};
use chatmock_simulator::Mode;
use chatmock_testkit::client::{Reply, Request};
use serde_json::{Value, json};

use crate::harness::{Harness, Running, settings_by};

const GENERATIONS: &str = "/v1/images/generations";

const EDITS: &str = "/v1/images/edits";

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// A form with pictures and fields.
fn form(fields: &[(&str, &str)], files: &[&str]) -> Request {
    form_to(EDITS, fields, files)
}

fn form_to(target: &str, fields: &[(&str, &str)], files: &[&str]) -> Request {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.bytes());
    }
    for name in files {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.bytes());
        body.extend(PNG);
        body.extend(b"\r\n");
    }
    body.extend(b"--b--\r\n");
    Request::new("POST", target).with("content-type", "multipart/form-data; boundary=b").body(body)
}

fn notices(reply: &Reply) -> &str {
    reply.header("x-chatmock-notices").unwrap_or_default()
}

#[tokio::test]
async fn a_picture_is_made_by_the_image_tool_and_counted_as_a_turn() {
    let harness = Harness::new().await;
    let body =
        json!({"model": "gpt-image-2", "prompt": "a cat", "size": "1536x1024", "quality": "high"});
    let reply = harness.server.post(GENERATIONS, &body).await;
    assert_eq!((reply.status, notices(&reply)), (200, ""), "{}", reply.text());
    let images = reply.json();
    assert!(images["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    for (member, value) in [
        ("size", "1536x1024"),
        ("quality", "high"),
        ("output_format", "png"),
        ("background", "opaque"),
    ] {
        assert_eq!(images[member], value, "{images}");
    }
    assert!(images["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert!(images["created"].as_u64().unwrap() > 1_700_000_000);
    let sent = harness.sent();
    let tool = json!({"type": "image_generation", "model": "gpt-image-2", "size": "1536x1024",
        "quality": "high", "output_format": "png"});
    assert_eq!((&sent["tools"], &sent["tool_choice"]), (&json!([tool]), &json!("required")));
    let record = harness.server.get("/usage?records=1").await.json()["records"][0].clone();
    assert_eq!(
        (&record["dialect"], &record["asked"]),
        (&json!("images"), &json!("gpt-image-2")),
        "{record}"
    );
    assert!(record["output_tokens"].as_u64().unwrap() > 0, "{record}");
}

#[tokio::test]
async fn several_pictures_are_several_turns_within_their_limits() {
    let harness = Harness::with(|s: &mut Settings| {
        s.policy.max_calls = 4;
        s.http.turns = TurnLimits { max: 3, ..TurnLimits::default() };
    })
    .await;
    let ask = |n: u32| json!({"prompt": "a cat", "n": n, "output_format": "webp"});
    let reply = harness.server.post(GENERATIONS, &ask(3)).await;
    assert_eq!((reply.status, notices(&reply)), (200, "n=emulated"), "{}", reply.text());
    let data = reply.json()["data"].as_array().unwrap().clone();
    assert_eq!((data.len(), harness.calls()), (3, 3));
    assert!(data.iter().all(|one| one["b64_json"].as_str().unwrap().starts_with("UklGR")));
    for (n, code) in [(4, "too_many_answers"), (5, "too_many_answers"), (11, "unsupported_value")] {
        let reply = harness.server.post(GENERATIONS, &ask(n)).await;
        assert_eq!((reply.status, reply.error().2), (400, json!(code)), "{n}");
    }
    assert_eq!(harness.calls(), 3);
}

#[tokio::test]
async fn the_usage_of_pictures_is_that_of_their_turns_together() {
    let mut counted = Vec::new();
    for n in [1, 3] {
        let harness = Harness::new().await;
        let reply = harness.server.post(GENERATIONS, &json!({"prompt": "a cat", "n": n})).await;
        let record = harness.server.get("/usage?records=1").await.json()["records"][0].clone();
        let count = |member: &str| record[member].as_u64().unwrap();
        let (input, output) = (count("input_tokens"), count("output_tokens"));
        let expected =
            json!({"input_tokens": input, "output_tokens": output, "total_tokens": input + output});
        assert_eq!(reply.json()["usage"], expected, "{n}");
        counted.push((input, output));
    }
    let (input, output) = counted[0];
    assert!(input > 0 && output > 0);
    assert_eq!(counted[1], (3 * input, 3 * output));
}

#[tokio::test]
async fn a_stream_shows_unfinished_pictures_first() {
    let harness = Harness::new().await;
    let body = json!({"prompt": "a cat", "stream": true, "partial_images": 2});
    let reply = harness.server.post(GENERATIONS, &body).await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events = reply.events();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let partial = "image_generation.partial_image";
    assert_eq!(kinds, [partial, partial, "image_generation.completed"], "{}", reply.text());
    assert_eq!(events[1]["partial_image_index"], 1);
    for event in &events {
        for member in ["b64_json", "size", "quality", "background", "output_format"] {
            assert!(event[member].is_string(), "{member}: {event}");
        }
    }
    assert!(events[2]["usage"]["total_tokens"].is_u64() && !reply.text().contains("[DONE]"));
    assert!(reply.text().contains("event: image_generation.completed\n"));
}

#[tokio::test]
async fn pictures_are_changed_from_a_form_and_from_json() {
    let harness = Harness::new().await;
    let fields = [("prompt", "a h\u{e4}t"), ("n", "2"), ("quality", "low"), ("user", "ada")];
    let reply = harness.server.send(form(&fields, &["image[]", "image[]", "mask"])).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 2);
    let sent = harness.sent();
    let content = sent["input"][0]["content"].as_array().unwrap();
    assert_eq!((content.len(), &content[0]["text"]), (3, &json!("a h\u{e4}t")));
    let url = content[1]["image_url"].as_str().unwrap();
    assert!(url.starts_with("data:image/png;base64,iVBORw0KGgo"), "{url}");
    assert_eq!(sent["tools"][0]["input_image_mask"]["image_url"], content[1]["image_url"]);
    let json = json!({"prompt": "a hat", "images": [{"image_url": url}], "stream": true, "partial_images": 1});
    let reply = harness.server.post(EDITS, &json).await;
    let kinds: Vec<Value> = reply.events().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["image_edit.partial_image", "image_edit.completed"], "{}", reply.text());
    let streamed = [("prompt", "a hat"), ("stream", "true"), ("partial_images", "1")];
    let reply = harness.server.send(form(&streamed, &["image"])).await;
    assert_eq!(reply.events().len(), 2, "{}", reply.text());
    let dialects = harness.server.get("/usage?records=9").await.json();
    assert!(
        dialects["records"].as_array().unwrap().iter().all(|one| one["dialect"] == "image_edits")
    );
}

#[tokio::test]
async fn what_a_form_lacks_or_holds_too_much_of_is_named() {
    let harness = Harness::new().await;
    for (request, param) in [
        (form(&[("prompt", "a hat")], &[]), json!("image")),
        (form(&[], &["image"]), json!("prompt")),
        (form(&[("prompt", "a"), ("n", "many")], &["image"]), json!("n")),
        (form(&[("prompt", "a"), ("size", "huge")], &["image"]), json!("size")),
        (form(&[("prompt", "a")], &["image", "other"]), json!("other")),
    ] {
        let (status, _, _, found) = harness.server.send(request).await.error();
        assert_eq!((status, found), (400, param));
    }
    let cut = Request::new("POST", EDITS).with("content-type", "multipart/form-data; boundary=b");
    let reply = harness.server.send(cut.body("--b\r\nContent-Dis")).await;
    assert_eq!((reply.error().0, reply.error().2), (400, json!("invalid_form")));
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn azure_and_short_addresses_lead_to_pictures_too() {
    let harness = Harness::new().await;
    for path in [
        "/openai/deployments/gpt-image-2/images/generations?api-version=2025-04-01-preview",
        "/images/generations",
        "/v1/v1/images/generations/",
    ] {
        let reply = harness.server.post(path, &json!({"prompt": "a cat"})).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    let reply = harness.server.post("/v1/images/variations", &json!({})).await;
    assert_eq!((reply.error().0, reply.error().2), (404, json!("unknown_url")));
    assert!(reply.message().contains("/v1/images/edits"), "{}", reply.message());
}

#[tokio::test]
async fn a_model_that_makes_no_picture_is_quoted_and_a_broken_one_is_no_picture() {
    let harness = Harness::new().await;
    let body = json!({"prompt": "a cat"});
    harness.simulator.enqueue(Mode::Refusal);
    let reply = harness.server.post(GENERATIONS, &body).await;
    assert_eq!((reply.status, reply.error().2), (400, json!("image_not_made")), "{}", reply.text());
    assert!(reply.message().contains("can't help with that"), "{}", reply.message());
    for (mode, status) in [(Mode::UsageLimit, 429), (Mode::FailAfter, 502), (Mode::Cut, 502)] {
        harness.simulator.enqueue(mode);
        assert_eq!(harness.server.post(GENERATIONS, &body).await.error().0, status);
    }
    harness.simulator.enqueue(Mode::FailAfter);
    let streamed = json!({"prompt": "a cat", "stream": true});
    let reply = harness.server.post(GENERATIONS, &streamed).await;
    let last = reply.events().pop().unwrap();
    assert_eq!(
        (&last["type"], &last["error"]["code"]),
        (&json!("error"), &json!("server_error")),
        "{last}"
    );
}

#[tokio::test]
async fn a_backend_without_the_image_tool_says_so() {
    let harness = Harness::new().await;
    let plan = Running::start(settings_by(UpstreamRoute::plan(), &harness.simulator)).await;
    let reply = plan.post(GENERATIONS, &json!({"prompt": "a cat"})).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.message().contains("image_generation"), "{}", reply.message());
}

#[tokio::test]
async fn what_is_not_there_says_why_in_openai_s_shape() {
    let harness = Harness::new().await;
    for path in [
        "/v1/moderations",
        "/v1/files",
        "/v1/uploads",
        "/v1/batches",
        "/v1/realtime/client_secrets",
        "/v1/fine_tuning/jobs",
        "/v1/vector_stores",
        "/v1/assistants",
        "/v1/threads",
        "/v1/evals",
        "/v1/containers",
        "/v1/videos",
        "/openai/v1/files",
        "/moderations",
    ] {
        let reply = harness.server.post(path, &json!({})).await;
        let (status, kind, code, _) = reply.error();
        assert_eq!(
            (status, kind.as_str(), code),
            (404, "invalid_request_error", json!("unknown_url"))
        );
        assert!(reply.message().contains(": "), "{path}: {}", reply.message());
    }
}

#[tokio::test]
async fn the_list_of_endpoints_names_them_all() {
    let harness = Harness::new().await;
    let about = harness.server.send(Request::get("/").with("accept", "application/json")).await;
    for path in [GENERATIONS, EDITS, "/v1/embeddings", "/v1/audio/speech", "/api/embed"] {
        assert!(about.text().contains(&format!("\"POST {path}\"")), "{path}: {}", about.text());
    }
}

#[tokio::test]
async fn a_form_is_explained_as_it_would_be_sent_and_a_backend_without_the_tool_refuses_it() {
    let harness = Harness::with(|settings| settings.http.admission.explain = true).await;
    let fields = [("prompt", "a hat"), ("n", "2")];
    let explain = format!("/explain{EDITS}");
    let reply = harness.server.send(form_to(&explain, &fields, &["image"])).await;
    assert_eq!((reply.status, harness.calls()), (200, 0), "{}", reply.text());
    let explained = reply.json();
    assert_eq!(explained["dialect"], "image_edits");
    assert_eq!(harness.server.send(form(&fields, &["image"])).await.status, 200);
    assert_eq!(explained["requests"][0]["body"], harness.sent());
    assert_eq!(explained["requests"][0]["times"], 2);
    let broken = Request::new("POST", &explain).body("--b\r\n");
    let broken = broken.with("content-type", "multipart/form-data; boundary=b");
    assert_eq!(harness.server.send(broken).await.status, 400);
    let mut settings = settings_by(UpstreamRoute::plan(), &harness.simulator);
    settings.http.admission.explain = true;
    let plan = Running::start(settings).await;
    for (path, body) in [(GENERATIONS, json!({"prompt": "a hat"})), (EDITS, json!({}))] {
        let reply = plan.post(&format!("/explain{path}"), &body).await;
        assert_eq!((reply.status, reply.error().2), (400, json!("images_not_supported")));
    }
}
