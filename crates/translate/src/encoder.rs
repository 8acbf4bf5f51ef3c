//! The traits of encoders: events or steps in, messages out.

use std::ops::ControlFlow;

use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;

use crate::delta::Delta;
use crate::end::{End, Finish, Step};
use crate::failure::Failure;
use crate::frames::Out;

/// Encodes one choice of a reply from the backend's events.
///
/// An end consumes the encoder, so that nothing can follow it.
pub trait Encoder: Send + Unpin + 'static {
    /// The result of a choice.
    type Output: Send + Unpin + 'static;

    /// Encodes one event.
    fn event(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step;

    /// Ends the choice.
    fn finish(self, end: End, out: &mut Out) -> Self::Output;

    /// Breaks the choice off.
    fn fail(self, failure: &Failure, out: &mut Out);
}

/// Encodes one choice of a reply from its steps: what a translating dialect implements in place of
/// [`Encoder`], so that it never sees the backend's kinds of events.
///
/// Adapters implement it around another one, and [`ReaderEncoder`](crate::reader::ReaderEncoder) makes
/// an [`Encoder`] of it. All of them are generic over the encoder under them instead of boxed: a step
/// passes through four of them for every token of an answer.
pub trait DeltaEncoder: Send + Unpin + 'static {
    /// The result of a choice.
    type Output: Send + Unpin + 'static;

    /// Returns whether text and reasoning are kept until the end; such an answer is bounded in bytes.
    fn keeps_text(&self) -> bool {
        false
    }

    /// Encodes one step of the reply.
    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish>;

    /// Ends the choice.
    fn end(self, end: End, out: &mut Out) -> Self::Output;

    /// Breaks the choice off; the dialect's tail words the failure.
    fn fail(self, failure: &Failure, out: &mut Out);
}
