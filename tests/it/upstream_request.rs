//! The request to the backend: its body and headers, and nothing of the client's that must stay here.

use chatmock_simulator::{Claims, Mode, Settings as Simulated};
use chatmock_testkit::client::Request;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, RESPONSES, chat, responses};

/// Every member that a request of the backend may have.
const ALLOWED: [&str; 14] = [
    "model",
    "instructions",
    "input",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "store",
    "stream",
    "include",
    "service_tier",
    "prompt_cache_key",
    "text",
    "client_metadata",
];

/// A chat request with everything in it that clients are known to send.
fn loaded() -> Value {
    json!({
        "model": "gpt-5.5", "stream": false, "store": true, "temperature": 0.1, "top_p": 0.5,
        "n": 1, "seed": 7, "user": "me", "metadata": {"a": "b"}, "logit_bias": {"5": 1},
        "logprobs": true, "top_logprobs": 3, "presence_penalty": 1, "frequency_penalty": 1,
        "max_tokens": 900, "stop": ["never-said"], "safety_identifier": "s",
        "prompt_cache_retention": "24h", "parallel_tool_calls": true, "tool_choice": "auto",
        "service_tier": "priority", "reasoning_effort": "low", "verbosity": "low",
        "response_format": {"type": "text"}, "prediction": {"type": "content", "content": "x"},
        "keep_alive": "5m", "num_ctx": 4096,
        "tools": [{"type": "function", "function": {"name": "lookup"}}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
        ],
    })
}

#[tokio::test]
async fn only_allowed_members_go_upstream_from_a_chat_request() {
    let harness = Harness::new().await;
    let reply = harness.server.post(CHAT, &loaded()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = harness.sent();
    for name in sent.as_object().unwrap().keys() {
        assert!(ALLOWED.contains(&name.as_str()), "{name} went upstream");
    }
    assert_eq!(sent["instructions"], "Be brief.");
    assert_eq!(sent["reasoning"]["effort"], "low");
    assert_eq!(sent["service_tier"], "priority");
    assert_eq!(sent["tools"][0]["name"], "lookup");
}

#[tokio::test]
async fn the_backend_is_always_asked_for_an_unstored_stream() {
    let harness = Harness::new().await;
    for (path, mut request) in [(CHAT, chat("hello", false)), (RESPONSES, responses("hi", false))] {
        for store in [json!(true), json!(false), Value::Null] {
            request["store"] = store;
            assert_eq!(harness.server.post(path, &request).await.status, 200);
            let sent = harness.sent();
            assert_eq!((&sent["store"], &sent["stream"]), (&json!(false), &json!(true)));
            assert_eq!(sent["instructions"], "");
            assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]));
        }
    }
}

#[tokio::test]
async fn the_headers_of_a_turn_are_these_and_no_others() {
    let harness = Harness::with(|s| s.http.admission.unauthenticated = true).await;
    let request = Request::post(CHAT, chat("hello", true).to_string())
        .with("authorization", "Bearer of-the-client")
        .with("cookie", "a=b")
        .with("openai-beta", "x")
        .with("x-forwarded-for", "10.0.0.1")
        .with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .with("tracestate", "vendor=1")
        .with("baggage", "user=ann")
        .with("user-agent", "client/1");
    assert_eq!(harness.server.send(request).await.status, 200);
    let call = harness.simulator.model_calls().pop().unwrap();
    let mut names: Vec<&str> = call.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "authorization",
        "chatgpt-account-id",
        "content-length",
        "content-type",
        "host",
        "originator",
        "session-id",
        "thread-id",
        "user-agent",
        "version",
        "via",
        "x-client-request-id",
    ];
    assert_eq!(names, expected);
    // Only a backend at another address than its own could be this server again.
    assert!(call.header("via").unwrap().starts_with("1.1 chatmock-"));
    assert_eq!(call.header("accept"), Some("text/event-stream"));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(call.header("originator"), Some("chatmock"));
    assert!(call.header("user-agent").unwrap().starts_with("chatmock/"));
    assert_eq!(call.header("version"), Some("0.171.0"));
    assert_ne!(call.header("authorization"), Some("Bearer of-the-client"));
    assert_eq!(call.path, "/backend-api/codex/responses");
}

#[tokio::test]
async fn a_fedramp_workspace_is_named_as_one() {
    let claims = Claims { fedramp: true, ..Claims::of_account("workspace-1") };
    let harness = Harness::of(Simulated::default(), claims, |_| {}).await;
    assert_eq!(harness.server.say("hello").await.status, 200);
    let call = harness.simulator.model_calls().pop().unwrap();
    assert_eq!(call.header("x-openai-fedramp"), Some("true"));
    assert_eq!(call.header("chatgpt-account-id"), Some("workspace-1"));
}

