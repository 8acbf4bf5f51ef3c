//! The contract: rejected requests, and authentication.

use serde_json::{Value, json};

use super::harness::{Harness, RESPONSES, question, weather_tool};
use crate::{Claims, Residency, Settings};

/// Sends a valid request with one change; returns the status, the message and the code.
async fn refused(harness: &Harness, change: impl FnOnce(&mut Value)) -> (u16, String, String) {
    let mut body = question("hello");
    change(&mut body);
    let reply = harness.ask(&body).await;
    if reply.status == 200 {
        return (200, String::new(), String::new());
    }
    let json = reply.json();
    let detail = json["detail"].as_str().map(str::to_owned);
    let message = detail.or_else(|| json["error"]["message"].as_str().map(str::to_owned));
    let code = json["error"]["code"].as_str().unwrap_or_default().to_owned();
    (reply.status, message.unwrap_or_default(), code)
}

fn set(path: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |body| body[path] = value
}

fn without(name: &'static str) -> impl FnOnce(&mut Value) {
    move |body| {
        body.as_object_mut().unwrap().remove(name);
    }
}

#[tokio::test]
async fn the_gateway_refuses_in_its_own_envelope() {
    let harness = Harness::new().await;
    let says = async |change: Box<dyn FnOnce(&mut Value)>| {
        let (status, message, code) = refused(&harness, change).await;
        assert_eq!((status, code.as_str()), (400, ""));
        message
    };
    assert_eq!(says(Box::new(without("store"))).await, "Store must be set to false");
    assert_eq!(says(Box::new(set("stream", json!(false)))).await, "Stream must be set to true");
    assert_eq!(says(Box::new(set("input", json!("hi")))).await, "Input must be a list");
    let system = json!([{"role": "system", "content": "x"}]);
    assert_eq!(says(Box::new(set("input", system))).await, "System messages are not allowed");
    assert_eq!(says(Box::new(without("instructions"))).await, "Instructions are required");
    assert_eq!(says(Box::new(set("instructions", Value::Null))).await, "Instructions are required");
    for name in ["temperature", "top_p", "max_output_tokens", "previous_response_id", "metadata"] {
        let message = says(Box::new(set(name, json!(1)))).await;
        assert_eq!(message, format!("Unsupported parameter: {name}"));
    }
    assert_eq!(
        says(Box::new(set("model", json!("gpt-4o")))).await,
        "The 'gpt-4o' model is not supported when using Codex with a ChatGPT account."
    );
}

#[tokio::test]
async fn instructions_may_be_empty_and_a_setting_lets_them_be_absent() {
    let harness = Harness::new().await;
    assert_eq!(refused(&harness, set("instructions", json!(""))).await.0, 200);
    let settings = Settings { require_instructions: false, ..Settings::default() };
    let relaxed = Harness::with(settings).await;
    assert_eq!(refused(&relaxed, without("instructions")).await.0, 200);
    assert_eq!(refused(&relaxed, set("instructions", Value::Null)).await.0, 400);
}

#[tokio::test]
async fn the_engine_refuses_values_it_does_not_know() {
    let harness = Harness::new().await;
    for (name, value, code) in [
        ("messages", json!([]), "unknown_parameter"),
        ("service_tier", json!("flex"), "unsupported_value"),
        ("reasoning", json!({"effort": "max"}), "unsupported_value"),
        ("reasoning", json!({"effort": "minimal"}), "unsupported_value"),
        ("reasoning", json!({"summary": "long"}), "invalid_value"),
        ("tool_choice", json!("required"), "invalid_value"),
        ("tool_choice", json!({"type": "image_generation"}), "invalid_value"),
        ("tools", json!([{"type": "function"}]), "missing_required_parameter"),
        ("tools", json!([{"type": "code_interpreter"}]), "invalid_value"),
        ("tools", json!([{"type": "function", "name": "a b"}]), "invalid_value"),
        ("tools", json!([{"type": "function", "name": "n".repeat(65)}]), "string_above_max_length"),
        (
            "tools",
            json!([{"type": "function", "name": "n", "parameters": {"type": "object"}}]),
            "invalid_function_parameters",
        ),
        ("prompt_cache_key", json!("k".repeat(65)), "string_above_max_length"),
        ("client_metadata", json!({"a": 1}), "invalid_type"),
        ("text", json!({"verbosity": "loud"}), "invalid_value"),
        ("text", json!({"format": {"type": "json_object"}}), ""),
        (
            "text",
            json!({"format": {"type": "json_schema", "schema": {}}}),
            "missing_required_parameter",
        ),
        (
            "text",
            json!({"format": {"type": "json_schema", "name": "n", "strict": true,
            "schema": {"type": "object", "properties": {}}}}),
            "invalid_json_schema",
        ),
    ] {
        let shown = format!("{name} {value}");
        let (status, message, found) = refused(&harness, set(name, value)).await;
        assert_eq!((status, found.as_str()), (400, code), "{shown}: {message}");
    }
}

