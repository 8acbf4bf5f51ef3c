//! Recorders: the interface of whoever keeps what goes over the wire.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::credentials::Credentials;
use crate::outgoing::Outgoing;
use crate::session::SessionId;

/// Keeps what goes over the wire. Both methods are called while an answer runs, so they must not wait.
pub trait Recorder: Debug + Send + Sync {
    /// Takes a turn, once its answer is over.
    fn keep(&self, exchange: Exchange);

    /// Takes a list of models as the backend sent it.
    fn models(&self, list: &[u8]);
}

/// One request and its answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The request, with secrets masked.
    pub request: Outgoing,
    /// The conversation's id, which is in the headers and the body of the request.
    pub session: SessionId,
    /// The credentials of the request, for whoever has to keep them out.
    pub credentials: Arc<Credentials>,
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer.
    pub headers: Vec<(String, String)>,
    /// The body of the answer as it came: the time since the request, and the bytes.
    pub chunks: Vec<(Duration, Bytes)>,
    /// The end of the answer.
    pub end: ExchangeEnd,
}

/// The end of a recorded answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeEnd {
    /// The backend ended it.
    Closed,
    /// The connection broke.
    Cut,
    /// Nobody read further; it is complete only if its last event is in it.
    Left,
}