#[tokio::test]
async fn what_the_backend_takes_of_a_response_request_goes_up_byte_for_byte() {
    let harness = Harness::new().await;
    let parts = [
        r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"a\u0062 \/"}]}"#,
        r#"{"type":"brand_new", "n":123456789012345678901234567890,"e":1E2}"#,
        r#""text":{"verbosity" : "low"}"#,
    ];
    let body = format!(
        r#"{{"x_new":{{"b":1E2}},"model":"gpt-5.5","input":[ {}, {} ],{}}}"#,
        parts[0], parts[1], parts[2]
    );
    let reply = harness.server.send(Request::post(RESPONSES, body)).await;
    assert_eq!((reply.status, reply.header("x-chatmock-notices")), (200, Some("x_new=ignored")));
    let call = harness.simulator.model_calls().pop().unwrap();
    let sent = String::from_utf8(call.body.to_vec()).unwrap();
    for part in parts {
        assert!(sent.contains(part), "{part} is not in {sent}");
    }
}

#[tokio::test]
async fn only_allowed_members_go_upstream_from_a_response_request() {
    let harness = Harness::new().await;
    let mut request = loaded();
    let members = request.as_object_mut().unwrap();
    members.insert("input".into(), json!("say json"));
    for (name, value) in [
        ("messages", Value::Null),
        ("reasoning_effort", json!("low")),
        ("verbosity", json!("low")),
        ("max_completion_tokens", json!(500)),
        ("response_format", json!({"type": "json_object"})),
        ("top_k", json!(1)),
        ("enable_thinking", json!(true)),
        ("chat_template_kwargs", json!({})),
        ("provider", json!({"order": []})),
        ("text_format", json!({})),
        ("extra_body", json!({})),
        ("functions", json!([])),
    ] {
        members.insert(name.into(), value);
    }
    let reply = harness.server.post(RESPONSES, &request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = harness.sent();
    for name in sent.as_object().unwrap().keys() {
        assert!(ALLOWED.contains(&name.as_str()), "{name} went upstream");
    }
    assert_eq!(sent["text"], json!({"format": {"type": "json_object"}, "verbosity": "low"}));
    assert_eq!(sent["reasoning"]["effort"], "low");
    let notices = reply.header("x-chatmock-notices").unwrap();
    for name in ["seed", "top_k", "provider", "enable_thinking", "temperature", "user"] {
        assert!(notices.contains(&format!("{name}=ignored")), "{name}: {notices}");
    }
    assert!(notices.contains("stop=emulated"), "{notices}");
    for name in ["messages", "verbosity", "reasoning_effort", "response_format", "metadata"] {
        assert!(!notices.contains(name), "{name}: {notices}");
    }
    let strict = Harness::with(|settings| settings.policy.strict = true).await;
    let mut request = responses("hello", false);
    request["seed"] = json!(1);
    let refused = strict.server.post(RESPONSES, &request).await;
    assert_eq!((refused.status, refused.error().3), (400, json!("seed")));
}

#[tokio::test]
async fn a_leading_system_text_becomes_instructions_and_a_later_one_stays_in_place() {
    let harness = Harness::new().await;
    let request = json!({"model": "gpt-5.5", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "system", "content": "Now in French."},
        {"role": "user", "content": "three"},
    ]});
    assert_eq!(harness.server.post(CHAT, &request).await.status, 200);
    let sent = harness.sent();
    assert_eq!(sent["instructions"], "Be brief.");
    let roles: Vec<&Value> = sent["input"].as_array().unwrap().iter().map(|i| &i["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "developer", "user"]);
}

#[tokio::test]
async fn a_model_name_with_an_effort_goes_up_as_both() {
    let harness = Harness::new().await;
    for name in ["gpt-6-sol-high", "gpt-6-sol:high", "gpt-6-sol_high"] {
        let mut request = chat("hello", false);
        request["model"] = json!(name);
        let reply = harness.server.post(CHAT, &request).await;
        assert_eq!(reply.json()["model"], name);
        let sent = harness.sent();
        assert_eq!(sent["model"], "gpt-6-sol");
        assert_eq!(sent["reasoning"]["effort"], "high");
    }
}

#[tokio::test]
async fn a_tool_loop_with_an_overlong_call_id_is_taken_by_the_backend() {
    let harness = Harness::new().await;
    let mut request = chat("MODE:long-call-id", false);
    request["tools"] = json!([{"type": "function", "function": {"name": "lookup",
        "parameters": {"type": "object"}}}]);
    let first = harness.server.post(CHAT, &request).await.json();
    let message = first["choices"][0]["message"].clone();
    let id = message["tool_calls"][0]["id"].clone();
    assert!(id.as_str().unwrap().len() > 64, "{id}");
    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(message);
    messages.push(json!({"role": "tool", "tool_call_id": id, "content": "sunny"}));
    let second = harness.server.post(CHAT, &request).await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert!(second.text().contains("The tool said: sunny"));
}

#[tokio::test]
async fn a_large_message_goes_up_whole() {
    let harness = Harness::new().await;
    let text = "x".repeat(10 << 20);
    harness.simulator.enqueue(Mode::Refusal);
    let reply = harness.server.say(&text).await;
    assert_eq!(reply.status, 200, "{}", &reply.text()[..200.min(reply.body.len())]);
    assert!(harness.sent()["input"][0]["content"][0]["text"] == *text);
}
