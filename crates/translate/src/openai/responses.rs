//! The Responses dialect: requests and events pass through, byte for byte where nothing must change.

mod background;
mod format;
mod items;
mod options;
mod partial;
mod passthrough;
mod replay;
mod request;
mod rewording;
mod socket;
mod synthesized;
mod tool_choice;
mod tools;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::json::RawValue;

use crate::dialect::{Dialect, Output};
use crate::draft::{Draft, Drafted};
use crate::failure::Failure;
use crate::frames::{Framing, Out};
use crate::openai::OpenAi;
use crate::openai::either_body::OpenAiBody;
use crate::reasoning_seal::ReasoningSeal;
use crate::shape::Shape;

pub use background::{Continued, begun, continued, ended, is_open};
pub use passthrough::Passthrough;
pub use replay::replay;
pub(crate) use request::draft;
use rewording::Rewording;
pub use socket::{ErrorMessage, warm_up};

/// The part of a request that only the encoder of the Responses API needs.
#[derive(Clone, Debug, Default)]
pub struct ResponsesShape {
    /// Members that response objects repeat, where what they ask for is done here and the backend
    /// knows nothing of it.
    pub echoed_params: EchoedParams,
    /// Messages that the reply of a compaction repeats.
    pub(crate) kept: Vec<Box<RawValue>>,
    /// The values that are in force, for response objects of backends that do not say them.
    pub in_force: EchoedParams,
    /// True if deltas are to come without padding.
    pub unpadded: bool,
}

/// Members by name, as a client wrote them.
pub type EchoedParams = Vec<(&'static str, Box<RawValue>)>;

/// The members of a request that its response repeats.
const REPEATED: [&str; 8] = [
    "instructions",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "parallel_tool_calls",
    "prompt_cache_key",
    "truncation",
];

impl ResponsesShape {
    /// Makes response objects repeat a member, where there is one.
    fn echo(&mut self, name: &'static str, value: Option<Cow<'_, RawValue>>) {
        self.echoed_params.extend(value.map(|value| (name, value.into_owned())));
    }

    /// Notes the values that are in force.
    pub(crate) fn put_in_force(&mut self, draft: &Draft<'_>) {
        let given = REPEATED.into_iter();
        let given = given.filter_map(|name| Some((name, draft.request.present(name)?.to_owned())));
        self.in_force.extend(given);
    }
}

/// `POST /v1/responses`.
#[derive(Clone, Copy, Debug)]
pub struct Responses;

impl Dialect for Responses {
    type Request<'b> = OpenAiBody<'b>;
    type Own = ResponsesShape;
    type Encoder = Passthrough;
    type Whole = Passthrough;
    type Response<'r> = &'r RawValue;
    type Family = OpenAi;

    const NAME: &'static str = "responses";
    const FRAMING: Framing = Framing::Sse;

    fn read(body: &[u8]) -> Result<OpenAiBody<'_>, Failure> {
        OpenAiBody::of_responses(body)
    }

    fn draft<'b>(
        request: Self::Request<'b>,
        seal: &ReasoningSeal,
    ) -> Result<Drafted<'b, Self::Own>, Failure> {
        request.for_responses(seal)
    }

    fn queued(shape: &Shape<Self::Own>) -> Option<String> {
        Some(Rewording::queued(shape))
    }

    fn kept(replies: &[Output<Self>], _: &Shape<Self::Own>) -> Option<String> {
        replies.first()?.as_deref().map(|reply| reply.get().to_owned())
    }

    fn kept_whole(replies: &[Output<Self>], shape: &Shape<Self::Own>) -> Option<String> {
        Self::kept(replies, shape)
    }

    fn encoder(shape: &Arc<Shape<Self::Own>>, _: u32) -> Passthrough {
        Passthrough::new(shape, true)
    }

    fn whole(shape: &Arc<Shape<Self::Own>>, _: u32) -> Passthrough {
        Passthrough::new(shape, false)
    }

    fn tail(_: Result<&[Output<Self>], &Failure>, _: &Shape<Self::Own>, _: &mut Out) {
        // The terminal event is the end; there is nothing to write after it.
    }

    fn render<'r>(
        replies: &'r [Option<Box<RawValue>>],
        _: &'r Shape<Self::Own>,
        _: Duration,
    ) -> &'r RawValue {
        replies.iter().flatten().next().map_or(RawValue::NULL, |reply| reply)
    }
}

#[cfg(test)]
mod tests;
