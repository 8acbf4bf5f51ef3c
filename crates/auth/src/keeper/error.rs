//! Why there is no session, in words that say what to do.

use std::error::Error;
use std::sync::Arc;

use crate::endpoint::RefreshRefusal;
use crate::sign_in_route::SignInRoute;
use crate::store::StoreError;

/// Why there is no session. Cheap to clone: all who wait for one renewal get the same.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// There is no sign-in.
    #[error("sign in first: {}", route.login_command())]
    SignedOut {
        /// What one is needed for.
        route: SignInRoute,
    },
    /// The sign-in cannot be renewed any more.
    #[error(
        "the sign-in{} has ended: {refusal}; sign in again: {}", of(account), route.login_command()
    )]
    SignInExpired {
        /// The cause.
        refusal: RefreshRefusal,
        /// Whose it is, where its e-mail address is known.
        account: Option<String>,
        /// What it was for.
        route: SignInRoute,
    },
    /// The person is signed in, but did not allow what the tokens are needed for.
    #[error(
        "the sign-in{} does not allow the use of the plan: sign in again and allow it: {}",
        of(account), route.login_command()
    )]
    NotAllowed {
        /// Whose it is, where its e-mail address is known.
        account: Option<String>,
        /// What it is for.
        route: SignInRoute,
    },
    /// The stored sign-in cannot be read; it was left as it is.
    #[error("{place} is damaged; sign in again: chatmock-auth login")]
    Corrupt {
        /// The store's description, a path for a file.
        place: String,
    },
    /// The Codex CLI's sign-in is used, and only the Codex CLI renews that.
    #[error(
        "the Codex CLI's sign-in needs a renewal: run `codex` to renew it, or sign in here: \
         chatmock-auth login"
    )]
    BorrowedExpired,
    /// The stored sign-in is of another route, whose tokens go elsewhere.
    #[error(
        "the stored sign-in is for another route: say --route {stored} to use it, or sign in for \
         this one: {}", wanted.login_command()
    )]
    OtherRoute {
        /// What it is for.
        stored: SignInRoute,
        /// What one is needed for.
        wanted: SignInRoute,
    },
    /// The stored sign-in is of another issuer or client, and its tokens go there only.
    #[error(
        "the stored sign-in is for another sign-in service and is not used for this one; sign in \
         for this one: {}", route.login_command()
    )]
    OtherIssuer {
        /// What one is needed for.
        route: SignInRoute,
    },
    /// Someone signed in to another account while a request was under way.
    #[error("the sign-in changed to another account meanwhile: send the request again")]
    AccountChanged,
    /// No renewal just now; a later attempt may do.
    #[error("the sign-in could not be renewed just now: try again")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// The store could not be used.
    #[error(transparent)]
    Io(Arc<StoreError>),
}

impl KeeperError {
    pub(super) fn unavailable(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(source))
    }
}

fn of(account: &Option<String>) -> String {
    account.as_ref().map(|email| format!(" of {email}")).unwrap_or_default()
}

impl From<StoreError> for KeeperError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { place } => Self::Corrupt { place },
            other => Self::Io(Arc::new(other)),
        }
    }
}

/// Causes of [`KeeperError::Unavailable`] that no other part has a word for.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum TransientCause {
    #[error("the renewal was cut off")]
    CutOff,
    #[error("the sign-in changed during its renewal")]
    Overtaken,
    #[error("the sign-in service sent no new access token")]
    NoNewToken,
    #[error("the sign-in service allows no renewal yet")]
    TooEarly,
}
