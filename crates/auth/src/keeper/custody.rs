//! The keeper's state: what is held, what is known of the stores, and reading them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::time::Instant;

use super::KeeperSettings;
use super::error::{Hitch, KeeperError};
use super::flight::Flights;
use super::holding::{Holding, Marks, Session, Snapshot};
use super::saving::Unsaved;
use super::step::{Dead, Order, Step};
use crate::claims::{Claims, Identity};
use crate::endpoint::{Endpoint, EndpointError};
use crate::faults::Faults;
use crate::route::Practice;
use crate::secret::Secret;
use crate::store::{Access, Stamp, TokenStore};
use crate::tokens::AuthFile;

/// All that clones of a keeper share.
pub(super) struct Custody {
    pub(super) settings: KeeperSettings,
    pub(super) endpoint: Endpoint,
    pub(super) practice: &'static Practice,
    pub(super) store: Arc<dyn TokenStore>,
    borrowed: Option<Arc<dyn TokenStore>>,
    pub(super) faults: Faults,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) flights: Flights,
    pub(super) dead: Option<Dead>,
    pub(super) unsaved: Option<Arc<Unsaved>>,
    /// No early renewal before this moment.
    pub(super) rest_until: Option<Instant>,
}

impl Custody {
    pub(super) fn new(
        settings: KeeperSettings,
        endpoint: Endpoint,
        store: Arc<dyn TokenStore>,
        borrowed: Option<Arc<dyn TokenStore>>,
    ) -> Result<Self, EndpointError> {
        let practice = settings.route.practice().ok_or(EndpointError::Route)?;
        let (faults, state) = Default::default();
        Ok(Self { settings, endpoint, practice, store, borrowed, faults, state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers from memory when the stores look as they did; `None` when it takes a flight.
    pub(super) fn glance(self: &Arc<Self>) -> Option<Result<Arc<Session>, KeeperError>> {
        let marks = self.marks();
        let state = self.state();
        let snapshot = state.snapshot.as_deref()?;
        if marks.is_none() || snapshot.marks != marks {
            return None;
        }
        let (holding, dead) = (snapshot.holding.as_ref(), state.dead.as_ref());
        match (self.decide(&Order::Current, holding, dead), holding) {
            (Step::Refuse(error), _) => Some(Err(error)),
            (Step::Use, Some(holding)) => Some(Ok(Arc::clone(&holding.session))),
            _ => None,
        }
    }

    /// Starts an early renewal when one is due.
    pub(super) fn renew_ahead(self: &Arc<Self>) {
        let state = self.state();
        let holding = state.snapshot.as_deref().and_then(|snapshot| snapshot.holding.as_ref());
        let step = self.decide(&Order::Early, holding, state.dead.as_ref());
        let resting = || state.rest_until.is_some_and(|end| Instant::now() < end);
        if matches!(step, Step::Renew(_)) && !resting() {
            drop(state);
            self.board(&Order::Early);
        }
    }

    /// Makes the order for a refused token. Who it belonged to is known while it is still held;
    /// later its own claims tell, where it has some.
    pub(super) fn replacing(&self, stale: &Secret) -> Order {
        let state = self.state();
        let held = state.snapshot.as_deref().and_then(|snapshot| snapshot.holding.as_ref());
        let identity = match held.filter(|holding| holding.token() == stale) {
            Some(holding) => holding.identity.clone(),
            None => Identity::of(&Claims::of(None, Some(stale))),
        };
        Order::Replace { stale: stale.clone(), identity }
    }

    /// Reads the stores anew, makes that the state, and gives it.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<Arc<Snapshot>, KeeperError> {
        let custody = Arc::clone(self);
        let read = blocking(move || custody.read()).await?;
        if let Err(KeeperError::OtherRoute { .. } | KeeperError::OtherIssuer { .. }) = &read {
            // What was held before is no longer the sign-in, so nothing may fall back to it.
            self.state().snapshot = None;
        }
        Ok(self.absorb(read?))
    }

    fn read(&self) -> Result<Snapshot, KeeperError> {
        // Stamps first: what is written after them shows as a difference at the next glance.
        let settled = |marks: &Marks| marks.own.is_settled() && marks.borrowed.is_settled();
        let marks = self.marks().filter(settled);
        let mut found = self.store.load()?.map(|file| (self.store.access(), file));
        if let (None, Some(borrowed)) = (&found, &self.borrowed) {
            found = borrowed.load()?.map(|file| (borrowed.access(), file));
        }
        if let Some((_, file)) = &found {
            self.check_origin(file)?;
        }
        let holding = found.and_then(|(access, file)| {
            let file = Arc::new(file);
            Holding::new(access, Arc::clone(&file), file)
        });
        Ok(Snapshot { marks, holding })
    }

    /// A token goes to the hosts of its own route, and a refresh token to its own issuer, only.
    fn check_origin(&self, file: &AuthFile) -> Result<(), KeeperError> {
        let (wanted, origin) = (self.settings.origin(), file.origin());
        if file.tokens().is_none() || wanted.agrees(&origin) {
            return Ok(());
        }
        let (stored, wanted) = (origin.route, wanted.route);
        Err(match stored == wanted {
            true => KeeperError::OtherIssuer { route: wanted },
            false => KeeperError::OtherRoute { stored, wanted },
        })
    }

    fn marks(&self) -> Option<Marks> {
        let own = self.store.stamp().ok()?;
        let borrowed = match (&self.borrowed, own) {
            (Some(borrowed), Stamp::Absent) => borrowed.stamp().ok()?,
            _ => Stamp::Absent,
        };
        Some(Marks { own, borrowed })
    }

    /// Tokens that could not be saved stand in for the file as long as it is the one they
    /// were renewed from.
    fn absorb(&self, mut read: Snapshot) -> Arc<Snapshot> {
        let mut state = self.state();
        if let Some(unsaved) = &state.unsaved {
            match &read.holding {
                Some(holding) if *holding.stored == *unsaved.stored => {
                    let (stored, next) = (Arc::clone(&unsaved.stored), Arc::clone(&unsaved.next));
                    read.holding = Holding::new(Access::Owned, stored, next);
                }
                _ => state.unsaved = None,
            }
        }
        let snapshot = Arc::new(read);
        state.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    /// Decides about a snapshot now.
    pub(super) fn step(&self, snapshot: &Snapshot, order: &Order) -> Step {
        let dead = self.state().dead.clone();
        self.decide(order, snapshot.holding.as_ref(), dead.as_ref())
    }

    fn decide(&self, order: &Order, holding: Option<&Holding>, dead: Option<&Dead>) -> Step {
        match holding {
            Some(holding) => order.next(holding, dead, OffsetDateTime::now_utc()),
            None => Step::Refuse(self.signed_out()),
        }
    }

    /// Why there is no session where nobody is signed in.
    pub(super) fn signed_out(&self) -> KeeperError {
        KeeperError::SignedOut { route: self.settings.route.clone() }
    }
}

/// Runs blocking work off the runtime's threads, to its end even if the caller goes away.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, KeeperError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| KeeperError::unavailable(Hitch::CutOff))
}
