//! One piece of work at a time, run in a task of its own, whose result all callers share.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;

use super::decision::{RefreshDecision, RefreshRequest};
use super::error::{KeeperError, TransientCause};
use super::loaded::Session;
use super::token_cache::TokenCache;
use crate::tokens::Freshness;

pub(super) type Outcome = Result<Arc<Session>, KeeperError>;
/// Holds the outcome once there is one; closed without one when the task was lost.
pub(super) type Flight = watch::Receiver<Option<Outcome>>;

/// A flight of another request may end in what this caller cannot take; two such in a row are
/// already rare.
const BOARDINGS: usize = 4;

/// The work under way. A look at the stores does not wait behind a renewal, or callers with a
/// token that still lives would.
#[derive(Default)]
pub(super) struct Flights {
    look: Option<Flight>,
    renewal: Option<Flight>,
}

impl Flights {
    fn slot(&mut self, request: &RefreshRequest) -> &mut Option<Flight> {
        match request {
            RefreshRequest::Current => &mut self.look,
            RefreshRequest::Early | RefreshRequest::Replace { .. } => &mut self.renewal,
        }
    }
}

impl TokenCache {
    /// Waits for the flight under way, or starts one.
    pub(super) async fn join(self: &Arc<Self>, request: &RefreshRequest) -> Outcome {
        for _ in 0..BOARDINGS {
            let (mut flight, own) = self.board(request);
            let landed = flight.wait_for(Option::is_some).await.ok().and_then(|seen| seen.clone());
            match landed {
                Some(outcome) if own || request.accepts(&outcome) => return outcome,
                None if own => break,
                _ => {}
            }
        }
        Err(KeeperError::unavailable(TransientCause::CutOff))
    }

    /// Gives the flight under way, or a new one, and whether it is new.
    pub(super) fn board(self: &Arc<Self>, request: &RefreshRequest) -> (Flight, bool) {
        let mut state = self.state();
        let slot = state.flights.slot(request);
        if let Some(flight) = slot.as_ref().filter(|flight| is_under_way(flight)) {
            return (flight.clone(), false);
        }
        let (landing, flight) = watch::channel(None);
        *slot = Some(flight.clone());
        let (cache, request) = (Arc::clone(self), request.clone());
        tokio::spawn(async move {
            let outcome = cache.fly(&request).await;
            landing.send_replace(Some(outcome));
        });
        (flight, true)
    }

    async fn fly(self: &Arc<Self>, request: &RefreshRequest) -> Outcome {
        self.attempt(request).await.or_else(|error| self.fall_back(request, error))
    }

    async fn attempt(self: &Arc<Self>, request: &RefreshRequest) -> Outcome {
        let snapshot = self.reload().await?;
        match (self.step(&snapshot, request), &snapshot.loaded, request) {
            (RefreshDecision::Refuse(error), _, _) => Err(error),
            (RefreshDecision::Use, Some(loaded), _) => Ok(Arc::clone(&loaded.session)),
            (RefreshDecision::Refresh(_), Some(_), RefreshRequest::Current) => {
                self.join(&RefreshRequest::Early).await
            }
            (RefreshDecision::Refresh(_), Some(loaded), _) => {
                let session = self.renew(request, loaded).await?;
                self.rest_unless_fresh();
                Ok(session)
            }
            (_, None, _) => Err(self.signed_out()),
        }
    }

    /// A renewal that failed, or a store that cannot be read, does not end an access token that
    /// still lives and that the backend has not refused.
    fn fall_back(&self, request: &RefreshRequest, error: KeeperError) -> Outcome {
        let mut state = self.state();
        let snapshot = state.snapshot.clone();
        let loaded = snapshot.as_ref().and_then(|snapshot| snapshot.loaded.as_ref());
        let alive = loaded.filter(|loaded| {
            let freshness = loaded.lifetime.freshness(OffsetDateTime::now_utc());
            freshness != Freshness::Expired && loaded.not_allowed().is_none()
        });
        match (request, alive) {
            (RefreshRequest::Current | RefreshRequest::Early, Some(loaded)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "going on with the access token that still lives");
                state.rest_until = Some(Instant::now() + self.settings.renew_again);
                Ok(Arc::clone(&loaded.session))
            }
            _ => Err(error),
        }
    }

    /// Tokens that are short-lived from the start would otherwise be renewed with each request.
    fn rest_unless_fresh(&self) {
        let mut state = self.state();
        let snapshot = state.snapshot.clone();
        let loaded = snapshot.as_ref().and_then(|snapshot| snapshot.loaded.as_ref());
        let now = OffsetDateTime::now_utc();
        let fresh = loaded.is_some_and(|h| h.lifetime.freshness(now) == Freshness::Fresh);
        state.rest_until = (!fresh).then(|| Instant::now() + self.settings.renew_again);
    }

    pub(super) async fn finish(self: &Arc<Self>) {
        // A look may still start a renewal.
        for request in [RefreshRequest::Current, RefreshRequest::Early] {
            let flight = self.state().flights.slot(&request).clone();
            if let Some(mut flight) = flight {
                let _ = flight.wait_for(Option::is_some).await;
            }
        }
        self.save_now().await;
    }
}

fn is_under_way(flight: &Flight) -> bool {
    flight.borrow().is_none() && flight.has_changed().is_ok()
}
