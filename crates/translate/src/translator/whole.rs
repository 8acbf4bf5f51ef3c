//! Whole replies, gathered from the same events as streams.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::PreparedTurn;
use super::call::Call;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::frames::Out;
use crate::shape::Shape;

/// The reply to a client that wants it in one piece.
pub struct WholeReply<D: Dialect> {
    calls: Vec<Call<D::Whole>>,
    shape: Arc<Shape<D::Own>>,
    out: Out,
}

impl<D: Dialect> WholeReply<D> {
    pub(super) fn new(turn: &PreparedTurn<D>) -> Self {
        let shape = Arc::clone(&turn.shape);
        let calls = turn.requests.len().max(1);
        let call = |number| Call::new(D::whole(&shape, number));
        let calls = (0..).take(calls).map(call).collect();
        let mut reply = Self { calls, shape, out: Out::default() };
        if let Some(finish) = turn.immediate_finish {
            for call in &mut reply.calls {
                call.end_at_once(finish, &mut reply.out);
            }
        }
        reply
    }

    /// Gathers what the backend sent in answer to the request of this number; a number that no request has is passed over.
    ///
    /// # Errors
    /// When the backend reports a failure, or sends what cannot be read.
    pub fn push(&mut self, call: usize, bytes: Bytes) -> Result<(), Failure> {
        let Some(call) = self.calls.get_mut(call) else { return Ok(()) };
        let pushed = call.push(bytes, &mut self.out);
        // A whole reply is gathered, not written.
        self.out.frames.take();
        pushed
    }

    /// Returns whether every answer is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.calls.iter().all(Call::is_over)
    }

    /// Writes the reply as JSON; `took` is the time since the request arrived, which Ollama's clients are told.
    ///
    /// # Errors
    /// When an answer is not complete.
    pub fn finish(self, took: Duration) -> Result<Bytes, Failure> {
        for call in &self.calls {
            call.close()?;
        }
        let outputs: Vec<_> = self.calls.into_iter().filter_map(Call::into_output).collect();
        let response = D::render(&outputs, &self.shape, took);
        Ok(Bytes::from(serde_json::to_vec(&response)?))
    }
}
