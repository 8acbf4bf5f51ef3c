//! The legacy completions dialect.

mod chunks;
mod request;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::openai::completions::{Choice, Completion, Request};
use chatmock_protocol::responses::Usage;

use crate::chain::{Chain, chain};
use crate::dialect::{Dialect, Output};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::openai::OpenAi;
use crate::reasoning_seal::ReasoningSeal;
use crate::reply::{Collector, Reply};
use crate::shape::Shape;
use crate::text_only::TextOnly;

pub use chunks::{Ended, TextChunks};

/// The part of a request that only the encoders of completions need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletionsShape {
    /// True if a stream ends with token counts.
    pub stream_usage: bool,
    /// Prompts that the choices repeat before their text, one for each prompt.
    pub echo: Vec<String>,
    /// The number of choices for each prompt.
    pub choices_per_prompt: u32,
}

/// `POST /v1/completions`.
#[derive(Clone, Copy, Debug)]
pub struct Completions;

impl Dialect for Completions {
    type Request<'b> = Request<'b>;
    type Own = CompletionsShape;
    type Encoder = Chain<TextOnly<TextChunks>>;
    type Whole = Chain<TextOnly<Collector>>;
    type Response<'r> = Completion<'r>;
    type Family = OpenAi;

    const NAME: &'static str = "completions";
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<Request<'_>, Failure> {
        Ok(chatmock_protocol::json::read(body)?)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        _: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        request::draft(request)
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, choice: u32) -> Self::Encoder {
        chain(shape, TextOnly(TextChunks::new(shape, choice)))
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, _: u32) -> Self::Whole {
        chain(shape, TextOnly(Collector::new()))
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape<Self::Own>, out: &mut Out) {
        chunks::tail(outcome, shape, out);
    }

    fn render<'r>(
        replies: &'r [Reply],
        shape: &'r Shape<Self::Own>,
        _: Duration,
    ) -> Completion<'r> {
        let choices = (0..).zip(replies).map(|(index, reply)| Choice {
            text: match chunks::echo(shape, index) {
                Some(prompt) => Cow::Owned(format!("{prompt}{}", reply.text())),
                None => reply.text(),
            },
            index,
            logprobs: None,
            finish_reason: Some(chunks::finish_reason(reply.end.finish)),
        });
        let usage = replies.iter().filter_map(|r| r.end.usage).reduce(Usage::plus);
        let first = replies.first().map(|r| r.response_id.as_str()).unwrap_or_default();
        Completion {
            id: Cow::Owned(chunks::id(first, shape)),
            object: "text_completion",
            created: shape.created,
            model: &shape.model,
            choices: choices.collect(),
            usage: usage.map(|usage| Some(usage.into())),
        }
    }
}

#[cfg(test)]
mod tests;
