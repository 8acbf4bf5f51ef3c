//! Panics: caught where a request is answered, counted, and reported as a failure.

use std::sync::atomic::{AtomicU64, Ordering};

use chatmock_translate::{Failure, FailureKind};

/// The number of panics that were caught since the server started.
#[derive(Debug, Default)]
pub(crate) struct PanicCounter(AtomicU64);

impl PanicCounter {
    /// Returns how many there were.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts a caught panic and returns the failure for its client; its message is for the log alone.
    pub(crate) fn caught(&self) -> Failure {
        let panics = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::error!(panics, "a request ended in a panic");
        let message = "this server made a mistake; the request was not answered";
        Failure::new(FailureKind::Internal, message).with_code("internal_error")
    }
}
