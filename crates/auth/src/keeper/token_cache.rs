//! The keeper's state: what is held, what is known of the stores, and reading them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::time::Instant;

use super::KeeperSettings;
use super::decision::{RefreshDecision, RefreshRequest, RejectedToken};
use super::error::{KeeperError, TransientCause};
use super::loaded::{LoadedCredentials, Session, Snapshot, Stamps};
use super::saving::Unsaved;
use super::single_flight::Flights;
use crate::auth_profile::AuthProfile;
use crate::claims::{AccountIdentity, Claims};
use crate::endpoint::{Endpoint, EndpointError};
use crate::fault_injection::FaultInjection;
use crate::secret::Secret;
use crate::store::{Ownership, Stamp, TokenStore};
use crate::tokens::AuthFile;

/// All that clones of a keeper share.
pub(super) struct TokenCache {
    pub(super) settings: KeeperSettings,
    pub(super) endpoint: Endpoint,
    pub(super) profile: &'static AuthProfile,
    pub(super) store: Arc<dyn TokenStore>,
    borrowed: Option<Arc<dyn TokenStore>>,
    pub(super) faults: FaultInjection,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) flights: Flights,
    pub(super) rejected: Option<RejectedToken>,
    pub(super) unsaved: Option<Arc<Unsaved>>,
    /// No early renewal before this moment.
    pub(super) rest_until: Option<Instant>,
}

impl TokenCache {
    pub(super) fn new(
        settings: KeeperSettings,
        endpoint: Endpoint,
        store: Arc<dyn TokenStore>,
        borrowed: Option<Arc<dyn TokenStore>>,
    ) -> Result<Self, EndpointError> {
        let profile = settings.route.profile().ok_or(EndpointError::UnknownRoute)?;
        let (faults, state) = Default::default();
        Ok(Self { settings, endpoint, profile, store, borrowed, faults, state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers from memory when the stores look as they did; `None` when it takes a flight.
    pub(super) fn glance(self: &Arc<Self>) -> Option<Result<Arc<Session>, KeeperError>> {
        let stamps = self.stamps();
        let state = self.state();
        let snapshot = state.snapshot.as_deref()?;
        if stamps.is_none() || snapshot.stamps != stamps {
            return None;
        }
        let (loaded, rejected) = (snapshot.loaded.as_ref(), state.rejected.as_ref());
        match (self.decide(&RefreshRequest::Current, loaded, rejected), loaded) {
            (RefreshDecision::Refuse(error), _) => Some(Err(error)),
            (RefreshDecision::Use, Some(loaded)) => Some(Ok(Arc::clone(&loaded.session))),
            _ => None,
        }
    }

    /// Starts an early renewal when one is due.
    pub(super) fn renew_ahead(self: &Arc<Self>) {
        let state = self.state();
        let loaded = state.snapshot.as_deref().and_then(|snapshot| snapshot.loaded.as_ref());
        let step = self.decide(&RefreshRequest::Early, loaded, state.rejected.as_ref());
        let resting = || state.rest_until.is_some_and(|end| Instant::now() < end);
        if matches!(step, RefreshDecision::Refresh(_)) && !resting() {
            drop(state);
            self.board(&RefreshRequest::Early);
        }
    }

    /// Makes the request for a refused token. Who it belonged to is known while it is still held;
    /// later its own claims tell, where it has some.
    pub(super) fn replacing(&self, stale: &Secret) -> RefreshRequest {
        let state = self.state();
        let held = state.snapshot.as_deref().and_then(|snapshot| snapshot.loaded.as_ref());
        let identity = match held.filter(|loaded| loaded.token() == stale) {
            Some(loaded) => loaded.identity.clone(),
            None => AccountIdentity::of(&Claims::of(None, Some(stale))),
        };
        RefreshRequest::Replace { stale: stale.clone(), identity }
    }

    /// Reads the stores anew, makes that the state, and gives it.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<Arc<Snapshot>, KeeperError> {
        let cache = Arc::clone(self);
        let read = blocking(move || cache.read()).await?;
        if let Err(KeeperError::OtherRoute { .. } | KeeperError::OtherIssuer { .. }) = &read {
            // What was held before is no longer the sign-in, so nothing may fall back to it.
            self.state().snapshot = None;
        }
        Ok(self.absorb(read?))
    }

    fn read(&self) -> Result<Snapshot, KeeperError> {
        // Stamps first: what is written after them shows as a difference at the next glance.
        let settled = |stamps: &Stamps| stamps.own.is_settled() && stamps.borrowed.is_settled();
        let stamps = self.stamps().filter(settled);
        let mut found = self.store.load()?.map(|file| (self.store.access(), file));
        if let (None, Some(borrowed)) = (&found, &self.borrowed) {
            found = borrowed.load()?.map(|file| (borrowed.access(), file));
        }
        if let Some((_, file)) = &found {
            self.check_origin(file)?;
        }
        let loaded = found.and_then(|(access, file)| {
            let file = Arc::new(file);
            LoadedCredentials::new(access, Arc::clone(&file), file)
        });
        Ok(Snapshot { stamps, loaded })
    }

    /// A token goes to the hosts of its own route, and a refresh token to its own issuer, only.
    fn check_origin(&self, file: &AuthFile) -> Result<(), KeeperError> {
        let (wanted, provenance) = (self.settings.provenance(), file.provenance());
        if file.tokens().is_none() || wanted.agrees(&provenance) {
            return Ok(());
        }
        let (stored, wanted) = (provenance.route, wanted.route);
        Err(match stored == wanted {
            true => KeeperError::OtherIssuer { route: wanted },
            false => KeeperError::OtherRoute { stored, wanted },
        })
    }

    fn stamps(&self) -> Option<Stamps> {
        let own = self.store.stamp().ok()?;
        let borrowed = match (&self.borrowed, own) {
            (Some(borrowed), Stamp::Absent) => borrowed.stamp().ok()?,
            _ => Stamp::Absent,
        };
        Some(Stamps { own, borrowed })
    }

    /// Tokens that could not be saved stand in for the file as long as it is the one they
    /// were renewed from.
    fn absorb(&self, mut read: Snapshot) -> Arc<Snapshot> {
        let mut state = self.state();
        if let Some(unsaved) = &state.unsaved {
            match &read.loaded {
                Some(loaded) if *loaded.stored == *unsaved.stored => {
                    let (stored, next) = (Arc::clone(&unsaved.stored), Arc::clone(&unsaved.next));
                    read.loaded = LoadedCredentials::new(Ownership::Owned, stored, next);
                }
                _ => state.unsaved = None,
            }
        }
        let snapshot = Arc::new(read);
        state.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    /// Decides about a snapshot now.
    pub(super) fn step(&self, snapshot: &Snapshot, request: &RefreshRequest) -> RefreshDecision {
        let rejected = self.state().rejected.clone();
        self.decide(request, snapshot.loaded.as_ref(), rejected.as_ref())
    }

    fn decide(
        &self,
        request: &RefreshRequest,
        loaded: Option<&LoadedCredentials>,
        rejected: Option<&RejectedToken>,
    ) -> RefreshDecision {
        match loaded {
            Some(loaded) => request.next(loaded, rejected, OffsetDateTime::now_utc()),
            None => RefreshDecision::Refuse(self.signed_out()),
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
    done.map_err(|_| KeeperError::unavailable(TransientCause::CutOff))
}
