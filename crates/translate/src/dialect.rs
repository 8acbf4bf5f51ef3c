//! The seam between the one pipeline and each inbound API.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;
use serde::Serialize;

use crate::delta::Delta;
use crate::draft::Draft;
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use crate::family::Family;
use crate::frames::{Framing, Out};
use crate::shape::Shape;

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
    /// The vendor's family, which words failures.
    type Family: Family;

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
    fn tail(outcome: Result<&[Output<Self>], &Failure>, shape: &Shape, out: &mut Out);

    /// Words a whole reply; `took` is the time since the request arrived.
    fn render<'r>(
        replies: &'r [WholeOutput<Self>],
        shape: &'r Shape,
        took: Duration,
    ) -> Self::Response<'r>;
}

/// What a streamed choice of `D` hands back at its end.
pub type Output<D> = <<D as Dialect>::Encoder as Encoder>::Output;

/// What a gathered choice of `D` hands back at its end.
pub type WholeOutput<D> = <<D as Dialect>::Whole as Encoder>::Output;

/// The outbound half: events in, frames out. Its end consumes it, so nothing can follow the end.
pub trait Encoder: Send + Unpin + 'static {
    /// What the end hands back.
    type Output: Send + Unpin + 'static;

    /// Takes one event.
    fn event(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step;

    /// Ends the choice.
    fn finish(self, end: End, out: &mut Out) -> Self::Output;

    /// Breaks the choice off.
    fn fail(self, failure: &Failure, out: &mut Out);

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
    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish>;

    /// Ends the choice.
    fn end(self, end: End, out: &mut Out) -> Self::Output;

    /// Breaks the choice off; the dialect's tail words the failure.
    fn fail(self, failure: &Failure, out: &mut Out);
}
