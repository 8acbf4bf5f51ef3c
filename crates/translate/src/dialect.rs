//! The seam between the one pipeline and each inbound API.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::{Event, Usage};
use chatmock_protocol::sse::Frame;
use serde::Serialize;

use crate::delta::Delta;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::frames::Frames;
use crate::reasoning_style::ReasoningStyle;
use crate::stop::StopCriteria;
use crate::tokens::Tokenizer;
use crate::tool_names::ShortenedName;

/// How a stream's messages are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON object a line.
    Ndjson,
}

/// One inbound API: reading its requests, wording its replies.
pub trait Dialect: 'static {
    /// A request as read, borrowed from the body.
    type Request<'b>: Send;
    /// Encodes one choice of a streamed reply.
    type Encoder: Encoder;
    /// Gathers one choice of a whole reply.
    type Whole: Encoder;
    /// A whole reply.
    type Response<'r>: Serialize;
    /// A failure as this API words it.
    type Error<'f>: Serialize;

    /// The dialect's name in logs.
    const NAME: &'static str;
    /// How its streams are delimited.
    const FRAMING: Framing;

    /// Reads a body.
    ///
    /// # Errors
    /// When it is not JSON of the dialect's shape.
    fn read(body: &[u8]) -> Result<Self::Request<'_>, Failure>;

    /// Lowers a request to the Responses API: only what the client said, no policy.
    ///
    /// # Errors
    /// When a member's value cannot be meant.
    fn draft<'b>(request: Self::Request<'b>) -> Result<Draft<'b>, Failure>;

    /// Starts one streamed choice.
    fn encoder(shape: &Arc<Shape>, choice: u32) -> Self::Encoder;

    /// Starts one choice of a whole reply.
    fn whole(shape: &Arc<Shape>, choice: u32) -> Self::Whole;

    /// Writes what ends a stream, once for all its choices.
    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape, frames: &mut Frames);

    /// Words a whole reply; `took` is the time since the request arrived.
    fn render<'r>(
        replies: &'r [WholeOutput<Self>],
        shape: &'r Shape,
        took: Duration,
    ) -> Self::Response<'r>;

    /// Words a failure: the one place where this dialect does.
    fn error(failure: &Failure) -> Self::Error<'_>;
}

/// What a streamed choice of `D` hands back at its end.
pub type Output<D> = <<D as Dialect>::Encoder as Encoder>::Output;

/// What a gathered choice of `D` hands back at its end.
pub type WholeOutput<D> = <<D as Dialect>::Whole as Encoder>::Output;

/// Whether to go on after a step: an end and a failure are told apart.
pub type Step = ControlFlow<Result<End, Failure>>;

/// The outbound half: events in, frames out. Its end consumes it, so nothing can follow the end.
pub trait Encoder: Send + Unpin + 'static {
    /// What the end hands back.
    type Output: Send + Unpin + 'static;

    /// Takes one event; `at` is the time since the request arrived.
    fn event(
        &mut self,
        frame: &Frame,
        event: &Event<'_>,
        at: Duration,
        frames: &mut Frames,
    ) -> Step;

    /// Ends the choice.
    fn finish(self, end: End, at: Duration, frames: &mut Frames) -> Self::Output;

    /// Breaks the choice off.
    fn fail(self, failure: &Failure, frames: &mut Frames);

    /// The final response object, where the dialect lets clients ask for it later.
    fn kept(_: &Self::Output) -> Option<&RawValue> {
        None
    }
}

/// What a translating dialect writes instead of an [`Encoder`]: it never sees Responses kinds.
pub trait DeltaEncoder: Send + Unpin + 'static {
    /// What the end hands back.
    type Output: Send + Unpin + 'static;

    /// Takes one step of the reply.
    fn delta(&mut self, delta: Delta<'_>, at: Duration, frames: &mut Frames)
    -> ControlFlow<Finish>;

    /// Ends the choice.
    fn end(self, end: End, at: Duration, frames: &mut Frames) -> Self::Output;

    /// Breaks the choice off; the dialect's tail words the failure.
    fn fail(self, failure: &Failure, frames: &mut Frames);
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done, or a stop sequence came up.
    Stop,
    /// A token limit.
    Length,
    /// The model waits for tools.
    ToolCalls,
    /// The backend's filter cut in.
    ContentFilter,
    /// Nothing was asked but that the model be loaded.
    Loaded,
    /// Nothing was asked but that the model be unloaded.
    Unloaded,
}

/// The end of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why it ended.
    pub finish: Finish,
    /// Token counts, where known.
    pub usage: Option<Usage>,
    /// The tier that was used, where the backend said so.
    pub service_tier: Option<String>,
}

impl End {
    /// An end of which nothing more is known.
    #[must_use]
    pub fn new(finish: Finish) -> Self {
        Self { finish, usage: None, service_tier: None }
    }
}

/// What all choices of a reply have in common.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Seconds of the Unix epoch.
    pub created: u64,
    /// The model as the client named it.
    pub model: String,
    /// Whether a stream ends with token counts.
    pub stream_usage: bool,
    /// How reasoning is worded.
    pub reasoning: ReasoningStyle,
    /// Whether the text must be JSON, so that nothing may be mixed into it.
    pub json: bool,
    /// Whether text between tool calls is left out.
    pub hide_commentary: bool,
    /// Whether calls go out in the old form, as the client offered `functions`.
    pub legacy_functions: bool,
    /// Where the reply is cut.
    pub stop: StopCriteria,
    /// Counts the tokens of what is cut here.
    pub tokenizer: Arc<dyn Tokenizer>,
    /// Prompts that the choices repeat before their text, one for each prompt.
    pub echo: Vec<String>,
    /// How many choices each prompt has.
    pub choices_per_prompt: u32,
    /// Whether the final response is kept, to be asked for later.
    pub keep: bool,
    /// The backend's id of the choice that began first, from which all choices have theirs.
    pub response_id: OnceLock<String>,
    /// Members that response objects repeat, in place of what the backend says of them.
    pub echoed_params: EchoedParams,
    /// Names that went out shortened, to be mapped back.
    pub shortened: Vec<ShortenedName>,
}

/// Members by name, as a client wrote them.
pub type EchoedParams = Vec<(&'static str, Box<RawValue>)>;
