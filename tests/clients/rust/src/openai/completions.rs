//! `POST /v1/completions`.

use async_openai::types::chat::{CompletionFinishReason, Prompt, StopConfiguration};
use async_openai::types::completions::CreateCompletionRequest;

use super::client;
use crate::MODEL;
use crate::runner::{Outcome, all, checks, holds, same, some};

checks! { completion_whole, completion_stream, completions_of_several_prompts, completion_bounds }

/// A request that continues a prompt.
fn asking(prompt: impl Into<Prompt>) -> CreateCompletionRequest {
    CreateCompletionRequest {
        model: MODEL.to_owned(),
        prompt: prompt.into(),
        ..CreateCompletionRequest::default()
    }
}

async fn completion_whole() -> Outcome {
    let reply = client().completions().create(asking("hello there")).await?;
    same(&*reply.object, "text_completion", "object")?;
    same(reply.choices.len(), 1, "number of choices")?;
    same(&*reply.choices[0].text, "You said: hello there", "text")?;
    let finish = reply.choices[0].finish_reason.as_ref();
    same(finish, Some(&CompletionFinishReason::Stop), "finish reason")?;
    let usage = some(reply.usage, "usage")?;
    same(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total")
}

async fn completion_stream() -> Outcome {
    let stream = client().completions().create_stream(asking("hello there")).await?;
    let chunks = all(stream).await?;
    let choices: Vec<_> = chunks.iter().flat_map(|chunk| &chunk.choices).collect();
    let text: String = choices.iter().map(|choice| &*choice.text).collect();
    same(text, "You said: hello there", "text")?;
    let finishes: Vec<_> = choices.iter().filter_map(|c| c.finish_reason.as_ref()).collect();
    same(finishes, [&CompletionFinishReason::Stop], "finish reasons")
}

async fn completions_of_several_prompts() -> Outcome {
    let reply = client().completions().create(asking(["one", "two"])).await?;
    let found: Vec<_> = reply.choices.iter().map(|choice| (choice.index, &*choice.text)).collect();
    same(found, [(0, "You said: one"), (1, "You said: two")], "choices")
}

async fn completion_bounds() -> Outcome {
    let mut request = asking("alpha beta gamma");
    request.stop = Some(StopConfiguration::String("beta".to_owned()));
    let reply = client().completions().create(request).await?;
    same(&*reply.choices[0].text, "You said: alpha ", "text before the stop")?;
    let mut request = asking("a prompt that is much longer than the bound");
    request.max_tokens = Some(3);
    let reply = client().completions().create(request).await?;
    let choice = &reply.choices[0];
    same(choice.finish_reason.as_ref(), Some(&CompletionFinishReason::Length), "finish reason")?;
    holds("You said: a prompt".starts_with(&choice.text), || format!("it is {:?}", choice.text))
}
