//! The keeper: hands out a usable session and renews it, one renewal at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::{Endpoint, EndpointError, EndpointSettings};
use crate::lock::LOCK_WAIT;
use crate::route::{Origin, Route};
use crate::secret::Secret;
use crate::store::TokenStore;

mod custody;
mod error;
mod flight;
mod holding;
mod renewal;
mod saving;
mod step;
#[cfg(test)]
pub(crate) mod tests;

use custody::Custody;
pub use error::KeeperError;
pub use holding::Session;
use step::Order;

/// The issuer of ChatGPT sign-ins.
pub const ISSUER: &str = "https://auth.openai.com";

/// The public OAuth client that ChatGPT sign-ins for Codex are issued to. It is no secret: it
/// stands in every sign-in address. The issuer accepts a refresh token only from its own client.
pub const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// What a [`TokenKeeper`] needs to know.
#[derive(Clone, Debug)]
pub struct KeeperSettings {
    /// The issuer's address; [`ISSUER`] by default.
    pub issuer: String,
    /// The OAuth client of routes where one is known to all; [`CLIENT_ID`] by default. Where every
    /// installation has its own, that stands in the stored sign-in.
    pub client_id: String,
    /// The route whose tokens are handed out, and no other's; [`Route::CODEX`] by default.
    pub route: Route,
    /// The program's name for the issuer.
    pub originator: String,
    /// The `user-agent` for the issuer.
    pub user_agent: String,
    /// How long another program's renewal is waited for; [`LOCK_WAIT`] by default.
    pub lock_wait: Duration,
    /// Pause before renewed tokens that could not be saved are saved again; 5 s by default.
    pub save_again: Duration,
    /// Pause after an early renewal that brought nothing; 30 s by default.
    pub renew_again: Duration,
}

impl KeeperSettings {
    /// Takes the caller's name and the defaults for the rest.
    pub fn new(originator: impl Into<String>, user_agent: impl Into<String>) -> Self {
        Self {
            issuer: ISSUER.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            route: Route::CODEX,
            originator: originator.into(),
            user_agent: user_agent.into(),
            lock_wait: LOCK_WAIT,
            save_again: Duration::from_secs(5),
            renew_again: Duration::from_secs(30),
        }
    }
}

impl KeeperSettings {
    /// The origin that a sign-in must have to be used.
    pub fn origin(&self) -> Origin {
        let fixed = self.route.practice().is_none_or(|practice| !practice.registers);
        Origin {
            route: self.route.clone(),
            issuer: Some(self.issuer.clone()),
            client_id: fixed.then(|| self.client_id.clone()),
        }
    }
}

/// Keeps one sign-in usable. Clones share everything.
#[derive(Clone)]
pub struct TokenKeeper {
    custody: Arc<Custody>,
}

impl TokenKeeper {
    /// Makes a keeper over a store of ours and, when the caller opted in, another program's file
    /// that is read while ours is absent.
    pub fn new(
        settings: KeeperSettings,
        store: Arc<dyn TokenStore>,
        borrowed: Option<Arc<dyn TokenStore>>,
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::new(EndpointSettings {
            issuer: &settings.issuer,
            client_id: &settings.client_id,
            originator: &settings.originator,
            user_agent: &settings.user_agent,
        })?;
        Ok(Self { custody: Arc::new(Custody::new(settings, endpoint, store, borrowed)?) })
    }

    /// Gives the session as it stands. An access token that has ended is renewed first; one that
    /// ends soon is given as it is while its renewal runs beside.
    ///
    /// Looks at the store each time, so a sign-in or sign-out elsewhere counts at once. A caller
    /// that goes away stops nothing: the renewal runs on by itself.
    pub async fn current(&self) -> Result<Arc<Session>, KeeperError> {
        let session = match self.custody.glance() {
            Some(outcome) => outcome?,
            None => self.custody.join(&Order::Current).await?,
        };
        self.custody.renew_ahead();
        Ok(session)
    }

    /// Gives another session after the backend refused `stale`: one that is already there for the
    /// same account, else a renewed one.
    pub async fn renew(&self, stale: &Secret) -> Result<Arc<Session>, KeeperError> {
        let order = self.custody.replacing(stale);
        self.custody.join(&order).await
    }

    /// Renews now, whether or not the access token would last. Gives the renewed session.
    pub async fn refresh(&self) -> Result<Arc<Session>, KeeperError> {
        let held = self.custody.reload().await?;
        let stale = held.holding.as_ref().ok_or_else(|| self.custody.signed_out())?.token().clone();
        self.renew(&stale).await
    }

    /// Waits for a renewal under way and tries once more to save what could not be saved. Call it
    /// before the runtime ends: a renewal cut off there has spent its token for nothing.
    pub async fn finish(&self) {
        self.custody.finish().await;
    }

    /// Has the next renewal panic while it holds the lock, for tests of what becomes of that.
    #[cfg(feature = "fault-injection")]
    pub fn fault_in_next_renewal(&self) {
        self.custody.faults.in_next_renewal();
    }
}

impl std::fmt::Debug for TokenKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKeeper").finish_non_exhaustive()
    }
}
