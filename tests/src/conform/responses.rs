//! The Responses API: the cases of Open Responses' runner that need no socket, and what clients rely on besides.

use chatmock_testkit::client::Reply;
use serde_json::{Value, json};

use super::chat::is_error;
use super::stream::events;
use super::target::{Target, good, json_of};
use super::{cases, holds, same};

const PATH: &str = "/v1/responses";

/// A picture of one pixel.
const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

cases!(
    CASES,
    "responses",
    a_text_is_answered,
    a_stream_is_numbered_and_ordered,
    a_systems_message_is_taken,
    a_tool_is_called_and_its_result_taken,
    a_streamed_call_is_whole,
    a_picture_is_seen,
    a_conversation_is_read,
    a_response_continues_another,
    phases_of_the_assistant_are_read,
    reasoning_is_sent_back,
    an_answer_keeps_to_a_schema,
    an_answer_is_cut_at_its_most_tokens,
    a_response_is_kept_and_deleted,
    errors_have_the_shape_of_the_api,
);

pub(super) fn message(role: &str, content: &Value) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

fn asking(text: &str) -> Value {
    json!({"input": [message("user", &json!(text))]})
}

/// The joined text of a response.
pub(super) fn text(response: &Value) -> String {
    let items = response["output"].as_array().into_iter().flatten();
    let parts = items.flat_map(|item| item["content"].as_array().into_iter().flatten());
    let texts = parts.filter(|part| part["type"] == "output_text");
    texts.filter_map(|part| part["text"].as_str()).collect()
}

/// Asks for a whole response, which must be complete and fit the specification.
async fn answered(target: &Target, body: &Value) -> Result<Value, String> {
    let response = target.ask(PATH, body).await?;
    target.open_responses.fits("ResponseResource", &response)?;
    is_response(&response)?;
    Ok(response)
}

fn is_response(response: &Value) -> Result<(), String> {
    same(&response["object"], &json!("response"), "object")?;
    same(&response["status"], &json!("completed"), "status")?;
    let id = response["id"].as_str().unwrap_or_default();
    holds(id.starts_with("resp_"), || format!("id is {id:?}"))?;
    let count = |name: &str| response["usage"][name].as_u64().unwrap_or_default();
    holds(count("input_tokens") > 0 && count("output_tokens") > 0, || "nothing is counted".into())?;
    same(&count("total_tokens"), &(count("input_tokens") + count("output_tokens")), "total_tokens")
}

async fn a_text_is_answered(target: &Target) -> Result<(), String> {
    for body in [asking("Say hello in exactly 3 words."), json!({"input": "Say hello."})] {
        let response = answered(target, &body).await?;
        holds(!text(&response).is_empty(), || "no text".into())?;
    }
    Ok(())
}

/// Reads a stream; returns its events, which are numbered, named and fit the specification.
fn read(target: &Target, reply: &Reply) -> Result<Vec<Value>, String> {
    let (events, _) = events(reply)?;
    for (number, event) in events.iter().enumerate() {
        let named = event.name.as_deref().unwrap_or_default();
        same(&event.data["type"], &json!(named), "the name of an event")?;
        same(&event.data["sequence_number"], &json!(number), "sequence_number")?;
        target.open_responses.event_fits(&event.data)?;
    }
    Ok(events.into_iter().map(|event| event.data).collect())
}

/// Checks what holds of all events together; returns the final response.
pub(super) fn ordered(events: &[Value]) -> Result<Value, String> {
    let kind = |at: usize| events.get(at).map(|event| event["type"].clone()).unwrap_or_default();
    same(&kind(0), &json!("response.created"), "the first event")?;
    let last = events.last().ok_or("no events")?;
    let status = last["response"]["status"].as_str().unwrap_or_default();
    same(&last["type"], &json!(format!("response.{status}")), "the last event")?;
    let (mut open, mut delta) = (Vec::new(), String::new());
    for event in events {
        let place = event["output_index"].as_u64();
        match event["type"].as_str().unwrap_or_default() {
            "response.output_item.added" => open.push(place),
            "response.output_item.done" => {
                holds(open.contains(&place), || format!("item {place:?} ends and never began"))?;
                open.retain(|one| *one != place);
            }
            "response.output_text.delta" => {
                holds(open.contains(&place), || "text of no item".into())?;
                delta.push_str(event["delta"].as_str().unwrap_or_default());
            }
            _ => {}
        }
    }
    holds(open.is_empty(), || "an item never ends".into())?;
    let response = last["response"].clone();
    same(&delta, &text(&response), "the deltas together")?;
    Ok(response)
}

