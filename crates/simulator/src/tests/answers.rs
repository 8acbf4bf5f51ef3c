//! The default answers, the prompt cache, the queue.

use serde_json::{Value, json};

use super::harness::{Harness, question, weather_tool};
use crate::{Script, Settings};

#[tokio::test]
async fn a_question_is_echoed_in_deltas_that_add_up() {
    let harness = Harness::new().await;
    let reply = harness.say("grüße aus Kōbe 🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊 und zurück").await;
    assert_eq!(reply.status, 200);
    let deltas = reply.of("response.output_text.delta");
    assert!(deltas.len() > 5);
    assert!(deltas.iter().all(|delta| delta["obfuscation"].is_string()));
    assert_eq!(reply.said(), "You said: grüße aus Kōbe 🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊 und zurück");
    let kinds: Vec<_> = reply.events().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(
        kinds[..3],
        ["response.created", "response.in_progress", "response.output_item.added"]
    );
    let completed = &reply.of("response.completed")[0]["response"];
    assert_eq!(completed["output"], json!([]));
    assert_eq!(completed["status"], "completed");
    assert!(completed["usage"]["total_tokens"].as_u64().unwrap() > 10);
}

#[tokio::test]
async fn events_are_numbered_and_begin_with_their_type() {
    let harness = Harness::new().await;
    let reply = harness.say("hello").await;
    for (number, event) in reply.events().iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    for block in reply.text().trim_end().split("\n\n") {
        let (name, data) = block.split_once('\n').unwrap();
        let kind = name.strip_prefix("event: ").unwrap();
        assert!(data.starts_with(&format!("data: {{\"type\":\"{kind}\",\"sequence_number\":")));
    }
}

#[tokio::test]
async fn the_headers_tell_limits_model_and_catalogue() {
    let harness = Harness::new().await;
    let reply = harness.say("hello").await;
    assert_eq!(reply.header("x-codex-primary-used-percent"), Some("12"));
    assert_eq!(reply.header("x-codex-plan-type"), Some("plus"));
    assert_eq!(reply.header("openai-model"), Some("gpt-5.5"));
    let models = harness.get("/backend-api/codex/models?client_version=0.171.0").await;
    assert_eq!(reply.header("x-models-etag"), models.header("etag"));
    assert!(reply.header("x-request-id").is_some());
}

