//! The budget of request bytes: what all bodies together may hold, so that many large ones at once
//! are put off rather than end the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chatmock_translate::{Failure, FailureKind};

use crate::http::api_keys::Caller;
use crate::http::fair_places::{FairPlaces, Place, PlaceLimits};
use crate::settings::HttpSettings;

/// The most bodies that are decoded at a time, where there are as many processors: each may hold some bytes that are not counted yet.
const DECODERS: usize = 8;

/// The size above which a body is large, in bytes.
const LARGE: usize = 1024 * 1024;

/// The bytes that all request bodies together hold, and their limits.
///
/// A limit per body alone does not protect the process: a few hundred bodies of the largest size, sent
/// slowly, would take all memory. Refusing with 503 ends one request where the system would end all of
/// them; the price is that a large request may be refused because of other clients.
///
/// So that no client can cause that for long, an eighth is for bodies that are not large, and one caller has half of
/// either part at most.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    held: Mutex<HeldBytes>,
    limit: usize,
    /// The most that large bodies hold together.
    limit_of_large: usize,
    /// The most that those of one caller hold.
    share_of_large: usize,
    /// The most that one caller holds in bodies that are not large.
    share_of_small: usize,
    /// The number of times that bytes were refused because of all bodies together.
    refused: AtomicU64,
    /// Leave to decode a body.
    decoders: Arc<FairPlaces>,
}

/// The bytes that are held, by whom.
#[derive(Debug, Default)]
struct HeldBytes {
    all: SmallAndLarge,
    callers: HashMap<Caller, Share>,
}

/// The bytes that one caller holds.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    held: SmallAndLarge,
    /// The number of times that bytes were refused because of that.
    refused: u64,
}

/// Bytes of bodies that are large, and of those that are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SmallAndLarge {
    small: usize,
    large: usize,
}

impl SmallAndLarge {
    /// Exchanges the bytes that a body held for those that it holds; `None` on overflow.
    fn exchange(self, held: usize, holds: usize) -> Option<Self> {
        let mut sum = self;
        *sum.part(held) = sum.part(held).checked_sub(held)?;
        *sum.part(holds) = sum.part(holds).checked_add(holds)?;
        Some(sum)
    }

    fn part(&mut self, body: usize) -> &mut usize {
        if body > LARGE { &mut self.large } else { &mut self.small }
    }
}

impl MemoryBudget {
    /// Makes a budget of `limit` bytes. Large bodies and one caller's share can hold `least` in any case.
    pub(crate) fn new(limit: usize, least: usize) -> Arc<Self> {
        let limit_of_large = (limit - limit / 8).max(least);
        let limit = limit.max(limit_of_large);
        // No more than there are processors, and one caller has half of them: the thread of the connections needs
        // one, too.
        let decoders = std::thread::available_parallelism().map_or(1, usize::from).min(DECODERS);
        let decoders = FairPlaces::new(PlaceLimits {
            all: decoders,
            each: decoders.div_ceil(2),
            waiting: usize::MAX,
            patience: Duration::MAX,
        });
        Arc::new(Self {
            held: Mutex::default(),
            limit,
            limit_of_large,
            share_of_large: (limit_of_large / 2).max(least),
            share_of_small: (limit / 2).max(least),
            refused: AtomicU64::new(0),
            decoders,
        })
    }

    /// Makes the budget of a server: at least one body, as sent and as decoded, always fits.
    pub(crate) fn from_settings(settings: &HttpSettings) -> Arc<Self> {
        let least = settings.sizes.max_body.saturating_mul(2);
        Self::new(settings.sizes.max_in_flight.max(least), least)
    }

    /// Returns the bytes that all bodies hold, and the most that they may.
    pub(crate) fn use_and_limit(&self) -> (usize, usize) {
        let SmallAndLarge { small, large } = self.held().all;
        (small.saturating_add(large), self.limit)
    }

    /// Begins to hold, with nothing.
    pub(crate) fn reservation(self: &Arc<Self>, caller: &Caller) -> Reservation {
        Reservation { budget: Arc::clone(self), caller: caller.clone(), bytes: 0 }
    }

    /// Returns the number of times that bytes were refused because of what this caller holds, too.
    pub(crate) fn refusals(&self, caller: &Caller) -> u64 {
        let own = self.held().callers.get(caller).map_or(0, |share| share.refused);
        own + self.refused.load(Ordering::Relaxed)
    }

