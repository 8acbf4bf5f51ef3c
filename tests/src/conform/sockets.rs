//! The Responses API over a WebSocket: the cases of Open Responses' runner that need one.

use serde_json::{Value, json};

use super::responses::{call, message, ordered, text};
use super::target::Target;
use super::{cases, holds, same};

cases!(
    CASES,
    "responses-socket",
    a_text_is_answered,
    answers_follow_one_another,
    a_response_continues_one_that_is_not_stored,
    a_tool_is_called_and_its_result_taken,
    a_warm_up_makes_nothing,
    an_unknown_response_is_an_error_and_the_socket_lives_on,
    what_is_no_request_is_an_error_and_the_socket_lives_on,
);

/// Makes a message that asks for a response.
fn create(target: &Target, members: &Value) -> Value {
    let mut body = target.asking(members);
    body["type"] = json!("response.create");
    body
}

/// Asks over a socket; returns the final response.
async fn ask(
    socket: &mut chatmock_testkit::client::WebSocket,
    body: &Value,
) -> Result<Value, String> {
    let events = socket.ask(body).await.map_err(|error| format!("no answer: {error}"))?;
    ordered(&events)
}

async fn a_text_is_answered(target: &Target) -> Result<(), String> {
    let mut socket = target.socket().await?;
    let response = ask(&mut socket, &create(target, &json!({"input": "Say hello."}))).await?;
    same(&response["status"], &json!("completed"), "status")?;
    holds(!text(&response).is_empty(), || "no text".into())
}

async fn answers_follow_one_another(target: &Target) -> Result<(), String> {
    let mut socket = target.socket().await?;
    let mut ids = Vec::new();
    for question in ["Say hello.", "Say bye."] {
        let response = ask(&mut socket, &create(target, &json!({"input": question}))).await?;
        ids.push(response["id"].clone());
    }
    holds(ids.first() != ids.last(), || "two responses have one id".into())
}

async fn a_response_continues_one_that_is_not_stored(target: &Target) -> Result<(), String> {
    let mut socket = target.socket().await?;
    let first = json!({"input": "My name is Alice.", "store": false});
    let first = ask(&mut socket, &create(target, &first)).await?;
    let next =
        json!({"input": "What is my name?", "store": false, "previous_response_id": first["id"]});
    let second = ask(&mut socket, &create(target, &next)).await?;
    same(&second["previous_response_id"], &first["id"], "previous_response_id")
}

async fn a_tool_is_called_and_its_result_taken(target: &Target) -> Result<(), String> {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tools = json!([{"type": "function", "name": "get_weather", "parameters": parameters}]);
    let mut socket = target.socket().await?;
    let first = json!({"input": "Call get_weather for Oslo, city=Oslo", "tools": tools, "tool_choice": "required"});
    let first = ask(&mut socket, &create(target, &first)).await?;
    let output = json!({"type": "function_call_output", "call_id": call(&first)?["call_id"], "output": "12 C"});
    let next = json!({"input": [output], "tools": tools, "previous_response_id": first["id"]});
    let second = ask(&mut socket, &create(target, &next)).await?;
    holds(!text(&second).is_empty(), || "no text after the result".into())
}

async fn a_warm_up_makes_nothing(target: &Target) -> Result<(), String> {
    let mut socket = target.socket().await?;
    let warm = json!({"input": [message("user", &json!("Say hello."))], "generate": false});
    let response = ask(&mut socket, &create(target, &warm)).await?;
    same(&response["output"], &json!([]), "output")?;
    let next = json!({"input": [], "previous_response_id": response["id"]});
    let response = ask(&mut socket, &create(target, &next)).await?;
    holds(!text(&response).is_empty(), || "no text".into())
}

/// Sends a message that must be answered with an error, and then one that must be answered.
async fn errs(target: &Target, body: &Value) -> Result<(), String> {
    let mut socket = target.socket().await?;
    socket.send(body).await.map_err(|error| error.to_string())?;
    let event = socket.event().await.map_err(|error| format!("no error: {error}"))?;
    same(&event["type"], &json!("error"), "the event")?;
    holds(event["error"]["message"].is_string(), || format!("no message: {event}"))?;
    ask(&mut socket, &create(target, &json!({"input": "Say hello."}))).await.map(|_| ())
}

async fn an_unknown_response_is_an_error_and_the_socket_lives_on(
    target: &Target,
) -> Result<(), String> {
    errs(target, &create(target, &json!({"input": "a", "previous_response_id": "resp_none"}))).await
}

async fn what_is_no_request_is_an_error_and_the_socket_lives_on(
    target: &Target,
) -> Result<(), String> {
    errs(target, &json!({"type": "no.such.message"})).await
}
