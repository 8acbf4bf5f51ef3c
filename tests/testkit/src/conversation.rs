//! A conversation with a tool, as clients of each API hold one: they send all of it, each time.

use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";

/// The messages so far.
#[derive(Debug)]
pub struct Conversation {
    path: &'static str,
    system: String,
    messages: Vec<Value>,
    /// The tools that were called, with their arguments.
    pub called: Vec<String>,
    /// What the tool answers.
    pub result: String,
}

impl Conversation {
    /// Begins one with the API at a path.
    #[must_use]
    pub fn new(path: &'static str, system: &str) -> Self {
        let (system, result) = (system.to_owned(), "12 C".to_owned());
        Self { path, system, messages: Vec::new(), called: Vec::new(), result }
    }

    /// The path that its requests go to.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Says something, of which the next request asks.
    pub fn say(&mut self, text: &str) {
        self.messages.push(json!({"role": "user", "content": text}));
    }

    /// The request for the next answer, whole.
    #[must_use]
    pub fn request(&self) -> Value {
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
    pub fn take(&mut self, reply: &Value) -> bool {
        let before = self.called.len();
        match self.path {
            RESPONSES => self.take_items(reply),
            MESSAGES => self.take_blocks(reply),
            _ => self.take_message(reply),
        }
        self.called.len() > before
    }

    fn take_items(&mut self, reply: &Value) {
        let output = reply["output"].as_array().unwrap();
        self.messages.extend(output.iter().cloned());
        for item in output.iter().filter(|item| item["type"] == "function_call") {
            self.call(&item["name"], item["arguments"].as_str().unwrap());
            self.messages.push(json!({
                "type": "function_call_output", "call_id": item["call_id"], "output": self.result,
            }));
        }
    }

    fn take_blocks(&mut self, reply: &Value) {
        let blocks = reply["content"].as_array().unwrap();
        self.messages.push(json!({"role": "assistant", "content": blocks}));
        let mut results = Vec::new();
        for call in blocks.iter().filter(|block| block["type"] == "tool_use") {
            self.call(&call["name"], &call["input"].to_string());
            results.push(json!({
                "type": "tool_result", "tool_use_id": call["id"], "content": self.result,
            }));
        }
        if !results.is_empty() {
            self.messages.push(json!({"role": "user", "content": results}));
        }
    }

    fn take_message(&mut self, reply: &Value) {
        let is_chat = self.path == CHAT;
        let message = if is_chat { &reply["choices"][0]["message"] } else { &reply["message"] };
        self.messages.push(message.clone());
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            let arguments = &function["arguments"];
            let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
            self.call(&function["name"], &arguments);
            self.messages.push(match is_chat {
                true => json!({"role": "tool", "tool_call_id": call["id"], "content": self.result}),
                false => {
                    json!({"role": "tool", "tool_name": function["name"], "content": self.result})
                }
            });
        }
    }

    fn call(&mut self, name: &Value, arguments: &str) {
        self.called.push(format!("{} {arguments}", name.as_str().unwrap()));
    }
}