#[tokio::test]
async fn good_values_pass() {
    let harness = Harness::new().await;
    for (name, value) in [
        ("service_tier", json!("priority")),
        ("reasoning", json!({"effort": "xhigh", "summary": "auto"})),
        ("reasoning", json!({"effort": "none"})),
        ("tools", json!([weather_tool(), {"type": "web_search"}, {"type": "custom", "name": "c"}])),
        ("include", json!(["reasoning.encrypted_content"])),
        (
            "text",
            json!({"verbosity": "low", "format": {"type": "json_schema", "name": "n",
            "schema": {"type": "object", "properties": {}}}}),
        ),
        ("client_metadata", json!({"session_id": "s"})),
    ] {
        let shown = format!("{name} {value}");
        assert_eq!(refused(&harness, set(name, value)).await.0, 200, "{shown}");
    }
}

#[tokio::test]
async fn the_engine_refuses_items_it_cannot_place() {
    let harness = Harness::new().await;
    let call =
        |id: &str| json!({"type": "function_call", "call_id": id, "name": "n", "arguments": "{}"});
    let output = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": ""});
    let long = "c".repeat(65);
    let part = |part: Value| json!([{"role": "user", "content": [part]}]);
    for (input, says) in [
        (json!([call("a")]), "No tool output found for function call a."),
        (json!([output("a")]), "No tool call found for function call output with call_id a."),
        (json!([output("a"), call("a")]), "No tool call found for function call output"),
        (json!([call(&long), output(&long)]), "Invalid 'input[0].call_id': string too long."),
        (
            json!([{"type": "message", "role": "user", "id": "x1", "content": "x"}]),
            "Invalid 'input[0].id'",
        ),
        (
            json!([{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "zzz"}]),
            "The encrypted content zzz... could not be verified.",
        ),
        (part(json!({"type": "text", "text": "x"})), "Invalid value: 'text'."),
        (
            part(json!({"type": "input_image", "image_url": "x.png"})),
            "Invalid 'input[0].content[0].image_url'",
        ),
        (
            part(json!({"type": "input_text", "text": "x", "prompt_cache_breakpoint": {}})),
            "prompt_cache_breakpoint is not supported",
        ),
        (
            json!([{"type": "function_call", "call_id": "a", "name": "n".repeat(65),
                "arguments": "{}"}]),
            "Invalid 'input[0].name': string too long.",
        ),
        (
            json!([{"type": "additional_tools", "role": "developer", "tools":
                [{"type": "function", "name": "n".repeat(65)}]}]),
            "Invalid 'input[0].tools[0].name': string too long.",
        ),
        (
            json!([{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]),
            "Invalid value",
        ),
        (json!([{"role": "tool", "content": "x"}]), "Invalid value: 'tool'."),
    ] {
        let (status, message, _) = refused(&harness, set("input", input)).await;
        assert_eq!(status, 400);
        assert!(message.starts_with(says), "{message}");
    }
    let good = json!([call("a"), call("b"), output("b"), output("a")]);
    assert_eq!(refused(&harness, set("input", good)).await.0, 200);
}

#[tokio::test]
async fn strict_schemas_are_followed_inward() {
    let harness = Harness::new().await;
    let inner = json!({"type": "object", "properties": {}});
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["a"],
        "properties": {"a": {"type": "array", "items": inner}}});
    let format =
        json!({"format": {"type": "json_schema", "name": "n", "strict": true, "schema": schema}});
    let (_, message, _) = refused(&harness, set("text", format)).await;
    assert!(
        message.contains("In context=('properties', 'a', 'items'), 'additionalProperties'"),
        "{message}"
    );
    let tool = json!([{"type": "function", "name": "n", "strict": true, "parameters":
        {"type": "object", "additionalProperties": false, "properties": {"a": {}}}}]);
    let (_, message, code) = refused(&harness, set("tools", tool)).await;
    assert_eq!(code, "invalid_function_parameters");
    assert!(message.ends_with("Missing 'a'."), "{message}");
}

