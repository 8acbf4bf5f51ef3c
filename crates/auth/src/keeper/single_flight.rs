//! Single flight: concurrent callers share one run of an operation and its result.
//!
//! A run has a task of its own, so it does not end with the caller that started it: a client that
//! closes its connection must not cancel the refresh that others wait for, and whose token is spent
//! by then. A mutex around the operation would cancel it, and a `OnceCell` would keep its first
//! result for ever. The price is that a run must be waited for before the runtime ends
//! ([`SingleFlight::finish`]), and that results are cloned.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The most runs that one caller waits for. It takes a second one when a result of somebody else's
/// run is of no use to it, which hardly ever happens twice in a row.
const MOST_RUNS: usize = 4;

/// The runs under way, by key.
pub(super) struct SingleFlight<K, T> {
    running: Mutex<HashMap<K, watch::Receiver<Option<T>>>>,
}

/// One run, as somebody who waits for it sees it.
pub(super) struct Flight<T> {
    /// True if this caller started it.
    is_new: bool,
    /// Holds the result once there is one; closed without one when the run was lost.
    result: watch::Receiver<Option<T>>,
}

/// The run ended without a result: it panicked, or its runtime ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LostRun;

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash, T: Clone + Send + Sync + 'static> SingleFlight<K, T> {
    /// Joins the run under way for a key, or starts one. Dropping the flight stops nothing.
    pub(super) fn join<F>(&self, key: K, work: impl FnOnce() -> F) -> Flight<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut running = self.running();
        running.retain(|_, result| is_under_way(result));
        if let Some(result) = running.get(&key) {
            return Flight { is_new: false, result: result.clone() };
        }
        let (publish, result) = watch::channel(None);
        running.insert(key, result.clone());
        let work = work();
        tokio::spawn(async move {
            let done = work.await;
            publish.send_replace(Some(done));
        });
        Flight { is_new: true, result }
    }

    /// Runs an operation, or waits for the run under way, and returns the result. A result of
    /// somebody else's run that `accepts` refuses is not returned; another run follows it.
    pub(super) async fn run<F>(
        &self,
        key: K,
        work: impl Fn() -> F,
        accepts: impl Fn(&T) -> bool,
    ) -> Result<T, LostRun>
    where
        F: Future<Output = T> + Send + 'static,
    {
        for _ in 0..MOST_RUNS {
            let flight = self.join(key.clone(), &work);
            let is_new = flight.is_new;
            match flight.wait().await {
                Ok(result) if is_new || accepts(&result) => return Ok(result),
                // Its own run is not repeated: what made it panic may do so again.
                Err(LostRun) if is_new => break,
                _ => {}
            }
        }
        Err(LostRun)
    }

    /// Returns the run under way for a key, and starts none.
    pub(super) fn peek(&self, key: &K) -> Option<Flight<T>> {
        let running = self.running();
        let result = running.get(key).filter(|result| is_under_way(result))?;
        Some(Flight { is_new: false, result: result.clone() })
    }

    /// Waits until no run is under way for a key.
    pub(super) async fn finish(&self, key: &K) {
        while let Some(flight) = self.peek(key) {
            // Lost or not, it is over.
            let _ = flight.wait().await;
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<T>>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Flight<T> {
    /// Waits for the result.
    pub(super) async fn wait(mut self) -> Result<T, LostRun> {
        let seen = self.result.wait_for(Option::is_some).await;
        seen.ok().and_then(|result| result.clone()).ok_or(LostRun)
    }
}

fn is_under_way<T>(result: &watch::Receiver<Option<T>>) -> bool {
    result.borrow().is_none() && result.has_changed().is_ok()
}

#[cfg(test)]
mod tests;
