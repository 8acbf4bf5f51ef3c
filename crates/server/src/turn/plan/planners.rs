//! The sizes from which a request is planned on a thread of its own, and the turns of callers there.

use std::sync::Arc;
use std::time::Duration;

use crate::http::api_keys::Caller;
use crate::http::fair_places::{FairPlaces, Place, PlaceLimits};

/// Requests larger than this, in bytes, are planned on a blocking thread while other turns are under way.
///
/// One thread serves all connections, so a long request would delay every stream that is open. Below this size that
/// delay is as long as writing a few events. Where no turn would be delayed, the thread is not worth its hand-over,
/// which is a fifth of the time that a request of 128 KiB takes.
pub(crate) const LARGE: usize = 64 * 1024;

/// Requests larger than this, in bytes, are planned on a blocking thread in any case, and do not wait together with
/// those that are only large.
pub(super) const HUGE: usize = 1024 * 1024;

/// The turns of callers on the threads that plan large requests.
///
/// With as many such threads as there are large requests, the thread of the connections would be one of many that want
/// a processor. So it keeps one for itself, where there are two; callers take turns for the rest.
#[derive(Clone)]
pub(crate) struct Planners {
    large: Arc<FairPlaces>,
    huge: Arc<FairPlaces>,
}

impl Planners {
    /// Waits for a turn. Nobody is refused: a missing place only means more work at once.
    pub(super) async fn turn(&self, caller: &Caller, size: usize) -> Option<Vec<Place>> {
        let planners = if size > HUGE { &self.huge } else { &self.large };
        planners.take(caller, 1).await.ok()
    }
}

impl Default for Planners {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let all = processors.saturating_sub(1).max(1);
        let (waiting, patience) = (usize::MAX, Duration::MAX);
        let places = || FairPlaces::new(PlaceLimits { all, each: all, waiting, patience });
        Self { large: places(), huge: places() }
    }
}
