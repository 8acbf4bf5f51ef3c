//! The adapter from events to steps: any [`DeltaEncoder`] becomes an [`Encoder`].

use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;

use super::EventReader;
use crate::delta::Delta;
use crate::encoder::{DeltaEncoder, Encoder};
use crate::end::{End, Step};
use crate::failure::Failure;
use crate::frames::Out;
use crate::gathered::{Gathered, Keeps};

/// Reads events and gives their steps to the encoder under it.
#[derive(Debug)]
pub struct ReaderEncoder<E> {
    reader: EventReader,
    gathered: Gathered,
    encoder: E,
}

impl<E: DeltaEncoder> ReaderEncoder<E> {
    /// Wraps `encoder`; see [`EventReader::new`].
    #[must_use]
    pub fn new(hide_commentary: bool, encoder: E) -> Self {
        let keeps = if encoder.keeps_text() { Keeps::Everything } else { Keeps::Items };
        Self { reader: EventReader::new(hide_commentary), gathered: Gathered::new(keeps), encoder }
    }
}

impl<E: DeltaEncoder> Encoder for ReaderEncoder<E> {
    type Output = E::Output;

    fn event(&mut self, frame: &Frame, event: &Event<'_>, out: &mut Out) -> Step {
        self.gathered.add(frame, event, self.reader.items())?;
        let encoder = &mut self.encoder;
        self.reader.read(event, &mut |delta: Delta<'_>| encoder.delta(delta, out))
    }

    fn finish(self, end: End, out: &mut Out) -> Self::Output {
        self.encoder.end(end, out)
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        self.encoder.fail(failure, out);
    }
}
