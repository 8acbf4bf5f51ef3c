//! The memory for answers that are under way or were just given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most of all answers that are held outside the stores, in bytes.
const MOST: usize = 64 * 1024 * 1024;

/// The bytes of all answers that are held outside the stores.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    pub(super) fn take(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.lacks(0)
    }

    pub(super) fn lacks(&self, bytes: usize) -> bool {
        self.0.load(Ordering::Relaxed).saturating_add(bytes) > MOST
    }
}
