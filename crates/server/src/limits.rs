//! The last rate-limit snapshot that the backend gave.

use std::sync::{Mutex, PoisonError};

use chatmock_protocol::codex::limits::Snapshot;
use chatmock_protocol::sse::Frame;
use chatmock_upstream::rate_limits;

/// Keeps the newest snapshot and when it was taken.
#[derive(Debug, Default)]
pub(crate) struct LastLimits(Mutex<Option<(u64, Snapshot)>>);

impl LastLimits {
    /// Keeps a snapshot; `now` is in seconds of the Unix epoch.
    pub(crate) fn keep(&self, snapshot: Snapshot, now: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, snapshot));
    }

    /// Keeps what a `codex.rate_limits` event tells.
    pub(crate) fn keep_event(&self, frame: &Frame, now: u64) {
        if let Some(snapshot) = rate_limits::read_event(frame.text(), now) {
            self.keep(snapshot, now);
        }
    }

    /// The newest snapshot with its time.
    pub(crate) fn last(&self) -> Option<(u64, Snapshot)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
