//! The account: the sign-in's keeper, seen by the upstream as a source of credentials.

use std::sync::Arc;

use chatmock_auth::{
    BorrowedStore, EndpointError, Home, KeeperError, Secret, Session, StoreChoice, TokenKeeper,
    TokenStore,
};
use chatmock_translate::{Failure, FailureKind};
use chatmock_upstream::{CredentialError, CredentialSource, Credentials};
use futures::future::{BoxFuture, FutureExt};

use crate::settings::SignInSettings;

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The e-mail address, where the sign-in tells it.
    pub email: Option<String>,
    /// The plan, such as `plus`, where the sign-in tells it.
    pub plan: Option<String>,
}

/// The sign-in of this server.
pub(crate) struct SignIn {
    keeper: TokenKeeper,
}

impl SignIn {
    pub(crate) fn new(settings: SignInSettings) -> Result<Self, EndpointError> {
        // A sign-in is renewed where it is kept; only a new one has a choice.
        let store = Home::new(settings.home, StoreChoice::Auto).store();
        let borrowed = settings.borrow_codex.map(|home| -> Arc<dyn TokenStore> {
            Arc::new(BorrowedStore::new(home.join("auth.json")))
        });
        Ok(Self { keeper: TokenKeeper::new(settings.keeper, store, borrowed)? })
    }

    /// What the backend's client asks for credentials.
    pub(crate) fn credentials(&self) -> KeeperCredentials {
        KeeperCredentials(self.keeper.clone())
    }

    /// Says who is signed in, or in words for a person why no one is.
    pub(crate) async fn account(&self) -> Result<Account, String> {
        match self.keeper.current().await {
            Ok(session) => Ok(Account { email: session.email.clone(), plan: session.plan.clone() }),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Adds whose sign-in it is to a failure that only a new sign-in mends.
    pub(crate) async fn named_in(&self, mut failure: Failure) -> Failure {
        if failure.kind == FailureKind::SignedOut
            && let Ok(Account { email: Some(email), .. }) = self.account().await
            && !failure.message.contains(&email)
        {
            failure.message = format!("{} (the sign-in of {email})", failure.message);
        }
        failure
    }

    /// Waits for a renewal under way: cut off, it would have spent its token for nothing.
    pub(crate) async fn finish(&self) {
        self.keeper.finish().await;
    }
}

/// A keeper of tokens as a source of credentials for the backend: the one place where the two meet.
#[derive(Clone)]
pub struct KeeperCredentials(TokenKeeper);

impl KeeperCredentials {
    /// Takes the keeper; a clone of it goes on being usable beside this.
    pub fn new(keeper: TokenKeeper) -> Self {
        Self(keeper)
    }
}

impl std::fmt::Debug for KeeperCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeeperCredentials").finish_non_exhaustive()
    }
}

impl CredentialSource for KeeperCredentials {
    fn current(&self) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        async { credentials(self.0.current().await) }.boxed()
    }

    fn renew(
        &self,
        stale: &Arc<Credentials>,
    ) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        let stale = Secret::new(stale.token());
        async move { credentials(self.0.renew(&stale).await) }.boxed()
    }
}

fn credentials(
    session: Result<Arc<Session>, KeeperError>,
) -> Result<Arc<Credentials>, CredentialError> {
    let session = session.map_err(|error| match error {
        KeeperError::Unavailable(ref cause) => {
            CredentialError::Unavailable(format!("{error} ({cause})"))
        }
        KeeperError::Io(_) | KeeperError::AccountChanged => {
            CredentialError::Unavailable(error.to_string())
        }
        _ => CredentialError::SignedOut(error.to_string()),
    })?;
    let token = session.access_token.expose();
    Credentials::new(token, session.account_id.as_deref(), session.fedramp).map(Arc::new)
}
