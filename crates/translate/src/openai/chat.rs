//! The chat completions dialect.

mod chunks;
mod items;
pub(in crate::openai) mod messages;
pub(in crate::openai) mod parts;
mod reply;
mod request;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::openai::chat::reply::Completion;

use crate::chain::{Chain, chain};
use crate::dialect::{Dialect, Output};
use crate::draft::Drafted;
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::openai::OpenAi;
use crate::openai::either_body::OpenAiBody;
use crate::reasoning_seal::ReasoningSeal;
use crate::reply::{Collector, Reply};
use crate::shape::Shape;

pub use chunks::{Chunks, Ended};
pub(crate) use request::draft;
pub(in crate::openai) use request::read_format;

/// The part of a request that only the encoders of chat completions need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatShape {
    /// True if a stream ends with token counts.
    pub stream_usage: bool,
    /// True if calls go out in the old form, as the client offered `functions`.
    pub legacy_functions: bool,
    /// The seal of the reasoning that is handed out.
    pub seal: ReasoningSeal,
}

/// `POST /v1/chat/completions`.
#[derive(Clone, Copy, Debug)]
pub struct Chat;

impl Dialect for Chat {
    type Request<'b> = OpenAiBody<'b>;
    type Own = ChatShape;
    type Encoder = Chain<Chunks>;
    type Whole = Chain<Collector>;
    type Response<'r> = Completion<'r>;
    type Family = OpenAi;

    const NAME: &'static str = "chat";
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<OpenAiBody<'_>, Failure> {
        OpenAiBody::of_chat(body)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        seal: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        request.for_chat(seal)
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, choice: u32) -> Self::Encoder {
        chain(shape, Chunks::new(shape, choice))
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, _: u32) -> Self::Whole {
        chain(shape, Collector::new())
    }

    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape<Self::Own>, out: &mut Out) {
        chunks::tail(outcome, shape, out);
    }

    fn render<'r>(
        replies: &'r [Reply],
        shape: &'r Shape<Self::Own>,
        _: Duration,
    ) -> Completion<'r> {
        reply::render(&replies.iter().collect::<Vec<_>>(), shape)
    }

    fn kept(ended: &[Ended], shape: &Shape<Self::Own>) -> Option<String> {
        let replies: Option<Vec<&Reply>> = ended.iter().map(|one| one.reply.as_ref()).collect();
        serde_json::to_string(&reply::render(&replies?, shape)).ok()
    }

    fn kept_whole(replies: &[Reply], shape: &Shape<Self::Own>) -> Option<String> {
        serde_json::to_string(&reply::render(&replies.iter().collect::<Vec<_>>(), shape)).ok()
    }
}

#[cfg(test)]
mod tests;
