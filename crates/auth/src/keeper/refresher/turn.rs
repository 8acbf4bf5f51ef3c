//! The turn to renew, among servers that share a sign-in.
//!
//! One of them holds the lease and renews; the others wait and take what it has put into the engine. While the engine is
//! away, nobody can know who renews: so a token that is still good is used on, and only the home that made the newest
//! sign-in renews one that has ended.

use std::sync::Arc;
use std::time::Duration;

use chatmock_shared::{Lease, SharedError};
use tokio::time::{Instant, sleep, timeout};

use super::Refresher;
use crate::endpoint::{EndpointError, RefreshReason};
use crate::keeper::decision::{RefreshDecision, RefreshRequest};
use crate::keeper::error::{KeeperError, TransientCause};
use crate::keeper::loaded::{LoadedCredentials, Session};
use crate::store::SharedSignIn;
use crate::tokens::{AuthFile, Grant, SharedMark};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// Longer than it takes the other servers to look at the engine and put back what it has lost.
const ROUND: Duration = Duration::from_secs(3);

/// Whose turn it is.
pub(super) enum Whose {
    /// Ours.
    Ours(Turn),
    /// Nobody's any more: another server has renewed meanwhile.
    Done(Arc<Session>),
}

/// The turn to renew.
pub(super) enum Turn {
    /// Nobody else shares the sign-in.
    Alone,
    /// Others share it, and this one holds the lease.
    Leased { lease: Lease, mark: SharedMark, limit: Duration },
    /// Others share it, and nobody can hold a lease.
    Cut(SharedMark),
}

impl Turn {
    /// Marks renewed tokens as those of this turn.
    pub(super) fn mark(&self, file: AuthFile) -> AuthFile {
        let mark = match self {
            Self::Alone => return file,
            Self::Leased { lease, mark, .. } => {
                if lease.is_lost() {
                    tracing::warn!("the lease of the renewal ended before it; the fence decides");
                }
                mark
            }
            Self::Cut(mark) => mark,
        };
        // Tokens that a former program could not save were taken over with a fence of their own.
        let held = file.shared().map_or(0, |held| held.fence);
        file.with_shared(&SharedMark { fence: mark.fence.max(held + 1), ..mark.clone() })
    }
}

impl Refresher {
    /// Waits for the turn to renew. The caller holds the lock of the home.
    pub(super) async fn turn(
        &self,
        request: &RefreshRequest,
        before: &LoadedCredentials,
    ) -> Result<Whose, KeeperError> {
        let Some(shared) = self.cache.store.shared() else { return Ok(Whose::Ours(Turn::Alone)) };
        let deadline = Instant::now() + self.cache.lock_wait();
        let mut pause = FIRST_PAUSE;
        loop {
            match shared.lease().await {
                Ok(Some(lease)) => return Ok(Whose::Ours(leased(&shared, lease).await)),
                Ok(None) if Instant::now() >= deadline => {
                    return Err(KeeperError::unavailable(TransientCause::SharedBusy));
                }
                Ok(None) => {}
                Err(error) => return self.cut_off(&shared, before, error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if let Some(session) = self.news(request, before).await? {
                return Ok(Whose::Done(session));
            }
        }
    }

    /// Returns what another server has put into the engine meanwhile, if that is of use.
    async fn news(
        &self,
        request: &RefreshRequest,
        before: &LoadedCredentials,
    ) -> Result<Option<Arc<Session>>, KeeperError> {
        let snapshot = self.cache.load().await?;
        Ok(match self.decide(request, &snapshot) {
            RefreshDecision::Use(session) => Some(session),
            RefreshDecision::Refuse(error) => return Err(error),
            RefreshDecision::Refresh(loaded, _) if self.is_news(before, &loaded) => {
                Some(Arc::clone(&loaded.session))
            }
            RefreshDecision::Refresh(..) => None,
        })
    }

    /// Decides whether this server renews although the engine is away.
    fn cut_off(
        &self,
        shared: &SharedSignIn,
        before: &LoadedCredentials,
        error: SharedError,
    ) -> Result<Whose, KeeperError> {
        let alone = shared.alone(&before.file).filter(|_| error.is_passing());
        match alone.filter(|_| self.has_ended(before)) {
            Some(mark) => {
                tracing::warn!(%error, fence = mark.fence, "renewing the sign-in without the shared engine");
                Ok(Whose::Ours(Turn::Cut(mark)))
            }
            None => Err(KeeperError::unavailable(error)),
        }
    }

    /// Spends the token within the time of a lease.
    pub(super) async fn spend_in(
        &self,
        turn: &Turn,
        loaded: &LoadedCredentials,
        reason: RefreshReason,
    ) -> Result<Grant, EndpointError> {
        let spending = self.spend(loaded, reason);
        match turn {
            Turn::Leased { limit, .. } => {
                timeout(*limit, spending).await.unwrap_or(Err(EndpointError::TooSlow))
            }
            Turn::Alone | Turn::Cut(_) => spending.await,
        }
    }
}

async fn leased(shared: &SharedSignIn, lease: Lease) -> Turn {
    if shared.has_changed().await {
        tracing::warn!(
            "the shared engine was restarted or emptied: waiting for newer copies of the sign-in"
        );
        sleep(ROUND).await;
    }
    let mark = shared.mark(lease.fence());
    // Shorter than the lease, so that nobody else spends the token meanwhile.
    let limit = shared.engine().lease_time() * 3 / 4;
    Turn::Leased { lease, mark, limit }
}
