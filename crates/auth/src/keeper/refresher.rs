//! The refresher: spends a refresh token and saves what comes back.
//!
//! The issuer takes a refresh token once; a second use, or a new token that is not saved, ends the
//! sign-in. So the order is fixed: lock, read the store again (another program may have renewed),
//! reserve space on the disk, spend the token, save, publish. Space is reserved before anything is
//! spent, because a full disk afterwards would cost the sign-in; and when saving fails all the same
//! the new tokens are used from memory while saving is tried again, because they are the only ones
//! that are still valid. Programs that take no lock are met by comparing the stored file just before
//! it is replaced: whoever signed in or out meanwhile is right.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::brake::Brake;
use super::clock::Clock;
use super::decision::{RefreshDecision, RefreshRequest, RejectedToken};
use super::error::{KeeperError, TransientCause};
use super::loaded::{LoadedCredentials, SessionResult};
use super::saving::Saver;
use super::token_cache::{Snapshot, TokenCache};
use crate::auth_profile::AuthProfile;
use crate::blocking::blocking;
use crate::claims::AccountIdentity;
use crate::endpoint::{Endpoint, EndpointError, RefreshCall, RefreshReason};
use crate::fault_injection::FaultInjection;
use crate::refresh_refusal::RefreshRefusal;
use crate::relinquish::relinquish_unsaved;
use crate::store::{Reservation, StoreError};
use crate::tokens::{AuthFile, Freshness, Grant};

mod restraint;
mod succession;
mod turn;

use turn::{Turn, Whose};

/// Space beyond the present size of the file, for tokens that grow with their claims.
const SPARE_SPACE: usize = 16 * 1024;

/// Renews the sign-in of a cache.
pub(super) struct Refresher {
    pub(super) cache: Arc<TokenCache>,
    pub(super) saver: Arc<Saver>,
    pub(super) endpoint: Endpoint,
    pub(super) profile: &'static AuthProfile,
    pub(super) clock: Clock,
    /// The pause after an early refresh that brought nothing.
    pub(super) pause: Duration,
    pub(super) faults: FaultInjection,
    pub(super) state: Mutex<State>,
    /// The number of renewals that brought a token, and of those that did not.
    pub(super) renewed: AtomicU64,
    pub(super) not_renewed: AtomicU64,
}

#[derive(Default)]
pub(super) struct State {
    rejected: Option<RejectedToken>,
    /// No early refresh before this moment.
    paused_until: Option<Instant>,
    /// The renewals since the last success.
    brake: Brake,
    /// The calls that the issuer failed in a row.
    failures: u32,
    /// No call before this moment.
    failing_until: Option<Instant>,
}

/// The result of a refresh, and the space that was reserved for it.
struct Refreshed {
    grant: Grant,
    space: Option<Box<dyn Reservation>>,
    turn: Turn,
}

impl Refresher {
    /// Decides about the sign-in now.
    pub(super) fn decide(&self, request: &RefreshRequest, snapshot: &Snapshot) -> RefreshDecision {
        let Some(loaded) = &snapshot.loaded else {
            return RefreshDecision::Refuse(self.cache.signed_out());
        };
        let rejected = self.state().rejected.clone();
        request.decide(loaded, rejected.as_ref(), self.clock.view(loaded))
    }

    /// Returns whether an access token has ended.
    fn has_ended(&self, loaded: &LoadedCredentials) -> bool {
        self.clock.view(loaded).freshness == Freshness::Expired
    }

    /// Returns whether the sign-in should be refreshed although its access token is still valid.
    pub(super) fn is_due_early(&self) -> bool {
        let Some(snapshot) = self.cache.snapshot() else { return false };
        let decision = self.decide(&RefreshRequest::Early, &snapshot);
        let is_paused = || self.state().paused_until.is_some_and(|end| Instant::now() < end);
        matches!(decision, RefreshDecision::Refresh(..)) && !is_paused()
    }

    /// Reads the sign-in and refreshes it when the request needs that.
    pub(super) async fn run(self: Arc<Self>, request: RefreshRequest) -> SessionResult {
        let result = self.load_and_refresh(&request).await;
        result.or_else(|error| self.fall_back(&request, error))
    }

