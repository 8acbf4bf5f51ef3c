//! The presence of a connection, as one who answered a request of it can ask later.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

/// Says whether a connection is still there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence(Arc<OnceLock<Instant>>);

impl Presence {
    /// Returns when the connection closed, if it has.
    pub(crate) fn closed_at(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}

/// What a connection has for as long as it lives.
#[derive(Debug, Default)]
pub(crate) struct Present(Presence);

impl Present {
    /// Returns what tells others of it.
    pub(crate) fn watch(&self) -> Presence {
        self.0.clone()
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        // It is set once.
        let _ = self.0.0.set(Instant::now());
    }
}
