//! A conversation of several turns with a tool, in any dialect, as its clients hold one.

use chatmock_testkit::client::Request;
use serde_json::{Value, json};

use crate::dialects::Row;
use crate::harness::{CHAT, RESPONSES, Running};

const MESSAGES: &str = "/v1/messages";

/// The messages so far.
pub(crate) struct Conversation {
    path: &'static str,
    system: String,
    messages: Vec<Value>,
    /// The tools that were called, with their arguments.
    pub(crate) called: Vec<String>,
    /// Makes every request name a conversation of its own.
    pub(crate) renames: bool,
    requests: usize,
}

impl Conversation {
    pub(crate) fn new(dialect: Row, system: &str) -> Self {
        let (path, system) = (dialect.path, system.to_owned());
        Self { path, system, messages: Vec::new(), called: Vec::new(), renames: false, requests: 0 }
    }

    /// Says something, answers every call of a tool, and goes on until the model has no more.
    pub(crate) async fn turn(&mut self, server: &Running, text: &str) {
        self.messages.push(json!({"role": "user", "content": text}));
        for _ in 0..4 {
            let request = Request::post(self.path, self.request().to_string());
            self.requests += 1;
            let request = match self.renames {
                true => request.with("session-id", &format!("{}-{}", self.path, self.requests)),
                false => request,
            };
            let reply = server.send(request).await;
            assert_eq!(reply.status, 200, "{}: {}", self.path, reply.text());
            if !self.take(&reply.json()) {
                return;
            }
        }
        panic!("{}: the model only calls tools", self.path);
    }

    fn request(&self) -> Value {
        let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        let function =
            json!({"name": "get_weather", "description": "Weather.", "parameters": parameters});
        let system = json!({"role": "system", "content": self.system});
        let messages: Vec<&Value> = std::iter::once(&system).chain(&self.messages).collect();
        match self.path {
            RESPONSES => json!({
                "model": "gpt-5.5", "instructions": self.system, "input": self.messages,
                "tools": [{"type": "function", "name": "get_weather", "description": "Weather.", "parameters": parameters}],
            }),
            MESSAGES => json!({
                "model": "gpt-5.5", "max_tokens": 32_000, "system": self.system, "messages": self.messages,
                "thinking": {"type": "adaptive", "display": "omitted"},
                "tools": [{"name": "get_weather", "description": "Weather.", "input_schema": parameters}],
            }),
            _ => json!({
                "model": "gpt-5.5", "stream": false, "messages": messages,
                "tools": [{"type": "function", "function": function}],
            }),
        }
    }

    /// Appends a reply; returns whether a tool was called, whose result is then appended too.
    fn take(&mut self, reply: &Value) -> bool {
        let before = self.called.len();
        match self.path {
            RESPONSES => {
                for item in reply["output"].as_array().unwrap() {
                    self.messages.push(item.clone());
                }
                for item in reply["output"].as_array().unwrap() {
                    if item["type"] == "function_call" {
                        self.call(&item["name"], item["arguments"].as_str().unwrap());
                        let id = &item["call_id"];
                        self.messages.push(json!({"type": "function_call_output", "call_id": id, "output": "12 C"}));
                    }
                }
            }
            MESSAGES => {
                let blocks = reply["content"].as_array().unwrap();
                self.messages.push(json!({"role": "assistant", "content": blocks}));
                let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
                let mut results = Vec::new();
                for call in calls {
                    self.call(&call["name"], &call["input"].to_string());
                    let id = &call["id"];
                    results
                        .push(json!({"type": "tool_result", "tool_use_id": id, "content": "12 C"}));
                }
                if !results.is_empty() {
                    self.messages.push(json!({"role": "user", "content": results}));
                }
            }
            path => {
                let message =
                    if path == CHAT { &reply["choices"][0]["message"] } else { &reply["message"] };
                self.messages.push(message.clone());
                for call in message["tool_calls"].as_array().into_iter().flatten() {
                    let function = &call["function"];
                    let arguments = &function["arguments"];
                    let arguments =
                        arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
                    self.call(&function["name"], &arguments);
                    self.messages.push(match path {
                        CHAT => json!({"role": "tool", "tool_call_id": call["id"], "content": "12 C"}),
                        _ => json!({"role": "tool", "tool_name": function["name"], "content": "12 C"}),
                    });
                }
            }
        }
        self.called.len() > before
    }

    fn call(&mut self, name: &Value, arguments: &str) {
        self.called.push(format!("{} {arguments}", name.as_str().unwrap()));
    }
}
