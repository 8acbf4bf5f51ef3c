//! The Open Responses specification: its runner's cases, over a backend like the real one, and every answer against its
//! schemas.
//!
//! The schemas are data of others and no part of this project: they are read from beside it, and where they are not
//! there, only what the cases themselves ask is checked.

mod sockets;

use chatmock_simulator::Mode;
use chatmock_testkit::client::Reply;
use chatmock_tests::schemas::Schemas;
use serde::Serialize;
use serde_json::{Value, json};

use crate::harness::{Harness, RESPONSES, output_text};

/// A picture of one pixel.
const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn message(role: &str, content: impl Serialize) -> Value {
    json!({"type": "message", "role": role, "content": json!(content)})
}

fn asking(input: impl Serialize) -> Value {
    json!({"model": "gpt-5.5", "input": json!(input)})
}

/// Asks whole and as a stream, and checks the form of both; returns the whole response.
async fn answered(harness: &Harness, body: &Value) -> Value {
    let schemas = Schemas::open("openresponses.schema.json");
    let reply = harness.server.post(RESPONSES, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let response = reply.json();
    schemas.check("ResponseResource", &response);
    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    check_stream(&schemas, &harness.server.post(RESPONSES, &streamed).await);
    response
}

/// Checks each event by the schema of its type, and what holds of all of them together.
fn check_stream(schemas: &Schemas, reply: &Reply) {
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events = reply.events();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
        schemas.check_event(event);
    }
    assert_eq!(events[0]["type"], "response.created");
    let last = events.last().unwrap();
    let ended = last["response"]["status"].as_str().unwrap();
    assert_eq!(last["type"], format!("response.{ended}"));
    for item in last["response"]["output"].as_array().unwrap() {
        let of_item = |event: &&Value| event["item"]["id"] == item["id"];
        assert!(events.iter().filter(of_item).count() >= 1, "{item}");
    }
}

#[tokio::test]
async fn a_text_is_answered() {
    let harness = Harness::new().await;
    let body = asking(json!([message("user", json!("Say hello in exactly 3 words."))]));
    let response = answered(&harness, &body).await;
    assert_eq!(response["status"], "completed");
    assert!(output_text(&response).contains("3 words"));
    assert_eq!(response["store"], true);
}

#[tokio::test]
async fn a_text_that_is_no_list_is_answered() {
    let harness = Harness::new().await;
    let mut body = asking(json!("hello"));
    for (name, value) in [("instructions", json!("Be brief.")), ("store", json!(false))] {
        body[name] = value;
    }
    let response = answered(&harness, &body).await;
    assert_eq!(
        (&response["instructions"], &response["store"]),
        (&json!("Be brief."), &json!(false))
    );
}

#[tokio::test]
async fn a_systems_message_is_taken() {
    let harness = Harness::new().await;
    for role in ["system", "developer"] {
        let body = asking(json!([
            message(role, json!("You are a pirate.")),
            message("user", json!("Say hello.")),
        ]));
        assert!(output_text(&answered(&harness, &body).await).contains("Say hello."));
    }
}

