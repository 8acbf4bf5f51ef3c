//! The plan's backend: its rejections, its answers, its failures.

use serde_json::{Value, json};

use super::harness::{Harness, Reply, bearer, question, weather_tool};
use crate::{Backend, Bases, Endpoint, Mode, Settings, Simulator};

const TOKEN: &str = "plan-simulated";
const UNSUPPORTED: &str = "subscription_sharing_unsupported_capability";

async fn ask(harness: &Harness, body: &Value) -> Reply {
    harness.ask_with(Endpoint::PlanResponses, TOKEN, body).await
}

/// Returns a valid request for this backend.
fn asking(text: &str) -> Value {
    let mut body = question(text);
    body["tools"] = namespaced(&weather_tool());
    body
}

fn namespaced(tool: &Value) -> Value {
    json!([{"type": "namespace", "name": "functions", "description": "", "tools": [tool]}])
}

/// Sends a valid request with one change; returns the status, the code and the param.
async fn refused(harness: &Harness, name: &str, value: Value) -> (u16, Value, Value) {
    let mut body = asking("hello");
    body[name] = value;
    let reply = ask(harness, &body).await;
    if reply.status == 200 {
        return (200, Value::Null, Value::Null);
    }
    let error = &reply.json()["error"];
    assert_eq!(error["type"], "invalid_request_error");
    (reply.status, error["code"].clone(), error["param"].clone())
}

#[tokio::test]
async fn whoever_has_no_token_of_the_plan_is_refused() {
    let harness = Harness::new().await;
    let body = asking("hello");
    for secret in [&harness.tokens.access_token, "sk-simulated", ""] {
        let reply = harness.ask_with(Endpoint::PlanResponses, secret, &body).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json()["error"]["code"], "subscription_sharing_invalid_user");
        let list = harness.call("GET /plan/v1/models", &bearer(secret), "").await;
        assert_eq!(list.status, 401);
    }
    assert_eq!(ask(&harness, &body).await.said(), "You said: hello");
    let codex = harness.ask_with(Endpoint::Responses, TOKEN, &question("hello")).await;
    assert_eq!(codex.status, 401);
}

#[tokio::test]
async fn headers_of_the_codex_programs_are_not_needed_and_do_no_harm() {
    let harness = Harness::new().await;
    let mut headers = bearer(TOKEN);
    for name in ["chatgpt-account-id", "originator", "session-id", "thread-id", "version"] {
        headers.push((name.to_owned(), "anything".to_owned()));
    }
    let body = asking("hello").to_string();
    assert_eq!(harness.call("POST /plan/v1/responses", &headers, body).await.status, 200);
}

#[tokio::test]
async fn refused_members_are_named() {
    let harness = Harness::new().await;
    for name in [
        "background",
        "conversation",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "multi_agent",
        "prompt",
        "prompt_cache_retention",
        "safety_identifier",
        "temperature",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
        "previous_response_id",
    ] {
        let found = refused(&harness, name, json!(20)).await;
        assert_eq!(found, (400, json!(UNSUPPORTED), json!(name)));
    }
}

#[tokio::test]
async fn a_request_must_be_an_unstored_stream_of_listed_items() {
    let harness = Harness::new().await;
    for (name, value) in [
        ("input", json!("hello")),
        ("input", json!([{"role": "system", "content": "x"}])),
        ("input", json!([{"type": "agent_message", "content": []}])),
        ("input", json!([{"role": "user", "content": [{"type": "input_audio"}]}])),
        ("input", json!([{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}])),
        ("store", json!(true)),
        ("store", Value::Null),
        ("stream", json!(false)),
        ("model", json!("gpt-4o")),
        ("service_tier", json!("flex")),
    ] {
        let found = refused(&harness, name, value.clone()).await;
        assert_eq!(found, (400, json!(UNSUPPORTED), json!(name)), "{value}");
    }
    let (status, code, _) = refused(&harness, "client_metadata", json!({})).await;
    assert_eq!((status, code), (400, json!("unknown_parameter")));
    assert_eq!(refused(&harness, "service_tier", json!("priority")).await.0, 200);
    let developer = json!([{"role": "developer", "content": "x"}]);
    assert_eq!(refused(&harness, "input", developer).await.0, 200);
    let mut bare = asking("hello");
    bare.as_object_mut().unwrap().remove("instructions");
    assert_eq!(ask(&harness, &bare).await.status, 200);
}

#[tokio::test]
async fn tools_stand_in_namespaces_or_items() {
    let harness = Harness::new().await;
    let param = json!("tools[0].type");
    for kind in [
        "image_generation",
        "file_search",
        "code_interpreter",
        "computer_use_preview",
        "mcp",
        "tool_search",
        "local_shell",
    ] {
        let found = refused(&harness, "tools", json!([{"type": kind}])).await;
        assert_eq!(found, (400, json!(UNSUPPORTED), param.clone()), "{kind}");
    }
    for flat in [weather_tool(), json!({"type": "custom", "name": "c"})] {
        let found = refused(&harness, "tools", json!([flat])).await;
        assert_eq!(found, (400, json!(UNSUPPORTED), param.clone()));
        assert_eq!(refused(&harness, "tools", namespaced(&flat)).await.0, 200);
    }
    assert_eq!(refused(&harness, "tools", json!([{"type": "web_search"}])).await.0, 200);
    let mut undescribed = namespaced(&weather_tool());
    undescribed[0].as_object_mut().unwrap().remove("description");
    let found = refused(&harness, "tools", undescribed).await;
    assert_eq!(found.2, "tools[0].description");
    let item = json!([
        {"type": "additional_tools", "role": "developer", "tools": [weather_tool()]},
        {"role": "user", "content": "get_weather"},
    ]);
    assert_eq!(refused(&harness, "input", item).await.0, 200);
}

