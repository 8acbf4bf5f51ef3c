//! Streamed replies: the backend's bytes in, the client's bytes out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::PreparedTurn;
use super::call::Call;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::frames::Out;
use crate::shape::Shape;

/// The reply to a client that reads a stream.
///
/// Bytes may be pushed in pieces of any size and for several calls in any order. A failure is written into the stream in
/// the dialect's own words, so that the client never takes a broken answer for a whole one.
pub struct StreamedReply<D: Dialect> {
    calls: Vec<Call<D::Encoder>>,
    shape: Arc<Shape<D::Own>>,
    out: Out,
    failure: Option<Failure>,
    over: bool,
}

impl<D: Dialect> StreamedReply<D> {
    pub(super) fn new(turn: &PreparedTurn<D>) -> Self {
        let shape = Arc::clone(&turn.shape);
        let calls = turn.requests.len().max(1);
        let call = |number| Call::new(D::encoder(&shape, number));
        let calls = (0..).take(calls).map(call).collect();
        let out = Out::new(D::FRAMING);
        let mut reply = Self { calls, shape, out, failure: None, over: false };
        if let Some(finish) = turn.immediate_finish {
            for call in &mut reply.calls {
                call.end_at_once(finish, &mut reply.out);
            }
            reply.end_if_all_have();
        }
        reply
    }

    /// Sets the time since the request arrived, which Ollama's clients are told.
    pub fn set_elapsed(&mut self, elapsed: Duration) {
        self.out.at = elapsed;
    }

    /// Encodes what the backend sent in answer to the request of this number; a number that no request has is passed over.
    pub fn push(&mut self, call: usize, bytes: Bytes) {
        self.step(call, |call, out| call.push(bytes, out));
    }

    /// Ends the call of this number: the backend has closed its answer.
    pub fn close(&mut self, call: usize) {
        self.step(call, |call, _| call.close());
    }

    /// Breaks the reply off, for a reason of the embedder's: a call that could not be made, or a shutdown.
    pub fn fail(&mut self, failure: Failure) {
        if self.over {
            return;
        }
        self.over = true;
        for call in &mut self.calls {
            call.fail(&failure, &mut self.out);
        }
        D::tail(Err(&failure), &self.shape, &mut self.out);
        self.failure = Some(failure);
    }

    /// Takes what is to be sent to the client, if there is anything.
    pub fn take(&mut self) -> Option<Bytes> {
        self.out.frames.take()
    }

    /// Returns whether everything has been written. Answers that still run should be cancelled then: the reply was cut here,
    /// or has failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the failure with which the reply ended, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn step(
        &mut self,
        call: usize,
        step: impl FnOnce(&mut Call<D::Encoder>, &mut Out) -> Result<(), Failure>,
    ) {
        let Some(call) = self.calls.get_mut(call).filter(|_| !self.over) else { return };
        match step(call, &mut self.out) {
            Ok(()) => self.end_if_all_have(),
            Err(failure) => self.fail(failure),
        }
    }

    fn end_if_all_have(&mut self) {
        if self.over || !self.calls.iter().all(Call::is_over) {
            return;
        }
        self.over = true;
        let outputs: Vec<_> = self.calls.drain(..).filter_map(Call::into_output).collect();
        D::tail(Ok(&outputs), &self.shape, &mut self.out);
    }
}
