//! Items of conversations as clients of the Responses API send them back, over a backend that keeps nothing and
//! refuses what it does not know.

use chatmock_simulator::{Mode, Script};
use chatmock_testkit::client::Request;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, RESPONSES, output_text, responses, said};

const OLLAMA: &str = "/api/chat";

fn asking(input: &Value) -> Value {
    json!({"model": "gpt-5.5", "input": input})
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn reference(id: &Value) -> Value {
    json!({"type": "item_reference", "id": id})
}

fn weather() -> Value {
    json!({"type": "function", "name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})
}

/// The ids of a response's items.
fn ids(response: &Value) -> Vec<Value> {
    response["output"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
}

/// Posts a request as a stream or whole, and returns the response.
async fn answered(harness: &Harness, body: &Value, stream: bool) -> Value {
    let mut body = body.clone();
    body["stream"] = json!(stream);
    let reply = harness.server.post(RESPONSES, &body).await;
    assert_eq!(reply.status, 200, "{body}: {}", reply.text());
    match stream {
        true => reply.events().pop().unwrap()["response"].clone(),
        false => reply.json(),
    }
}

#[tokio::test]
async fn items_of_kept_responses_can_be_named() {
    let harness = Harness::new().await;
    for stream in [false, true] {
        let first = answered(&harness, &responses("I am Ada", false), stream).await;
        let ids = ids(&first);
        assert_eq!(first["output"][0]["type"], "reasoning");
        let named = asking(&json!([
            user("I am Ada"), reference(&ids[0]), {"id": ids[1]}, user("again"),
        ]));
        for _ in 0..10 {
            answered(&harness, &responses("something else", false), stream).await;
        }
        let second = answered(&harness, &named, stream).await;
        assert_eq!(output_text(&second), "You said: again");
        let input = harness.sent()["input"].clone();
        assert_eq!((&input[1], &input[2]), (&first["output"][0], &first["output"][1]));
        assert!(input[1]["encrypted_content"].is_string(), "{input}");
        // The conversation so far, by the name of the answer and by names of its items.
        let mut third = asking(&json!([reference(&self::ids(&second)[1]), user("more")]));
        third["previous_response_id"] = first["id"].clone();
        assert_eq!(output_text(&answered(&harness, &third, stream).await), "You said: more");
        let input = harness.sent()["input"].clone();
        assert_eq!(input[3], second["output"][1], "{input}");
        // On the other route, too.
        let chat = harness.server.post(CHAT, &named).await;
        assert_eq!(said(&chat), "You said: again", "{}", chat.text());
    }
}

#[tokio::test]
async fn a_tool_loop_of_names_alone_goes_through() {
    let harness = Harness::new().await;
    let mut body = asking(&json!([user("get_weather city=Oslo")]));
    body["tools"] = json!([weather()]);
    let first = answered(&harness, &body, false).await;
    let (items, call) = (ids(&first), &first["output"][1]);
    assert_eq!(call["type"], "function_call");
    let input = body["input"].as_array_mut().unwrap();
    input.extend(items.iter().map(reference));
    input.push(
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "12 C"}),
    );
    let second = answered(&harness, &body, true).await;
    assert_eq!(output_text(&second), "The tool said: 12 C");
    let input = body["input"].as_array_mut().unwrap();
    input.extend(ids(&second).iter().map(reference));
    input.push(user("thanks"));
    assert_eq!(output_text(&answered(&harness, &body, false).await), "You said: thanks");
}

#[tokio::test]
async fn items_of_the_input_are_found_under_the_ids_of_their_list() {
    let harness = Harness::new().await;
    let first = answered(&harness, &responses("I am Ada", false), false).await;
    let path = format!("{RESPONSES}/{}/input_items", first["id"].as_str().unwrap());
    let list = harness.server.get(&path).await.json();
    let named = asking(&json!([reference(&list["data"][0]["id"]), user("again")]));
    answered(&harness, &named, false).await;
    assert_eq!(harness.sent()["input"][0]["content"][0]["text"], "I am Ada");
}

#[tokio::test]
async fn what_is_not_kept_cannot_be_named() {
    let harness = Harness::new().await;
    let mut unkept = responses("hello", false);
    unkept["store"] = json!(false);
    let unkept = answered(&harness, &unkept, false).await;
    assert_eq!(unkept["store"], false);
    let kept = answered(&harness, &responses("hello", false), false).await;
    assert_eq!(kept["store"], true);
    let path = format!("{RESPONSES}/{}", kept["id"].as_str().unwrap());
    assert_eq!(harness.server.get(&path).await.json(), kept);
    harness.server.send(Request::new("DELETE", &path)).await;
    let calls = harness.calls();
    for id in [json!("msg_unknown"), ids(&unkept)[1].clone(), ids(&kept)[1].clone()] {
        let reply =
            harness.server.post(RESPONSES, &asking(&json!([user("a"), reference(&id)]))).await;
        let (status, kind, code, param) = reply.error();
        assert_eq!((status, kind.as_str()), (404, "invalid_request_error"), "{}", reply.text());
        assert_eq!((code, param), (json!("item_not_found"), json!("input[1].id")));
        assert!(!reply.text().contains("upstream-url"), "{}", reply.text());
    }
    assert_eq!(harness.calls(), calls);
}

#[tokio::test]
async fn reasoning_comes_back_whole_from_what_is_kept_or_not_at_all() {
    let harness = Harness::new().await;
    let first = answered(&harness, &responses("hello", false), false).await;
    let mut thought = first["output"][0].clone();
    thought.as_object_mut().unwrap().remove("encrypted_content");
    let unknown = json!({"type": "reasoning", "id": "rs_unknown", "summary": []});
    let body = asking(&json!([user("hello"), thought, unknown, first["output"][1], user("again")]));
    answered(&harness, &body, false).await;
    let input = harness.sent()["input"].clone();
    assert_eq!(input.as_array().unwrap().len(), 4, "{input}");
    assert_eq!(input[1], first["output"][0]);
}

#[tokio::test]
async fn ids_of_other_services_do_not_end_a_conversation() {
    let harness = Harness::new().await;
    let long = format!("msg_{}", "a".repeat(76));
    let body = asking(&json!([
        user("a"),
        {"type": "function_call", "id": "item_legacy", "call_id": "c2", "name": "read", "arguments": "{}", "status": null},
        {"type": "function_call_output", "id": "call_U7", "call_id": "c2", "output": "x"},
        {"type": "message", "role": "assistant", "id": "resp_chatcmpl-1_msg", "content": [{"type": "output_text", "text": "t"}]},
        {"type": "message", "role": "assistant", "id": long, "content": [{"type": "output_text", "text": "u"}]},
        {"type": "reasoning", "id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "summary": [], "encrypted_content": "gAAAAsealed"},
        user("go on"),
    ]));
    let reply = harness.server.post(RESPONSES, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = harness.sent()["input"].clone();
    assert!(sent.as_array().unwrap().iter().all(|item| item.get("id").is_none()), "{sent}");
}

#[tokio::test]
async fn a_call_id_of_every_turn_is_one_of_each_turn() {
    let harness = Harness::new().await;
    let calls = |id: &str| json!([{"id": id, "type": "function", "function": {"name": "t", "arguments": "{}"}}]);
    let ollama = json!([{"id": "t:0", "function": {"name": "t", "arguments": {}}}]);
    let turn = |calls: &Value, result: Value| {
        [json!({"role": "assistant", "content": "", "tool_calls": calls}), result]
    };
    let chat = |text: &str| json!({"role": "tool", "tool_call_id": "t:0", "content": text});
    let by_name = |text: &str| json!({"role": "tool", "tool_name": "t", "content": text});
    let item = json!({"type": "function_call", "call_id": "t:0", "name": "t", "arguments": "{}"});
    let output =
        |text: &str| json!({"type": "function_call_output", "call_id": "t:0", "output": text});
    for (path, turns, member) in [
        (CHAT, [turn(&calls("t:0"), chat("r1")), turn(&calls("t:0"), chat("r2"))], "messages"),
        (OLLAMA, [turn(&ollama, by_name("r1")), turn(&ollama, by_name("r2"))], "messages"),
        (RESPONSES, [[item.clone(), output("r1")], [item, output("r2")]], "input"),
    ] {
        let mut said = vec![user("a")];
        said.extend(turns.concat());
        let body = json!({"model": "gpt-5.5", "stream": false, member: said});
        let reply = harness.server.post(path, &body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let input = harness.sent()["input"].clone();
        let id = |at: usize| input[at]["call_id"].clone();
        assert!(id(1) == id(2) && id(3) == id(4) && id(1) != id(3), "{path}: {input}");
        assert_eq!((&input[2]["output"], &input[4]["output"]), (&json!("r1"), &json!("r2")));
        said.push(user("more"));
        let body = json!({"model": "gpt-5.5", "stream": false, member: said});
        harness.server.post(path, &body).await;
        assert_eq!(harness.sent()["input"][3]["call_id"], id(3), "{path}");
    }
}

#[tokio::test]
async fn the_shape_of_chat_completions_is_understood_inside_input() {
    let harness = Harness::new().await;
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let parts =
        json!([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": png}}]);
    let parameters = json!({"type": "object", "properties": {}});
    let mut tools = asking(&json!([
        user("go"),
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c5", "type": "function", "function": {"name": "read", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c5", "content": "x"},
        {"role": "user", "content": parts},
    ]));
    tools["tools"] =
        json!([{"type": "function", "function": {"name": "read", "parameters": parameters}}]);
    tools["tool_choice"] = json!({"type": "function", "function": {"name": "read"}});
    for path in [RESPONSES, CHAT] {
        let reply = harness.server.post(path, &tools).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let sent = harness.sent();
        assert_eq!(sent["tool_choice"], json!({"type": "function", "name": "read"}));
        assert_eq!(sent["tools"][0]["name"], "read");
        assert_eq!(
            sent["input"][2],
            json!({"type": "function_call_output", "call_id": "c5", "output": "x"})
        );
        assert_eq!(
            sent["input"][3]["content"][1],
            json!({"type": "input_image", "image_url": png})
        );
    }
}

#[tokio::test]
async fn a_tool_is_called_by_the_clients_own_name() {
    let harness = Harness::new().await;
    let long = "a".repeat(70);
    for name in ["mcp.files/read", &*long] {
        for parameters in
            [json!({"type": "object"}), json!({}), json!({"properties": {"a": {"type": "string"}}})]
        {
            let mut body = responses("call it", false);
            body["tools"] = json!([{"type": "function", "name": name, "parameters": parameters}]);
            body["tool_choice"] = json!("required");
            for stream in [false, true] {
                body["stream"] = json!(stream);
                let reply = harness.server.post(RESPONSES, &body).await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                let sent = harness.sent()["tools"][0]["name"].as_str().unwrap().to_owned();
                assert!(sent.len() <= 64 && sent != name);
                assert!(!reply.text().contains(&sent), "{}", reply.text());
                let response = match stream {
                    true => reply.events().pop().unwrap()["response"].clone(),
                    false => reply.json(),
                };
                assert_eq!(response["output"][1]["name"], name);
                assert_eq!(response["tools"][0]["name"], name);
                // The call goes back under the name that it came with.
                let mut next = asking(&json!([
                    {"type": "function_call_output", "call_id": response["output"][1]["call_id"], "output": "x"},
                ]));
                next["previous_response_id"] = response["id"].clone();
                next["tools"] = body["tools"].clone();
                assert_eq!(
                    output_text(&answered(&harness, &next, false).await),
                    "The tool said: x"
                );
            }
        }
    }
}

#[tokio::test]
async fn labels_are_kept_with_a_response() {
    let harness = Harness::new().await;
    let mut body = responses("hello", false);
    body["metadata"] = json!({"user": "ada"});
    let response = answered(&harness, &body, false).await;
    assert_eq!(response["metadata"], json!({"user": "ada"}));
    let path = format!("{RESPONSES}/{}", response["id"].as_str().unwrap());
    assert_eq!(harness.server.get(&path).await.json()["metadata"], json!({"user": "ada"}));
}

#[tokio::test]
async fn the_items_of_a_request_are_listed_whole() {
    let harness = Harness::new().await;
    let body = asking(&json!([
        user("a"),
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        user("c"),
    ]));
    let response = answered(&harness, &body, false).await;
    let path = format!("{RESPONSES}/{}/input_items?order=asc", response["id"].as_str().unwrap());
    let list = harness.server.get(&path).await.json();
    let items = list["data"].as_array().unwrap();
    assert_eq!(items.len(), 5);
    for item in items {
        assert!(item["status"] == "completed" && item["id"].is_string(), "{item}");
    }
    let part = json!({"type": "output_text", "text": "b", "annotations": [], "logprobs": []});
    assert_eq!(items[3]["content"], json!([part]));
    // Replayed as they are listed, they are taken.
    let replay = asking(&list["data"]);
    assert_eq!(output_text(&answered(&harness, &replay, false).await), "You said: c");
}

#[tokio::test]
async fn a_stream_is_not_padded_where_that_is_not_wanted() {
    let harness = Harness::new().await;
    let mut body = responses("hello", true);
    assert!(harness.server.post(RESPONSES, &body).await.text().contains("obfuscation"));
    body["stream_options"] = json!({"include_obfuscation": false});
    let reply = harness.server.post(RESPONSES, &body).await;
    assert!(!reply.text().contains("obfuscation") && reply.text().contains("\"delta\""));
    assert_eq!(reply.header("x-chatmock-notices"), None);
}

#[tokio::test]
async fn reasoning_at_the_start_of_an_answer_is_no_ones_text() {
    let harness = Harness::new().await;
    for (path, member) in [
        (CHAT, "messages"),
        (OLLAMA, "messages"),
        ("/api/generate", "prompt"),
        ("/v1/completions", "prompt"),
    ] {
        let asked = if member == "prompt" { json!("hello") } else { json!([user("hello")]) };
        for stream in [false, true] {
            let body = json!({"model": "gpt-5.5", "stream": stream, member: asked});
            let text = harness.server.post(path, &body).await.text().to_owned();
            // Chat completions hand it out under seal, and nowhere else.
            let sealed = text.matches("gAAAA").count();
            let handed_out = text.matches(r#""data":"cmr1."#).count();
            assert_eq!((sealed, path == CHAT), (handed_out, handed_out == 1), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn a_failure_made_here_has_a_word_of_the_list() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(Mode::Cut);
    let reply = harness.server.post(RESPONSES, &responses("hello", true)).await;
    let last = reply.events().pop().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["error"]["code"]),
        (&json!("response.failed"), &json!("server_error"))
    );
    assert_eq!(last["response"]["store"], false);
}

#[tokio::test]
async fn an_answer_of_a_bare_backend_is_made_whole() {
    let harness = Harness::new().await;
    let thought = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAA"}"#;
    let message = r#"{"type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello","annotations":[]}]}"#;
    let events = [
        r#"{"type":"response.created","response":{"id":"resp_b","status":"in_progress","output":[]}}"#.to_owned(),
        format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{thought}}}"#),
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","role":"assistant","content":[]}}"#.to_owned(),
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hello"}"#.to_owned(),
        format!(r#"{{"type":"response.output_item.done","output_index":1,"item":{message}}}"#),
        r#"{"type":"response.completed","response":{"id":"resp_b","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}"#.to_owned(),
    ];
    harness.simulator.enqueue(Script::events(events.iter().map(String::as_str)));
    let reply = harness.server.post(RESPONSES, &responses("hello", true)).await;
    let events = reply.events();
    let id = &events[2]["item"]["id"];
    assert!(id.as_str().unwrap().starts_with("msg_"));
    assert_eq!((&events[3]["item_id"], &events[4]["item"]["id"]), (id, id));
    let response = &events[5]["response"];
    assert_eq!(response["output"][1]["id"], *id);
    for name in [
        "completed_at",
        "created_at",
        "usage",
        "tools",
        "metadata",
        "presence_penalty",
        "top_logprobs",
    ] {
        assert!(!response[name].is_null(), "{name}: {response}");
    }
    // It can be named by the id that was made for it.
    let named = asking(&json!([reference(id), user("again")]));
    answered(&harness, &named, false).await;
    assert_eq!(harness.sent()["input"][0]["content"][0]["text"], "Hello");
}