#[tokio::test]
async fn calls_come_back_with_their_namespace() {
    let harness = Harness::new().await;
    let reply = ask(&harness, &asking("get_weather city=Oslo")).await;
    let item = &reply.of("response.output_item.done")[1]["item"];
    assert_eq!((&item["namespace"], &item["name"]), (&json!("functions"), &json!("get_weather")));
    assert_eq!(reply.last_kind(), "response.completed");
}

#[tokio::test]
async fn nothing_of_the_codex_backend_is_sent() {
    let harness = Harness::new().await;
    let reply = ask(&harness, &asking("MODE:keepalive")).await;
    assert_eq!(reply.last_kind(), "response.completed");
    assert!(!reply.text().contains("codex") && !reply.head.contains("x-codex"), "{}", reply.head);
    for name in ["x-models-etag", "openai-model", "x-ratelimit-limit-requests"] {
        assert_eq!(reply.header(name), None);
    }
    assert!(reply.header("x-request-id").is_some());
    assert_eq!(harness.simulator.stats().turn_states, crate::TurnStates::default());
}

#[tokio::test]
async fn the_list_shows_some_models_and_hides_others() {
    let harness = Harness::new().await;
    let list = harness.call("GET /plan/v1/models", &bearer(TOKEN), "").await;
    let models = list.json()["models"].as_array().unwrap().clone();
    let shown = |word: &str| models.iter().filter(|model| model["visibility"] == word).count();
    assert_eq!((shown("list"), shown("hide")), (11, 3));
    assert!(models.iter().all(|model| model["slug"].is_string()));
    assert!(models.iter().all(|model| model["display_name"].is_string()));
    assert_eq!(list.header("etag"), None);
}

#[tokio::test]
async fn every_documented_failure_has_its_mode() {
    let harness = Harness::new().await;
    for (mode, status, code) in [
        ("plan-invalid-user", 401, "subscription_sharing_invalid_user"),
        ("plan-not-eligible", 403, "subscription_sharing_user_not_eligible"),
        ("plan-wrong-route", 403, "subscription_sharing_route_not_supported"),
        ("plan-limit", 429, "subscription_sharing_usage_limit_exceeded"),
        ("plan-usage-unavailable", 503, "subscription_sharing_usage_unavailable"),
        ("plan-user-unavailable", 503, "subscription_sharing_user_unavailable"),
        ("plan-unsupported", 400, UNSUPPORTED),
        ("plan-scope", 403, "chatpass_v2_scope_not_authorized"),
        ("plan-context", 403, "chatpass_v2_invalid_authorization_context"),
    ] {
        let reply = ask(&harness, &asking(&format!("MODE:{mode}"))).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (status, &json!(code)));
        assert_eq!(reply.header("retry-after"), None, "{mode}");
    }
    let detail = ask(&harness, &asking("MODE:plan-detail")).await;
    assert_eq!((detail.status, detail.json()["detail"].is_string()), (403, true));
    let late = ask(&harness, &asking("MODE:plan-limit-late")).await;
    let failed = &late.of("response.failed")[0]["response"];
    assert_eq!(failed["error"]["code"], "subscription_sharing_usage_limit_exceeded");
    assert!(late.status == 200 && !late.said().is_empty());
}

#[tokio::test]
async fn other_endpoints_are_not_for_this_token() {
    let harness = Harness::new().await;
    let reply = harness.call("POST /plan/v1/chat/completions", &bearer(TOKEN), "{}").await;
    let code = &reply.json()["error"]["code"];
    assert_eq!((reply.status, code), (403, &json!("subscription_sharing_route_not_supported")));
}

#[tokio::test]
async fn an_identity_can_be_refused_once() {
    let harness = Harness::new().await;
    let body = asking("MODE:plan-invalid-user-once");
    assert_eq!(ask(&harness, &body).await.status, 401);
    assert_eq!(ask(&harness, &body).await.status, 200);
}

#[tokio::test]
async fn each_backend_has_its_own_queue_and_count() {
    let harness = Harness::new().await;
    harness.simulator.enqueue_at(Endpoint::PlanResponses, Mode::PlanLimit);
    harness.simulator.enqueue_at(Endpoint::PlanModels, Mode::PlanDetail);
    assert_eq!(harness.say("hello").await.status, 200);
    assert_eq!(ask(&harness, &asking("hello")).await.status, 429);
    let list = harness.call("GET /plan/v1/models", &bearer(TOKEN), "").await;
    assert_eq!(list.status, 403);
    let stats = harness.simulator.stats();
    assert_eq!((stats.responses(), stats.count(Endpoint::PlanResponses.name())), (2, 1));
    let called: Vec<_> = harness.simulator.model_calls().iter().map(|call| call.endpoint).collect();
    assert_eq!(called, [Some(Endpoint::Responses), Some(Endpoint::PlanResponses)]);
}

#[tokio::test]
async fn one_backend_can_stand_alone_at_any_path() {
    let bases = Bases::only(Backend::Plan, "/v1");
    let settings = Settings { bases, plan_tokens: vec!["mine".to_owned()], ..Settings::default() };
    let harness = Harness::with(settings).await;
    let simulator: &Simulator = &harness.simulator;
    assert_eq!(simulator.url_of(Backend::Plan), format!("{}/v1", simulator.origin()));
    let body = asking("hello").to_string();
    for (path, status) in [("/v1", 200), ("/plan/v1", 404), ("/backend-api/codex", 404)] {
        let request = format!("POST {path}/responses");
        let reply = harness.call(&request, &bearer("mine"), &body).await;
        assert_eq!(reply.status, status, "{path}");
    }
    assert_eq!(simulator.stats().count("POST /plan/v1/responses"), 1);
}
