//! The clock: the time of day for records, and the time since a request arrived.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Returns the seconds since the Unix epoch.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns the milliseconds since the Unix epoch.
pub(crate) fn unix_milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the time since the Unix epoch of a moment in the past.
pub(crate) fn unix_time_of(moment: Instant) -> Duration {
    unix_time().saturating_sub(moment.elapsed())
}

/// Returns the time since the Unix epoch.
pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time since a request arrived, read when it is first asked for.
///
/// All that one poll does happens at the same time, and a poll that finds nothing to do, which most
/// are, reads no clock.
pub(crate) struct LazyElapsed {
    arrived: Instant,
    elapsed: Option<Duration>,
}

impl LazyElapsed {
    /// Starts without a time.
    pub(crate) fn since(arrived: Instant) -> Self {
        Self { arrived, elapsed: None }
    }

    /// Returns the time, the same at each call.
    pub(crate) fn get(&mut self) -> Duration {
        *self.elapsed.get_or_insert_with(|| self.arrived.elapsed())
    }
}
