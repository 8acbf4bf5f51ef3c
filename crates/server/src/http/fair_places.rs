//! Places for what may go on only so many times at once, shared fairly among callers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::http::api_keys::Caller;

/// The limits of [`FairPlaces`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceLimits {
    /// The most places that are taken at once.
    pub(crate) all: usize,
    /// The most that one caller takes.
    pub(crate) each: usize,
    /// The most requests that wait.
    pub(crate) waiting: usize,
    /// The time for which one waits.
    pub(crate) patience: Duration,
}

/// The reason why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are taken.
    All,
    /// The caller has as many as one may take.
    Caller,
    /// More are asked for at once than there can ever be.
    Never,
}

/// Places, and the queues for them.
///
/// A semaphore would serve whoever comes first, so that one client with many requests makes all others wait. Here
/// every caller has a queue of its own, and the queues take turns. The price is a lock and a look into a map for
/// each place.
#[derive(Debug)]
pub(crate) struct FairPlaces {
    limits: PlaceLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    waiting: usize,
    parties: HashMap<Caller, Party>,
    /// The callers who wait, in the order of their turns.
    turns: VecDeque<Caller>,
    next_ticket: u64,
}

/// The places that one caller has and waits for.
#[derive(Debug, Default)]
struct Party {
    taken: usize,
    queue: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    count: usize,
    settled: oneshot::Sender<Result<Vec<Place>, NoPlace>>,
}

/// Waiters whose wait is over. They are woken once the lock is released: a place that nobody takes is given back,
/// for which the lock is needed.
type Settled = Vec<(Waiter, Result<Vec<Place>, NoPlace>)>;

/// The outcome of a request for places.
enum Joined {
    Served(Vec<Place>),
    Waits { ticket: u64, settled: oneshot::Receiver<Result<Vec<Place>, NoPlace>> },
}

/// A place, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<FairPlaces>,
    caller: Caller,
}

