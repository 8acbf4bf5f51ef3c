//! The public API: keys, members, answers without a stream, stored responses, failures.

use serde_json::{Value, json};

use super::harness::{Harness, Reply, bearer, weather_tool};
use crate::{Backend, Bases, Endpoint, Mode, Settings};

const KEY: &str = "sk-simulated";
const RESPONSES: &str = "POST /v1/responses";

async fn ask(harness: &Harness, body: &Value) -> Reply {
    harness.ask_with(Endpoint::ApiResponses, KEY, body).await
}

/// Returns a request with two members and those that a test adds.
fn asking(text: &str, more: &Value) -> Value {
    let mut body = json!({"model": "gpt-5.5", "input": text});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

/// Returns the text of a response.
fn text(reply: &Reply) -> String {
    let output = reply.json()["output"].as_array().unwrap().clone();
    let message = output.iter().find(|item| item["type"] == "message").cloned();
    message.unwrap_or_default()["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_key_is_asked_for_in_openais_words() {
    let harness = Harness::new().await;
    let body = asking("hello", &json!({}));
    assert_eq!(ask(&harness, &body).await.status, 200);
    let wrong = harness.ask_with(Endpoint::ApiResponses, "sk-wrong-1234", &body).await;
    let error = wrong.json()["error"].clone();
    assert_eq!((wrong.status, &error["code"]), (401, &json!("invalid_api_key")));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("*********1234.") && !message.contains("wrong"), "{message}");
    let json = [("content-type".to_owned(), "application/json".to_owned())];
    let none = harness.call(RESPONSES, &json, body.to_string()).await;
    assert_eq!((none.status, &none.json()["error"]["code"]), (401, &Value::Null));
    let codex = harness.ask_with(Endpoint::ApiResponses, &harness.tokens.access_token, &body).await;
    assert_eq!(codex.status, 401);
    let own = [json, [("api-key".to_owned(), KEY.to_owned())]].concat();
    assert_eq!(harness.call(RESPONSES, &own, body.to_string()).await.status, 401);
}

#[tokio::test]
async fn azure_takes_its_own_header_under_a_path_of_its_own() {
    let bases = Bases::only(Backend::Api, "/openai/v1");
    let settings = Settings { azure: true, bases, ..Settings::default() };
    let harness = Harness::with(settings).await;
    let body = asking("hello", &json!({})).to_string();
    let with = |key: &str| {
        [("content-type", "application/json"), ("api-key", key)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let request = "POST /openai/v1/responses?api-version=preview";
    assert_eq!(harness.call(request, &with(KEY), &body).await.status, 200);
    assert_eq!(harness.call(request, &bearer(KEY), &body).await.status, 200);
    let wrong = harness.call(request, &with("wrong"), &body).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (401, &json!("401")));
    assert_eq!(harness.call(RESPONSES, &with(KEY), &body).await.status, 404);
}

#[tokio::test]
async fn the_members_of_the_reference_are_taken_and_echoed() {
    let harness = Harness::new().await;
    let more = json!({
        "temperature": 0.25, "top_p": 0.5, "max_output_tokens": 100, "store": false,
        "metadata": {"a": "b"}, "truncation": "auto", "user": "me", "top_logprobs": 3,
        "max_tool_calls": 2, "safety_identifier": "s", "prompt_cache_key": "k",
        "prompt_cache_retention": "24h", "service_tier": "flex", "parallel_tool_calls": false,
    });
    let reply = ask(&harness, &asking("hello", &more)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let response = reply.json();
    for name in ["temperature", "top_p", "max_output_tokens", "store", "metadata", "truncation"] {
        assert_eq!(response[name], more[name], "{name}");
    }
    assert_eq!(
        (text(&reply).as_str(), &response["status"]),
        ("You said: hello", &"completed".into())
    );
}

#[tokio::test]
async fn what_the_api_does_not_know_is_refused_by_name() {
    let harness = Harness::new().await;
    for (name, value, code) in [
        ("client_metadata", json!({}), "unknown_parameter"),
        ("generate", json!(false), "unknown_parameter"),
        ("reasoning_effort", json!("low"), "unknown_parameter"),
        ("messages", json!([]), "unknown_parameter"),
        ("max_output_tokens", json!(15), "integer_below_min_value"),
        ("temperature", json!(2.5), "decimal_above_max_value"),
        ("top_p", json!(-1), "integer_below_min_value"),
        ("top_logprobs", json!(21), "integer_above_max_value"),
        ("temperature", json!("hot"), "invalid_type"),
        ("metadata", json!({"a": 1}), "invalid_type"),
        ("truncation", json!("some"), "invalid_value"),
        ("include", json!(["everything"]), "invalid_value"),
        ("service_tier", json!("express"), "unsupported_value"),
        ("background", json!(true), "unsupported_parameter"),
        ("input", json!([{"type": "message", "role": "tool", "content": "x"}]), "invalid_value"),
    ] {
        let mut body = asking("hello", &json!({}));
        body[name] = value;
        let reply = ask(&harness, &body).await;
        let error = reply.json()["error"].clone();
        assert_eq!((reply.status, &error["code"]), (400, &json!(code)), "{name}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["param"].as_str().unwrap().starts_with(name), "{error}");
    }
    let model = ask(&harness, &json!({"model": "gpt-4", "input": "x"})).await;
    assert_eq!((model.status, &model.json()["error"]["code"]), (404, &json!("model_not_found")));
    let system = json!([{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]);
    let reply = ask(&harness, &json!({"model": "gpt-5.5", "input": system})).await;
    assert_eq!(text(&reply), "You said: y");
    let parsed = harness.call(RESPONSES, &bearer(KEY), "{").await;
    assert_eq!(parsed.json()["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn a_whole_reply_is_what_the_stream_ends_with() {
    let harness = Harness::new().await;
    let more = json!({"tools": [weather_tool()], "store": false});
    let mut body = asking("get_weather city=Oslo", &more);
    let whole = ask(&harness, &body).await.json();
    body["stream"] = json!(true);
    let streamed = ask(&harness, &body).await.of("response.completed")[0]["response"].clone();
    for response in [&whole, &streamed] {
        assert_eq!(response["output"][1]["arguments"], r#"{"city":"Oslo"}"#);
        assert_eq!(response["object"], "response");
    }
    assert_eq!(whole["usage"], streamed["usage"]);
}

#[tokio::test]
async fn an_output_limit_is_kept() {
    let harness = Harness::new().await;
    let long = "word ".repeat(100);
    for stream in [false, true] {
        let more = json!({"max_output_tokens": 32, "stream": stream});
        let reply = ask(&harness, &asking(&long, &more)).await;
        let response = match stream {
            true => reply.of("response.incomplete")[0]["response"].clone(),
            false => reply.json(),
        };
        assert_eq!(response["status"], "incomplete");
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
        assert_eq!(response["usage"]["output_tokens"], 32);
        let message = &response["output"][1];
        assert_eq!(message["status"], "incomplete");
        assert_eq!(message["content"][0]["text"].as_str().unwrap().len(), 64);
    }
    let more = json!({"max_output_tokens": 16, "reasoning": {"effort": "low", "summary": "auto"}});
    let thought = ask(&harness, &asking("MODE:reasoning", &more)).await.json();
    assert_eq!(thought["output"].as_array().unwrap().len(), 1);
    assert_eq!(thought["status"], "incomplete");
}

#[tokio::test]
async fn a_stored_response_is_gone_on_from() {
    let harness = Harness::new().await;
    let tools = json!({"tools": [weather_tool()]});
    let first = ask(&harness, &asking("get_weather city=Oslo", &tools)).await.json();
    assert_eq!(first["store"], true);
    let call = &first["output"][1];
    let output =
        json!([{"type": "function_call_output", "call_id": call["call_id"], "output": "3"}]);
    let second = json!({"model": "gpt-5.5", "input": output, "previous_response_id": first["id"]});
    let reply = ask(&harness, &second).await;
    assert_eq!(text(&reply), "The tool said: 3");
    assert_eq!(reply.json()["previous_response_id"], first["id"]);
    let used = |response: &Value| response["usage"]["input_tokens"].as_u64().unwrap();
    assert!(used(&reply.json()) > used(&first));
}

#[tokio::test]
async fn a_stored_item_can_be_referred_to() {
    let harness = Harness::new().await;
    let tools = json!({"tools": [weather_tool()]});
    let first = ask(&harness, &asking("get_weather city=Oslo", &tools)).await.json();
    let call = &first["output"][1];
    let refer = |id: &Value| {
        let output = json!({"type": "function_call_output", "call_id": call["call_id"],
            "output": "3"});
        json!({"model": "gpt-5.5", "input": [{"type": "item_reference", "id": id}, output]})
    };
    assert_eq!(text(&ask(&harness, &refer(&call["id"])).await), "The tool said: 3");
    let lost = ask(&harness, &refer(&json!("fc_none"))).await;
    let message = lost.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(lost.status, 404);
    assert!(message.starts_with("Item with id 'fc_none' not found."), "{message}");
}

#[tokio::test]
async fn a_response_that_was_not_stored_is_not_found() {
    let harness = Harness::with(Settings {
        api_keys: vec![KEY.to_owned(), "sk-other".to_owned()],
        ..Settings::default()
    })
    .await;
    let unstored = ask(&harness, &asking("hello", &json!({"store": false}))).await.json();
    let stored = ask(&harness, &asking("hello", &json!({}))).await.json();
    let after = |id: &Value| asking("more", &json!({"previous_response_id": id}));
    assert_eq!(ask(&harness, &after(&stored["id"])).await.status, 200);
    let others = harness.ask_with(Endpoint::ApiResponses, "sk-other", &after(&stored["id"])).await;
    for reply in [
        ask(&harness, &after(&unstored["id"])).await,
        ask(&harness, &after(&json!("resp_none"))).await,
        others,
    ] {
        let error = reply.json()["error"].clone();
        assert_eq!(reply.status, 400);
        assert_eq!(error["code"], "previous_response_not_found");
        assert_eq!(error["param"], "previous_response_id");
    }
}

#[tokio::test]
async fn reasoning_is_sealed_where_that_is_asked_for_and_must_be_brought_along() {
    let harness = Harness::new().await;
    let mut more = json!({"store": false, "reasoning": {"summary": "auto"}});
    let bare = ask(&harness, &asking("hi", &more)).await.json()["output"][0].clone();
    assert!(bare["id"].is_string() && bare["encrypted_content"].is_null());
    more["include"] = json!(["reasoning.encrypted_content"]);
    let sealed = ask(&harness, &asking("hi", &more)).await.json()["output"][0].clone();
    assert!(sealed["encrypted_content"].is_string());
    for (item, status) in [(bare, 404), (sealed, 200)] {
        let mut body = asking("hi", &more);
        body["input"] = json!([item, {"role": "user", "content": "again"}]);
        let reply = ask(&harness, &body).await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

#[tokio::test]
async fn padding_can_be_left_out() {
    let harness = Harness::new().await;
    let more = json!({"stream": true, "stream_options": {"include_obfuscation": false}});
    let deltas = ask(&harness, &asking("hello", &more)).await.of("response.output_text.delta");
    assert!(!deltas.is_empty() && deltas.iter().all(|delta| delta["obfuscation"].is_null()));
}

#[tokio::test]
async fn the_headers_are_the_public_ones() {
    let harness = Harness::new().await;
    let reply = ask(&harness, &asking("MODE:keepalive", &json!({"stream": true}))).await;
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("5000"));
    assert!(reply.header("x-ratelimit-remaining-tokens").is_some());
    assert_eq!(reply.header("openai-version"), Some("2020-10-01"));
    assert!(!reply.text().contains("codex") && !reply.head.contains("codex"));
    assert_eq!(reply.header("openai-model"), None);
}

#[tokio::test]
async fn the_list_has_openais_shape_or_is_not_there() {
    let harness = Harness::new().await;
    let list = harness.call("GET /v1/models", &bearer(KEY), "").await.json();
    assert_eq!(list["object"], "list");
    let first = &list["data"][0];
    assert_eq!((&first["object"], &first["owned_by"]), (&json!("model"), &json!("openai")));
    assert!(first["id"].is_string() && first["created"].is_i64());
    assert_eq!(harness.call("GET /v1/models", &bearer("sk-x"), "").await.status, 401);
    let without = Harness::with(Settings { api_lists_models: false, ..Settings::default() }).await;
    let missing = without.call("GET /v1/models", &bearer(KEY), "").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["error"]["message"], "Invalid URL (GET /v1/models)");
    assert_eq!(ask(&without, &asking("hello", &json!({}))).await.status, 200);
}

#[tokio::test]
async fn failures_have_their_modes_streamed_and_whole() {
    let harness = Harness::new().await;
    for (mode, status, code) in [
        ("quota", 429, "insufficient_quota"),
        ("api-rate-limit", 429, "rate_limit_exceeded"),
        ("model-not-found", 404, "model_not_found"),
        ("context-length", 400, "context_length_exceeded"),
        ("server-error", 500, "server_error"),
    ] {
        for stream in [false, true] {
            let body = asking(&format!("MODE:{mode}"), &json!({"stream": stream}));
            let reply = ask(&harness, &body).await;
            assert_eq!((reply.status, &reply.json()["error"]["code"]), (status, &json!(code)));
        }
    }
    let limited = ask(&harness, &asking("MODE:api-rate-limit", &json!({}))).await;
    assert_eq!(limited.header("retry-after"), Some("20"));
    assert_eq!(limited.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(limited.header("x-ratelimit-limit-requests"), Some("5000"));
}

#[tokio::test]
async fn a_stream_that_would_fail_fails_a_whole_reply() {
    let harness = Harness::new().await;
    for (mode, status) in
        [("fail-after", 500), ("fail-rate", 429), ("error-flat", 500), ("overloaded", 503)]
    {
        let reply = ask(&harness, &asking(&format!("MODE:{mode}"), &json!({}))).await;
        assert_eq!(reply.status, status, "{mode}");
        assert!(reply.json()["error"]["message"].is_string());
    }
    let filtered = ask(&harness, &asking("MODE:incomplete-filter", &json!({}))).await.json();
    assert_eq!(filtered["incomplete_details"]["reason"], "content_filter");
    let cut = ask(&harness, &asking("MODE:cut", &json!({}))).await;
    assert!(serde_json::from_slice::<Value>(&cut.body).is_err());
    assert!(!ask(&harness, &asking("MODE:cut-hard", &json!({}))).await.complete);
    assert_eq!(text(&ask(&harness, &asking("MODE:crlf", &json!({}))).await), "You said: MODE:crlf");
    harness.simulator.enqueue_at(Endpoint::ApiResponses, Mode::Quota);
    assert_eq!(ask(&harness, &asking("hello", &json!({}))).await.status, 429);
}

#[tokio::test]
async fn the_key_is_not_echoed() {
    let harness = Harness::with(Settings { azure: true, ..Settings::default() }).await;
    let mut headers = bearer(KEY);
    headers.push(("api-key".to_owned(), KEY.to_owned()));
    let body = asking("MODE:echo", &json!({})).to_string();
    let reply = harness.call(RESPONSES, &headers, body).await;
    assert!(text(&reply).contains("api-key") && !text(&reply).contains(KEY), "{}", text(&reply));
}
