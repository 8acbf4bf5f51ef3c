//! Items, tools and options of the public API that the backend does not have: in another form, or left out and named.

use chatmock_server::upstream::UpstreamRoute;
use serde_json::{Value, json};

use crate::harness::{Harness, RESPONSES, Running, settings_by};

fn asking(input: &Value) -> Value {
    json!({"model": "gpt-5.5", "input": input})
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn weather() -> Value {
    json!({"type": "function", "name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})
}

#[tokio::test]
async fn calls_of_tools_that_the_backend_lacks_go_as_calls_of_functions() {
    let harness = Harness::new().await;
    let history = json!([
        user("go"),
        {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "s", "tools": []},
        {"type": "mcp_call", "id": "mcp_1", "server_label": "s", "name": "roll", "arguments": "{}", "output": "4"},
        {"type": "code_interpreter_call", "id": "ci_1", "container_id": "c", "code": "1+1", "outputs": null},
        {"type": "shell_call", "id": "sh_1", "call_id": "c1", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "c1", "output": [{"stdout": "a"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgo="},
        user("again"),
    ]);
    for stream in [false, true] {
        let mut body = asking(&history);
        body["stream"] = json!(stream);
        let reply = harness.server.post(RESPONSES, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let notices = reply.header("x-chatmock-notices").unwrap();
        assert_eq!(notices, "input[1]??mcp_list_tools?=ignored, input=changed");
        let sent = harness.sent()["input"].clone();
        let kinds: Vec<&str> =
            sent.as_array().unwrap().iter().filter_map(|item| item["type"].as_str()).collect();
        let pair = ["function_call", "function_call_output"];
        let hosted = ["web_search_call", "image_generation_call"];
        assert_eq!(kinds, [&pair[..], &pair, &pair, &hosted].concat());
        assert_eq!((&sent[1]["name"], &sent[2]["output"]), (&json!("roll"), &json!("4")));
    }
}

#[tokio::test]
async fn the_plan_takes_the_calls_of_the_codex_programs_as_those_of_functions() {
    let harness = Harness::new().await;
    let plan = Running::start(settings_by(UpstreamRoute::plan(), &harness.simulator)).await;
    let history = json!([
        user("go"),
        {"type": "local_shell_call", "call_id": "c1", "status": "completed", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "function_call_output", "call_id": "c1", "output": "a"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgo="},
        user("again"),
    ]);
    let reply = plan.post(RESPONSES, &asking(&history)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let notices = reply.header("x-chatmock-notices").unwrap();
    assert_eq!(notices, "input[3]??image_generation_call?=ignored, input=changed");
    let sent = harness.sent()["input"].clone();
    assert_eq!((&sent[1]["name"], &sent[2]["output"]), (&json!("local_shell"), &json!("a")));
}

#[tokio::test]
async fn options_and_tools_that_the_backend_lacks_are_left_out_and_named() {
    let harness = Harness::new().await;
    let mut body = asking(&json!([
        {"type": "additional_tools", "role": "developer", "tools": [weather(), {"type": "mcp", "server_label": "s"}]},
        user("hi"),
    ]));
    let more = json!({
        "tools": [weather(), {"type": "shell"}, {"type": "web_search_preview"}],
        "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
        "text": {"verbosity": "low", "stop": ["a"], "format": {"type": "text", "x": 1}},
        "reasoning": {"effort": "low", "mode": "pro"},
        "tool_choice": {"type": "web_search_preview"},
        "parallel_tool_calls": false,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = harness.server.post(RESPONSES, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = harness.sent();
    assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(sent["text"], json!({"verbosity": "low", "format": {"type": "text"}}));
    assert_eq!(sent["tools"].as_array().unwrap().len(), 2);
    assert_eq!(sent["tools"][1], json!({"type": "web_search"}));
    assert_eq!(sent["input"][0]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(sent["tool_choice"], "auto");
    let notices = reply.header("x-chatmock-notices").unwrap().to_owned();
    for named in [
        "tool_choice=clamped",
        "include[1]??web_search_call.action.sources?=ignored",
        "input[0].tools[1]??mcp?=ignored",
        "reasoning.mode=ignored",
        "text.format.x=ignored",
        "text.stop=ignored",
        "tools[1]??shell?=ignored",
    ] {
        assert!(notices.contains(named), "{named}: {notices}");
    }
    let strict = Harness::with(|settings| settings.policy.strict = true).await;
    for (name, value, path) in [
        ("include", json!(["file_search_call.results"]), "include[0] (file_search_call.results)"),
        ("text", json!({"stop": 1}), "text.stop"),
        ("tools", json!([{"type": "mcp"}]), "tools[0] (mcp)"),
        ("reasoning", json!({"mode": "pro"}), "reasoning.mode"),
    ] {
        let mut body = asking(&json!([user("hi")]));
        body[name] = value;
        let (status, _, code, param) = strict.server.post(RESPONSES, &body).await.error();
        assert_eq!((status, code, param), (400, json!("unsupported_parameter"), json!(path)));
    }
    assert_eq!(strict.calls(), 0);
}