async fn streamed(target: &Target, body: &Value) -> Result<(Vec<Value>, Value), String> {
    let reply = target.stream(PATH, body, "text/event-stream").await?;
    let events = read(target, &reply)?;
    let response = ordered(&events)?;
    Ok((events, response))
}

async fn a_stream_is_numbered_and_ordered(target: &Target) -> Result<(), String> {
    let (_, response) = streamed(target, &asking("Count from 1 to 5.")).await?;
    is_response(&response)?;
    holds(!text(&response).is_empty(), || "no text".into())
}

async fn a_systems_message_is_taken(target: &Target) -> Result<(), String> {
    for role in ["system", "developer"] {
        let input =
            [message(role, &json!("You are a pirate.")), message("user", &json!("Say hello."))];
        answered(target, &json!({"input": input}))
            .await
            .map_err(|fault| format!("{role}: {fault}"))?;
    }
    let body = json!({"input": "Say hello.", "instructions": "Be brief."});
    same(&answered(target, &body).await?["instructions"], &json!("Be brief."), "instructions")
}

fn calling() -> Value {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tool = json!({"type": "function", "name": "get_weather", "description": "The weather of a city", "parameters": parameters});
    let mut body = asking("Call get_weather for Oslo, city=Oslo");
    (body["tools"], body["tool_choice"]) = (json!([tool]), json!("required"));
    body
}

/// The one call of a response, whose arguments are what the schema demands.
pub(super) fn call(response: &Value) -> Result<Value, String> {
    let items = response["output"].as_array().into_iter().flatten();
    let call = items.into_iter().find(|item| item["type"] == "function_call").ok_or("no call")?;
    holds(call["call_id"].as_str().is_some_and(|id| !id.is_empty()), || "no call_id".into())?;
    same(&call["name"], &json!("get_weather"), "name")?;
    let arguments = call["arguments"].as_str().unwrap_or_default();
    let read: Value =
        serde_json::from_str(arguments).map_err(|_| format!("arguments: {arguments:?}"))?;
    holds(read["city"].is_string(), || format!("arguments lack city: {arguments}"))?;
    Ok(call.clone())
}

async fn a_tool_is_called_and_its_result_taken(target: &Target) -> Result<(), String> {
    let mut body = calling();
    let response = answered(target, &body).await?;
    let call = call(&response)?;
    if let Some(input) = body["input"].as_array_mut() {
        input.extend(response["output"].as_array().into_iter().flatten().cloned());
        input.push(
            json!({"type": "function_call_output", "call_id": call["call_id"], "output": "12 C"}),
        );
    }
    body["tool_choice"] = json!("auto");
    let response = answered(target, &body).await?;
    holds(!text(&response).is_empty(), || "no text after the result".into())
}

async fn a_streamed_call_is_whole(target: &Target) -> Result<(), String> {
    let (events, response) = streamed(target, &calling()).await?;
    let call = call(&response)?;
    let pieces =
        events.iter().filter(|event| event["type"] == "response.function_call_arguments.delta");
    let joined: String = pieces.filter_map(|event| event["delta"].as_str()).collect();
    same(&json!(joined), &call["arguments"], "the deltas of the arguments")
}

async fn a_picture_is_seen(target: &Target) -> Result<(), String> {
    let content = json!([
        {"type": "input_text", "text": "What is in this image?"},
        {"type": "input_image", "image_url": PIXEL},
    ]);
    answered(target, &json!({"input": [message("user", &content)]})).await.map(|_| ())
}

