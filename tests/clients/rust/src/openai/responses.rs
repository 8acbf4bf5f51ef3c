//! `POST /v1/responses`, and what is kept of a response.

use async_openai::types::responses::{
    CreateResponse, FunctionCallOutput, FunctionCallOutputItemParam, FunctionTool,
    FunctionToolCall, InputItem, Item, OutputItem, Response, ResponseStreamEvent, Status, Tool,
};
use serde_json::{Value, json};

use super::{answered, city_schema, client};
use crate::MODEL;
use crate::runner::{Fault, Outcome, all, checks, holds, refused, same, some};

checks! {
    responses_whole,
    responses_stream,
    responses_tool_call_stream,
    responses_end_at_max_output_tokens,
    a_response_is_retrieved,
    a_response_is_deleted,
    input_items_are_listed,
    a_response_continues_another,
}

fn asking(text: &str) -> CreateResponse {
    CreateResponse {
        model: Some(MODEL.to_owned()),
        input: text.into(),
        ..CreateResponse::default()
    }
}

/// A request whose text names the tool that it offers.
fn asking_for_weather() -> CreateResponse {
    let tool = FunctionTool {
        name: "get_weather".to_owned(),
        parameters: Some(city_schema()),
        strict: Some(true),
        description: Some("A tool.".to_owned()),
        ..FunctionTool::default()
    };
    let tools = Some(vec![Tool::Function(tool)]);
    CreateResponse { tools, ..asking("please use get_weather city=Oslo") }
}

async fn create(request: CreateResponse) -> Result<Response, Fault> {
    Ok(client().responses().create(request).await?)
}

/// The calls of a response.
fn calls(response: &Response) -> Vec<&FunctionToolCall> {
    let items = response.output.iter();
    let calls = items.filter_map(|item| match item {
        OutputItem::FunctionCall(call) => Some(call),
        _ => None,
    });
    calls.collect()
}

/// The response of a stream's last event.
fn last(events: &[ResponseStreamEvent]) -> Result<&Response, Fault> {
    match events.last() {
        Some(ResponseStreamEvent::ResponseCompleted(event)) => Ok(&event.response),
        Some(ResponseStreamEvent::ResponseIncomplete(event)) => Ok(&event.response),
        other => Err(format!("the last event is {other:?}").into()),
    }
}

async fn responses_whole() -> Outcome {
    let response = create(asking("hello there")).await?;
    same(response.output_text().as_deref(), Some("You said: hello there"), "text")?;
    same(&response.status, &Status::Completed, "status")?;
    same(&*response.object, "response", "object")?;
    let usage = some(response.usage, "usage")?;
    same(usage.total_tokens, usage.input_tokens + usage.output_tokens, "total")
}

async fn responses_stream() -> Outcome {
    let events = all(client().responses().create_stream(asking("hello there")).await?).await?;
    let deltas = events.iter().filter_map(|event| match event {
        ResponseStreamEvent::ResponseOutputTextDelta(event) => Some(&*event.delta),
        _ => None,
    });
    let text: String = deltas.collect();
    same(text, "You said: hello there", "streamed text")?;
    same(last(&events)?.output_text().as_deref(), Some("You said: hello there"), "last text")
}

async fn responses_tool_call_stream() -> Outcome {
    let events = all(client().responses().create_stream(asking_for_weather()).await?).await?;
    let deltas = events.iter().filter_map(|event| match event {
        ResponseStreamEvent::ResponseFunctionCallArgumentsDelta(event) => Some(&*event.delta),
        _ => None,
    });
    let text: String = deltas.collect();
    let arguments: Value = serde_json::from_str(&text)?;
    same(arguments, json!({"city": "Oslo"}), "arguments")?;
    same(calls(last(&events)?).len(), 1, "number of calls")
}

async fn responses_end_at_max_output_tokens() -> Outcome {
    let request = CreateResponse { max_output_tokens: Some(16), ..asking(&"word ".repeat(60)) };
    let streamed = all(client().responses().create_stream(request.clone()).await?).await?;
    for response in [&create(request).await?, last(&streamed)?] {
        same(&response.status, &Status::Incomplete, "status")?;
        let reason = response.incomplete_details.as_ref().map(|details| &*details.reason);
        same(reason, Some("max_output_tokens"), "reason")?;
        let text = some(response.output_text(), "text")?;
        holds(text.len() < 150, || format!("the text is {text:?}"))?;
    }
    Ok(())
}

async fn a_response_is_retrieved() -> Outcome {
    let response = create(asking("hello there")).await?;
    let kept = client().responses().retrieve(&response.id).await?;
    same(&kept.id, &response.id, "id")?;
    same(kept.output_text(), response.output_text(), "text")
}

async fn a_response_is_deleted() -> Outcome {
    let id = create(asking("hello there")).await?.id;
    let deleted = client().responses().delete(&id).await?;
    same((&deleted.id, deleted.deleted), (&id, true), "answer")?;
    let error = refused(client().responses().retrieve(&id).await)?;
    same(answered(error)?.0, 404, "status afterwards")
}

async fn input_items_are_listed() -> Outcome {
    let response = create(asking("hello there")).await?;
    let list = client().responses().list_input_items(&response.id).await?;
    same((&*list.object, list.has_more), ("list", false), "object and whether there are more")?;
    same(list.data.len(), 1, "number of items")?;
    // The crate takes every item with an id for a reference, so there is no text to look at.
    holds(list.first_id.is_some() && list.first_id == list.last_id, || format!("{list:?}"))
}

async fn a_response_continues_another() -> Outcome {
    let first = create(asking_for_weather()).await?;
    let call = *some(calls(&first).first(), "call")?;
    let output = FunctionCallOutputItemParam {
        call_id: Some(call.call_id.clone()),
        output: FunctionCallOutput::Text("rain".to_owned()),
        id: None,
        status: None,
        name: None,
        namespace: None,
        caller: None,
    };
    let input = vec![InputItem::Item(Item::FunctionCallOutput(output))].into();
    let previous_response_id = Some(first.id.clone());
    let next = CreateResponse { input, previous_response_id, ..asking_for_weather() };
    let second = create(next).await?;
    same(second.output_text().as_deref(), Some("The tool said: rain"), "text")?;
    same(second.previous_response_id, Some(first.id), "previous response")
}