    async fn load_and_refresh(&self, request: &RefreshRequest) -> SessionResult {
        let snapshot = self.cache.load().await?;
        match self.decide(request, &snapshot) {
            RefreshDecision::Use(session) => Ok(session),
            RefreshDecision::Refuse(error) => Err(error),
            RefreshDecision::Refresh(loaded, _) => {
                let refreshed = self.refresh(request, &loaded).await;
                let counted = if refreshed.is_ok() { &self.renewed } else { &self.not_renewed };
                counted.fetch_add(1, Ordering::Relaxed);
                let session = refreshed?;
                self.pause_unless_fresh();
                Ok(session)
            }
        }
    }

    /// Returns the session of an access token that is still valid in place of an error: a refresh
    /// that failed, or a store that cannot be read, does not end a token that the backend has not
    /// refused.
    pub(super) fn fall_back(&self, request: &RefreshRequest, error: KeeperError) -> SessionResult {
        let snapshot = self.cache.snapshot();
        let loaded = snapshot.as_ref().and_then(|snapshot| snapshot.loaded.as_ref());
        let valid =
            loaded.filter(|loaded| !self.has_ended(loaded) && loaded.not_allowed().is_none());
        match (request, valid) {
            (RefreshRequest::Current | RefreshRequest::Early, Some(loaded)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "using the access token that is still valid");
                self.state().paused_until = Some(Instant::now() + self.pause);
                Ok(Arc::clone(&loaded.session))
            }
            _ => Err(error),
        }
    }

    /// Tokens that are short-lived from the start would otherwise be refreshed with each request.
    fn pause_unless_fresh(&self) {
        let snapshot = self.cache.snapshot();
        let loaded = snapshot.as_ref().and_then(|snapshot| snapshot.loaded.as_ref());
        let fresh =
            loaded.is_some_and(|loaded| self.clock.view(loaded).freshness == Freshness::Fresh);
        self.state().paused_until = (!fresh).then(|| Instant::now() + self.pause);
    }

    /// Refreshes what `before` holds, unless another program did so meanwhile.
    async fn refresh(&self, request: &RefreshRequest, before: &LoadedCredentials) -> SessionResult {
        let lock = self.cache.lock().await?;
        let turn = match self.turn(request, before).await? {
            Whose::Ours(turn) => turn,
            Whose::Done(session) => return Ok(session),
        };
        self.faults.renewal();
        let mut snapshot = self.cache.load().await?;
        if self.take_over(&snapshot).await {
            snapshot = self.cache.load().await?;
        }
        let (loaded, reason) = match self.decide(request, &snapshot) {
            RefreshDecision::Use(session) => return Ok(session),
            RefreshDecision::Refuse(error) => return Err(error),
            RefreshDecision::Refresh(loaded, _) if self.is_news(before, &loaded) => {
                return Ok(Arc::clone(&loaded.session));
            }
            RefreshDecision::Refresh(loaded, reason) => (loaded, reason),
        };
        if let Some(held_back) = self.brake(request, &loaded, lock.as_ref()) {
            return held_back;
        }
        let space = self.reserve(request, &loaded).await?;
        self.note_renewal(lock.as_ref(), &loaded, None);
        match self.spend_in(&turn, &loaded, reason).await {
            Ok(grant) => {
                self.note_renewal(lock.as_ref(), &loaded, Some(&grant));
                self.keep(request, &loaded, Refreshed { grant, space, turn }).await
            }
            Err(EndpointError::Refused(refusal)) => self.refused(request, &loaded, refusal).await,
            Err(error) => {
                self.failed(lock.as_ref());
                Err(KeeperError::unavailable(error))
            }
        }
    }

    /// Reserves space for the new tokens, which tries all that saving takes. Without space, a token that
    /// is still valid is not refreshed; one that has ended is, since new tokens in memory are better
    /// than none. Where saving can never work, no token is spent.
    async fn reserve(
        &self,
        request: &RefreshRequest,
        loaded: &LoadedCredentials,
    ) -> Result<Option<Box<dyn Reservation>>, KeeperError> {
        let store = Arc::clone(&self.cache.store);
        let size = loaded.file.render().len() + SPARE_SPACE;
        match blocking(move || store.reserve(size)).await? {
            Ok(space) => Ok(Some(space)),
            Err(error) if !is_passing(&error) => Err(error.into()),
            Err(error) if matches!(request, RefreshRequest::Early) && !self.has_ended(loaded) => {
                Err(error.into())
            }
            Err(error) => {
                tracing::warn!(%error, "renewing although the new tokens may not be saved");
                Ok(None)
            }
        }
    }

    async fn spend(
        &self,
        loaded: &LoadedCredentials,
        reason: RefreshReason,
    ) -> Result<Grant, EndpointError> {
        tracing::debug!(?reason, "renewing the sign-in");
        let refused = |refusal| move || EndpointError::Refused(refusal);
        let token = loaded.refresh_token.as_ref();
        let token = token.ok_or_else(refused(RefreshRefusal::NoRefreshToken))?;
        let client_id = self.endpoint.client_of(self.profile, &loaded.provenance);
        let client_id = client_id.ok_or_else(refused(RefreshRefusal::NoClient))?;
        let call = RefreshCall { token, client_id, reason };
        let (grant, date) = self.endpoint.refresh(self.profile, call).await?;
        self.clock.hear(date);
        self.clock.receive(&grant);
        Ok(grant)
    }

    /// Saves and publishes a grant; publishes it also when it cannot be saved.
    async fn keep(
        &self,
        request: &RefreshRequest,
        loaded: &LoadedCredentials,
        refreshed: Refreshed,
    ) -> SessionResult {
        let Refreshed { grant, space, turn } = refreshed;
        if !loaded.identity.agrees(&AccountIdentity::of(&grant.claims())) {
            let error = self.reject(loaded, RefreshRefusal::OtherAccount);
            tracing::warn!(%error, "threw the renewed tokens away");
            let file = AuthFile::signed_in(&grant, self.clock.wall());
            let file = file.with_provenance(&loaded.provenance);
            relinquish_unsaved(&self.endpoint, file).await;
            return Err(error);
        }
        let next = Arc::new(turn.mark(loaded.file.renewed(&grant, self.clock.wall())));
        let renewed =
            LoadedCredentials::new(loaded.ownership, Arc::clone(&next), Arc::clone(&next));
        match self.saver.commit(space, &loaded.stored, &next).await {
            Ok(()) => self.cache.publish(renewed.clone()),
            Err(StoreError::Changed { place }) => {
                tracing::warn!(
                    place,
                    "the sign-in was replaced while it was renewed; using the new one"
                );
                self.let_go_of(&next).await;
                return self.reload(request).await;
            }
            Err(error) => self.saver.keep_unsaved(loaded, &next, &error).await,
        }
        let session = renewed.filter(|renewed| !self.has_ended(renewed));
        match session.map(|renewed| Ok(Arc::clone(&renewed.session))) {
            Some(renewed) if request.accepts(&renewed) => renewed,
            _ => Err(KeeperError::unavailable(TransientCause::NoNewToken)),
        }
    }

    /// Reads the store once more, since a program that takes no lock may have renewed; otherwise
    /// the sign-in has ended until its file changes.
    async fn refused(
        &self,
        request: &RefreshRequest,
        loaded: &LoadedCredentials,
        refusal: RefreshRefusal,
    ) -> SessionResult {
        let error = self.reject(loaded, refusal);
        tracing::warn!(%error, "the sign-in service refused the renewal");
        let result = self.reload(request).await;
        let ended = matches!(result, Err(KeeperError::SignInExpired { .. }));
        if self.profile.deletes_ended && ended && self.profile.has_code_for(refusal) {
            self.delete_tokens().await;
        }
        result
    }

    /// Remembers that a refresh token is of no use, and makes the error that says so.
    fn reject(&self, loaded: &LoadedCredentials, refusal: RefreshRefusal) -> KeeperError {
        let token = loaded.refresh_token.clone();
        self.state().rejected = Some(RejectedToken { token, refusal });
        loaded.ended(refusal)
    }

    /// Reads the store again and uses what is there, without another refresh.
    async fn reload(&self, request: &RefreshRequest) -> SessionResult {
        let snapshot = self.cache.load().await?;
        match self.decide(request, &snapshot) {
            RefreshDecision::Use(session) => Ok(session),
            RefreshDecision::Refuse(error) => Err(error),
            RefreshDecision::Refresh(..) => {
                Err(KeeperError::unavailable(TransientCause::Overtaken))
            }
        }
    }

    /// Returns whether another program renewed: any other access token that is valid is taken, even if
    /// it ends soon, too.
    fn is_news(&self, before: &LoadedCredentials, now: &LoadedCredentials) -> bool {
        before.token() != now.token() && !self.has_ended(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a store may work again by itself. What is for a person to change makes a renewal
/// that cannot be saved certain to be lost.
fn is_passing(error: &StoreError) -> bool {
    match error {
        StoreError::File(error) => error.is_lack_of_room(),
        StoreError::Keyring(_) | StoreError::Lost(_) => true,
        _ => false,
    }
}