async fn a_conversation_is_read(target: &Target) -> Result<(), String> {
    let input = [
        message("user", &json!("My name is Alice.")),
        message("assistant", &json!("Hello Alice! Nice to meet you.")),
        message("user", &json!("What is my name?")),
    ];
    let response = answered(target, &json!({"input": input})).await?;
    holds(!text(&response).is_empty(), || "no text".into())
}

async fn a_response_continues_another(target: &Target) -> Result<(), String> {
    let first = answered(target, &json!({"input": "My name is Alice.", "store": true})).await?;
    let next = json!({"input": "What is my name?", "previous_response_id": first["id"]});
    let second = answered(target, &next).await?;
    same(&second["previous_response_id"], &first["id"], "previous_response_id")?;
    let unknown = json!({"model": target.model, "input": "a", "previous_response_id": "resp_none"});
    target.refuses(("POST", PATH), &unknown, (&[400, 404], is_error)).await
}

async fn phases_of_the_assistant_are_read(target: &Target) -> Result<(), String> {
    let mut said = message("assistant", &json!([{"type": "output_text", "text": "First I look."}]));
    said["phase"] = json!("commentary");
    answered(target, &json!({"input": [said, message("user", &json!("Go on."))]})).await.map(|_| ())
}

async fn reasoning_is_sent_back(target: &Target) -> Result<(), String> {
    let mut body = asking("Think, then say hello.");
    body["reasoning"] = json!({"effort": "low", "summary": "auto"});
    body["include"] = json!(["reasoning.encrypted_content"]);
    body["store"] = json!(false);
    let response = answered(target, &body).await?;
    if let Some(input) = body["input"].as_array_mut() {
        input.extend(response["output"].as_array().into_iter().flatten().cloned());
        input.push(message("user", &json!("And again.")));
    }
    answered(target, &body).await.map(|_| ())
}

async fn an_answer_keeps_to_a_schema(target: &Target) -> Result<(), String> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"], "additionalProperties": false});
    let mut body = asking("Describe Oslo as JSON.");
    body["text"] = json!({"format": {"type": "json_schema", "name": "city", "strict": true, "schema": schema}});
    let said = text(&target.ask(PATH, &body).await?);
    let value: Value =
        serde_json::from_str(&said).map_err(|_| format!("the answer is no JSON: {said:?}"))?;
    holds(value["city"].is_string(), || format!("it does not fit: {value}"))
}

async fn an_answer_is_cut_at_its_most_tokens(target: &Target) -> Result<(), String> {
    let mut body = asking(&format!("Repeat this: {}", "one two three ".repeat(60)));
    body["max_output_tokens"] = json!(16);
    let response = target.ask(PATH, &body).await?;
    same(&response["status"], &json!("incomplete"), "status")?;
    let reason = &response["incomplete_details"]["reason"];
    same(reason, &json!("max_output_tokens"), "reason")
}

async fn a_response_is_kept_and_deleted(target: &Target) -> Result<(), String> {
    let first = answered(target, &json!({"input": "Say hello.", "store": true})).await?;
    let path = format!("{PATH}/{}", first["id"].as_str().unwrap_or_default());
    let reply = target.get(&path).await?;
    good(&reply, "application/json")?;
    let kept = json_of(&reply)?;
    same(&kept["output"], &first["output"], "the output that was kept")?;
    let deleted = target.send(&target.request("DELETE", &path, &json!({}))).await?;
    good(&deleted, "application/json")?;
    same(&json_of(&deleted)?["deleted"], &json!(true), "deleted")?;
    same(&target.get(&path).await?.status, &404, "the status afterwards")
}

async fn errors_have_the_shape_of_the_api(target: &Target) -> Result<(), String> {
    let client = (&[400, 404, 422][..], is_error as fn(&Value) -> _);
    let model = &target.model;
    for body in [
        json!({"model": "no-such-model", "input": "a"}),
        json!({"model": model}),
        json!({"model": model, "input": 5}),
        json!({"model": model, "input": "a", "tools": 5}),
    ] {
        target.refuses(("POST", PATH), &body, client).await?;
    }
    Ok(())
}
