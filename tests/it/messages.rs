//! Anthropic's API over sockets: its endpoints, headers and failures.

use std::time::Duration;

use chatmock_server::ApiKey;
use chatmock_server::translate::catalog::Alias;
use chatmock_simulator::Mode;
use chatmock_testkit::client::{Reply, Request};
use serde_json::{Value, json};

use crate::harness::Harness;

const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";

fn asked(text: &str, more: &Value) -> Value {
    let messages = json!([{"role": "user", "content": text}]);
    let mut body = json!({"model": "gpt-5.5", "max_tokens": 32_000, "messages": messages});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A request as Anthropic's clients send it.
fn marked(request: Request) -> Request {
    request
        .with("anthropic-version", "2023-06-01")
        .with("anthropic-beta", "no-such-beta-2030-01-01")
}

async fn ask(harness: &Harness, text: &str, more: &Value) -> Reply {
    let body = asked(text, more).to_string();
    harness.server.send(marked(Request::post("/v1/messages?beta=true", body))).await
}

fn class(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    assert_eq!(body["type"], "error", "{body}");
    assert_eq!(body["request_id"].as_str(), reply.header("request-id"));
    (reply.status, body["error"]["type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_turn_is_answered_whole_and_streamed_with_the_request_s_id() {
    let harness = Harness::new().await;
    let whole = ask(&harness, "hello", &json!({})).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    assert_eq!(whole.json()["content"][0]["text"], "You said: hello");
    assert_eq!(whole.header("request-id"), whole.header("x-request-id"));
    assert_eq!(whole.header("x-chatmock-notices"), None);
    let stream = ask(&harness, "hello", &json!({"stream": true})).await;
    assert_eq!(stream.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert!(stream.text().starts_with("event: message_start\n"), "{}", stream.text());
    assert!(stream.text().ends_with("data: {\"type\":\"message_stop\"}\n\n"));
    assert!(stream.header("request-id").is_some());
}

#[tokio::test]
async fn a_tool_loop_carries_the_model_s_reasoning() {
    let harness = Harness::new().await;
    let tools = json!([{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]);
    let more = json!({"tools": tools, "thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}});
    let first = ask(&harness, "Use get_weather for city=Oslo", &more).await.json();
    assert_eq!(first["stop_reason"], "tool_use", "{first}");
    let blocks = first["content"].as_array().unwrap();
    let call = blocks.iter().find(|block| block["type"] == "tool_use").unwrap();
    assert_eq!(call["input"]["city"], "Oslo");
    let thinking = &blocks[0];
    assert_eq!((&thinking["type"], &thinking["thinking"]), (&json!("thinking"), &json!("")));
    let result = json!({"type": "tool_result", "tool_use_id": call["id"], "content": "21"});
    let messages = json!([
        {"role": "user", "content": "Use get_weather for city=Oslo"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [result]},
    ]);
    let mut body = asked("", &more);
    body["messages"] = messages;
    let second = harness.server.post(MESSAGES, &body).await;
    assert_eq!(
        second.json()["content"].as_array().unwrap().last().unwrap()["text"],
        "The tool said: 21"
    );
    let input = harness.sent()["input"].clone();
    let kinds: Vec<&str> =
        input.as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["message", "reasoning", "function_call", "function_call_output"]);
    let sealed = thinking["signature"].as_str().unwrap();
    assert!(sealed.ends_with(input[1]["encrypted_content"].as_str().unwrap()), "{sealed}");
}

#[tokio::test]
async fn the_search_of_claude_code_finds_its_links() {
    let harness = Harness::new().await;
    let tools = json!([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]);
    let more = json!({"tools": tools, "tool_choice": {"type": "auto"}});
    let reply = ask(&harness, "Perform a web search for the query: oslo", &more).await;
    assert_eq!(reply.header("x-chatmock-notices"), None);
    let reply = reply.json();
    let kinds: Vec<&str> = reply["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text"], "{reply}");
    let found = &reply["content"][1]["content"][0];
    assert!(found["url"].as_str().unwrap().starts_with("https://"), "{reply}");
    assert_eq!(reply["content"][2]["citations"][0]["url"], found["url"]);
}

#[tokio::test]
async fn failures_have_their_status_class_and_word_on_another_try() {
    let harness = Harness::new().await;
    for (mode, status, kind, retry) in [
        (Mode::Overloaded, 529, "overloaded_error", None),
        (Mode::Unavailable, 529, "overloaded_error", None),
        (Mode::Unauthorized, 401, "authentication_error", Some("false")),
        (Mode::UsageLimit, 429, "rate_limit_error", Some("false")),
        (Mode::NotIncluded, 403, "permission_error", None),
        (Mode::Html500, 502, "api_error", None),
        (Mode::FailBefore, 502, "api_error", None),
        (Mode::Deactivated, 402, "billing_error", None),
    ] {
        for stream in [false, true] {
            let text = format!("MODE:{}", mode.name());
            let reply = ask(&harness, &text, &json!({"stream": stream})).await;
            assert_eq!(class(&reply), (status, kind.to_owned()), "{mode:?}: {}", reply.text());
            assert_eq!(reply.header("x-should-retry"), retry, "{mode:?}");
        }
    }
    let text = format!("MODE:{}", Mode::UsageLimit.name());
    let spent = ask(&harness, &text, &json!({})).await;
    let told = spent.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(told.contains(" free at ") && told.contains(" (in "), "{told}");
    assert!(spent.header("retry-after").is_some());
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_told_in_numbers() {
    let harness = Harness::new().await;
    let text = format!("MODE:{}", Mode::FailContext.name());
    let whole = ask(&harness, &text, &json!({})).await;
    let told = whole.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(class(&whole), (400, "invalid_request_error".to_owned()));
    let numbers =
        told.strip_prefix("prompt is too long: ").unwrap().strip_suffix(" maximum").unwrap();
    let (tokens, most) = numbers.split_once(" tokens > ").unwrap();
    assert!(tokens.parse::<u64>().unwrap() > most.parse::<u64>().unwrap());
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_an_error_event() {
    let harness = Harness::new().await;
    for mode in [Mode::FailAfter, Mode::Cut, Mode::CutHard] {
        let text = format!("MODE:{}", mode.name());
        let reply = ask(&harness, &text, &json!({"stream": true})).await;
        assert_eq!(reply.status, 200);
        let last = reply.events().pop().unwrap();
        assert_eq!((&last["type"], &last["error"]["type"]), (&json!("error"), &json!("api_error")));
        assert_eq!(last["request_id"].as_str(), reply.header("request-id"), "{mode:?}");
        assert!(!reply.text().contains("message_stop"), "{mode:?}");
    }
}

#[tokio::test]
async fn a_long_silence_is_broken_by_pings() {
    let harness = Harness::with(|s| s.http.streams.heartbeat = Duration::from_millis(50)).await;
    let reply = ask(&harness, "MODE:slow:3:300", &json!({"stream": true})).await;
    assert!(
        reply.text().contains("event: ping\ndata: {\"type\":\"ping\"}\n\n"),
        "{}",
        reply.text()
    );
    assert!(reply.text().ends_with("data: {\"type\":\"message_stop\"}\n\n"));
}

#[tokio::test]
async fn tokens_are_counted_without_a_call() {
    let harness = Harness::new().await;
    let count = |body: Value| {
        let harness = &harness;
        async move { harness.server.post(COUNT, &body).await }
    };
    let messages = json!([{"role": "user", "content": "foo"}]);
    let few = count(json!({"model": "claude-opus-5-5", "messages": messages, "tools": []})).await;
    assert_eq!(few.status, 200, "{}", few.text());
    assert!(few.header("x-chatmock-notices").unwrap().contains("input_tokens=emulated"));
    let few = few.json()["input_tokens"].as_u64().unwrap();
    let long = "word ".repeat(200_000);
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": long}]}]);
    let many = count(json!({"model": "gpt-5.5", "messages": messages})).await.json();
    assert!(few > 0 && many["input_tokens"].as_u64().unwrap() > 100 * few);
    let unknown =
        count(json!({"model": "no-such", "messages": [{"role": "user", "content": "x"}]})).await;
    assert_eq!(class(&unknown), (404, "not_found_error".to_owned()));
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn models_have_the_shape_of_the_client_that_asks() {
    let harness = Harness::new().await;
    let plain = harness.server.get("/v1/models").await.json();
    assert_eq!(plain["object"], "list");
    let list = harness.server.send(marked(Request::get("/v1/models?limit=1000"))).await.json();
    assert_eq!(list["has_more"], false);
    let rows = list["data"].as_array().unwrap();
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).cloned().unwrap();
    assert_eq!(row("gpt-5.5")["type"], "model");
    assert_eq!(row("gpt-5.5")["display_name"], row("claude-gpt-5.5")["display_name"]);
    let one = harness.server.send(marked(Request::get("/v1/models/claude-opus-5-5"))).await;
    assert_eq!((one.status, &one.json()["id"]), (200, &json!("claude-opus-5-5")));
    let none = harness.server.send(marked(Request::get("/v1/models/no-such"))).await;
    assert_eq!(class(&none), (404, "not_found_error".to_owned()));
    assert!(none.json()["error"]["message"].as_str().unwrap().starts_with("model: "));
}

#[tokio::test]
async fn names_of_claude_models_are_answered_and_aliases_decide() {
    let alias = |name: &str, target: &str| Alias { name: name.into(), target: target.into() };
    let harness = Harness::with(|s| s.models.aliases = vec![alias("haiku", "gpt-5.5:low!")]).await;
    let more = json!({"model": "claude-haiku-4-5-20251001", "output_config": {"effort": "high"}});
    let reply = ask(&harness, "hello", &more).await;
    assert_eq!(reply.json()["model"], "claude-haiku-4-5-20251001", "{}", reply.text());
    let notices = reply.header("x-chatmock-notices").unwrap();
    assert!(notices.contains("model=changed") && notices.contains("output_config.effort=changed"));
    let sent = harness.sent();
    assert_eq!((&sent["model"], &sent["reasoning"]["effort"]), (&json!("gpt-5.5"), &json!("low")));
}

#[tokio::test]
async fn the_session_is_named_by_header_agent_and_instructions() {
    let harness = Harness::new().await;
    let id = |system: &'static str, session: &'static str, agent: Option<&'static str>| {
        let harness = &harness;
        async move {
            let body = asked("hello", &json!({"system": system})).to_string();
            let mut request = marked(Request::post(MESSAGES, body));
            if session.starts_with("s-") {
                request = request.with("x-claude-code-session-id", session);
            }
            if let Some(agent) = agent {
                request = request.with("x-claude-code-agent-id", agent);
            }
            assert_eq!(harness.server.send(request).await.status, 200);
            let call = harness.simulator.model_calls().pop().unwrap();
            assert!(!format!("{call:?}").contains("s-1"), "the name itself is not sent");
            call.header("session-id").unwrap().to_owned()
        }
    };
    let main = id("main", "s-1", None).await;
    assert_eq!(id("main", "s-1", None).await, main);
    for other in [
        id("title", "s-1", None).await,
        id("main", "s-1", Some("a-1")).await,
        id("main", "s-2", None).await,
    ] {
        assert_ne!(other, main);
    }
}

#[tokio::test]
async fn keys_are_taken_as_the_clients_send_them() {
    let key = "a-key-of-sixteen-and-more";
    let harness = Harness::with(|s| s.http.admission.keys = vec![ApiKey::new("ann", key)]).await;
    let request = || marked(Request::post(MESSAGES, asked("hello", &json!({})).to_string()));
    let bearer = format!("Bearer {key}");
    assert_eq!(harness.server.send(request().with("x-api-key", key)).await.status, 200);
    assert_eq!(harness.server.send(request().with("authorization", &bearer)).await.status, 200);
    let both = request().with("authorization", &bearer).with("x-api-key", key);
    assert_eq!(harness.server.send(both).await.status, 200);
    for wrong in [request(), request().with("authorization", &bearer).with("x-api-key", "other")] {
        let reply = harness.server.send(wrong).await;
        assert_eq!(class(&reply), (401, "authentication_error".to_owned()));
        assert_eq!(reply.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn what_is_not_served_is_told_in_this_shape() {
    let harness = Harness::new().await;
    for (path, words) in [
        ("/v1/messages/batches", "send each request"),
        ("/v1/files", "no files are kept"),
        ("/v1/skills", "no skills"),
        ("/v1/nothing", "nothing is served"),
    ] {
        let reply = harness.server.send(marked(Request::post(path, "{}"))).await;
        assert_eq!(class(&reply), (404, "not_found_error".to_owned()), "{path}");
        assert!(reply.text().contains(words), "{}", reply.text());
    }
    let reply = harness.server.get(MESSAGES).await;
    assert_eq!(class(&reply), (405, "invalid_request_error".to_owned()));
    assert_eq!(reply.header("allow"), Some("POST"));
    let plain = harness.server.post("/v1/files", &json!({})).await;
    assert!(plain.json()["error"]["code"].is_string(), "OpenAI's clients get their own shape");
}

#[tokio::test]
async fn the_question_whether_anybody_answers_is_answered() {
    let harness = Harness::new().await;
    for method in ["GET", "HEAD"] {
        let reply = harness.server.send(Request::new(method, "/api/hello")).await;
        assert_eq!(reply.status, 200, "{method}");
    }
}

#[tokio::test]
async fn hostile_bodies_are_refused_with_a_path_or_answered() {
    let harness = Harness::new().await;
    let result =
        |id: &str, text: &str| json!({"type": "tool_result", "tool_use_id": id, "content": text});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let big = "x".repeat(10 * 1024 * 1024);
    let tools: Vec<Value> = (0..200)
        .map(|n| json!({"name": format!("t{n}"), "input_schema": {"type": "object"}}))
        .collect();
    for (messages, more) in [
        (
            json!([{"role": "assistant", "content": [call("a")]}, {"role": "user", "content": [result("a", &big), {"type": "text", "text": "and now?"}]}]),
            json!({}),
        ),
        (json!([{"role": "user", "content": [result("lone", "x")]}]), json!({})),
        (
            json!([{"role": "assistant", "content": [call("a"), call("a")]}, {"role": "user", "content": [result("a", "1"), result("a", "2")]}]),
            json!({}),
        ),
        (json!([{"role": "user", "content": "hi"}]), json!({"tools": tools})),
        (
            json!([{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "hi"}]}]),
            json!({}),
        ),
        (
            json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "thinking", "thinking": "", "signature": "cmr1.cut"}]}]),
            json!({}),
        ),
    ] {
        let mut body = asked("", &more);
        body["messages"] = messages;
        let reply = harness.server.post(MESSAGES, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for (body, path) in [
        ("{}", "max_tokens: "),
        (r#"{"max_tokens": "9"}"#, "max_tokens: "),
        (r#"{"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}"#, "model: "),
        (r#"{"max_tokens": 9, "model": "m", "messages": [{"role": 1}]}"#, "messages.0.role: "),
        (r#"{"max_tokens": 9, "model": "m", "messages": 5}"#, "messages: "),
        ("[", "invalid JSON body: "),
    ] {
        let reply = harness.server.send(Request::post(MESSAGES, body)).await;
        assert_eq!(class(&reply), (400, "invalid_request_error".to_owned()), "{body}");
        let told = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(told.starts_with(path), "{told}");
    }
}
