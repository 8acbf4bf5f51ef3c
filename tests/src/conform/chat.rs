//! Chat completions.

use chatmock_testkit::client::Reply;
use serde_json::{Value, json};

use super::stream::events;
use super::target::{Target, good, json_of};
use super::{cases, holds, same};

const PATH: &str = "/v1/chat/completions";

const SSE: &str = "text/event-stream";

cases!(
    CASES,
    "chat",
    a_whole_answer_has_its_shape,
    a_stream_is_framed_and_ends_once,
    a_stream_counts_tokens_only_when_asked,
    several_answers_are_given,
    a_call_has_its_shape,
    a_streamed_call_is_whole_and_numbered,
    two_calls_are_kept_apart,
    the_result_of_a_tool_is_taken,
    an_answer_keeps_to_a_schema,
    an_answer_is_cut_at_its_most_tokens,
    an_answer_ends_before_a_stop,
    roles_and_parts_are_read,
    errors_have_the_shape_of_the_api,
    a_client_that_leaves_harms_nobody,
    connections_are_kept,
    models_are_listed,
    answers_fit_the_description,
);

fn said(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

fn with(mut body: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

/// A request that must be answered with a call.
fn calling() -> Value {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let function = json!({"name": "get_weather", "description": "The weather of a city", "parameters": parameters});
    with(
        said("Call get_weather for Oslo, city=Oslo"),
        &json!({
            "tools": [{"type": "function", "function": function}], "tool_choice": "required",
        }),
    )
}

/// Checks the error object of OpenAI's API.
pub(super) fn is_error(value: &Value) -> Result<(), String> {
    let error = &value["error"];
    holds(error["message"].as_str().is_some_and(|text| !text.is_empty()), || {
        "no error.message".into()
    })?;
    holds(error["type"].is_string(), || "no error.type".into())?;
    for member in ["code", "param"] {
        holds(error.get(member).is_some(), || format!("error has no {member}"))?;
    }
    Ok(())
}

/// Checks the counts of OpenAI's API.
pub(super) fn counts(usage: &Value) -> Result<(), String> {
    let count = |name: &str| {
        usage[name].as_u64().ok_or_else(|| format!("usage.{name} is no count: {usage}"))
    };
    let (input, output) = (count("prompt_tokens")?, count("completion_tokens")?);
    holds(input > 0 && output > 0, || format!("nothing is counted: {usage}"))?;
    same(&count("total_tokens")?, &(input + output), "total_tokens")
}

async fn a_whole_answer_has_its_shape(target: &Target) -> Result<(), String> {
    let answer = target.ask(PATH, &said("Say hello.")).await?;
    same(&answer["object"], &json!("chat.completion"), "object")?;
    holds(answer["id"].as_str().is_some_and(|id| !id.is_empty()), || "no id".into())?;
    holds(answer["created"].as_u64().is_some_and(|at| at > 1_500_000_000), || "no created".into())?;
    holds(answer["model"].is_string(), || "no model".into())?;
    let choice = &answer["choices"][0];
    same(&choice["index"], &json!(0), "index")?;
    same(&choice["message"]["role"], &json!("assistant"), "role")?;
    holds(choice["message"]["content"].as_str().is_some_and(|text| !text.is_empty()), || {
        "no content".into()
    })?;
    same(&choice["finish_reason"], &json!("stop"), "finish_reason")?;
    counts(&answer["usage"])
}

/// Asks for a stream; returns its chunks, all of which have the shape of one.
async fn chunks(target: &Target, body: &Value) -> Result<Vec<Value>, String> {
    let reply = target.stream(PATH, body, SSE).await?;
    let (events, done) = events(&reply)?;
    holds(done, || "no [DONE] at the end".into())?;
    let chunks: Vec<Value> = events.into_iter().map(|event| event.data).collect();
    let first = chunks.first().ok_or("no chunk")?;
    for chunk in &chunks {
        same(&chunk["object"], &json!("chat.completion.chunk"), "object")?;
        for member in ["id", "created", "model"] {
            same(&chunk[member], &first[member], member)?;
        }
        holds(chunk["choices"].is_array(), || format!("no choices: {chunk}"))?;
    }
    Ok(chunks)
}

/// The choices of a number in chunks.
fn choices(chunks: &[Value], index: u64) -> impl Iterator<Item = &Value> {
    let all = chunks.iter().flat_map(|chunk| chunk["choices"].as_array().into_iter().flatten());
    all.filter(move |choice| choice["index"] == index)
}

/// The reason at the end of a choice, after which nothing may follow.
fn finish(chunks: &[Value], index: u64) -> Result<String, String> {
    let reasons = choices(chunks, index).map(|choice| &choice["finish_reason"]);
    let mut ended: Vec<&str> = Vec::new();
    for reason in reasons {
        holds(ended.is_empty(), || "something follows the end of a choice".into())?;
        ended.extend(reason.as_str());
    }
    ended.first().map(|reason| (*reason).to_owned()).ok_or_else(|| "no finish_reason".to_owned())
}

fn text(chunks: &[Value], index: u64) -> String {
    choices(chunks, index).filter_map(|choice| choice["delta"]["content"].as_str()).collect()
}

async fn a_stream_is_framed_and_ends_once(target: &Target) -> Result<(), String> {
    let chunks = chunks(target, &said("Say hello.")).await?;
    let role = choices(&chunks, 0).next().map(|choice| choice["delta"]["role"].clone());
    same(&role, &Some(json!("assistant")), "the first role")?;
    holds(!text(&chunks, 0).is_empty(), || "no text".into())?;
    same(&finish(&chunks, 0)?.as_str(), &"stop", "finish_reason")
}

async fn a_stream_counts_tokens_only_when_asked(target: &Target) -> Result<(), String> {
    let plain = chunks(target, &said("Say hello.")).await?;
    holds(plain.iter().all(|chunk| chunk["usage"].is_null()), || {
        "usage without being asked".into()
    })?;
    let body = with(said("Say hello."), &json!({"stream_options": {"include_usage": true}}));
    let counted = chunks(target, &body).await?;
    let last = counted.last().ok_or("no chunk")?;
    same(&last["choices"], &json!([]), "the choices of the last chunk")?;
    let before = counted.iter().take(counted.len() - 1);
    holds(before.into_iter().all(|chunk| chunk["usage"].is_null()), || {
        "usage before the end".into()
    })?;
    counts(&last["usage"])
}

async fn several_answers_are_given(target: &Target) -> Result<(), String> {
    let body = with(said("Say hello."), &json!({"n": 2}));
    let answer = target.ask(PATH, &body).await?;
    let indices: Vec<_> =
        answer["choices"].as_array().into_iter().flatten().map(|choice| &choice["index"]).collect();
    same(&indices, &vec![&json!(0), &json!(1)], "the numbers of the choices")?;
    let chunks = chunks(target, &body).await?;
    for index in 0..2 {
        holds(!text(&chunks, index).is_empty(), || format!("choice {index} has no text"))?;
        finish(&chunks, index)?;
    }
    Ok(())
}

/// Checks a call, and that its arguments are what the schema demands.
fn is_call(call: &Value) -> Result<(), String> {
    same(&call["type"], &json!("function"), "type")?;
    holds(call["id"].as_str().is_some_and(|id| !id.is_empty()), || "a call has no id".into())?;
    same(&call["function"]["name"], &json!("get_weather"), "name")?;
    let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
    let arguments: Value =
        serde_json::from_str(arguments).map_err(|_| format!("arguments: {arguments:?}"))?;
    holds(arguments["city"].is_string(), || format!("arguments lack city: {arguments}"))
}

async fn a_call_has_its_shape(target: &Target) -> Result<(), String> {
    let answer = target.ask(PATH, &calling()).await?;
    let choice = &answer["choices"][0];
    same(&choice["finish_reason"], &json!("tool_calls"), "finish_reason")?;
    is_call(&choice["message"]["tool_calls"][0])
}

async fn a_streamed_call_is_whole_and_numbered(target: &Target) -> Result<(), String> {
    let chunks = chunks(target, &calling()).await?;
    same(&finish(&chunks, 0)?.as_str(), &"tool_calls", "finish_reason")?;
    let pieces = choices(&chunks, 0)
        .flat_map(|choice| choice["delta"]["tool_calls"].as_array().into_iter().flatten());
    let (mut call, mut arguments) = (Value::Null, String::new());
    for piece in pieces {
        holds(piece["index"].is_u64(), || format!("a piece has no index: {piece}"))?;
        if piece["index"] != 0 {
            continue;
        }
        if call.is_null() {
            call = piece.clone();
        } else {
            holds(piece["id"].is_null() || piece["id"] == call["id"], || "the id changes".into())?;
        }
        arguments.push_str(piece["function"]["arguments"].as_str().unwrap_or_default());
    }
    holds(call.is_object(), || "no call".into())?;
    call["function"]["arguments"] = json!(arguments);
    is_call(&call)
}

async fn two_calls_are_kept_apart(target: &Target) -> Result<(), String> {
    let mut body = calling();
    let mut second = body["tools"][0].clone();
    second["function"]["name"] = json!("get_time");
    body["tools"] = json!([body["tools"][0], second]);
    body["messages"] =
        said("Call get_weather and get_time for Oslo, both at once. city=Oslo")["messages"].clone();
    let answer = target.ask(PATH, &body).await?;
    let calls = answer["choices"][0]["message"]["tool_calls"].as_array().ok_or("no calls")?;
    let mut ids: Vec<&str> = calls.iter().filter_map(|call| call["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    same(&ids.len(), &calls.len(), "the number of different ids")
}

async fn the_result_of_a_tool_is_taken(target: &Target) -> Result<(), String> {
    let mut body = calling();
    let answer = target.ask(PATH, &body).await?;
    let message = answer["choices"][0]["message"].clone();
    let id = message["tool_calls"][0]["id"].clone();
    let result = json!({"role": "tool", "tool_call_id": id, "content": "12 C"});
    if let Some(messages) = body["messages"].as_array_mut() {
        messages.extend([message, result]);
    }
    body["tool_choice"] = json!("auto");
    let answer = target.ask(PATH, &body).await?;
    let said = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    holds(!said.is_empty(), || format!("no text after the result: {answer}"))
}

async fn an_answer_keeps_to_a_schema(target: &Target) -> Result<(), String> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "city", "strict": true, "schema": schema}});
    let body = with(said("Describe Oslo as JSON."), &json!({"response_format": format}));
    let answer = target.ask(PATH, &body).await?;
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    let value: Value =
        serde_json::from_str(content).map_err(|_| format!("the answer is no JSON: {content:?}"))?;
    holds(value["city"].is_string() && value["people"].is_i64(), || {
        format!("it does not fit: {value}")
    })
}

