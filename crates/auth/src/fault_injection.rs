//! Faults that tests force with the feature `fault-injection`; without it there are none.

#[cfg(feature = "fault-injection")]
use std::sync::atomic::{AtomicBool, Ordering};

/// The faults of a keeper.
#[derive(Debug, Default)]
pub(crate) struct FaultInjection {
    #[cfg(feature = "fault-injection")]
    renewal: AtomicBool,
}

#[cfg(feature = "fault-injection")]
impl FaultInjection {
    /// Has the next renewal panic while it holds the lock.
    pub(crate) fn in_next_renewal(&self) {
        self.renewal.store(true, Ordering::Relaxed);
    }

    /// Panics in a renewal, if that was asked for.
    pub(crate) fn renewal(&self) {
        assert!(!self.renewal.swap(false, Ordering::Relaxed), "forced in the renewal");
    }
}

#[cfg(not(feature = "fault-injection"))]
impl FaultInjection {
    /// Does nothing: no renewal can be made to panic in this build.
    pub(crate) fn renewal(&self) {}
}