impl FairPlaces {
    /// Makes places within these limits.
    pub(crate) fn new(limits: PlaceLimits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// The limits.
    pub(crate) fn limits(&self) -> PlaceLimits {
        self.limits
    }

    /// The most that a caller takes.
    fn each(&self, caller: &Caller) -> usize {
        caller.most().map_or(self.limits.each, |most| most.min(self.limits.each))
    }

    /// Returns whether none is taken.
    pub(crate) fn are_free(&self) -> bool {
        self.state().taken == 0
    }

    /// Waits for so many places, which are taken together: one by one, two requests could each wait for what the
    /// other has.
    ///
    /// # Errors
    /// The reason why there are none, after the wait or at once where too many wait already.
    pub(crate) async fn take(
        self: &Arc<Self>,
        caller: &Caller,
        count: usize,
    ) -> Result<Vec<Place>, NoPlace> {
        if count > self.limits.all.min(self.each(caller)) {
            return Err(NoPlace::Never);
        }
        let (ticket, settled) = match self.join(caller, count)? {
            Joined::Served(places) => return Ok(places),
            Joined::Waits { ticket, settled } => (ticket, settled),
        };
        let _waiting = Waiting { places: self, caller, ticket };
        match tokio::time::timeout(self.limits.patience, settled).await {
            Ok(settled) => settled.unwrap_or(Err(NoPlace::All)),
            Err(_) => Err(self.reason(&self.state(), caller, count)),
        }
    }

    /// Takes places that are there, or begins to wait.
    fn join(self: &Arc<Self>, caller: &Caller, count: usize) -> Result<Joined, NoPlace> {
        let mut state = self.state();
        if state.waiting == 0 && self.has_room(&state, caller, count) {
            return Ok(Joined::Served(self.grant(&mut state, caller, count)));
        }
        let mut woken = self.make_room_to_wait(&mut state, caller, count)?;
        let (ticket, settled) = state.enqueue(caller, count);
        woken.extend(self.advance(&mut state));
        drop(state);
        wake(woken);
        Ok(Joined::Waits { ticket, settled })
    }

    fn has_room(&self, state: &State, caller: &Caller, count: usize) -> bool {
        state.taken_by(caller) + count <= self.each(caller)
            && state.taken + count <= self.limits.all
    }

    fn reason(&self, state: &State, caller: &Caller, count: usize) -> NoPlace {
        if state.taken_by(caller) + count > self.each(caller) {
            NoPlace::Caller
        } else {
            NoPlace::All
        }
    }

    /// Takes places that are there.
    fn grant(self: &Arc<Self>, state: &mut State, caller: &Caller, count: usize) -> Vec<Place> {
        state.taken += count;
        state.parties.entry(caller.clone()).or_default().taken += count;
        let place = || Place { places: Arc::clone(self), caller: caller.clone() };
        std::iter::repeat_with(place).take(count).collect()
    }

    /// If as many wait as may, the newest of the caller with the longest queue gives way to one of
    /// a caller with a shorter one.
    fn make_room_to_wait(
        &self,
        state: &mut State,
        caller: &Caller,
        count: usize,
    ) -> Result<Settled, NoPlace> {
        if state.waiting < self.limits.waiting {
            return Ok(Vec::new());
        }
        let longest = state.parties.iter().max_by_key(|(_, party)| party.queue.len());
        let longest = longest.map(|(longest, party)| (longest.clone(), party.queue.len()));
        let Some((longest, _)) =
            longest.filter(|(_, length)| *length > state.waiting_of(caller) + 1)
        else {
            return Err(self.reason(state, caller, count));
        };
        let newest = state.parties.get_mut(&longest).and_then(|party| party.queue.pop_back());
        let reason = newest.as_ref().map(|waiter| self.reason(state, &longest, waiter.count));
        state.waiting -= usize::from(newest.is_some());
        Ok(newest.into_iter().zip(reason.map(Err)).collect())
    }

    /// Gives free places to those whose turn it is.
    ///
    /// A request for several that does not fit yet holds up those behind it: smaller ones would else pass it for
    /// ever. One that waits for its own caller's places holds up nobody.
    fn advance(self: &Arc<Self>, state: &mut State) -> Settled {
        let (mut settled, mut passed) = (Vec::new(), 0);
        while passed < state.turns.len() {
            let Some(caller) = state.turns.pop_front() else { break };
            let Some(count) = state.next_count(&caller) else {
                state.forget_idle(&caller);
                continue;
            };
            if state.taken_by(&caller) + count > self.each(&caller) {
                state.turns.push_back(caller);
                passed += 1;
                continue;
            }
            if state.taken + count > self.limits.all {
                state.turns.push_front(caller);
                break;
            }
            let places = self.grant(state, &caller, count);
            let waiter = state.parties.get_mut(&caller).and_then(|party| party.queue.pop_front());
            state.waiting -= 1;
            settled.extend(waiter.map(|waiter| (waiter, Ok(places))));
            state.turns.push_back(caller);
            passed = 0;
        }
        settled
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn taken_by(&self, caller: &Caller) -> usize {
        self.parties.get(caller).map_or(0, |party| party.taken)
    }

    fn waiting_of(&self, caller: &Caller) -> usize {
        self.parties.get(caller).map_or(0, |party| party.queue.len())
    }

    fn next_count(&self, caller: &Caller) -> Option<usize> {
        Some(self.parties.get(caller)?.queue.front()?.count)
    }

    /// Puts a request at the end of its caller's queue.
    fn enqueue(
        &mut self,
        caller: &Caller,
        count: usize,
    ) -> (u64, oneshot::Receiver<Result<Vec<Place>, NoPlace>>) {
        let (settled, settles) = oneshot::channel();
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting += 1;
        if self.waiting_of(caller) == 0 && !self.turns.contains(caller) {
            self.turns.push_back(caller.clone());
        }
        let party = self.parties.entry(caller.clone()).or_default();
        party.queue.push_back(Waiter { ticket, count, settled });
        (ticket, settles)
    }

    /// Forgets a caller who neither has a place nor waits for one.
    fn forget_idle(&mut self, caller: &Caller) {
        if self.parties.get(caller).is_some_and(|party| party.taken == 0 && party.queue.is_empty())
        {
            self.parties.remove(caller);
        }
    }
}

fn wake(settled: Settled) {
    for (waiter, outcome) in settled {
        // Whoever has left does not take it: then it is dropped here, and given back.
        let _ = waiter.settled.send(outcome);
    }
}

/// A wait, which ends also when nobody waits any more.
struct Waiting<'w> {
    places: &'w Arc<FairPlaces>,
    caller: &'w Caller,
    ticket: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.places.state();
        if let Some(party) = state.parties.get_mut(self.caller) {
            let before = party.queue.len();
            party.queue.retain(|waiter| waiter.ticket != self.ticket);
            let left = before - party.queue.len();
            state.waiting -= left;
            state.forget_idle(self.caller);
            // It may have been the one that held up others.
            let settled = if left > 0 { self.places.advance(&mut state) } else { Vec::new() };
            drop(state);
            wake(settled);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.places.state();
        state.taken -= 1;
        if let Some(party) = state.parties.get_mut(&self.caller) {
            party.taken -= 1;
        }
        state.forget_idle(&self.caller);
        let settled = if state.waiting > 0 { self.places.advance(&mut state) } else { Vec::new() };
        drop(state);
        wake(settled);
    }
}

#[cfg(test)]
mod tests;
