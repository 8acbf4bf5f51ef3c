//! The chat completions dialect.

mod chunks;
mod messages;
mod parts;
mod reply;
mod request;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::openai::chat::reply::Completion;

use crate::dialect::{Dialect, Output};
use crate::draft::Draft;
use crate::either_body::OpenAiBody;
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::openai::OpenAi;
use crate::reader::ReaderEncoder;
use crate::reasoning_style::StyledReasoning;
use crate::reply::{Collector, Reply};
use crate::shape::Shape;
use crate::stop::StopAt;

pub use chunks::{Chunks, Ended};
pub(crate) use request::draft;

/// `POST /v1/chat/completions`.
#[derive(Clone, Copy, Debug)]
pub struct Chat;

impl Dialect for Chat {
    type Request<'b> = OpenAiBody<'b>;
    type Encoder = ReaderEncoder<StopAt<StyledReasoning<Chunks>>>;
    type Whole = ReaderEncoder<StopAt<StyledReasoning<Collector>>>;
    type Response<'r> = Completion<'r>;
    type Family = OpenAi;

    const NAME: &'static str = "chat";
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<OpenAiBody<'_>, Failure> {
        OpenAiBody::of_chat(body)
    }

    fn draft<'b>(request: Self::Request<'b>) -> Result<Draft<'b>, Failure> {
        request.for_chat()
    }

    fn encoder(shape: &Arc<Shape>, choice: u32) -> Self::Encoder {
        let styled = StyledReasoning::new(shape, Chunks::new(shape, choice));
        ReaderEncoder::new(shape, StopAt::new(shape, styled))
    }

    fn whole(shape: &Arc<Shape>, _: u32) -> Self::Whole {
        let styled = StyledReasoning::new(shape, Collector::new());
        ReaderEncoder::new(shape, StopAt::new(shape, styled))
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape, out: &mut Out) {
        chunks::tail(outcome, shape, out);
    }

    fn render<'r>(replies: &'r [Reply], shape: &'r Shape, _: Duration) -> Completion<'r> {
        reply::render(replies, shape)
    }
}

#[cfg(test)]
mod tests;
