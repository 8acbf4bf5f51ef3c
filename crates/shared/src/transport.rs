//! The connection to an engine, on a thread of its own.
//!
//! A thread with a runtime of its own, so that code that is not asynchronous can wait for an answer, and so that a
//! server's own runtime may stand still or be gone meanwhile. All share one connection; it is made at the first call and
//! again after it broke. After a call that found nobody, the next ones fail at once for a moment: otherwise each request
//! would wait for an engine that is away.

use crate::command::{Answer, Command};
use crate::error::SharedError;
use crate::settings::SharedSettings;

#[cfg(feature = "redis")]
mod connection;
#[cfg(feature = "redis")]
pub(crate) use connection::Transport;

/// A transport that cannot be made.
#[cfg(not(feature = "redis"))]
pub(crate) enum Transport {}

#[cfg(not(feature = "redis"))]
impl Transport {
    pub(crate) fn open(_: &SharedSettings) -> Result<Self, SharedError> {
        Err(SharedError::NotBuilt)
    }

    #[expect(clippy::unused_async, reason = "the signature is that of the real one")]
    pub(crate) async fn call(&self, _: Command) -> Result<Answer, SharedError> {
        match *self {}
    }

    pub(crate) fn spawn(&self, _: impl Future<Output = ()> + Send + 'static) {
        match *self {}
    }

    pub(crate) fn calls(&self) -> u64 {
        match *self {}
    }
}
