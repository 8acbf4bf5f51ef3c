//! Tests of tool loops: a call comes back through the proxy, its output goes out, an answer
//! follows.

use serde_json::{Value, json};

use crate::harness::Harness;
use crate::litellm::MODEL;
use crate::reply::text;

/// The provider calls the function that a text names, with the arguments in the text.
const ASKED: &str = "please use get_weather city=Oslo";
const ANSWER: &str = "The tool said: rain, 8 degrees";

pub(crate) fn chat(harness: &Harness) {
    let asked = json!({"role": "user", "content": ASKED});
    let tools = json!([{"type": "function", "function": function()}]);
    let ask = |messages: Value, stream: bool| {
        let body = json!({"model": MODEL, "messages": messages, "tools": &tools, "stream": stream});
        harness.post("/v1/chat/completions", &body)
    };
    let first = ask(json!([&asked]), false).json();
    assert_eq!(first["choices"][0]["finish_reason"], "tool_calls", "{first}");
    let message = &first["choices"][0]["message"];
    let call = &message["tool_calls"][0];
    called(&call["function"]["name"], call["function"]["arguments"].as_str().unwrap());

    let streamed = ask(json!([&asked]), true).events();
    assert_eq!(text(&streamed, "/choices/0/finish_reason"), "tool_calls");
    let part = |name: &str| text(&streamed, &format!("/choices/0/delta/tool_calls/0/{name}"));
    called(&json!(part("function/name")), &part("function/arguments"));
    assert!(!part("id").is_empty(), "{streamed:?}");

    let output = json!({"role": "tool", "tool_call_id": call["id"], "content": "rain, 8 degrees"});
    let messages = json!([asked, message, output]);
    let whole = ask(messages.clone(), false).json();
    assert_eq!(whole["choices"][0]["message"]["content"], ANSWER);
    assert_eq!(text(&ask(messages, true).events(), "/choices/0/delta/content"), ANSWER);
}

pub(crate) fn responses(harness: &Harness) {
    let mut tool = function();
    tool["type"] = json!("function");
    let ask = |input: &Value, stream: bool| {
        let body = json!({"model": MODEL, "input": input, "tools": [&tool], "stream": stream});
        harness.post("/v1/responses", &body)
    };
    let asked = json!({"role": "user", "content": ASKED});
    let events = ask(&json!([&asked]), true).events();
    let done = events.iter().find(|event| event["type"] == "response.function_call_arguments.done");
    called(&json!("get_weather"), done.unwrap()["arguments"].as_str().unwrap());

    let first = ask(&json!([&asked]), false).json();
    let mut input = vec![asked];
    input.extend(first["output"].as_array().unwrap().iter().cloned());
    let call = input.iter().find(|item| item["type"] == "function_call").unwrap();
    called(&call["name"], call["arguments"].as_str().unwrap());
    let output = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "rain, 8 degrees"});
    input.push(output);
    let input = Value::Array(input);
    let whole = ask(&input, false).json();
    assert_eq!(whole["output"][0]["content"][0]["text"], ANSWER, "{whole}");
    assert_eq!(text(&ask(&input, true).events(), "/delta"), ANSWER);
}

pub(crate) fn ollama(harness: &Harness) {
    let asked = json!({"role": "user", "content": ASKED});
    let tools = json!([{"type": "function", "function": function()}]);
    let ask = |messages: Value, stream: bool| {
        let body = json!({"model": MODEL, "messages": messages, "tools": &tools, "stream": stream});
        harness.post("/api/chat", &body)
    };
    let lines = ask(json!([&asked]), true).lines();
    let calls = lines.iter().find_map(|line| line.pointer("/message/tool_calls/0/function"));
    let call = calls.unwrap();
    called(&call["name"], &call["arguments"].to_string());

    let first = ask(json!([&asked]), false).json();
    let message = &first["message"];
    let call = &message["tool_calls"][0]["function"];
    called(&call["name"], &call["arguments"].to_string());
    let output = json!({"role": "tool", "tool_name": "get_weather", "content": "rain, 8 degrees"});
    let messages = json!([asked, message, output]);
    assert_eq!(ask(messages.clone(), false).json()["message"]["content"], ANSWER);
    assert_eq!(text(&ask(messages, true).lines(), "/message/content"), ANSWER);
}

fn function() -> Value {
    json!({
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": false,
        },
    })
}

fn called(name: &Value, arguments: &str) {
    assert_eq!(name, "get_weather");
    assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({"city": "Oslo"}));
}
