//! The access record: one line for each request, written when its answer has ended.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use chatmock_protocol::responses::Usage;
use chatmock_translate::Failure;
use tokio::time::Instant;

use crate::http::log_limiter::LogLimiter;
use crate::http::sanitize;

/// Marks an answer whose record its own body writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedByBody;

/// The facts about a turn that its line has.
#[derive(Debug)]
pub(crate) struct TurnRecord {
    /// The request's id.
    pub(crate) request_id: String,
    /// Which API was spoken.
    pub(crate) dialect: &'static str,
    /// The model as the client named it.
    pub(crate) model: String,
    /// The sender, where keys are set.
    pub(crate) caller: Option<String>,
    /// True if the answer was streamed.
    pub(crate) stream: bool,
    /// When the request arrived.
    pub(crate) arrived: Instant,
}

/// Returns a random id, by which a client's report is matched with the log.
pub(crate) fn request_id() -> String {
    format!("req_{:016x}", RandomState::new().hash_one(()))
}

/// Returns the random part of the id of something made here, too long to be guessed.
pub(crate) fn random_id() -> String {
    let part = || RandomState::new().hash_one(());
    format!("{:016x}{:016x}", part(), part())
}

/// A time as it is recorded: a number in JSON too, which none of 128 bits would be.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// When a turn's first output came, since the request arrived, and the tokens it used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TurnMetrics {
    pub(crate) first_at: Option<Duration>,
    pub(crate) usage: Option<Usage>,
}

/// The end of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome<'f> {
    /// Whole.
    Complete,
    /// With a failure after the answer had begun.
    Broken(&'f Failure),
    /// The client left.
    Left,
}

impl TurnRecord {
    /// Writes the line, unless there were too many.
    pub(crate) fn write(&self, limiter: &LogLimiter, outcome: Outcome<'_>, metrics: TurnMetrics) {
        let TurnMetrics { first_at, usage } = metrics;
        let (outcome, code) = match outcome {
            Outcome::Complete => ("complete", None),
            Outcome::Broken(failure) => ("broken", failure.code.as_deref()),
            Outcome::Left => ("left", None),
        };
        if !limiter.admits_turn(outcome) {
            return;
        }
        tracing::info!(
            request_id = self.request_id,
            caller = self.caller,
            dialect = self.dialect,
            model = sanitize::text(&self.model),
            stream = self.stream,
            status = 200,
            outcome,
            code,
            first_milliseconds = first_at.map(milliseconds),
            milliseconds = milliseconds(self.arrived.elapsed()),
            input_tokens = usage.map(|usage| usage.input),
            cached_tokens = usage.map(|usage| usage.cached),
            output_tokens = usage.map(|usage| usage.output),
            "turn"
        );
    }
}
