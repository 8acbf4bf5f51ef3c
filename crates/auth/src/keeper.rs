//! The keeper: hands out a valid access token and renews it, one renewal at a time.
//!
//! Requests arrive by the hundred, and a refresh token is good for one use. So whoever needs a new
//! token waits for the one refresh under way ([`single_flight`]), and programs wait for each other
//! by a lock file. A token's trip goes down through the files: `keeper` (who waits for whom),
//! `refresher` (spends the refresh token), `saving`, `token_cache` (the stores); `decision` alone
//! says what to do, free of IO. A task that renews by the clock would need no waiting, but it would
//! renew for programs that nobody uses, and a laptop that sleeps misses its alarm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chatmock_shared::SharedError;

use crate::endpoint::EndpointError;
use crate::fault::CLOCK_SKEW;
use crate::secret::Secret;
use crate::store::{SharedSignIn, TokenStore};

mod brake;
mod clock;
mod decision;
mod error;
mod loaded;
mod refresher;
mod saving;
mod settings;
mod single_flight;
#[cfg(test)]
mod tests;
mod token_cache;

use clock::Clock;
use decision::{Asker, RefreshDecision, RefreshRequest};
pub use error::KeeperError;
use error::TransientCause;
pub use loaded::Session;
use loaded::SessionResult;
use refresher::Refresher;
use saving::Saver;
pub use settings::KeeperSettings;
use single_flight::{LostRun, SingleFlight};
use token_cache::TokenCache;

/// Keeps one sign-in usable. Clones share everything.
#[derive(Clone)]
pub struct TokenKeeper {
    shared: Arc<Shared>,
}

struct Shared {
    cache: Arc<TokenCache>,
    refresher: Arc<Refresher>,
    flights: SingleFlight<Work, SessionResult>,
}

/// The stores of a keeper.
struct Stores {
    own: Arc<dyn TokenStore>,
    borrowed: Option<Arc<dyn TokenStore>>,
}

/// What runs once for all who need it. Reading the stores does not wait behind a refresh, or callers
/// whose token is still valid would.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Work {
    Load,
    Refresh,
}

impl TokenKeeper {
    /// Makes a keeper over a store of our own and, when the caller opted in, another program's file
    /// that is read while ours is absent.
    pub fn new(
        settings: &KeeperSettings,
        store: Arc<dyn TokenStore>,
        borrowed: Option<Arc<dyn TokenStore>>,
    ) -> Result<Self, EndpointError> {
        Self::with_clock(settings, Stores { own: store, borrowed }, Clock::system())
    }

