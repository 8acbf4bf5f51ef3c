//! The access log: one line for each request, written when its answer has ended.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Marks an answer whose record its own body writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedByBody;

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