#[tokio::test]
async fn callers_must_say_who_they_are_and_what_they_send() {
    let harness = Harness::new().await;
    let body = question("hello").to_string();
    let status = async |change: fn(&mut Vec<(String, String)>)| {
        let mut headers = harness.headers();
        change(&mut headers);
        harness.call(RESPONSES, &headers, &body).await.status
    };
    assert_eq!(status(|_| {}).await, 200);
    assert_eq!(status(|headers| drop(headers.remove(0))).await, 401);
    assert_eq!(status(|headers| headers[0].1 = "Bearer nobody".to_owned()).await, 401);
    assert_eq!(status(|headers| drop(headers.remove(1))).await, 400);
    assert_eq!(status(|headers| headers[1].1 = "another".to_owned()).await, 401);
    assert_eq!(status(|headers| drop(headers.remove(2))).await, 415);
    let coded = |coding: &str| ("content-encoding".to_owned(), coding.to_owned());
    for (coding, expected) in [("identity", 200), ("gzip", 415), ("zstd", 400)] {
        let headers = [harness.headers(), vec![coded(coding)]].concat();
        assert_eq!(harness.call(RESPONSES, &headers, &body).await.status, expected, "{coding}");
    }
}

#[tokio::test]
async fn an_expired_or_invalidated_token_says_so() {
    let mut harness = Harness::new().await;
    harness.tokens = harness.simulator.tokens(Claims::expiring_in(-10));
    let reply = harness.say("hello").await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (401, &json!("token_expired")));
    harness.tokens = harness.simulator.tokens(Claims { expires_in: None, ..Claims::default() });
    assert_eq!(harness.say("hello").await.status, 200);
    harness.simulator.invalidate_access_tokens();
    assert_eq!(harness.say("hello").await.json()["error"]["code"], "token_invalidated");
}

#[tokio::test]
async fn the_catalogue_is_typed_tagged_and_gated() {
    let harness = Harness::with(Settings { gate_versions: true, ..Settings::default() }).await;
    let slugs = async |version: &str| {
        let path = format!("/backend-api/codex/models?client_version={version}");
        let models = harness.get(&path).await.json()["models"].as_array().unwrap().clone();
        models.iter().map(|model| model["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(slugs("0.171.0").await.len(), 14);
    assert!(!slugs("0.152.0").await.contains(&"gpt-6-astra".to_owned()));
    assert_eq!(harness.get("/backend-api/codex/models").await.status, 422);
    assert_eq!(harness.call("GET /backend-api/codex/models", &[], "").await.status, 401);
    let before = harness.get("/backend-api/codex/models?client_version=0.0.0").await;
    let mut models = harness.simulator.models();
    models.retain(|model| model.slug == "gpt-5.5");
    harness.simulator.set_models(models);
    let after = harness.get("/backend-api/codex/models?client_version=0.0.0").await;
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_eq!(after.json()["models"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_can_be_bound_to_a_place() {
    let residency = Residency { routing: "us".to_owned(), ..Residency::default() };
    let harness = Harness::with(Settings { residency, ..Settings::default() }).await;
    let check = harness.get("/backend-api/wham/accounts/check").await.json();
    assert_eq!(check["accounts"][0]["account_routing_override"], "us");
    assert_eq!(check["accounts"][0]["workspace_backend_origin"], "NO_CONSTRAINT");
}

#[tokio::test]
async fn the_account_answers_have_their_shape() {
    let harness = Harness::new().await;
    let usage = harness.get("/backend-api/wham/usage").await.json();
    assert_eq!(usage["rate_limit"]["primary_window"]["limit_window_seconds"], 18_000);
    let check = harness.get("/backend-api/wham/accounts/check").await.json();
    assert_eq!(check["default_account_id"], harness.tokens.account_id);
    let account = &check["accounts"][0];
    for name in ["workspace_backend_origin", "account_routing_override"] {
        assert_eq!(account[name], "NO_CONSTRAINT");
    }
    assert_eq!(harness.get("/health").await.status, 200);
    assert_eq!(harness.get("/backend-api/nothing").await.status, 404);
    let upgrade = [("upgrade".to_owned(), "websocket".to_owned())];
    let reply = harness.call("GET /backend-api/codex/responses", &upgrade, "").await;
    assert_eq!(reply.status, 426);
    let stats = harness.get("/stats").await.json();
    assert_eq!(stats["requests"]["GET /health"], 1);
    assert_eq!(stats["requests"]["other"], 1);
}
