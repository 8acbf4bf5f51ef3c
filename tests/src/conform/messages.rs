//! Anthropic's Messages.

use serde_json::{Value, json};

use super::stream::events;
use super::target::{Target, good, json_of};
use super::{cases, holds, same};

const PATH: &str = "/v1/messages";

cases!(
    CASES,
    "messages",
    a_whole_message_has_its_shape,
    a_stream_is_named_and_ordered,
    a_call_has_its_shape,
    a_streamed_call_is_whole,
    the_result_of_a_tool_is_taken,
    an_answer_is_cut_at_its_most_tokens,
    an_answer_ends_before_a_stop_sequence,
    systems_and_blocks_are_read,
    tokens_are_counted,
    errors_have_the_shape_of_the_api,
);

fn said(text: &str) -> Value {
    json!({"max_tokens": 1024, "messages": [{"role": "user", "content": text}]})
}

fn is_message(message: &Value) -> Result<(), String> {
    same(&message["type"], &json!("message"), "type")?;
    same(&message["role"], &json!("assistant"), "role")?;
    holds(message["id"].as_str().is_some_and(|id| id.starts_with("msg_")), || {
        format!("id is {}", message["id"])
    })?;
    holds(message["model"].is_string() && message["content"].is_array(), || format!("{message}"))?;
    for member in ["stop_reason", "stop_sequence"] {
        holds(message.get(member).is_some(), || format!("no {member}"))?;
    }
    let usage = &message["usage"];
    holds(usage["input_tokens"].is_u64() && usage["output_tokens"].is_u64(), || {
        format!("usage is {usage}")
    })
}

async fn a_whole_message_has_its_shape(target: &Target) -> Result<(), String> {
    let message = target.ask(PATH, &said("Say hello.")).await?;
    is_message(&message)?;
    same(&message["stop_reason"], &json!("end_turn"), "stop_reason")?;
    let blocks = message["content"].as_array().into_iter().flatten();
    let texts: String = blocks.filter_map(|block| block["text"].as_str()).collect();
    holds(!texts.is_empty(), || "no text".into())?;
    holds(message["usage"]["output_tokens"].as_u64() > Some(0), || "nothing is counted".into())
}

/// What a stream gave: its blocks put together, and the message's end.
struct Streamed {
    blocks: Vec<Value>,
    end: Value,
}

/// Asks for a stream, and puts it together as clients do.
async fn streamed(target: &Target, body: &Value) -> Result<Streamed, String> {
    let reply = target.stream(PATH, body, "text/event-stream").await?;
    let (events, _) = events(&reply)?;
    let (mut blocks, mut open, mut end, mut stopped) = (Vec::new(), None, Value::Null, false);
    for (number, event) in events.iter().enumerate() {
        let data = &event.data;
        same(
            &data["type"],
            &json!(event.name.as_deref().unwrap_or_default()),
            "the name of an event",
        )?;
        holds(!stopped, || format!("{} follows message_stop", data["type"]))?;
        match data["type"].as_str().unwrap_or_default() {
            "message_start" => {
                same(&number, &0, "the place of message_start")?;
                is_message(&data["message"])?;
            }
            "content_block_start" => {
                holds(open.is_none(), || "a block begins in another one".into())?;
                same(&data["index"], &json!(blocks.len()), "index")?;
                open = Some(String::new());
                blocks.push(data["content_block"].clone());
            }
            "content_block_delta" => {
                let delta = &data["delta"];
                let piece = ["text", "partial_json", "thinking"]
                    .iter()
                    .find_map(|name| delta[*name].as_str());
                let joined = open.as_mut().ok_or("a delta of no block")?;
                joined.push_str(piece.unwrap_or_default());
            }
            "content_block_stop" => {
                let joined = open.take().ok_or("an end of no block")?;
                if let Some(block) = blocks.last_mut() {
                    block["joined"] = json!(joined);
                }
            }
            "message_delta" => end = data.clone(),
            "message_stop" => stopped = true,
            "ping" => {}
            other => return Err(format!("an event {other:?}")),
        }
    }
    holds(stopped && end["delta"]["stop_reason"].is_string(), || "no end".into())?;
    holds(end["usage"]["output_tokens"].is_u64(), || "no counts at the end".into())?;
    Ok(Streamed { blocks, end })
}

async fn a_stream_is_named_and_ordered(target: &Target) -> Result<(), String> {
    let Streamed { blocks, end } = streamed(target, &said("Say hello.")).await?;
    let text = blocks.iter().filter(|block| block["type"] == "text");
    let text: String = text.filter_map(|block| block["joined"].as_str()).collect();
    holds(!text.is_empty(), || "no text".into())?;
    same(&end["delta"]["stop_reason"], &json!("end_turn"), "stop_reason")
}

fn calling() -> Value {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let mut body = said("Call get_weather for Oslo, city=Oslo");
    body["tools"] = json!([{"name": "get_weather", "description": "The weather of a city", "input_schema": schema}]);
    body["tool_choice"] = json!({"type": "any"});
    body
}

