//! ollama-rs: tags, show, pull, chat and generate.

use ollama_rs::Ollama;
use ollama_rs::coordinator::Coordinator;
use ollama_rs::error::OllamaError;
use ollama_rs::generation::chat::request::ChatMessageRequest;
use ollama_rs::generation::chat::{ChatMessage, ChatMessageResponse, MessageRole};
use ollama_rs::generation::completion::request::GenerationRequest;
use ollama_rs::generation::images::Image;
use ollama_rs::generation::parameters::{FormatType, JsonStructure};
use ollama_rs::generation::tools::{self, Tool, ToolInfo};
use ollama_rs::models::ModelOptions;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::MODEL;
use crate::runner::{Fault, Outcome, all, base_url, checks, holds, refused, route, same, some};

checks! {
    models_are_listed,
    a_model_is_shown,
    an_unknown_model_is_not_found,
    chat_whole,
    chat_stream,
    tool_call_whole,
    tool_call_stream,
    tool_loop,
    thinking_is_shown,
    thinking_is_hidden,
    format_json,
    format_schema,
    image_input,
    generate_whole,
    generate_ends_at_num_predict,
    generate_ends_before_a_stop,
    a_listed_model_is_pulled,
    an_unknown_model_is_not_pulled,
    a_rate_limit_is_an_error,
}

/// A shape for structured output.
#[derive(Deserialize, JsonSchema)]
struct City {
    name: String,
    population: u64,
    landmarks: Vec<String>,
}

/// Arguments of the tool.
#[derive(Deserialize, JsonSchema)]
struct Place {
    city: String,
}

/// A tool that knows the weather of one city.
struct Weather;

impl Tool for Weather {
    type Params = Place;

    fn name() -> &'static str {
        "get_weather"
    }

    fn description() -> &'static str {
        "Tells the weather of a city."
    }

    async fn call(&mut self, place: Place) -> tools::Result<String> {
        Ok(format!("rain in {}", place.city))
    }
}

fn client() -> Result<Ollama, Fault> {
    Ok(Ollama::try_new(base_url())?)
}

/// A chat request with one user message.
fn asking(text: &str) -> ChatMessageRequest {
    ChatMessageRequest::new(MODEL.to_owned(), vec![ChatMessage::user(text.to_owned())])
}

/// A chat request whose text names the tool that it offers.
fn asking_for_weather() -> ChatMessageRequest {
    asking("please use get_weather city=Oslo").tools(vec![ToolInfo::new::<_, Weather>()])
}

async fn chat(request: ChatMessageRequest) -> Result<ChatMessageResponse, Fault> {
    Ok(client()?.send_chat_messages(request).await?)
}

async fn streamed(request: ChatMessageRequest) -> Result<Vec<ChatMessageResponse>, Fault> {
    let stream = client()?.send_chat_messages_stream(request).await?;
    all(stream).await.map_err(|()| "the stream broke off".into())
}

fn joined(lines: &[ChatMessageResponse]) -> String {
    lines.iter().map(|line| &*line.message.content).collect()
}

/// What the server answered instead of a reply.
fn answered(error: OllamaError) -> Result<String, Fault> {
    let OllamaError::Other(body) = error else { return Err(error.into()) };
    let body: Value = serde_json::from_str(&body)?;
    Ok(some(body["error"].as_str(), "error text")?.to_owned())
}

async fn models_are_listed() -> Outcome {
    let models = client()?.list_local_models().await?;
    holds(models.iter().any(|model| model.name == MODEL), || format!("{MODEL} is not listed"))?;
    holds(models.iter().all(|model| !model.modified_at.is_empty()), || "no time".to_owned())
}

async fn a_model_is_shown() -> Outcome {
    let shown = client()?.show_model_info(MODEL.to_owned()).await?;
    let mut lengths = shown.model_info.iter().filter(|(name, _)| name.ends_with(".context_length"));
    let length = lengths.next().and_then(|(_, length)| length.as_u64());
    // The other lists of models tell little more than names.
    holds(route() != "codex" || length.is_some_and(|length| length > 0), || {
        format!("facts: {:?}", shown.model_info)
    })?;
    let tools = shown.capabilities.iter().any(|capability| capability == "tools");
    holds(tools, || format!("capabilities: {:?}", shown.capabilities))
}

async fn an_unknown_model_is_not_found() -> Outcome {
    let error = refused(client()?.show_model_info("no-such-model".to_owned()).await)?;
    let words = answered(error)?;
    holds(words.contains("no-such-model"), || words)
}

async fn chat_whole() -> Outcome {
    let reply = chat(asking("hello there")).await?;
    same(&*reply.message.content, "You said: hello there", "text")?;
    same(reply.message.role, MessageRole::Assistant, "role")?;
    same((&*reply.model, reply.done), (MODEL, true), "model and done")?;
    let figures = some(reply.final_data, "figures")?;
    holds(figures.prompt_eval_count > 0 && figures.eval_count > 0, || format!("{figures:?}"))
}

async fn chat_stream() -> Outcome {
    let lines = streamed(asking("hello there")).await?;
    same(joined(&lines), "You said: hello there", "text")?;
    let (last, before) = some(lines.split_last(), "line")?;
    holds(last.done && before.iter().all(|line| !line.done), || "done elsewhere".to_owned())?;
    same(&*last.message.content, "", "text of the last line")?;
    holds(last.final_data.is_some(), || "the last line has no figures".to_owned())
}

