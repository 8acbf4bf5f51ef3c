//! Contracts of others: compaction and token counts of the Responses API, models that Ollama finds loaded, and what the
//! backend kept from the model.

use std::time::Duration;

use chatmock_simulator::Script;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, RESPONSES, chat, responses};

const COMPACT: &str = "/v1/responses/compact";
const COUNT: &str = "/v1/responses/input_tokens";

/// The spellings of an address below `/v1/responses`.
fn spellings(end: &str) -> [String; 7] {
    [
        format!("/v1/responses/{end}"),
        format!("/responses/{end}"),
        format!("//v1//responses/{end}/"),
        format!("/v1/v1/responses/{end}"),
        format!("/openai/v1/responses/{end}"),
        format!("/openai/responses/{end}?api-version=preview"),
        format!("/openai/deployments/gpt-5.5/responses/{end}"),
    ]
}

#[tokio::test]
async fn a_conversation_is_compacted_by_a_turn_that_ends_with_the_trigger() {
    let harness = Harness::new().await;
    for path in spellings("compact") {
        let body = json!({"model": "gpt-5.5", "input": [
            {"role": "user", "content": "I am Ada"},
            {"role": "assistant", "content": "Hello Ada"},
            {"role": "user", "content": [{"type": "input_text", "text": "go on"}]},
        ]});
        let reply = harness.server.post(&path, &body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let reply = reply.json();
        assert_eq!(reply["object"], "response.compaction");
        assert!(reply["id"].as_str().unwrap().starts_with("resp_"), "{reply}");
        assert!(reply["created_at"].as_u64().unwrap() > 1_600_000_000);
        let kinds: Vec<&Value> =
            reply["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
        assert_eq!(kinds, ["message", "message", "compaction"]);
        assert!(reply["output"][2]["encrypted_content"].is_string());
        assert!(reply["usage"]["total_tokens"].as_u64().unwrap() > 0, "{reply}");
        let sent = harness.sent();
        assert_eq!(
            sent["input"].as_array().unwrap().last().unwrap(),
            &json!({"type": "compaction_trigger"})
        );
        assert_eq!((&sent["stream"], &sent["store"]), (&json!(true), &json!(false)));
    }
}

#[tokio::test]
async fn a_compaction_continues_a_kept_response_and_is_taken_as_input() {
    let harness = Harness::new().await;
    let first = harness.server.post(RESPONSES, &responses("I am Ada", false)).await.json();
    let body = json!({"model": "gpt-5.5", "previous_response_id": first["id"]});
    let compacted = harness.server.post(COMPACT, &body).await;
    assert_eq!(compacted.status, 200, "{}", compacted.text());
    let compacted = compacted.json();
    assert!(harness.sent()["input"].to_string().contains("I am Ada"));
    let mut input = compacted["output"].as_array().unwrap().clone();
    assert_eq!(input[0]["type"], "compaction");
    input.push(json!({"role": "user", "content": "who am I"}));
    let next = harness.server.post(RESPONSES, &json!({"model": "gpt-5.5", "input": input})).await;
    assert_eq!(next.status, 200, "{}", next.text());
}

#[tokio::test]
async fn a_compaction_without_a_model_or_an_input_is_refused() {
    let harness = Harness::new().await;
    for (body, member) in [(json!({"input": "x"}), "model"), (json!({"model": "gpt-5.5"}), "input")]
    {
        let reply = harness.server.post(COMPACT, &body).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(member)));
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn the_tokens_of_a_request_are_counted_here_and_the_reply_says_so() {
    let harness = Harness::new().await;
    let body = json!({"model": "gpt-5.5", "input": "hello world, how are you?"});
    for path in spellings("input_tokens") {
        let reply = harness.server.post(&path, &body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let counted = reply.json();
        assert_eq!(counted["object"], "response.input_tokens");
        assert!((8..=20).contains(&counted["input_tokens"].as_u64().unwrap()), "{counted}");
        let notices = reply.header("x-chatmock-notices").unwrap_or_default();
        assert!(notices.contains("input_tokens=emulated"), "{notices}");
    }
    let count = async |body: Value| {
        let reply = harness.server.post(COUNT, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["input_tokens"].as_u64().unwrap()
    };
    let short = count(json!({"input": "hello"})).await;
    let tools = json!([{"type": "function", "name": "weather", "description": "The weather of a place", "parameters": {"type": "object", "properties": {}}}]);
    assert!(count(json!({"input": "hello", "tools": tools})).await > short);
    assert!(
        count(json!({"input": "hello", "instructions": "Be brief and friendly."})).await > short
    );
    assert_eq!(harness.calls(), 0, "nobody is asked");
    let kept = harness
        .server
        .post(RESPONSES, &responses("I am Ada, and this is a long text", false))
        .await
        .json();
    let longer = count(json!({"input": "hello", "previous_response_id": kept["id"]})).await;
    assert!(longer > short + 8, "{longer}");
    let unknown =
        harness.server.post(COUNT, &json!({"input": "x", "previous_response_id": "resp_x"})).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn a_model_is_listed_as_loaded_for_as_long_as_it_is_kept() {
    let harness = Harness::new().await;
    let loaded = async || harness.server.get("/api/ps").await.json();
    assert_eq!(loaded().await, json!({"models": []}));
    let ask = |keep_alive: Value| json!({"model": "gpt-6-sol:latest", "stream": false, "messages": [{"role": "user", "content": "hi"}], "keep_alive": keep_alive});
    let lasting = async |keep_alive: Value| {
        let before = time::OffsetDateTime::now_utc();
        assert_eq!(harness.server.post("/api/chat", &ask(keep_alive)).await.status, 200);
        let list = loaded().await;
        let model = &list["models"][0];
        assert_eq!((&model["name"], &model["model"]), (&json!("gpt-6-sol"), &json!("gpt-6-sol")));
        assert_eq!((&model["size"], &model["size_vram"]), (&json!(0), &json!(0)));
        assert_eq!(model["context_length"], 272_000);
        assert_eq!(model["digest"].as_str().unwrap().len(), 64);
        let end = model["expires_at"].as_str().unwrap();
        let end = time::OffsetDateTime::parse(end, &time::format_description::well_known::Rfc3339);
        (end.unwrap() - before).whole_seconds()
    };
    for (keep_alive, seconds) in
        [(json!(null), 300), (json!("10m"), 600), (json!(60), 60), (json!("1h30m"), 5400)]
    {
        let kept = lasting(keep_alive.clone()).await;
        assert!((seconds - 2..=seconds + 30).contains(&kept), "{keep_alive}: {kept}");
    }
    assert!(lasting(json!(-1)).await > 1_000_000_000, "for ever");
    let unload = json!({"model": "gpt-6-sol", "keep_alive": 0});
    let unloaded = harness.server.post("/api/generate", &unload).await;
    assert!(unloaded.text().contains(r#""done_reason":"unload""#), "{}", unloaded.text());
    assert_eq!(loaded().await, json!({"models": []}));
    let load = json!({"model": "gpt-6-sol", "keep_alive": "5m"});
    harness.server.post("/api/generate", &load).await;
    assert_eq!(loaded().await["models"].as_array().unwrap().len(), 1);
    for path in ["/api/chat", "/api/generate"] {
        let bad = harness.server.post(path, &ask(json!("xx"))).await;
        assert_eq!(
            (bad.status, bad.json()),
            (400, json!({"error": "time: invalid duration \"xx\""}))
        );
    }
}

#[tokio::test]
async fn ollama_s_durations_are_never_zero_and_its_lines_are_dated_now() {
    let harness = Harness::new().await;
    for stream in [false, true] {
        let body = json!({"model": "gpt-6-sol", "stream": stream, "messages": [{"role": "user", "content": "hi"}]});
        let before = time::OffsetDateTime::now_utc();
        let reply = harness.server.post("/api/chat", &body).await;
        let after = time::OffsetDateTime::now_utc();
        let last: Value = serde_json::from_str(reply.text().lines().last().unwrap()).unwrap();
        for name in ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] {
            assert!(last[name].as_u64().unwrap() > 0, "{name}: {last}");
        }
        let dated = last["created_at"].as_str().unwrap();
        let dated =
            time::OffsetDateTime::parse(dated, &time::format_description::well_known::Rfc3339);
        let slack = Duration::from_millis(50);
        assert!((before - slack..=after + slack).contains(&dated.unwrap()), "{last}");
    }
}

#[tokio::test]
async fn reasoning_that_the_backend_kept_from_the_model_is_named_and_counted() {
    let harness = Harness::new().await;
    let withheld = json!([{"id": "rs_1", "type": "reasoning", "action": "removed", "reason": "prefix_mismatch"}]);
    let answer = |first: &Value, last: &Value| {
        let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]});
        let response = |more: &Value, status: &str| json!({"id": "resp_1", "object": "response", "status": status, "output": [], "input_transformations": more});
        Script::events([
            json!({"type": "response.created", "response": response(first, "in_progress")})
                .to_string(),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item})
                .to_string(),
            json!({"type": "response.completed", "response": response(last, "completed")})
                .to_string(),
        ])
    };
    let none = json!([]);
    for (first, last, stream) in [
        (&withheld, &withheld, false),
        (&withheld, &none, true),
        (&none, &withheld, false),
        (&none, &none, false),
    ] {
        harness.simulator.enqueue(answer(first, last));
        let reply = harness.server.post(CHAT, &chat("hi", stream)).await;
        let notices = reply.header("x-chatmock-notices").unwrap_or_default().to_owned();
        let expected = first == &withheld || last == &withheld;
        assert_eq!(notices.contains("input.reasoning=changed"), expected, "{notices}");
    }
    let health = harness.server.get("/health?verbose").await.json();
    assert_eq!(health["reasoning_withheld"], 3, "once for each answer");
}

#[tokio::test]
async fn with_a_debug_model_a_request_may_leave_the_model_out() {
    let harness =
        Harness::with(|settings| settings.policy.debug_model = Some("gpt-5.5".to_owned())).await;
    for (path, body) in [
        (RESPONSES, json!({"input": "hi"})),
        (RESPONSES, json!({"input": "hi", "model": ""})),
        (CHAT, json!({"messages": [{"role": "user", "content": "hi"}], "model": null})),
        ("/api/chat", json!({"stream": false, "messages": [{"role": "user", "content": "hi"}]})),
    ] {
        let reply = harness.server.post(path, &body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(harness.sent()["model"], "gpt-5.5");
    }
    let wrong = harness.server.post(RESPONSES, &json!({"input": "hi", "model": 5})).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}

#[tokio::test]
async fn chat_completions_have_the_members_of_openai_s_own() {
    let harness = Harness::new().await;
    let whole = harness.server.post(CHAT, &chat("hi", false)).await.json();
    let message = &whole["choices"][0]["message"];
    assert_eq!((&message["annotations"], &message["refusal"]), (&json!([]), &Value::Null));
    assert!(whole.as_object().unwrap().contains_key("system_fingerprint"));
    let details = &whole["usage"]["completion_tokens_details"];
    for name in ["audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"] {
        assert_eq!(details[name], 0, "{name}");
    }
    assert_eq!(whole["usage"]["prompt_tokens_details"]["audio_tokens"], 0);
    let events = harness.server.post(CHAT, &chat("hi", true)).await.events();
    for chunk in &events {
        let members = chunk.as_object().unwrap();
        assert!(
            members.contains_key("system_fingerprint") && members.contains_key("service_tier"),
            "{chunk}"
        );
    }
    assert_eq!(events.last().unwrap()["service_tier"], whole["service_tier"]);
}
