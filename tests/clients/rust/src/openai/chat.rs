//! `POST /v1/chat/completions`.

use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, ChatCompletionRequestUserMessage, ChatCompletionStreamOptions,
    ChatCompletionTool, ChatCompletionTools, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs, CreateChatCompletionStreamResponse, FinishReason,
    FunctionObject, Role,
};
use serde_json::{Value, json};

use super::{city_schema, client};
use crate::MODEL;
use crate::runner::{Fault, Outcome, all, checks, holds, refused, same, some};

checks! {
    chat_whole,
    chat_stream,
    chat_stream_usage_comes_only_when_asked,
    chat_gives_several_choices,
    tool_call_whole,
    tool_call_stream,
    a_cut_stream_raises,
}

/// A request with one user message.
fn asking(text: &str) -> Result<CreateChatCompletionRequest, Fault> {
    let messages = vec![ChatCompletionRequestUserMessage::from(text).into()];
    Ok(CreateChatCompletionRequestArgs::default().model(MODEL).messages(messages).build()?)
}

/// A request whose text names the tool that it offers.
fn asking_for_weather() -> Result<CreateChatCompletionRequest, Fault> {
    let function = FunctionObject {
        name: "get_weather".to_owned(),
        description: Some("A tool.".to_owned()),
        parameters: Some(city_schema()),
        strict: Some(true),
    };
    let tools = Some(vec![ChatCompletionTools::Function(ChatCompletionTool { function })]);
    let request = asking("please use get_weather city=Oslo")?;
    Ok(CreateChatCompletionRequest { tools, ..request })
}

async fn streamed(
    request: CreateChatCompletionRequest,
) -> Result<Vec<CreateChatCompletionStreamResponse>, Fault> {
    Ok(all(client().chat().create_stream(request).await?).await?)
}

/// The text of one choice of a stream.
fn joined(chunks: &[CreateChatCompletionStreamResponse], index: u32) -> String {
    let choices = chunks.iter().flat_map(|chunk| &chunk.choices);
    let own = choices.filter(|choice| choice.index == index);
    own.filter_map(|choice| choice.delta.content.as_deref()).collect()
}

/// Every finish reason of a stream.
fn finishes(chunks: &[CreateChatCompletionStreamResponse]) -> Vec<FinishReason> {
    let choices = chunks.iter().flat_map(|chunk| &chunk.choices);
    choices.filter_map(|choice| choice.finish_reason).collect()
}

async fn chat_whole() -> Outcome {
    let reply = client().chat().create(asking("hello there")?).await?;
    same(reply.choices.len(), 1, "number of choices")?;
    let choice = &reply.choices[0];
    same(choice.message.content.as_deref(), Some("You said: hello there"), "text")?;
    same(choice.message.role, Role::Assistant, "role")?;
    same(choice.finish_reason, Some(FinishReason::Stop), "finish reason")?;
    same(&*reply.object, "chat.completion", "object")?;
    let usage = some(reply.usage, "usage")?;
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")
}

async fn chat_stream() -> Outcome {
    let chunks = streamed(asking("hello there")?).await?;
    let first = some(chunks.first().and_then(|chunk| chunk.choices.first()), "first choice")?;
    same(first.delta.role, Some(Role::Assistant), "first role")?;
    same(joined(&chunks, 0), "You said: hello there", "text")?;
    same(finishes(&chunks), [FinishReason::Stop], "finish reasons")
}

async fn chat_stream_usage_comes_only_when_asked() -> Outcome {
    let chunks = streamed(asking("hello")?).await?;
    holds(chunks.iter().all(|chunk| chunk.usage.is_none()), || "usage unasked".to_owned())?;
    let mut request = asking("hello")?;
    request.stream_options =
        Some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None });
    let chunks = streamed(request).await?;
    let usages: Vec<_> = chunks.iter().filter_map(|chunk| chunk.usage.as_ref()).collect();
    same(usages.len(), 1, "chunks with usage")?;
    let total = usages[0].prompt_tokens + usages[0].completion_tokens;
    same(usages[0].total_tokens, total, "total")
}

async fn chat_gives_several_choices() -> Outcome {
    let mut request = asking("hello there")?;
    request.n = Some(2);
    let reply = client().chat().create(request.clone()).await?;
    let indexes: Vec<_> = reply.choices.iter().map(|choice| choice.index).collect();
    same(indexes, [0, 1], "indexes")?;
    for choice in &reply.choices {
        same(choice.message.content.as_deref(), Some("You said: hello there"), "text")?;
    }
    let chunks = streamed(request).await?;
    for index in [0, 1] {
        same(joined(&chunks, index), "You said: hello there", "streamed text")?;
    }
    same(finishes(&chunks), [FinishReason::Stop; 2], "finish reasons")
}

async fn tool_call_whole() -> Outcome {
    let reply = client().chat().create(asking_for_weather()?).await?;
    let choice = some(reply.choices.first(), "choice")?;
    same(choice.finish_reason, Some(FinishReason::ToolCalls), "finish reason")?;
    let calls = choice.message.tool_calls.as_deref().unwrap_or_default();
    let [ChatCompletionMessageToolCalls::Function(call)] = calls else {
        return Err(format!("the calls are {calls:?}").into());
    };
    same(&*call.function.name, "get_weather", "name")?;
    holds(!call.id.is_empty(), || "the call has no id".to_owned())?;
    same(arguments(&call.function.arguments)?, json!({"city": "Oslo"}), "arguments")
}

async fn tool_call_stream() -> Outcome {
    let chunks = streamed(asking_for_weather()?).await?;
    let choices = chunks.iter().flat_map(|chunk| &chunk.choices);
    let pieces: Vec<_> =
        choices.filter_map(|choice| choice.delta.tool_calls.as_ref()).flatten().collect();
    let first = some(pieces.first(), "piece of a call")?;
    holds(first.id.is_some() && first.r#type.is_some(), || "the first has no id".to_owned())?;
    holds(pieces.iter().all(|piece| piece.index == 0), || "indexes differ".to_owned())?;
    let functions = || pieces.iter().filter_map(|piece| piece.function.as_ref());
    let names: Vec<_> = functions().filter_map(|part| part.name.as_deref()).collect();
    same(names, ["get_weather"], "names")?;
    let text: String = functions().filter_map(|part| part.arguments.as_deref()).collect();
    same(arguments(&text)?, json!({"city": "Oslo"}), "arguments")?;
    same(finishes(&chunks), [FinishReason::ToolCalls], "finish reasons")
}

async fn a_cut_stream_raises() -> Outcome {
    refused(streamed(asking("MODE:cut")?).await)?;
    Ok(())
}

fn arguments(text: &str) -> Result<Value, Fault> {
    Ok(serde_json::from_str(text)?)
}
