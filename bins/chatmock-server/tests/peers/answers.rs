//! Tests of answers through the proxy: texts, usage, the list of models, and the request that went
//! out.

use chatmock_testkit::blocking;
use chatmock_testkit::client::Request;
use serde_json::{Value, json};

use crate::harness::Harness;
use crate::litellm::{KEY, MODEL};

use crate::reply::{Reply, text};

const SAID: &str = "You said: hello there";

pub(crate) fn chat_stream(harness: &Harness) {
    let mut body = chat_body("hello there");
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let reply = harness.post("/v1/chat/completions", &body);
    assert!(reply.body.ends_with("data: [DONE]\n\n"), "{}", reply.body);
    let events = reply.events();
    assert_eq!(text(&events, "/choices/0/delta/content"), SAID);
    assert_eq!(text(&events, "/choices/0/finish_reason"), "stop");
    assert!(events.iter().all(|event| event["model"] == MODEL), "{}", reply.body);
    counted(&events.last().unwrap()["usage"], ["prompt", "completion"]);
}

pub(crate) fn chat(harness: &Harness) {
    let chat = harness.post("/v1/chat/completions", &chat_body("hello there")).json();
    assert_eq!(chat["choices"][0]["message"]["content"], SAID);
    assert_eq!(chat["choices"][0]["finish_reason"], "stop");
    counted(&chat["usage"], ["prompt", "completion"]);
}

pub(crate) fn responses_stream(harness: &Harness) {
    let body = json!({"model": MODEL, "input": "hello there", "stream": true});
    let events = harness.post("/v1/responses", &body).events();
    assert_eq!(events.first().unwrap()["type"], "response.created");
    assert_eq!(text(&events, "/delta"), SAID);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    answered(&last["response"]);
}

pub(crate) fn responses(harness: &Harness) {
    let body = json!({"model": MODEL, "input": "hello there"});
    answered(&harness.post("/v1/responses", &body).json());
}

pub(crate) fn completion(harness: &Harness) {
    let mut body = json!({"model": MODEL, "prompt": "hello there"});
    let whole = harness.post("/v1/completions", &body).json();
    assert_eq!(whole["choices"][0]["text"], SAID);
    counted(&whole["usage"], ["prompt", "completion"]);
    body["stream"] = json!(true);
    let reply = harness.post("/v1/completions", &body);
    assert!(reply.body.ends_with("data: [DONE]\n\n"), "{}", reply.body);
    assert_eq!(text(&reply.events(), "/choices/0/text"), SAID);
}

pub(crate) fn ollama_stream(harness: &Harness) {
    let lines = harness.post("/api/chat", &chat_body("hello there")).lines();
    assert_eq!(text(&lines, "/message/content"), SAID);
    let (last, before) = lines.split_last().unwrap();
    assert!(before.iter().all(|line| line["done"] == false), "{lines:?}");
    assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("stop")));
    assert!(last["prompt_eval_count"].as_u64() > Some(0), "{last}");
    assert!(last["eval_count"].as_u64() > Some(0), "{last}");
}

pub(crate) fn models(harness: &Harness) {
    let address = harness.proxy.url.strip_prefix("http://").unwrap();
    let request = Request::get("/v1/models").with("host", address);
    let request = request.with("authorization", &format!("Bearer {KEY}"));
    let wanted = Reply::from(&blocking::send(address, &request).unwrap()).json();
    let list = Reply::of(harness.front.open("GET", "/v1/models", "")).json();
    assert_eq!(list["data"], wanted["data"]);
    let first = &list["data"][0];
    assert_eq!((&first["id"], &first["owned_by"]), (&json!(MODEL), &json!("openai")), "{list}");
    let tags = Reply::of(harness.front.open("GET", "/api/tags", "")).json();
    assert_eq!(tags["models"][0]["name"], MODEL, "{tags}");
}

/// The simulated backend answers this text with the request that it got.
pub(crate) fn temperature(harness: &Harness) {
    let mut body = chat_body("MODE:echo");
    body["temperature"] = json!(0.37);
    let chat = harness.post("/v1/chat/completions", &body).json();
    arrived(&chat["choices"][0]["message"]["content"]);
    let body = json!({"model": MODEL, "input": "MODE:echo", "temperature": 0.37});
    let response = harness.post("/v1/responses", &body).json();
    arrived(&response["output"][0]["content"][0]["text"]);
    let mut body = chat_body("MODE:echo");
    (body["options"], body["stream"]) = (json!({"temperature": 0.37}), json!(false));
    arrived(&harness.post("/api/chat", &body).json()["message"]["content"]);
}

/// Returns a chat of one message, in OpenAI's API or in Ollama's.
pub(crate) fn chat_body(content: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": content}]})
}

fn answered(response: &Value) {
    assert_eq!(response["status"], "completed", "{response}");
    assert_eq!(response["output"][0]["content"][0]["text"], SAID, "{response}");
    counted(&response["usage"], ["input", "output"]);
}

fn arrived(echo: &Value) {
    let echo: Value = serde_json::from_str(echo.as_str().unwrap()).unwrap();
    assert_eq!(echo["body"]["temperature"], json!(0.37), "{echo}");
}

/// Checks that tokens were counted, and that the total is their sum.
fn counted(usage: &Value, [asked, answered]: [&str; 2]) {
    let count = |name: &str| usage[format!("{name}_tokens")].as_u64().unwrap();
    assert!(count(asked) > 0 && count(answered) > 0, "{usage}");
    assert_eq!(count("total"), count(asked) + count(answered), "{usage}");
}