async fn an_answer_is_cut_at_its_most_tokens(target: &Target) -> Result<(), String> {
    for member in ["max_tokens", "max_completion_tokens"] {
        let text = "Repeat this: one two three four five six seven eight nine ten eleven twelve";
        let answer = target.ask(PATH, &with(said(text), &json!({member: 4}))).await?;
        same(&answer["choices"][0]["finish_reason"], &json!("length"), member)?;
    }
    Ok(())
}

async fn an_answer_ends_before_a_stop(target: &Target) -> Result<(), String> {
    let body = with(said("Repeat this: one two three STOP four"), &json!({"stop": ["STOP"]}));
    let answer = target.ask(PATH, &body).await?;
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    holds(!content.contains("STOP"), || format!("the answer goes on: {content:?}"))?;
    same(&answer["choices"][0]["finish_reason"], &json!("stop"), "finish_reason")
}

async fn roles_and_parts_are_read(target: &Target) -> Result<(), String> {
    for role in ["system", "developer"] {
        let body = json!({"messages": [
            {"role": role, "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "My name is Ada."}]},
            {"role": "assistant", "content": "Hello Ada."},
            {"role": "user", "content": "What is my name?"},
        ]});
        let answer = target.ask(PATH, &body).await.map_err(|fault| format!("{role}: {fault}"))?;
        holds(answer["choices"][0]["message"]["content"].is_string(), || {
            format!("{role}: no text")
        })?;
    }
    Ok(())
}

async fn errors_have_the_shape_of_the_api(target: &Target) -> Result<(), String> {
    let client = (&[400, 404, 422][..], is_error as fn(&Value) -> _);
    let model = &target.model;
    for body in [
        json!({"model": "no-such-model", "messages": [{"role": "user", "content": "a"}]}),
        json!({"model": model}),
        json!({"model": model, "messages": "a"}),
        json!({"model": model, "messages": [{"role": "nobody", "content": "a"}]}),
    ] {
        target.refuses(("POST", PATH), &body, client).await?;
    }
    target.refuses(("POST", "/v1/no-such-path"), &json!({}), client).await?;
    target.refuses(("PUT", PATH), &json!({}), (&[404, 405], is_error)).await?;
    let broken = target.request("POST", PATH, &json!({})).body("{\"model\": ");
    let reply = target.send(&broken).await?;
    holds((400..500).contains(&reply.status), || format!("broken JSON: status {}", reply.status))?;
    is_error(&json_of(&reply)?)
}

async fn a_client_that_leaves_harms_nobody(target: &Target) -> Result<(), String> {
    let body = with(target.asking(&said("Say hello.")), &json!({"stream": true}));
    for _ in 0..3 {
        let mut left = target.connect().await?;
        let request = target.request("POST", PATH, &body);
        left.write(&request.bytes()).await.map_err(|error| error.to_string())?;
        left.head().await.map_err(|error| error.to_string())?;
    }
    target.ask(PATH, &said("Say hello.")).await.map(|_| ())
}

async fn connections_are_kept(target: &Target) -> Result<(), String> {
    let mut connection = target.connect().await?;
    let request = target.request("POST", PATH, &target.asking(&said("Say hello.")));
    for number in 1..=2 {
        let sent = connection.send(&request).await;
        let reply: Reply = sent.map_err(|error| format!("request {number}: {error}"))?;
        good(&reply, "application/json")?;
    }
    Ok(())
}

async fn models_are_listed(target: &Target) -> Result<(), String> {
    let reply = target.get("/v1/models").await?;
    good(&reply, "application/json")?;
    let list = json_of(&reply)?;
    same(&list["object"], &json!("list"), "object")?;
    let models = list["data"].as_array().filter(|models| !models.is_empty()).ok_or("no models")?;
    for model in models {
        holds(model["id"].is_string(), || format!("a model has no id: {model}"))?;
        same(&model["object"], &json!("model"), "object")?;
        holds(model["created"].is_u64() && model["owned_by"].is_string(), || format!("{model}"))?;
    }
    target.openai.fits("ListModelsResponse", &list)
}

/// Leaves out the one member that OpenAI's own answers have as `null` and its description as a text.
fn described(mut value: Value) -> Value {
    if value["system_fingerprint"].is_null()
        && let Some(members) = value.as_object_mut()
    {
        members.remove("system_fingerprint");
    }
    value
}

async fn answers_fit_the_description(target: &Target) -> Result<(), String> {
    for body in [said("Say hello."), calling()] {
        let answer = target.ask(PATH, &body).await?;
        target.openai.fits("CreateChatCompletionResponse", &described(answer))?;
        for chunk in chunks(target, &body).await? {
            target.openai.fits("CreateChatCompletionStreamResponse", &described(chunk))?;
        }
    }
    let refused = target.post(PATH, &json!({"model": target.model})).await?;
    target.openai.fits("ErrorResponse", &json_of(&refused)?)
}
