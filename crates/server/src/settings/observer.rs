//! The seam for whoever watches turns from outside, such as an exporter of traces.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

/// Receives a report of each turn once it has ended.
///
/// It is told in the turn, on the thread that serves all connections: it must neither wait nor compute much.
pub trait TurnObserver: Debug + Send + Sync {
    /// Takes note of a turn.
    fn turn_ended(&self, turn: &EndedTurn<'_>);

    /// Returns how much of what it sends elsewhere was lost.
    fn lost(&self) -> u64;
}

/// A turn that has ended. Nothing in it is a text, and nothing a secret: names from outside are cut, and made harmless.
#[derive(Clone, Debug)]
pub struct EndedTurn<'t> {
    /// When the request arrived.
    pub started: SystemTime,
    /// The time until the end.
    pub duration: Duration,
    /// The time until the first output.
    pub first_output: Option<Duration>,
    /// The client's API.
    pub dialect: &'t str,
    /// The path of the request.
    pub path: &'t str,
    /// True if it came over a WebSocket.
    pub over_socket: bool,
    /// The model that was asked of the backend; empty where no turn came of the request.
    pub model: &'t str,
    /// The effort that was asked of the backend.
    pub effort: Option<&'t str>,
    /// The tier that was asked of the backend.
    pub tier: Option<&'t str>,
    /// The label of the inbound key.
    pub label: Option<&'t str>,
    /// The client program.
    pub client: &'t str,
    /// True if the answer was a stream.
    pub stream: bool,
    /// The status that the client was sent; 499 where it left before.
    pub status: u16,
    /// The end: `complete`, `broken`, `left` or `refused`.
    pub outcome: &'t str,
    /// The word for programs that a failure has.
    pub code: Option<&'t str>,
    /// Tokens that were read, cached ones included.
    pub input_tokens: u64,
    /// Of those, the ones that were cached.
    pub cached_tokens: u64,
    /// Tokens that were written, reasoning included.
    pub output_tokens: u64,
    /// Of those, the ones of reasoning.
    pub reasoning_tokens: u64,
    /// The calls of the backend that were repeated.
    pub retries: u32,
    /// The request's id.
    pub request_id: &'t str,
    /// The trace that the client named.
    pub trace: Option<&'t TraceHeaders>,
}

/// The headers in which a client names its trace, as W3C's Trace Context has them. They are not checked, and no backend gets
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceHeaders {
    /// `traceparent`.
    pub parent: String,
    /// `tracestate`, its lines joined.
    pub state: String,
}
