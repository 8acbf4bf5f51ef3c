//! The fate of a turn, for those who keep its answer.

use std::sync::OnceLock;

/// What became of a turn; nothing where its client left, or where it failed before anything was paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fated {
    /// The answer is complete.
    Complete,
    /// It failed with this status after the first output.
    Failed(u16),
}

/// The place where it is noted.
#[derive(Debug, Default)]
pub(crate) struct Fate(OnceLock<Fated>);

impl Fate {
    /// Notes it; the first note stays.
    pub(super) fn note(&self, fated: Fated) {
        // A turn has one end.
        let _ = self.0.set(fated);
    }

    /// Returns whether asking again gives nothing better: the answer is complete, or was paid for and ended with a
    /// failure that is the request's.
    pub(super) fn is_final(&self) -> bool {
        match self.0.get() {
            Some(Fated::Complete) => true,
            Some(Fated::Failed(status)) => (400..500).contains(status) && *status != 429,
            None => false,
        }
    }
}
