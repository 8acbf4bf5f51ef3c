//! A moment in a request's life, looked up when it is first asked for.

use std::time::Duration;

use tokio::time::Instant;

/// The time since a request arrived: the same for all that is done in one go, and not looked up
/// where nothing is done.
pub(crate) struct LazyElapsed {
    arrived: Instant,
    at: Option<Duration>,
}

impl LazyElapsed {
    pub(crate) fn since(arrived: Instant) -> Self {
        Self { arrived, at: None }
    }

    pub(crate) fn get(&mut self) -> Duration {
        *self.at.get_or_insert_with(|| self.arrived.elapsed())
    }
}
