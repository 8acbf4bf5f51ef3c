//! One piece of work at a time, run in a task of its own, whose result all callers share.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;

use super::custody::Custody;
use super::error::{Hitch, KeeperError};
use super::holding::Session;
use super::step::{Order, Step};
use crate::tokens::Freshness;

pub(super) type Outcome = Result<Arc<Session>, KeeperError>;
/// Holds the outcome once there is one; closed without one when the task was lost.
pub(super) type Flight = watch::Receiver<Option<Outcome>>;

/// A flight of another order may end in what this caller cannot take; two such in a row are
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
    fn slot(&mut self, order: &Order) -> &mut Option<Flight> {
        match order {
            Order::Current => &mut self.look,
            Order::Early | Order::Replace { .. } => &mut self.renewal,
        }
    }
}

impl Custody {
    /// Waits for the flight under way, or starts one.
    pub(super) async fn join(self: &Arc<Self>, order: &Order) -> Outcome {
        for _ in 0..BOARDINGS {
            let (mut flight, own) = self.board(order);
            let landed = flight.wait_for(Option::is_some).await.ok().and_then(|seen| seen.clone());
            match landed {
                Some(outcome) if own || order.accepts(&outcome) => return outcome,
                None if own => break,
                _ => {}
            }
        }
        Err(KeeperError::unavailable(Hitch::CutOff))
    }

    /// Gives the flight under way, or a new one, and whether it is new.
    pub(super) fn board(self: &Arc<Self>, order: &Order) -> (Flight, bool) {
        let mut state = self.state();
        let slot = state.flights.slot(order);
        if let Some(flight) = slot.as_ref().filter(|flight| is_under_way(flight)) {
            return (flight.clone(), false);
        }
        let (landing, flight) = watch::channel(None);
        *slot = Some(flight.clone());
        let (custody, order) = (Arc::clone(self), order.clone());
        tokio::spawn(async move {
            let outcome = custody.fly(&order).await;
            landing.send_replace(Some(outcome));
        });
        (flight, true)
    }

    async fn fly(self: &Arc<Self>, order: &Order) -> Outcome {
        self.attempt(order).await.or_else(|error| self.fall_back(order, error))
    }

    async fn attempt(self: &Arc<Self>, order: &Order) -> Outcome {
        let snapshot = self.reload().await?;
        match (self.step(&snapshot, order), &snapshot.holding, order) {
            (Step::Refuse(error), _, _) => Err(error),
            (Step::Use, Some(holding), _) => Ok(Arc::clone(&holding.session)),
            (Step::Renew(_), Some(_), Order::Current) => self.join(&Order::Early).await,
            (Step::Renew(_), Some(holding), _) => {
                let session = self.renew(order, holding).await?;
                self.rest_unless_fresh();
                Ok(session)
            }
            (_, None, _) => Err(self.signed_out()),
        }
    }

    /// A renewal that failed, or a store that cannot be read, does not end an access token that
    /// still lives and that the backend has not refused.
    fn fall_back(&self, order: &Order, error: KeeperError) -> Outcome {
        let mut state = self.state();
        let snapshot = state.snapshot.clone();
        let holding = snapshot.as_ref().and_then(|snapshot| snapshot.holding.as_ref());
        let alive = holding.filter(|holding| {
            let freshness = holding.lifetime.freshness(OffsetDateTime::now_utc());
            freshness != Freshness::Expired && holding.not_allowed().is_none()
        });
        match (order, alive) {
            (Order::Current | Order::Early, Some(holding)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "going on with the access token that still lives");
                state.rest_until = Some(Instant::now() + self.settings.renew_again);
                Ok(Arc::clone(&holding.session))
            }
            _ => Err(error),
        }
    }

    /// Tokens that are short-lived from the start would otherwise be renewed with each request.
    fn rest_unless_fresh(&self) {
        let mut state = self.state();
        let snapshot = state.snapshot.clone();
        let holding = snapshot.as_ref().and_then(|snapshot| snapshot.holding.as_ref());
        let now = OffsetDateTime::now_utc();
        let fresh = holding.is_some_and(|h| h.lifetime.freshness(now) == Freshness::Fresh);
        state.rest_until = (!fresh).then(|| Instant::now() + self.settings.renew_again);
    }

    pub(super) async fn finish(self: &Arc<Self>) {
        // A look may still start a renewal.
        for order in [Order::Current, Order::Early] {
            let flight = self.state().flights.slot(&order).clone();
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
