//! The cases of the specification's runner that need a socket, every event against its schema.

use chatmock_testkit::client::WebSocket;
use serde_json::{Value, json};

use super::{asking, message};
use crate::harness::{Harness, RESPONSES, output_text};
use chatmock_tests::schemas::Schemas;

fn create(text: &str, more: &Value) -> Value {
    let mut create = asking(json!([message("user", json!(text))]));
    create["type"] = json!("response.create");
    create["store"] = json!(false);
    for (name, value) in more.as_object().unwrap() {
        create[name] = value.clone();
    }
    create
}

/// Asks, checks each event, and returns the last one.
async fn asked(socket: &mut WebSocket, request: &Value) -> Value {
    let schemas = Schemas::open("openresponses.schema.json");
    let mut events = socket.ask(request).await.unwrap();
    for (number, event) in events.iter().enumerate() {
        if event["type"] != "error" {
            assert_eq!(event["sequence_number"], number, "{event}");
            schemas.check_event(event);
        }
    }
    events.pop().unwrap()
}

/// Asks for an answer that is complete, and returns the response.
async fn answered(socket: &mut WebSocket, request: &Value) -> Value {
    let last = asked(socket, request).await;
    assert_eq!(last["type"], "response.completed", "{last}");
    Schemas::open("openresponses.schema.json").check("ResponseResource", &last["response"]);
    last["response"].clone()
}

fn assert_not_found(error: &Value) {
    let found =
        [&error["type"], &error["status"], &error["error"]["code"], &error["error"]["param"]];
    let code = json!("previous_response_not_found");
    let expected = [&json!("error"), &json!(400), &code, &json!("previous_response_id")];
    assert_eq!(found, expected, "{error}");
    assert!(error["error"]["message"].is_string());
}

#[tokio::test]
async fn a_turn_is_answered_over_a_socket() {
    let harness = Harness::new().await;
    let response = answered(&mut harness.server.socket().await, &create("hello", &json!({}))).await;
    assert_eq!(
        (output_text(&response).as_str(), &response["store"]),
        ("You said: hello", &json!(false))
    );
}

#[tokio::test]
async fn turns_come_one_after_the_other_on_one_connection() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for text in ["one", "two", "three"] {
        socket.send(&create(text, &json!({}))).await.unwrap();
    }
    for text in ["one", "two", "three"] {
        let last = socket.answer().await.unwrap().pop().unwrap();
        assert_eq!(output_text(&last["response"]), format!("You said: {text}"));
    }
}

#[tokio::test]
async fn what_is_not_stored_is_continued_on_its_own_connection() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let first = answered(&mut socket, &create("my name is Ann", &json!({}))).await;
    let next = create("who am I?", &json!({"previous_response_id": first["id"]}));
    let second = answered(&mut socket, &next).await;
    assert_eq!(second["previous_response_id"], first["id"]);
    assert!(harness.sent()["input"].to_string().contains("my name is Ann"));
}

#[tokio::test]
async fn what_is_not_stored_is_unknown_on_another_connection_and_over_http() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let first = answered(&mut socket, &create("hello", &json!({}))).await;
    let next = create("and now?", &json!({"previous_response_id": first["id"]}));
    assert_not_found(&asked(&mut harness.server.socket().await, &next).await);
    let mut body = asking(json!([message("user", json!("and now?"))]));
    body["previous_response_id"] = first["id"].clone();
    assert_eq!(harness.server.post(RESPONSES, &body).await.status, 400);
    drop(socket);
    assert_not_found(&asked(&mut harness.server.socket().await, &next).await);
}

#[tokio::test]
async fn an_unknown_response_is_an_error_and_the_connection_lives_on() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let next = create("hello", &json!({"previous_response_id": "resp_none"}));
    assert_not_found(&asked(&mut socket, &next).await);
    answered(&mut socket, &create("alive", &json!({}))).await;
}

#[tokio::test]
async fn a_continuation_that_fails_takes_what_it_continued_out_of_memory() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let first = answered(&mut socket, &create("hello", &json!({}))).await;
    let more = json!({"previous_response_id": first["id"]});
    let failed = asked(&mut socket, &create("MODE:fail-context", &more)).await;
    assert_ne!(failed["type"], "response.completed");
    assert_not_found(&asked(&mut socket, &create("again", &more)).await);
}

#[tokio::test]
async fn a_tool_is_called_and_answered_on_one_connection() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function", "name": "get_weather", "description": "", "parameters": parameters}]);
    let asks = create("use get_weather city=Oslo", &json!({"tools": tools}));
    let called = answered(&mut socket, &asks).await;
    let call = called["output"].as_array().unwrap().last().unwrap();
    assert_eq!(call["type"], "function_call");
    let output =
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "rain"});
    let more = json!({"tools": tools, "previous_response_id": called["id"], "input": [output]});
    let last = answered(&mut socket, &create("", &more)).await;
    assert_eq!(output_text(&last), "The tool said: rain");
}
