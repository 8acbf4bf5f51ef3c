//! Retries: the tries of libraries that may be tried again, and which of them a further try goes on with.
//!
//! A library sends the same bytes again after a failure or a lost connection, with a higher count. Two requests that are
//! equal by chance have the count 0 both, and each has an answer of its own. So a try takes over only one with a lower
//! count, only one whose client does not have it all, and each is taken over once; where one like it has failed here,
//! the further try is that one's.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::recording::{Reader, Recording};
use crate::http::presence::Presence;
use crate::state::responses::StoreKey;

/// A connection that closes so soon after an answer may have lost its end.
const SOON: Duration = Duration::from_secs(2);

/// The most requests that are remembered.
const MOST: usize = 10_000;

/// The tries of all clients.
#[derive(Default)]
pub(super) struct Retries {
    /// By owner and request.
    tries: HashMap<StoreKey, Equal>,
    /// Those that have ended, the oldest first.
    ended: VecDeque<(Instant, StoreKey)>,
}

/// Requests that are equal.
#[derive(Default)]
struct Equal {
    tries: Vec<Try>,
    /// The numbers of those that failed, and when.
    failed: Vec<(u32, Instant)>,
}

/// One request.
struct Try {
    number: u32,
    connection: Presence,
    recording: Arc<Recording>,
    ended: Option<Instant>,
}

impl Try {
    /// Returns whether a further try may take it over.
    fn is_open(&self) -> bool {
        self.ended.is_none() || self.is_lost()
    }

    /// Returns whether its client went without having it all, as far as is known.
    fn is_lost(&self) -> bool {
        match self.recording.left() {
            None => false,
            Some((_, false)) => true,
            Some((at, true)) => {
                self.connection.closed_at().is_some_and(|closed| closed < at + SOON)
            }
        }
    }
}

impl Retries {
    /// Finds the try that a further one goes on with.
    pub(super) fn claim(
        &mut self,
        name: &StoreKey,
        number: u32,
        connection: &Presence,
    ) -> Option<Reader> {
        let equal = self.tries.get_mut(name).filter(|_| number > 0)?;
        if let Some(own) = equal.failed.iter().position(|(failed, _)| *failed < number) {
            equal.failed.remove(own);
            return None;
        }
        let open = |one: &&mut Try| one.number < number && one.is_open();
        let mut candidates: Vec<_> = equal.tries.iter_mut().filter(open).collect();
        // One whose client is there may be another's.
        candidates.sort_by_key(|one| !one.is_lost());
        candidates.into_iter().find_map(|one| {
            let reader = one.recording.join()?;
            (one.number, one.connection) = (number, connection.clone());
            Some(reader)
        })
    }

    /// Remembers a try.
    pub(super) fn insert(
        &mut self,
        name: StoreKey,
        number: u32,
        (connection, recording): (&Presence, &Arc<Recording>),
    ) {
        let (connection, recording) = (connection.clone(), Arc::clone(recording));
        let one = Try { number, connection, recording, ended: None };
        self.tries.entry(name).or_default().tries.push(one);
    }

    /// Notes the end of a try, which can be `kept` for a further one or has failed.
    pub(super) fn end(&mut self, name: &StoreKey, recording: &Arc<Recording>, kept: bool) {
        let Some(equal) = self.tries.get_mut(name) else { return };
        let own = |one: &Try| Arc::ptr_eq(&one.recording, recording);
        let Some(at) = equal.tries.iter().position(own) else { return };
        let now = Instant::now();
        if kept {
            equal.tries[at].ended = Some(now);
        } else {
            let failed = equal.tries.remove(at);
            equal.failed.push((failed.number, now));
        }
        self.ended.push_back((now, StoreKey::clone(name)));
        if self.ended.len() > MOST {
            self.forget_oldest();
        }
    }

    /// Forgets what ended longer ago than `window`.
    pub(super) fn prune(&mut self, window: Duration) {
        let now = Instant::now();
        while let Some((ended, _)) = self.ended.front()
            && now.duration_since(*ended) >= window
        {
            self.forget_oldest();
        }
    }

    /// Forgets what ended first; returns whether there was anything.
    pub(super) fn forget_oldest(&mut self) -> bool {
        let Some((first, name)) = self.ended.pop_front() else { return false };
        let Some(equal) = self.tries.get_mut(&name) else { return true };
        equal.tries.retain(|one| one.ended.is_none_or(|ended| ended > first));
        equal.failed.retain(|(_, failed)| *failed > first);
        if equal.tries.is_empty() && equal.failed.is_empty() {
            self.tries.remove(&name);
        }
        true
    }

    /// Forgets all that has ended.
    pub(super) fn forget_ended(&mut self) {
        while self.forget_oldest() {}
    }
}