    /// Exchanges the bytes that a body held for those that it holds, if they fit.
    fn exchange(&self, caller: &Caller, held: usize, holds: usize) -> Result<(), Failure> {
        let mut state = self.held();
        let share = state.callers.get(caller).copied().unwrap_or_default();
        let sums = state.all.exchange(held, holds).zip(share.held.exchange(held, holds));
        let Some((all, own)) = sums.filter(|(all, _)| self.fits(*all, holds)) else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(too_many_bytes());
        };
        if !self.fits_share(own, holds) {
            state.callers.entry(caller.clone()).or_default().refused += 1;
            return Err(too_many_bytes());
        }
        state.all = all;
        if own == SmallAndLarge::default() {
            state.callers.remove(caller);
        } else {
            state.callers.insert(caller.clone(), Share { held: own, ..share });
        }
        Ok(())
    }

    fn fits(&self, all: SmallAndLarge, body: usize) -> bool {
        let sum = all.small.checked_add(all.large);
        sum.is_some_and(|sum| sum <= self.limit)
            && (body <= LARGE || all.large <= self.limit_of_large)
    }

    fn fits_share(&self, own: SmallAndLarge, body: usize) -> bool {
        match body > LARGE {
            true => own.large <= self.share_of_large,
            false => own.small <= self.share_of_small,
        }
    }

    fn held(&self) -> MutexGuard<'_, HeldBytes> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many_bytes() -> Failure {
    let kind = FailureKind::Unavailable { retry_after: Some(1) };
    let message = "too many large requests at once; try again in a second";
    Failure::new(kind, message).with_code("too_many_request_bytes")
}

/// A request body in memory, with what it reserves of the budget.
#[derive(Debug)]
pub(crate) struct HeldBody {
    pub(crate) bytes: Bytes,
    pub(crate) reservation: Reservation,
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    caller: Caller,
    bytes: usize,
}

impl Reservation {
    /// Holds more.
    ///
    /// # Errors
    /// 503 where that is more than there is, or more than one caller may hold.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Failure> {
        let holds = self.bytes.checked_add(more).ok_or_else(too_many_bytes)?;
        self.budget.exchange(&self.caller, self.bytes, holds)?;
        self.bytes = holds;
        Ok(())
    }

    /// Returns the number of bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins another one of the same caller, with nothing.
    pub(crate) fn another(&self) -> Self {
        self.budget.reservation(&self.caller)
    }

    /// Waits for leave to decode this body; `None` once the server is gone.
    pub(crate) async fn decoder_permit(&self) -> Option<Vec<Place>> {
        self.budget.decoders.take(&self.caller, 1).await.ok()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // To hold less always fits.
        let _ = self.budget.exchange(&self.caller, self.bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn bytes_are_held_until_the_reservation_is_dropped() {
        let budget = MemoryBudget::new(10, 10);
        let mut reservation = budget.reservation(&Caller::named("ann"));
        reservation.grow(2).unwrap();
        reservation.grow(4).unwrap();
        let mut other = reservation.another();
        let refused = other.grow(5).unwrap_err();
        assert_eq!((refused.status(), refused.retry_after()), (503, Some(1)));
        other.grow(4).unwrap();
        drop(reservation);
        other.grow(6).unwrap();
        assert!(other.grow(1).is_err() && other.grow(usize::MAX).is_err());
        drop(other);
        assert_eq!(budget.held().all, SmallAndLarge::default());
        assert!(budget.held().callers.is_empty());
        assert_eq!(budget.refusals(&Caller::named("ann")), 2);
    }

    #[test]
    fn large_bodies_leave_room_for_others_and_one_caller_for_all() {
        let budget = MemoryBudget::new(64 * MIB, 8 * MIB);
        let (ann, bob) = (Caller::named("ann"), Caller::named("bob"));
        let hold = |caller: &Caller, bytes: usize| {
            let mut reservation = budget.reservation(caller);
            reservation.grow(bytes).map(|()| reservation)
        };
        let large = hold(&ann, 28 * MIB).unwrap();
        assert!(hold(&ann, MIB + 1).is_err(), "half of what large bodies may hold");
        let small: Vec<_> = (0..32).map_while(|_| hold(&ann, MIB).ok()).collect();
        assert_eq!(small.len(), 32, "and half of the rest");
        assert!(hold(&ann, 1).is_err());
        assert_eq!((budget.refusals(&ann), budget.refusals(&bob)), (2, 0), "her own affair");
        let others: Vec<_> = (0..10).map_while(|_| hold(&bob, MIB).ok()).collect();
        assert_eq!(others.len(), 4, "all together");
        drop((large, small, others));
        let _large = [hold(&ann, 28 * MIB).unwrap(), hold(&bob, 28 * MIB).unwrap()];
        assert!(hold(&Caller::named("cid"), 2 * MIB).is_err());
        let small: Vec<_> = (0..10).map_while(|_| hold(&ann, MIB).ok()).collect();
        assert_eq!(small.len(), 8, "an eighth is for those that are not large");
    }

    #[test]
    fn a_body_that_grows_large_moves_from_one_part_to_the_other() {
        let budget = MemoryBudget::new(64 * MIB, 8 * MIB);
        let mut body = budget.reservation(&Caller::named("ann"));
        for _ in 0..3 {
            body.grow(MIB).unwrap();
        }
        assert_eq!(budget.held().all, SmallAndLarge { small: 0, large: 3 * MIB });
        drop(body);
        assert_eq!(budget.held().all, SmallAndLarge::default());
    }
}
