//! The legacy completions dialect.

mod chunks;
mod request;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::openai::completions::{Choice, Completion, Request};
use chatmock_protocol::responses::Usage;

use crate::dialect::{Dialect, Output};
use crate::draft::Draft;
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::openai::OpenAi;
use crate::reader::ReaderEncoder;
use crate::reasoning_style::StyledReasoning;
use crate::reply::{Collector, Reply};
use crate::shape::Shape;
use crate::stop::StopAt;
use crate::text_only::TextOnly;

pub use chunks::{Ended, TextChunks};

/// `POST /v1/completions`.
#[derive(Clone, Copy, Debug)]
pub struct Completions;

impl Dialect for Completions {
    type Request<'b> = Request<'b>;
    type Encoder = ReaderEncoder<StopAt<StyledReasoning<TextOnly<TextChunks>>>>;
    type Whole = ReaderEncoder<StopAt<StyledReasoning<TextOnly<Collector>>>>;
    type Response<'r> = Completion<'r>;
    type Family = OpenAi;

    const NAME: &'static str = "completions";
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<Request<'_>, Failure> {
        Ok(chatmock_protocol::json::read(body)?)
    }

    fn draft<'b>(request: Self::Request<'b>) -> Result<Draft<'b>, Failure> {
        request::draft(request)
    }

    fn encoder(shape: &Arc<Shape>, choice: u32) -> Self::Encoder {
        let styled = StyledReasoning::new(shape, TextOnly(TextChunks::new(shape, choice)));
        ReaderEncoder::new(shape, StopAt::new(shape, styled))
    }

    fn whole(shape: &Arc<Shape>, _: u32) -> Self::Whole {
        let styled = StyledReasoning::new(shape, TextOnly(Collector::new()));
        ReaderEncoder::new(shape, StopAt::new(shape, styled))
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape, out: &mut Out) {
        chunks::tail(outcome, shape, out);
    }

    fn render<'r>(replies: &'r [Reply], shape: &'r Shape, _: Duration) -> Completion<'r> {
        let choices = (0..).zip(replies).map(|(index, reply)| Choice {
            text: match chunks::echo(shape, index) {
                Some(prompt) => Cow::Owned(format!("{prompt}{}", reply.text)),
                None => Cow::Borrowed(reply.text.as_str()),
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
