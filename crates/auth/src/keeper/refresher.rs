//! The renewal: lock, look again, claim room, spend the token, keep what came.

use std::sync::Arc;

use time::OffsetDateTime;

use super::decision::{RefreshDecision, RefreshRequest, RejectedToken};
use super::error::{KeeperError, TransientCause};
use super::loaded::{LoadedCredentials, Snapshot};
use super::single_flight::Outcome;
use super::token_cache::{TokenCache, blocking};
use crate::claims::{AccountIdentity, Claims};
use crate::endpoint::{EndpointError, RefreshReason, RefreshRefusal, Renewal};
use crate::lock::{HomeLock, LockError};
use crate::store::{Reservation, StoreError};
use crate::tokens::{Freshness, Grant};

/// Room beyond the present size, for tokens that grow with their claims.
const SPARE_ROOM: usize = 16 * 1024;

impl TokenCache {
    /// Renews what `before` holds, unless another program did so meanwhile.
    pub(super) async fn renew(
        self: &Arc<Self>,
        request: &RefreshRequest,
        before: &LoadedCredentials,
    ) -> Outcome {
        let _lock = self.lock().await?;
        self.faults.renewal();
        let snapshot = self.reload().await?;
        let Some(loaded) = &snapshot.loaded else { return Err(self.signed_out()) };
        let reason = match self.step(&snapshot, request) {
            RefreshDecision::Use => return Ok(Arc::clone(&loaded.session)),
            RefreshDecision::Refuse(error) => return Err(error),
            RefreshDecision::Refresh(_) if is_news(before, loaded) => {
                return Ok(Arc::clone(&loaded.session));
            }
            RefreshDecision::Refresh(reason) => reason,
        };
        let room = self.room(request, loaded).await?;
        match self.spend(loaded, reason).await {
            Ok(grant) => self.keep(loaded, Refreshed { grant, room }, request).await,
            Err(EndpointError::Refused(refusal)) => self.refused(request, loaded, refusal).await,
            Err(error) => Err(KeeperError::unavailable(error)),
        }
    }

    pub(super) async fn lock(&self) -> Result<Option<HomeLock>, KeeperError> {
        let Some(path) = self.store.lock_path() else { return Ok(None) };
        match HomeLock::acquire(path, self.settings.lock_wait).await {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::File(error)) => Err(StoreError::from(error).into()),
            Err(busy) => Err(KeeperError::unavailable(busy)),
        }
    }

    /// Claims the room. Without room, a token that still lives is not renewed; one that does not
    /// is, since new tokens in memory are better than none.
    async fn room(
        self: &Arc<Self>,
        request: &RefreshRequest,
        loaded: &LoadedCredentials,
    ) -> Result<Option<Box<dyn Reservation>>, KeeperError> {
        let store = Arc::clone(&self.store);
        let size = loaded.file.render().len() + SPARE_ROOM;
        match blocking(move || store.reserve(size)).await? {
            Ok(room) => Ok(Some(room)),
            Err(error) if matches!(request, RefreshRequest::Early) && !has_ended(loaded) => {
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
        self.endpoint.renew(self.profile, Renewal { token, client_id, reason }).await
    }

    /// Saves and publishes a grant; publishes it even if it cannot be saved.
    async fn keep(
        self: &Arc<Self>,
        loaded: &LoadedCredentials,
        delivery: Refreshed,
        request: &RefreshRequest,
    ) -> Outcome {
        let Refreshed { grant, room } = delivery;
        let claims = Claims::of(grant.id_token.as_ref(), grant.access_token.as_ref());
        if !loaded.identity.agrees(&AccountIdentity::of(&claims)) {
            let error = self.reject(loaded, RefreshRefusal::OtherAccount);
            tracing::warn!(%error, "threw the renewed tokens away");
            return Err(error);
        }
        let next = Arc::new(loaded.file.renewed(&grant, OffsetDateTime::now_utc()));
        let renewed = LoadedCredentials::new(loaded.access, Arc::clone(&next), Arc::clone(&next));
        match self.commit(room, &loaded.stored, &next).await {
            Ok(()) => self.publish(renewed.clone()),
            Err(StoreError::Changed { place }) => {
                tracing::warn!(place, "the sign-in changed during its renewal, and stands");
                return self.adopt(request).await;
            }
            Err(error) => self.go_on_unsaved(loaded, &next, &error).await,
        }
        let session = renewed.filter(|renewed| !has_ended(renewed)).map(|renewed| renewed.session);
        match session.map(Ok) {
            Some(renewed) if request.accepts(&renewed) => renewed,
            _ => Err(KeeperError::unavailable(TransientCause::NoNewToken)),
        }
    }

    /// Looks once more, since another program may have renewed without our lock; else the sign-in
    /// has ended until its file changes.
    async fn refused(
        self: &Arc<Self>,
        request: &RefreshRequest,
        loaded: &LoadedCredentials,
        refusal: RefreshRefusal,
    ) -> Outcome {
        let error = self.reject(loaded, refusal);
        tracing::warn!(%error, "the sign-in service refused the renewal");
        let outcome = self.adopt(request).await;
        let ended = matches!(outcome, Err(KeeperError::SignInExpired { .. }));
        let told = self.profile.terminal.iter().any(|(_, _, known)| *known == refusal);
        if self.profile.drops_ended && ended && told {
            self.drop_tokens().await;
        }
        outcome
    }

    /// Deletes tokens that were refused for good. The caller holds the lock.
    async fn drop_tokens(self: &Arc<Self>) {
        let store = Arc::clone(&self.store);
        if let Ok(Err(error)) = blocking(move || store.remove()).await {
            tracing::warn!(%error, "tokens of no more use could not be deleted");
        }
    }

    fn reject(&self, loaded: &LoadedCredentials, refusal: RefreshRefusal) -> KeeperError {
        let token = loaded.refresh_token.clone();
        self.state().rejected = Some(RejectedToken { token, refusal });
        loaded.ended(refusal)
    }

    async fn adopt(self: &Arc<Self>, request: &RefreshRequest) -> Outcome {
        let snapshot = self.reload().await?;
        match (self.step(&snapshot, request), &snapshot.loaded) {
            (RefreshDecision::Use, Some(loaded)) => Ok(Arc::clone(&loaded.session)),
            (RefreshDecision::Refuse(error), _) => Err(error),
            _ => Err(KeeperError::unavailable(TransientCause::Overtaken)),
        }
    }

    /// Makes this the state, to be compared with the store at the next glance.
    pub(super) fn publish(&self, loaded: Option<LoadedCredentials>) {
        self.state().snapshot = Some(Arc::new(Snapshot { stamps: None, loaded }));
    }
}

/// What a renewal brought, and where it may be put.
struct Refreshed {
    grant: Grant,
    room: Option<Box<dyn Reservation>>,
}

/// Another access token that lives is taken even if it, too, ends soon.
fn is_news(before: &LoadedCredentials, now: &LoadedCredentials) -> bool {
    before.token() != now.token() && !has_ended(now)
}

fn has_ended(loaded: &LoadedCredentials) -> bool {
    loaded.lifetime.freshness(OffsetDateTime::now_utc()) == Freshness::Expired
}
