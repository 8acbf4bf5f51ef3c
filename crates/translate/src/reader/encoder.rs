//! The adapter from events to steps: any [`DeltaEncoder`] becomes an [`Encoder`].

use std::time::Duration;

use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;

use crate::delta::Delta;
use crate::dialect::{DeltaEncoder, Encoder};
use crate::end::{End, Step};
use crate::failure::Failure;
use crate::frames::Frames;
use crate::reader::EventReader;
use crate::shape::Shape;

/// Reads events and gives their steps to the encoder under it.
#[derive(Debug)]
pub struct ReaderEncoder<E> {
    reader: EventReader,
    encoder: E,
}

impl<E> ReaderEncoder<E> {
    /// Wraps `encoder`.
    #[must_use]
    pub fn new(shape: &Shape, encoder: E) -> Self {
        Self { reader: EventReader::new(shape.hide_commentary), encoder }
    }
}

impl<E: DeltaEncoder> Encoder for ReaderEncoder<E> {
    type Output = E::Output;

    fn event(&mut self, _: &Frame, event: &Event<'_>, at: Duration, frames: &mut Frames) -> Step {
        let encoder = &mut self.encoder;
        self.reader.read(event, &mut |delta: Delta<'_>| encoder.delta(delta, at, frames))
    }

    fn finish(self, end: End, at: Duration, frames: &mut Frames) -> Self::Output {
        self.encoder.end(end, at, frames)
    }

    fn fail(self, failure: &Failure, frames: &mut Frames) {
        self.encoder.fail(failure, frames);
    }
}