#[tokio::test]
async fn a_named_tool_is_called_with_arguments_from_the_text() {
    let harness = Harness::new().await;
    let mut body = question("Use get weather with city=Oslo and days=3.");
    body["tools"] = json!([weather_tool()]);
    let reply = harness.ask(&body).await;
    let thought = &reply.of("response.output_item.done")[0]["item"];
    assert!(thought["type"] == "reasoning" && thought["encrypted_content"].is_string());
    let done = &reply.of("response.output_item.done")[1]["item"];
    assert_eq!(done["type"], "function_call");
    assert_eq!(done["arguments"], r#"{"city":"Oslo","days":3}"#);
    let deltas = reply.of("response.function_call_arguments.delta");
    let joined: String = deltas.iter().filter_map(|delta| delta["delta"].as_str()).collect();
    assert_eq!(joined, r#"{"city":"Oslo","days":3}"#);
    let call_id = done["call_id"].clone();
    body["input"].as_array_mut().unwrap().extend([
        done.clone(),
        json!({"type": "function_call_output", "call_id": call_id, "output": "12 C"}),
    ]);
    assert_eq!(harness.ask(&body).await.said(), "The tool said: 12 C");
}

#[tokio::test]
async fn several_named_tools_are_called_at_once_unless_that_is_forbidden() {
    let harness = Harness::new().await;
    let mut body = question("call get_weather and also patch_file input=abc");
    body["tools"] = json!([weather_tool(), {"type": "custom", "name": "patch_file"}]);
    let reply = harness.ask(&body).await;
    let items: Vec<_> =
        reply.of("response.output_item.done").iter().map(|event| event["item"].clone()).collect();
    assert_eq!((&items[1]["name"], &items[2]["input"]), (&json!("get_weather"), &json!("abc")));
    body["parallel_tool_calls"] = json!(false);
    assert_eq!(harness.ask(&body).await.of("response.output_item.done").len(), 2);
    body["tool_choice"] = json!("none");
    assert!(harness.ask(&body).await.said().starts_with("You said"));
    body["tool_choice"] = json!({"type": "function", "name": "patch_file"});
    assert_eq!(harness.ask(&body).await.of("response.custom_tool_call_input.done").len(), 1);
}

#[tokio::test]
async fn tools_in_namespaces_and_items_are_found() {
    let harness = Harness::new().await;
    let mut body = question("please get_weather");
    body["input"].as_array_mut().unwrap().insert(
        0,
        json!({"type": "additional_tools",
        "role": "developer", "tools": [{"type": "namespace", "name": "functions",
        "tools": [weather_tool()]}]}),
    );
    let reply = harness.ask(&body).await;
    assert_eq!(reply.of("response.output_item.done")[1]["item"]["namespace"], "functions");
}

#[tokio::test]
async fn a_schema_gets_a_value_and_json_mode_an_object() {
    let harness = Harness::new().await;
    let mut body = question("as json please");
    body["text"] = json!({"format": {"type": "json_schema", "name": "n", "strict": true, "schema": {
        "type": "object", "additionalProperties": false, "required": ["a", "b"],
        "properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}}}}}});
    assert_eq!(harness.ask(&body).await.said(), r#"{"a":"text","b":[1]}"#);
    body["text"] = json!({"format": {"type": "json_object"}});
    assert_eq!(harness.ask(&body).await.said(), r#"{"answer":"as json please"}"#);
}

#[tokio::test]
async fn reasoning_search_and_images_are_answered() {
    let harness = Harness::new().await;
    let mut body = question("search for this");
    body["reasoning"] = json!({"effort": "medium", "summary": "auto"});
    body["tools"] = json!([{"type": "web_search"}]);
    let reply = harness.ask(&body).await;
    assert!(!reply.of("response.reasoning_summary_text.delta").is_empty());
    assert_eq!(reply.of("response.web_search_call.completed").len(), 1);
    assert_eq!(reply.of("response.output_text.annotation.added").len(), 1);
    let mut body = question("look");
    body["input"][0]["content"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA"}));
    assert_eq!(harness.ask(&body).await.said(), "You said: look\nImages received: 1.");
}

#[tokio::test]
async fn an_input_is_compacted_into_one_item() {
    let harness = Harness::new().await;
    let mut body = question("hello");
    body["reasoning"] = json!({"effort": "medium", "summary": "auto"});
    body["input"].as_array_mut().unwrap().push(json!({"type": "compaction_trigger"}));
    let done = harness.ask(&body).await.of("response.output_item.done");
    assert_eq!((done.len(), &done[0]["item"]["type"]), (1, &json!("compaction")));
    assert!(done[0]["item"]["encrypted_content"].is_string());
}

#[tokio::test]
async fn the_prompt_cache_wants_the_header_and_the_key() {
    let harness = Harness::new().await;
    let mut body = question("hello");
    body["instructions"] = json!("a".repeat(8000));
    body["prompt_cache_key"] = json!("s-1");
    let cached = async |session: Option<&str>| {
        let mut headers = harness.headers();
        headers.extend(session.map(|id| ("session-id".to_owned(), id.to_owned())));
        let reply = harness.call(super::harness::RESPONSES, &headers, &body.to_string()).await;
        let completed = reply.of("response.completed").remove(0);
        completed["response"]["usage"]["input_tokens_details"]["cached_tokens"].clone()
    };
    assert_eq!(cached(Some("s-1")).await, 0);
    assert!(cached(Some("s-1")).await.as_u64().unwrap() >= 1920);
    assert_eq!(cached(None).await, 0);
    assert_eq!(cached(Some("other")).await, 0);
}

#[tokio::test]
async fn the_terminal_event_repeats_the_output_when_asked_to() {
    let harness = Harness::with(Settings { fill_output: true, ..Settings::default() }).await;
    let reply = harness.say("hello").await;
    let output = &reply.of("response.completed")[0]["response"]["output"];
    assert_eq!(output[1]["content"][0]["text"], "You said: hello");
}

#[tokio::test]
async fn queued_scripts_come_first_and_in_order() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(
        Script::json(418, &json!({"n": 1})).without_default_headers().with_header("x-n", "1"),
    );
    harness.simulator.enqueue(Script::events([r#"{"type":"mine"}"#]));
    let first = harness.say("MODE:503").await;
    assert_eq!((first.status, first.header("x-n")), (418, Some("1")));
    assert_eq!(first.header("openai-model"), None);
    let second = harness.say("MODE:503").await;
    assert_eq!(second.text(), "event: mine\ndata: {\"type\":\"mine\"}\n\n");
    assert_eq!(harness.say("MODE:503").await.status, 503);
    assert_eq!(harness.simulator.model_calls().len(), 3);
}

#[tokio::test]
async fn a_bad_request_leaves_the_queue_alone() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(Script::json(418, &json!({})));
    assert_eq!(harness.ask(&Value::Null).await.status, 400);
    assert_eq!(harness.say("hello").await.status, 418);
}
