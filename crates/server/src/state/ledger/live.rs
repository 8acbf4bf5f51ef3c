//! The turns that run now.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

/// A turn that runs.
#[derive(Debug, Default)]
pub(crate) struct LiveTurn {
    /// When the request arrived, in milliseconds of the Unix epoch.
    pub(crate) at: u64,
    pub(crate) dialect: &'static str,
    pub(crate) client: String,
    pub(crate) label: Option<String>,
    /// The model that is asked of the backend, once that is settled.
    pub(crate) model: OnceLock<String>,
    /// The calls of the backend that were repeated.
    pub(crate) retries: AtomicU32,
    /// The bytes that the client was given so far.
    pub(crate) bytes: AtomicU64,
}

/// A turn that runs, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LiveView {
    at: u64,
    dialect: &'static str,
    model: String,
    client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    bytes: u64,
}

impl LiveTurn {
    /// Returns what is shown of it.
    fn view(&self) -> LiveView {
        LiveView {
            at: self.at,
            dialect: self.dialect,
            model: self.model.get().cloned().unwrap_or_default(),
            client: self.client.clone(),
            key: self.label.clone(),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// All turns that run, in places that are used again.
#[derive(Debug, Default)]
pub(super) struct LiveTurns {
    places: Vec<Option<Arc<LiveTurn>>>,
    free: Vec<usize>,
}

impl LiveTurns {
    /// Adds one; returns its place.
    pub(super) fn add(&mut self, turn: Arc<LiveTurn>) -> usize {
        match self.free.pop() {
            Some(place) => {
                if let Some(free) = self.places.get_mut(place) {
                    *free = Some(turn);
                }
                place
            }
            None => {
                self.places.push(Some(turn));
                self.places.len() - 1
            }
        }
    }

    /// Removes the one at a place.
    pub(super) fn remove(&mut self, place: usize) {
        if self.places.get_mut(place).and_then(Option::take).is_some() {
            self.free.push(place);
        }
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Returns the number of those with a label, or of all, and the oldest of them.
    pub(super) fn views(&self, label: Option<&str>, most: usize) -> (usize, Vec<LiveView>) {
        let own = |turn: &&Arc<LiveTurn>| label.is_none() || turn.label.as_deref() == label;
        let mut turns: Vec<_> = self.places.iter().flatten().filter(own).collect();
        let count = turns.len();
        if count > most {
            turns.select_nth_unstable_by_key(most, |turn| turn.at);
            turns.truncate(most);
        }
        turns.sort_by_key(|turn| turn.at);
        (count, turns.into_iter().map(|turn| turn.view()).collect())
    }
}
