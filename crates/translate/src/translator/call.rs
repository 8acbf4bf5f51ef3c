//! Calls: the answer to one request of a turn, from bytes to an encoder's output.

use std::ops::ControlFlow;

use bytes::Bytes;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Decoder;

use crate::encoder::Encoder;
use crate::end::{End, Finish};
use crate::failure::{Failure, FailureKind};
use crate::frames::Out;

/// The largest event of a backend, in bytes: a picture of some megapixels is one.
const MAX_EVENT: usize = 64 << 20;

const UNEXPECTED: &str = "upstream_unexpected";

const NO_STREAM: &str = "the backend answered with JSON in place of a stream of events";

/// One call of the backend.
pub(super) struct Call<E: Encoder> {
    decoder: Decoder,
    encoder: Option<E>,
    output: Option<E::Output>,
    /// The first byte of the answer that is no blank.
    first: Option<u8>,
}

impl<E: Encoder> Call<E> {
    pub(super) fn new(encoder: E) -> Self {
        Self { decoder: Decoder::new(MAX_EVENT), encoder: Some(encoder), output: None, first: None }
    }

    /// Encodes what has arrived; what follows the end of an answer is passed over.
    pub(super) fn push(&mut self, bytes: Bytes, out: &mut Out) -> Result<(), Failure> {
        self.first = self.first.or_else(|| bytes.trim_ascii_start().first().copied());
        self.decoder.push(bytes);
        while let Some(encoder) = &mut self.encoder {
            let Some(frame) = self.decoder.next_frame().map_err(unreadable)? else { break };
            let event = Event::parse(&frame).map_err(unreadable)?;
            match encoder.event(&frame, &event, out) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(end) => self.end(end?, out),
            }
        }
        Ok(())
    }

    /// Ends a call of which nothing more comes.
    ///
    /// # Errors
    /// When its answer is not complete.
    pub(super) fn close(&self) -> Result<(), Failure> {
        match self.first {
            _ if self.is_over() => Ok(()),
            // No line of an event begins so. Servers answer in one piece where a stream is not asked for.
            Some(b'{' | b'[') => {
                Err(Failure::new(FailureKind::Failed, NO_STREAM).with_code(UNEXPECTED))
            }
            _ => Err(Failure::incomplete()),
        }
    }

    /// Ends a call that was not made.
    pub(super) fn end_at_once(&mut self, finish: Finish, out: &mut Out) {
        self.end(End::new(finish), out);
    }

    fn end(&mut self, end: End, out: &mut Out) {
        self.output = self.encoder.take().map(|encoder| encoder.finish(end, out));
    }

    pub(super) fn fail(&mut self, failure: &Failure, out: &mut Out) {
        if let Some(encoder) = self.encoder.take() {
            encoder.fail(failure, out);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.encoder.is_none()
    }

    pub(super) fn into_output(self) -> Option<E::Output> {
        self.output
    }
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    let message = format!("the backend sent an event that cannot be read: {error}");
    Failure::new(FailureKind::Failed, message).with_code(UNEXPECTED)
}