    fn with_clock(
        settings: &KeeperSettings,
        stores: Stores,
        clock: Clock,
    ) -> Result<Self, EndpointError> {
        let Stores { own: store, borrowed } = stores;
        let endpoint = settings.endpoint()?;
        let profile = settings.route.profile().ok_or(EndpointError::UnknownRoute)?;
        let (wanted, lock_wait) = (settings.provenance(), settings.lock_wait);
        let cache = Arc::new(TokenCache::new(store, borrowed, wanted, lock_wait));
        let saver = Arc::new(Saver::new(Arc::clone(&cache), settings.save_again));
        let (faults, state) = Default::default();
        let refresher = Arc::new(Refresher {
            cache: Arc::clone(&cache),
            saver,
            endpoint,
            profile,
            clock,
            pause: settings.renew_again,
            faults,
            state,
            renewed: AtomicU64::new(0),
            not_renewed: AtomicU64::new(0),
        });
        let shared = Shared { cache, refresher, flights: SingleFlight::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Returns a session that can be used now. An access token that has ended is renewed first; one
    /// that ends soon is returned while its renewal runs in the background.
    ///
    /// Looks at the stores each time, so a sign-in or sign-out by another program takes effect at
    /// once. A caller that goes away stops nothing: the renewal goes on.
    pub async fn current(&self) -> Result<Arc<Session>, KeeperError> {
        let session = match self.shared.peek() {
            Some(result) => result?,
            None => self.shared.load().await?,
        };
        self.shared.refresh_early();
        Ok(session)
    }

    /// Returns the sign-in as it is stored, whether or not its token has ended; nothing is renewed and nobody asked.
    pub async fn stored(&self) -> Option<Arc<Session>> {
        let snapshot = match self.shared.cache.peek() {
            Some(snapshot) => snapshot,
            None => self.shared.cache.load().await.ok()?,
        };
        Some(Arc::clone(&snapshot.loaded.as_ref()?.session))
    }

    /// Returns another session after the backend refused the token `stale`: one that is already
    /// there for the same account, else a renewed one.
    ///
    /// A token that was renewed less than a minute ago and never [accepted](Self::accepted) is not
    /// renewed again, nor is one after three renewals in ten minutes that did not help:
    /// [`KeeperError::StillRefused`] says that the refusal is the backend's answer.
    pub async fn renew(&self, stale: &Secret) -> Result<Arc<Session>, KeeperError> {
        self.replace(stale, Asker::Backend).await
    }

    /// Learns that the backend has accepted a token: its renewal was of use, and a later refusal is a
    /// reason to renew again. Call it for each success; it costs a comparison.
    pub fn accepted(&self, token: &str) {
        self.shared.refresher.clock.accept(token);
    }

    /// Renews now, also when the access token is still valid, and returns the renewed session.
    pub async fn refresh(&self) -> Result<Arc<Session>, KeeperError> {
        let snapshot = self.shared.cache.load().await?;
        let loaded = snapshot.loaded.as_ref().ok_or_else(|| self.shared.cache.signed_out())?;
        self.replace(loaded.token(), Asker::Person).await
    }

    async fn replace(&self, stale: &Secret, by: Asker) -> SessionResult {
        let identity = self.shared.cache.identity_of(stale);
        self.shared.refresh(RefreshRequest::Replace { stale: stale.clone(), identity, by }).await
    }

    /// Waits for a renewal under way and tries once more to save what could not be saved. Call it
    /// before the runtime ends: a renewal that is cut off there has spent its token for nothing.
    ///
    /// What the store still does not take is put away for the next start. Returns `false` when renewed
    /// tokens are lost all the same, so that somebody has to sign in again.
    pub async fn finish(&self) -> bool {
        // A load may start a refresh, so it is waited for first.
        for work in [Work::Load, Work::Refresh] {
            self.shared.flights.finish(&work).await;
        }
        self.shared.refresher.saver.save_now().await;
        self.shared.refresher.saver.rescue().await
    }

    /// The copy of the sign-in that several servers share, where there is one.
    #[must_use]
    pub fn shared(&self) -> Option<Arc<SharedSignIn>> {
        self.shared.cache.store.shared()
    }

    /// Checks that the shared copy of the sign-in can be opened, where there is one.
    ///
    /// # Errors
    /// When it is sealed with another key or not genuine, or the engine cannot be asked.
    pub async fn check_shared(&self) -> Result<(), SharedError> {
        match self.shared() {
            Some(shared) => shared.opens().await,
            None => Ok(()),
        }
    }

    /// Looks once at the shared copy of the sign-in, and takes over what another server has put there.
    pub async fn follow_shared(&self) {
        let Some(shared) = self.shared() else { return };
        if !shared.is_current().await
            && let Err(error) = self.shared.cache.load().await
        {
            tracing::debug!(%error, "the shared sign-in could not be read");
        }
    }

    /// Returns the number of renewals so far that brought a token, and of those that did not.
    #[must_use]
    pub fn renewals(&self) -> (u64, u64) {
        let Refresher { renewed, not_renewed, .. } = &*self.shared.refresher;
        (renewed.load(Ordering::Relaxed), not_renewed.load(Ordering::Relaxed))
    }

    /// Returns whether the issuer's last answer showed that this machine's clock is wrong, by more than the
    /// minute that does no harm.
    #[must_use]
    pub fn is_clock_off(&self) -> bool {
        self.shared.refresher.clock.ahead().is_some_and(|ahead| ahead.unsigned_abs() > CLOCK_SKEW)
    }

    /// Makes the next renewal panic while it holds the lock, for tests of the consequences.
    #[cfg(feature = "fault-injection")]
    pub fn fault_in_next_renewal(&self) {
        self.shared.refresher.faults.in_next_renewal();
    }
}

impl Shared {
    /// Answers from memory; `None` when a store must be read or the token refreshed.
    fn peek(&self) -> Option<SessionResult> {
        let snapshot = self.cache.peek()?;
        match self.refresher.decide(&RefreshRequest::Current, &snapshot) {
            RefreshDecision::Use(session) => Some(Ok(session)),
            RefreshDecision::Refuse(error) => Some(Err(error)),
            RefreshDecision::Refresh(..) => None,
        }
    }

    /// Reads the stores, or waits for a read under way.
    async fn load(self: &Arc<Self>) -> SessionResult {
        let work = || Arc::clone(self).read();
        let accepts = |result: &SessionResult| RefreshRequest::Current.accepts(result);
        self.flights.run(Work::Load, work, accepts).await.unwrap_or_else(cut_off)
    }

    async fn read(self: Arc<Self>) -> SessionResult {
        let request = RefreshRequest::Current;
        let result = match self.cache.load().await {
            Err(error) => Err(error),
            Ok(snapshot) => match self.refresher.decide(&request, &snapshot) {
                RefreshDecision::Use(session) => Ok(session),
                RefreshDecision::Refuse(error) => Err(error),
                RefreshDecision::Refresh(..) => self.refresh(RefreshRequest::Early).await,
            },
        };
        result.or_else(|error| self.refresher.fall_back(&request, error))
    }

    /// Refreshes the sign-in, or waits for a refresh under way.
    async fn refresh(&self, request: RefreshRequest) -> SessionResult {
        let work = || Arc::clone(&self.refresher).run(request.clone());
        let accepts = |result: &SessionResult| request.accepts(result);
        self.flights.run(Work::Refresh, work, accepts).await.unwrap_or_else(cut_off)
    }

    /// Starts an early refresh when one is due. Nobody waits for it.
    fn refresh_early(&self) {
        if self.refresher.is_due_early() {
            let work = || Arc::clone(&self.refresher).run(RefreshRequest::Early);
            self.flights.join(Work::Refresh, work);
        }
    }
}

fn cut_off(_: LostRun) -> SessionResult {
    Err(KeeperError::unavailable(TransientCause::CutOff))
}

impl std::fmt::Debug for TokenKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKeeper").finish_non_exhaustive()
    }
}
