//! The renewal: lock, look again, claim room, spend the token, keep what came.

use std::sync::Arc;

use time::OffsetDateTime;

use super::custody::{Custody, blocking};
use super::error::{Hitch, KeeperError};
use super::flight::Outcome;
use super::holding::{Holding, Snapshot};
use super::step::{Dead, Order, Step};
use crate::claims::{Claims, Identity};
use crate::endpoint::{EndpointError, Reason, Refusal, Renewal};
use crate::lock::{HomeLock, LockError};
use crate::store::{Reservation, StoreError};
use crate::tokens::{Freshness, Grant};

/// Room beyond the present size, for tokens that grow with their claims.
const SPARE_ROOM: usize = 16 * 1024;

impl Custody {
    /// Renews what `before` holds, unless another program did so meanwhile.
    pub(super) async fn renew(self: &Arc<Self>, order: &Order, before: &Holding) -> Outcome {
        let _lock = self.lock().await?;
        self.faults.renewal();
        let snapshot = self.reload().await?;
        let Some(holding) = &snapshot.holding else { return Err(self.signed_out()) };
        let reason = match self.step(&snapshot, order) {
            Step::Use => return Ok(Arc::clone(&holding.session)),
            Step::Refuse(error) => return Err(error),
            Step::Renew(_) if is_news(before, holding) => return Ok(Arc::clone(&holding.session)),
            Step::Renew(reason) => reason,
        };
        let room = self.room(order, holding).await?;
        match self.spend(holding, reason).await {
            Ok(grant) => self.keep(holding, Delivery { grant, room }, order).await,
            Err(EndpointError::Refused(refusal)) => self.refused(order, holding, refusal).await,
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
        order: &Order,
        holding: &Holding,
    ) -> Result<Option<Box<dyn Reservation>>, KeeperError> {
        let store = Arc::clone(&self.store);
        let size = holding.file.render().len() + SPARE_ROOM;
        match blocking(move || store.reserve(size)).await? {
            Ok(room) => Ok(Some(room)),
            Err(error) if matches!(order, Order::Early) && !has_ended(holding) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "renewing although the new tokens may not be saved");
                Ok(None)
            }
        }
    }

    async fn spend(&self, holding: &Holding, reason: Reason) -> Result<Grant, EndpointError> {
        tracing::debug!(?reason, "renewing the sign-in");
        let refused = |refusal| move || EndpointError::Refused(refusal);
        let token = holding.refresh_token.as_ref();
        let token = token.ok_or_else(refused(Refusal::NoRefreshToken))?;
        let client_id = self.endpoint.client_of(self.practice, &holding.origin);
        let client_id = client_id.ok_or_else(refused(Refusal::NoClient))?;
        self.endpoint.renew(self.practice, Renewal { token, client_id, reason }).await
    }

    /// Saves and publishes a grant; publishes it even if it cannot be saved.
    async fn keep(
        self: &Arc<Self>,
        holding: &Holding,
        delivery: Delivery,
        order: &Order,
    ) -> Outcome {
        let Delivery { grant, room } = delivery;
        let claims = Claims::of(grant.id_token.as_ref(), grant.access_token.as_ref());
        if !holding.identity.agrees(&Identity::of(&claims)) {
            let error = self.bury(holding, Refusal::OtherAccount);
            tracing::warn!(%error, "threw the renewed tokens away");
            return Err(error);
        }
        let next = Arc::new(holding.file.renewed(&grant, OffsetDateTime::now_utc()));
        let renewed = Holding::new(holding.access, Arc::clone(&next), Arc::clone(&next));
        match self.commit(room, &holding.stored, &next).await {
            Ok(()) => self.publish(renewed.clone()),
            Err(StoreError::Changed { place }) => {
                tracing::warn!(place, "the sign-in changed during its renewal, and stands");
                return self.adopt(order).await;
            }
            Err(error) => self.go_on_unsaved(holding, &next, &error).await,
        }
        let session = renewed.filter(|renewed| !has_ended(renewed)).map(|renewed| renewed.session);
        match session.map(Ok) {
            Some(renewed) if order.accepts(&renewed) => renewed,
            _ => Err(KeeperError::unavailable(Hitch::NoNewToken)),
        }
    }

    /// Looks once more, since another program may have renewed without our lock; else the sign-in
    /// has ended until its file changes.
    async fn refused(
        self: &Arc<Self>,
        order: &Order,
        holding: &Holding,
        refusal: Refusal,
    ) -> Outcome {
        let error = self.bury(holding, refusal);
        tracing::warn!(%error, "the sign-in service refused the renewal");
        let outcome = self.adopt(order).await;
        let ended = matches!(outcome, Err(KeeperError::SignInExpired { .. }));
        let told = self.practice.terminal.iter().any(|(_, _, known)| *known == refusal);
        if self.practice.drops_ended && ended && told {
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

    fn bury(&self, holding: &Holding, refusal: Refusal) -> KeeperError {
        let token = holding.refresh_token.clone();
        self.state().dead = Some(Dead { token, refusal });
        holding.ended(refusal)
    }

    async fn adopt(self: &Arc<Self>, order: &Order) -> Outcome {
        let snapshot = self.reload().await?;
        match (self.step(&snapshot, order), &snapshot.holding) {
            (Step::Use, Some(holding)) => Ok(Arc::clone(&holding.session)),
            (Step::Refuse(error), _) => Err(error),
            _ => Err(KeeperError::unavailable(Hitch::Overtaken)),
        }
    }

    /// Makes this the state, to be compared with the store at the next glance.
    pub(super) fn publish(&self, holding: Option<Holding>) {
        self.state().snapshot = Some(Arc::new(Snapshot { marks: None, holding }));
    }
}

/// What a renewal brought, and where it may be put.
struct Delivery {
    grant: Grant,
    room: Option<Box<dyn Reservation>>,
}

/// Another access token that lives is taken even if it, too, ends soon.
fn is_news(before: &Holding, now: &Holding) -> bool {
    before.token() != now.token() && !has_ended(now)
}

fn has_ended(holding: &Holding) -> bool {
    holding.lifetime.freshness(OffsetDateTime::now_utc()) == Freshness::Expired
}
