//! Panics: caught where a request is answered, counted, and worded as a failure.

use std::sync::atomic::{AtomicU64, Ordering};

use chatmock_translate::{Failure, FailureKind};

/// Counts a panic that was caught and words it; its own words are for the log alone.
pub(crate) fn caught(count: &AtomicU64) -> Failure {
    let panics = count.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::error!(panics, "a request ended in a panic");
    let message = "this server made a mistake; the request was not answered";
    Failure::new(FailureKind::Internal, message).with_code("internal_error")
}
