//! The Responses API over a WebSocket: answers, chains, lanes, failures, limits and the end of the server.

mod chains;
mod ends;
mod frames;
mod handshakes;
mod lanes;
mod protocol;

use chatmock_testkit::client::WebSocket;
use serde_json::{Value, json};

use crate::harness::{Harness, RESPONSES, output_text, responses};

/// A request on a socket with one user message.
fn create(text: &str) -> Value {
    json!({"type": "response.create", "model": "gpt-5.5", "input": text})
}

/// A request with more members.
fn with(text: &str, members: &Value) -> Value {
    let mut request = create(text);
    for (name, value) in members.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// The response of the last event.
fn response(events: &[Value]) -> &Value {
    &events.last().unwrap()["response"]
}

/// Asks on a socket and returns the text of the answer, which has to be complete.
async fn say(socket: &mut WebSocket, request: &Value) -> (String, String) {
    let events = socket.ask(request).await.unwrap();
    assert_eq!(events.last().unwrap()["type"], "response.completed", "{events:?}");
    let response = response(&events);
    (response["id"].as_str().unwrap().to_owned(), output_text(response))
}

/// Makes what differs from one answer to the next the same.
fn without_ids(mut event: Value) -> Value {
    const CHANGING: [&str; 7] = [
        "id",
        "item_id",
        "call_id",
        "created_at",
        "completed_at",
        "obfuscation",
        "encrypted_content",
    ];
    match &mut event {
        Value::Object(members) => {
            for (name, value) in members {
                *value = match CHANGING.contains(&name.as_str()) {
                    true => Value::Null,
                    false => without_ids(value.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_ids(item.take())),
        _ => {}
    }
    event
}

#[tokio::test]
async fn a_socket_has_the_events_of_the_stream_and_one_message_for_each() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for text in [
        "hello",
        "MODE:reasoning",
        "MODE:parallel-calls",
        "MODE:search",
        "MODE:cut",
        "MODE:fail-after",
    ] {
        let stream = harness.server.post(RESPONSES, &responses(text, true)).await.events();
        let events = socket.ask(&create(text)).await.unwrap();
        let stream: Vec<_> = stream.into_iter().map(without_ids).collect();
        let events: Vec<_> = events.into_iter().map(without_ids).collect();
        assert_eq!(events, stream, "{text}");
    }
    assert_eq!(harness.calls(), 12);
}

#[tokio::test]
async fn what_is_sent_is_the_request_of_http() {
    let harness = Harness::new().await;
    let members = json!({
        "instructions": "Be brief.", "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}],
        "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}, "store": false,
        "parallel_tool_calls": false, "prompt_cache_key": "a",
    });
    let mut over_http = with("hello", &members);
    over_http.as_object_mut().unwrap().remove("type");
    over_http["stream"] = json!(true);
    assert_eq!(harness.server.post(RESPONSES, &over_http).await.status, 200);
    let by_http = harness.sent();
    let mut socket = harness.server.socket().await;
    let mut framed = with("hello", &members);
    framed["stream"] = json!(false);
    say(&mut socket, &framed).await;
    assert_eq!(harness.sent(), by_http);
    let events = socket.ask(&with("hello", &json!({"user": "me"}))).await.unwrap();
    let notices = events[0]["headers"]["x-chatmock-notices"].as_str();
    assert!(notices.is_none_or(|notices| notices.contains("user=")), "{notices:?}");
}

#[tokio::test]
async fn a_failure_is_an_event_with_its_status_and_the_socket_lives_on() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for (request, status, code, param) in [
        (create("MODE:429"), 429, json!("usage_limit_reached"), Value::Null),
        (create("MODE:503"), 503, json!("server_is_overloaded"), Value::Null),
        (create("MODE:unauthorized"), 401, json!("sign_in_required"), Value::Null),
        (with("hi", &json!({"model": "none"})), 404, json!("model_not_found"), json!("model")),
        (with("hi", &json!({"model": 7})), 400, Value::Null, json!("model")),
        (
            with("hi", &json!({"background": true})),
            400,
            json!("unsupported_parameter"),
            json!("background"),
        ),
        (
            with("hi", &json!({"previous_response_id": "resp_no"})),
            400,
            json!("previous_response_not_found"),
            json!("previous_response_id"),
        ),
    ] {
        let events = socket.ask(&request).await.unwrap();
        let [error] = &events[..] else { panic!("{events:?}") };
        assert_eq!(
            (&error["type"], &error["status"]),
            (&json!("error"), &json!(status)),
            "{error}"
        );
        assert_eq!(error["error"]["param"], param, "{error}");
        assert!(error["error"]["message"].as_str().is_some_and(|words| !words.is_empty()));
        assert!(error.get("stream_id").is_none());
        if !request.to_string().contains("429") {
            assert_eq!(error["error"]["code"], code, "{error}");
        }
    }
    assert_eq!(say(&mut socket, &create("still here")).await.1, "You said: still here");
}

#[tokio::test]
async fn a_message_that_is_no_request_is_an_error_and_nothing_is_asked_of_the_backend() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for message in [
        json!([1]),
        json!("hello"),
        json!({}),
        json!({"type": "response.append"}),
        json!({"type": null}),
        json!({"type": "session.update"}),
        json!({"type": "response.create", "generate": 1}),
    ] {
        let events = socket.ask(&message).await.unwrap();
        assert_eq!(
            (kinds(&events), &events[0]["status"]),
            (vec!["error"], &json!(400)),
            "{message}"
        );
    }
    for raw in ["", "{", "not json", "{\"type\":\"response.create\","] {
        socket.frame(0x81, raw.as_bytes()).await.unwrap();
        assert_eq!(socket.event().await.unwrap()["error"]["code"], "invalid_json", "{raw}");
    }
    socket.frame(0x82, create("hi").to_string().as_bytes()).await.unwrap();
    assert_eq!(socket.event().await.unwrap()["error"]["code"], "invalid_message");
    socket.send(&json!({"type": "response.processed", "response_id": "resp_1"})).await.unwrap();
    assert_eq!(harness.calls(), 0);
    say(&mut socket, &create("hello")).await;
}

#[tokio::test]
async fn steering_is_refused_without_ending_the_answer() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:6:30")).await.unwrap();
    let created = socket.event().await.unwrap();
    let steer = json!({
        "type": "response.steer", "previous_response_id": created["response"]["id"], "input": "rather this",
    });
    socket.send(&steer).await.unwrap();
    let events = socket.answer().await.unwrap();
    let failed = events.iter().find(|event| event["type"] == "response.steer.failed").unwrap();
    assert_eq!(failed["error"]["code"], "steering_not_supported");
    assert_eq!(failed["steer"]["input"], "rather this");
    assert_eq!(failed["steer"]["previous_response_id"], created["response"]["id"]);
    assert_eq!(events.last().unwrap()["type"], "response.completed");
}

#[tokio::test]
async fn an_interrupted_answer_ends_incomplete_and_its_call_is_cancelled() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:1000:20")).await.unwrap();
    let id = socket.event().await.unwrap()["response"]["id"].clone();
    let interrupt =
        json!({"type": "response.interrupt", "response_id": id, "mode": "discard_partial_items"});
    socket.send(&interrupt).await.unwrap();
    let events = socket.answer().await.unwrap();
    assert!(kinds(&events).contains(&"response.interrupt.accepted"), "{events:?}");
    assert_eq!(events.last().unwrap()["type"], "response.incomplete");
    assert_eq!(response(&events)["incomplete_details"]["reason"], "interrupted");
    crate::harness::soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
    socket.send(&interrupt).await.unwrap();
    assert_eq!(socket.event().await.unwrap()["type"], "response.interrupt.failed");
    say(&mut socket, &create("hello")).await;
}