#[tokio::test]
async fn a_tool_is_called() {
    let harness = Harness::new().await;
    let mut body = asking(json!([message("user", json!("get_weather city=Oslo"))]));
    body["tools"] = json!([{"type": "function", "name": "get_weather", "description": "Weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]);
    let response = answered(&harness, &body).await;
    let calls = response["output"].as_array().unwrap();
    let call = calls.iter().find(|item| item["type"] == "function_call").unwrap();
    assert_eq!(
        (&call["name"], &call["arguments"]),
        (&json!("get_weather"), &json!(r#"{"city":"Oslo"}"#))
    );
    assert_eq!(response["tools"][0]["strict"], false);
    let input = body["input"].as_array_mut().unwrap();
    input.extend(calls.iter().cloned());
    input.push(
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "12 C"}),
    );
    assert_eq!(output_text(&answered(&harness, &body).await), "The tool said: 12 C");
}

#[tokio::test]
async fn a_picture_is_seen() {
    let harness = Harness::new().await;
    let content = json!([
        {"type": "input_text", "text": "What is in this image?"},
        {"type": "input_image", "image_url": PIXEL},
    ]);
    let response = answered(&harness, &asking(json!([message("user", content)]))).await;
    assert!(output_text(&response).contains("Images received: 1."));
}

#[tokio::test]
async fn a_conversation_goes_on() {
    let harness = Harness::new().await;
    let body = asking(json!([
        message("user", json!("My name is Alice.")),
        message("assistant", json!("Hello Alice! Nice to meet you.")),
        message("user", json!("What is my name?")),
    ]));
    let first = answered(&harness, &body).await;
    let mut next = asking(json!([message("user", json!("And again?"))]));
    next["previous_response_id"] = first["id"].clone();
    let second = answered(&harness, &next).await;
    assert_eq!(second["previous_response_id"], first["id"]);
    let mut replayed = body["input"].as_array().unwrap().clone();
    replayed.extend(first["output"].as_array().unwrap().iter().cloned());
    replayed.push(message("user", json!("And again?")));
    assert_eq!(
        output_text(&answered(&harness, &asking(json!(replayed))).await),
        output_text(&second)
    );
}

#[tokio::test]
async fn phases_of_the_assistant_are_kept() {
    let harness = Harness::new().await;
    let mut said = message("assistant", json!([{"type": "output_text", "text": "First I look."}]));
    said["phase"] = json!("commentary");
    answered(&harness, &asking(json!([said, message("user", json!("Go on."))]))).await;
    assert_eq!(harness.sent()["input"][0]["phase"], "commentary");
}

#[tokio::test]
async fn reasoning_is_shown_and_sent_back() {
    let harness = Harness::new().await;
    let mut body = asking(json!([message("user", json!("Think."))]));
    body["reasoning"] = json!({"effort": "low", "summary": "auto"});
    body["include"] = json!(["reasoning.encrypted_content"]);
    let response = answered(&harness, &body).await;
    let thought = &response["output"][0];
    assert!(
        thought["type"] == "reasoning" && thought["encrypted_content"].is_string(),
        "{thought}"
    );
    assert_eq!(response["reasoning"], json!({"effort": "low", "summary": "auto"}));
}

#[tokio::test]
async fn an_answer_that_is_cut_or_breaks_is_still_an_answer() {
    let harness = Harness::new().await;
    let schemas = Schemas::open("openresponses.schema.json");
    let mut body = asking(json!([message("user", json!("word ".repeat(200)))]));
    body["max_output_tokens"] = json!(16);
    let response = answered(&harness, &body).await;
    assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(response["usage"]["input_tokens_details"]["cache_write_tokens"], 0);
    for mode in [Mode::Cut, Mode::CutHard] {
        harness.simulator.enqueue(mode);
        body["stream"] = json!(true);
        let reply = harness.server.post(RESPONSES, &body).await;
        for event in reply.events() {
            schemas.check_event(&event);
        }
    }
}

#[tokio::test]
async fn a_structured_answer_and_all_members_of_a_request_are_taken() {
    let harness = Harness::new().await;
    let body = json!({
        "model": "gpt-5.5", "input": "as json", "temperature": 0.5, "top_p": 0.9,
        "presence_penalty": 0.1, "frequency_penalty": 0.1, "parallel_tool_calls": false,
        "background": false, "max_tool_calls": 3, "safety_identifier": "s", "prompt_cache_key": "k",
        "truncation": "auto", "top_logprobs": 2, "metadata": {"a": "b"}, "service_tier": "auto",
        "text": {"verbosity": "low", "format": {"type": "json_object"}},
    });
    let response = answered(&harness, &body).await;
    assert_eq!(response["metadata"], json!({"a": "b"}));
    serde_json::from_str::<Value>(&output_text(&response)).unwrap();
    // The specification's schema of this format wants `null` for the schema in it.
    let mut body = body;
    body["text"] = json!({"format": {"type": "json_schema", "name": "n", "schema": {
        "type": "object", "properties": {"a": {"type": "string"}}}}});
    let format = harness.server.post(RESPONSES, &body).await.json()["text"]["format"].clone();
    assert_eq!((&format["strict"], &format["description"]), (&json!(true), &Value::Null));
    assert_eq!(format["schema"]["additionalProperties"], false);
}
