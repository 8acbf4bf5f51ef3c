//! The budget of request bytes: what all bodies together may hold, so that many large ones at once
//! are put off rather than end the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chatmock_translate::{Failure, FailureKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::settings::HttpSettings;

/// The most bodies that are decoded at a time: each may hold some bytes that are not counted yet.
const DECODERS: usize = 8;

/// The bytes that all request bodies together hold, and their limit.
///
/// A limit per body alone does not protect the process: a few hundred bodies of the largest size, sent
/// slowly, would take all memory. Refusing with 503 ends one request where the system would end all of
/// them; the price is that a large request may be refused because of other clients.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    held: AtomicUsize,
    limit: usize,
    /// Leave to decode a body.
    decoders: Arc<Semaphore>,
}

impl MemoryBudget {
    /// Makes a budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let decoders = Arc::new(Semaphore::new(DECODERS));
        Arc::new(Self { held: AtomicUsize::new(0), limit, decoders })
    }

    /// Makes the budget of a server: at least one body, as sent and as decoded, always fits.
    pub(crate) fn from_settings(settings: &HttpSettings) -> Arc<Self> {
        Self::new(settings.sizes.max_in_flight.max(settings.sizes.max_body.saturating_mul(2)))
    }

    /// Begins to hold, with nothing.
    pub(crate) fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { budget: Arc::clone(self), bytes: 0 }
    }

    /// Waits for leave to decode a body; there is none when the server is gone.
    pub(crate) async fn decoder_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.decoders).acquire_owned().await.ok()
    }
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
    bytes: usize,
}

impl Reservation {
    /// Holds more.
    ///
    /// # Errors
    /// 503 where that is more than there is.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Failure> {
        let limit = self.budget.limit;
        let fits = |held: usize| held.checked_add(more).filter(|held| *held <= limit);
        let taken = self.budget.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if taken.is_err() {
            let kind = FailureKind::Unavailable { retry_after: Some(1) };
            let message = "too many large requests at once; try again in a second";
            return Err(Failure::new(kind, message).with_code("too_many_request_bytes"));
        }
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_until_the_reservation_is_dropped() {
        let budget = MemoryBudget::new(10);
        let mut reservation = budget.reservation();
        reservation.grow(2).unwrap();
        reservation.grow(4).unwrap();
        let mut other = budget.reservation();
        let refused = other.grow(5).unwrap_err();
        assert_eq!((refused.status(), refused.retry_after()), (503, Some(1)));
        other.grow(4).unwrap();
        drop(reservation);
        other.grow(6).unwrap();
        assert!(other.grow(1).is_err() && other.grow(usize::MAX).is_err());
        drop(other);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }
}