async fn tool_call_whole() -> Outcome {
    let reply = chat(asking_for_weather()).await?;
    same(reply.message.tool_calls.len(), 1, "number of calls")?;
    let call = &reply.message.tool_calls[0].function;
    same((&*call.name, &call.arguments), ("get_weather", &json!({"city": "Oslo"})), "call")
}

async fn tool_call_stream() -> Outcome {
    let lines = streamed(asking_for_weather()).await?;
    let calls: Vec<_> = lines.iter().flat_map(|line| &line.message.tool_calls).collect();
    same(calls.len(), 1, "number of calls")?;
    same(&calls[0].function.arguments, &json!({"city": "Oslo"}), "arguments")
}

async fn tool_loop() -> Outcome {
    let mut coordinator =
        Coordinator::new(client()?, MODEL.to_owned(), Vec::new()).add_tool(Weather);
    let text = "please use get_weather city=Oslo".to_owned();
    let reply = coordinator.chat(vec![ChatMessage::user(text)]).await?;
    same(&*reply.message.content, "The tool said: rain in Oslo", "text")
}

async fn thinking_is_shown() -> Outcome {
    let reply = chat(asking("hello there").think(true)).await?;
    let thinking = some(reply.message.thinking, "thinking")?;
    same(&*reply.message.content, "You said: hello there", "text")?;
    let lines = streamed(asking("hello there").think(true)).await?;
    let pieces: String = lines.iter().filter_map(|l| l.message.thinking.as_deref()).collect();
    same(pieces, thinking, "streamed thinking")?;
    same(joined(&lines), "You said: hello there", "streamed text")
}

async fn thinking_is_hidden() -> Outcome {
    let reply = chat(asking("hello there").think(false)).await?;
    same(reply.message.thinking, None, "thinking")?;
    let lines = streamed(asking("hello there").think(false)).await?;
    holds(lines.iter().all(|line| line.message.thinking.is_none()), || "thinking".to_owned())
}

async fn format_json() -> Outcome {
    let reply = chat(asking("answer in json").format(FormatType::Json)).await?;
    let value: Value = serde_json::from_str(&reply.message.content)?;
    holds(value.is_object(), || format!("it is {value}"))
}

async fn format_schema() -> Outcome {
    let format = || FormatType::StructuredJson(Box::new(JsonStructure::new::<City>()));
    let reply = chat(asking("describe a city").format(format())).await?;
    let city: City = serde_json::from_str(&reply.message.content)?;
    let request = GenerationRequest::new(MODEL.to_owned(), "describe a city").format(format());
    let again: City = serde_json::from_str(&client()?.generate(request).await?.response)?;
    same((again.name, again.population), (city.name, city.population), "generated city")?;
    same(again.landmarks, city.landmarks, "generated landmarks")
}

async fn image_input() -> Outcome {
    let pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let message = ChatMessage::user("what is this".to_owned()).add_image(Image::from_base64(pixel));
    let reply = chat(ChatMessageRequest::new(MODEL.to_owned(), vec![message])).await?;
    same(&*reply.message.content, "You said: what is this\nImages received: 1.", "text")
}

async fn generate_whole() -> Outcome {
    let request = GenerationRequest::new(MODEL.to_owned(), "hello there").system("Be brief.");
    let reply = client()?.generate(request).await?;
    same(&*reply.response, "You said: hello there", "text")?;
    same((&*reply.model, reply.done), (MODEL, true), "model and done")?;
    let counted = reply.prompt_eval_count.is_some_and(|count| count > 0)
        && reply.eval_count.is_some_and(|count| count > 0);
    holds(counted, || format!("{reply:?}"))
}

async fn generate_ends_at_num_predict() -> Outcome {
    let options = ModelOptions::default().num_predict(3);
    let request = GenerationRequest::new(MODEL.to_owned(), "a prompt much longer than the bound");
    let reply = client()?.generate(request.options(options)).await?;
    let cut = !reply.response.is_empty() && "You said: a prompt".starts_with(&reply.response);
    holds(cut && reply.done, || format!("{reply:?}"))
}

async fn generate_ends_before_a_stop() -> Outcome {
    let options = ModelOptions::default().stop(vec!["beta".to_owned()]);
    let request = GenerationRequest::new(MODEL.to_owned(), "alpha beta gamma").options(options);
    same(&*client()?.generate(request).await?.response, "You said: alpha ", "text")
}

async fn a_listed_model_is_pulled() -> Outcome {
    let pulled = client()?.pull_model(MODEL.to_owned(), false).await?;
    same(&*pulled.message, "success", "status")?;
    let lines = all(client()?.pull_model_stream(MODEL.to_owned(), false).await?).await?;
    same(lines.last().map(|line| &*line.message), Some("success"), "last status")
}

async fn an_unknown_model_is_not_pulled() -> Outcome {
    let error = refused(client()?.pull_model("no-such-model".to_owned(), false).await)?;
    let words = answered(error)?;
    holds(words.contains("no-such-model"), || words)
}

async fn a_rate_limit_is_an_error() -> Outcome {
    let whole = client()?.send_chat_messages(asking("MODE:429")).await.map(drop);
    let stream = client()?.send_chat_messages_stream(asking("MODE:429")).await.map(drop);
    for outcome in [whole, stream] {
        let words = answered(refused(outcome)?)?;
        holds(words.contains("limit"), || words)?;
    }
    Ok(())
}