fn use_of(message: &Value) -> Result<Value, String> {
    let mut blocks = message["content"].as_array().into_iter().flatten();
    let found = blocks.find(|block| block["type"] == "tool_use").ok_or("no tool_use")?;
    holds(found["id"].as_str().is_some_and(|id| !id.is_empty()), || "no id".into())?;
    same(&found["name"], &json!("get_weather"), "name")?;
    holds(found["input"]["city"].is_string(), || format!("input is {}", found["input"]))?;
    Ok(found.clone())
}

async fn a_call_has_its_shape(target: &Target) -> Result<(), String> {
    let message = target.ask(PATH, &calling()).await?;
    same(&message["stop_reason"], &json!("tool_use"), "stop_reason")?;
    use_of(&message).map(|_| ())
}

async fn a_streamed_call_is_whole(target: &Target) -> Result<(), String> {
    let Streamed { blocks, end } = streamed(target, &calling()).await?;
    same(&end["delta"]["stop_reason"], &json!("tool_use"), "stop_reason")?;
    let call = blocks.iter().find(|block| block["type"] == "tool_use").ok_or("no tool_use")?;
    same(&call["input"], &json!({}), "the input at the start")?;
    let joined = call["joined"].as_str().unwrap_or_default();
    let input: Value = serde_json::from_str(joined).map_err(|_| format!("input: {joined:?}"))?;
    holds(input["city"].is_string(), || format!("input lacks city: {input}"))
}

async fn the_result_of_a_tool_is_taken(target: &Target) -> Result<(), String> {
    let mut body = calling();
    let message = target.ask(PATH, &body).await?;
    let result =
        json!({"type": "tool_result", "tool_use_id": use_of(&message)?["id"], "content": "12 C"});
    if let Some(messages) = body["messages"].as_array_mut() {
        messages.push(json!({"role": "assistant", "content": message["content"]}));
        messages.push(json!({"role": "user", "content": [result]}));
    }
    body["tool_choice"] = json!({"type": "auto"});
    let message = target.ask(PATH, &body).await?;
    same(&message["stop_reason"], &json!("end_turn"), "stop_reason")
}

async fn an_answer_is_cut_at_its_most_tokens(target: &Target) -> Result<(), String> {
    let mut body =
        said("Repeat this: one two three four five six seven eight nine ten eleven twelve");
    body["max_tokens"] = json!(4);
    let message = target.ask(PATH, &body).await?;
    same(&message["stop_reason"], &json!("max_tokens"), "stop_reason")
}

async fn an_answer_ends_before_a_stop_sequence(target: &Target) -> Result<(), String> {
    let mut body = said("Repeat this: one two three STOP four");
    body["stop_sequences"] = json!(["STOP"]);
    let message = target.ask(PATH, &body).await?;
    same(&message["stop_reason"], &json!("stop_sequence"), "stop_reason")?;
    same(&message["stop_sequence"], &json!("STOP"), "stop_sequence")
}

async fn systems_and_blocks_are_read(target: &Target) -> Result<(), String> {
    for system in [json!("Be brief."), json!([{"type": "text", "text": "Be brief."}])] {
        let body = json!({"max_tokens": 1024, "system": system, "messages": [
            {"role": "user", "content": [{"type": "text", "text": "My name is Ada."}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Hello Ada."}]},
            {"role": "user", "content": "What is my name?"},
        ]});
        is_message(&target.ask(PATH, &body).await?)?;
    }
    Ok(())
}

async fn tokens_are_counted(target: &Target) -> Result<(), String> {
    let count = async |text: &str| {
        let mut body = said(text);
        if let Some(members) = body.as_object_mut() {
            members.remove("max_tokens");
        }
        let reply = target.post("/v1/messages/count_tokens", &target.asking(&body)).await?;
        good(&reply, "application/json")?;
        json_of(&reply)?["input_tokens"].as_u64().ok_or_else(|| "no input_tokens".to_owned())
    };
    let (short, long) = (count("hello").await?, count(&"hello there ".repeat(50)).await?);
    holds(short > 0 && long > short, || format!("{short} and {long} tokens"))
}

fn is_error(value: &Value) -> Result<(), String> {
    same(&value["type"], &json!("error"), "type")?;
    holds(value["error"]["type"].is_string(), || "no error.type".into())?;
    holds(value["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), || {
        "no error.message".into()
    })
}

async fn errors_have_the_shape_of_the_api(target: &Target) -> Result<(), String> {
    let client = (&[400, 404, 422][..], is_error as fn(&Value) -> _);
    let model = &target.model;
    for body in [
        json!({"model": "no-such-model", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}),
        json!({"model": model, "max_tokens": 9}),
        json!({"model": model, "messages": [{"role": "user", "content": "a"}]}),
        json!({"model": model, "max_tokens": 9, "messages": [{"role": "nobody", "content": "a"}]}),
    ] {
        target.refuses(("POST", PATH), &body, client).await?;
    }
    Ok(())
}
