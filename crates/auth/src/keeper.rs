//! The keeper: hands out a usable session and renews it, one renewal at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::{Endpoint, EndpointError, EndpointSettings};
use crate::lock::LOCK_WAIT;
use crate::provenance::Provenance;
use crate::secret::Secret;
use crate::sign_in_route::SignInRoute;
use crate::store::TokenStore;

mod decision;
mod error;
mod loaded;
mod refresher;
mod saving;
mod single_flight;
#[cfg(test)]
pub(crate) mod tests;
mod token_cache;

use decision::RefreshRequest;
pub use error::KeeperError;
pub use loaded::Session;
use token_cache::TokenCache;

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
    /// The route whose tokens are handed out, and no other's; [`SignInRoute::CODEX`] by default.
    pub route: SignInRoute,
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
            route: SignInRoute::CODEX,
            originator: originator.into(),
            user_agent: user_agent.into(),
            lock_wait: LOCK_WAIT,
            save_again: Duration::from_secs(5),
            renew_again: Duration::from_secs(30),
        }
    }
}

impl KeeperSettings {
    /// The provenance that a sign-in must have to be used.
    pub fn provenance(&self) -> Provenance {
        let fixed = self.route.profile().is_none_or(|profile| !profile.registers);
        Provenance {
            route: self.route.clone(),
            issuer: Some(self.issuer.clone()),
            client_id: fixed.then(|| self.client_id.clone()),
        }
    }
}

/// Keeps one sign-in usable. Clones share everything.
#[derive(Clone)]
pub struct TokenKeeper {
    cache: Arc<TokenCache>,
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
        Ok(Self { cache: Arc::new(TokenCache::new(settings, endpoint, store, borrowed)?) })
    }

    /// Gives the session as it stands. An access token that has ended is renewed first; one that
    /// ends soon is given as it is while its renewal runs beside.
    ///
    /// Looks at the store each time, so a sign-in or sign-out elsewhere counts at once. A caller
    /// that goes away stops nothing: the renewal runs on by itself.
    pub async fn current(&self) -> Result<Arc<Session>, KeeperError> {
        let session = match self.cache.glance() {
            Some(outcome) => outcome?,
            None => self.cache.join(&RefreshRequest::Current).await?,
        };
        self.cache.renew_ahead();
        Ok(session)
    }

    /// Gives another session after the backend refused `stale`: one that is already there for the
    /// same account, else a renewed one.
    pub async fn renew(&self, stale: &Secret) -> Result<Arc<Session>, KeeperError> {
        let request = self.cache.replacing(stale);
        self.cache.join(&request).await
    }

    /// Renews now, whether or not the access token would last. Gives the renewed session.
    pub async fn refresh(&self) -> Result<Arc<Session>, KeeperError> {
        let held = self.cache.reload().await?;
        let stale = held.loaded.as_ref().ok_or_else(|| self.cache.signed_out())?.token().clone();
        self.renew(&stale).await
    }

    /// Waits for a renewal under way and tries once more to save what could not be saved. Call it
    /// before the runtime ends: a renewal cut off there has spent its token for nothing.
    pub async fn finish(&self) {
        self.cache.finish().await;
    }

    /// Has the next renewal panic while it holds the lock, for tests of what becomes of that.
    #[cfg(feature = "fault-injection")]
    pub fn fault_in_next_renewal(&self) {
        self.cache.faults.in_next_renewal();
    }
}

impl std::fmt::Debug for TokenKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKeeper").finish_non_exhaustive()
    }
}
