//! The errors of a keeper, in words that say what to do.

use std::error::Error;
use std::sync::Arc;

use crate::blocking::LostTask;
use crate::refresh_refusal::RefreshRefusal;
use crate::sign_in_route::SignInRoute;
use crate::store::StoreError;

/// Why there is no session. Cheap to clone: all who wait for one renewal get the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeeperError {
    /// There is no sign-in.
    #[error("sign in first: {}", route.login_command())]
    SignedOut {
        /// The route that needs one.
        route: SignInRoute,
    },
    /// The sign-in cannot be renewed any more.
    #[error(
        "the sign-in{} has ended: {refusal}; sign in again: {}", of(account), route.login_command()
    )]
    SignInExpired {
        /// The cause.
        refusal: RefreshRefusal,
        /// The e-mail address of the account, where it is known.
        account: Option<String>,
        /// The route of the sign-in.
        route: SignInRoute,
    },
    /// The person is signed in, but did not allow what the tokens are needed for.
    #[error(
        "the sign-in{} does not allow the use of the plan: sign in again and allow it: {}",
        of(account), route.login_command()
    )]
    NotAllowed {
        /// The e-mail address of the account, where it is known.
        account: Option<String>,
        /// The route of the sign-in.
        route: SignInRoute,
    },
    /// The stored sign-in cannot be read; it was left as it is.
    #[error("{place} is damaged; sign in again: chatmock-auth login")]
    Corrupt {
        /// The store's description, a path for a file.
        place: String,
    },
    /// The Codex CLI's sign-in cannot be read; it is another program's, and was left as it is.
    #[error(
        "{place}, the Codex CLI's sign-in, is damaged: run `codex login` to replace it, or sign in here: \
         chatmock-auth login"
    )]
    BorrowedCorrupt {
        /// The path of the file.
        place: String,
    },
    /// The Codex CLI's sign-in is used, and only the Codex CLI renews that.
    #[error(
        "the Codex CLI's sign-in needs a renewal: run `codex` to renew it, or sign in here: \
         chatmock-auth login"
    )]
    BorrowedExpired,
    /// The stored sign-in is for another route, whose tokens go to another backend.
    #[error(
        "the stored sign-in is for another route: pass --route {stored} to use it, or sign in for \
         this one: {}", wanted.login_command()
    )]
    OtherRoute {
        /// The route of the stored sign-in.
        stored: SignInRoute,
        /// The route that needs one.
        wanted: SignInRoute,
    },
    /// The stored sign-in is of another issuer or client, and its tokens go only there.
    #[error(
        "the stored sign-in is for another sign-in service and is not used for this one; sign in \
         for this one: {}", route.login_command()
    )]
    OtherIssuer {
        /// The route that needs one.
        route: SignInRoute,
    },
    /// Somebody signed in to another account during a request.
    #[error("somebody signed in to another account meanwhile: send the request again")]
    AccountChanged,
    /// The backend refused a token that was renewed just now, or several in a row: another renewal
    /// would not help, and the refusal is the backend's answer.
    #[error("the backend refuses the sign-in although it was renewed: try again in some minutes")]
    StillRefused,
    /// The renewal failed for a reason that may pass.
    #[error("the sign-in could not be renewed just now: try again")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
    /// The store could not be used.
    #[error(transparent)]
    Store(Arc<StoreError>),
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
            other => Self::Store(Arc::new(other)),
        }
    }
}

impl From<LostTask> for KeeperError {
    fn from(_: LostTask) -> Self {
        Self::unavailable(TransientCause::CutOff)
    }
}

/// Causes of [`KeeperError::Unavailable`] that no other module has an error for.
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
    #[error("another server renews the sign-in and does not finish")]
    SharedBusy,
    #[error("the sign-in service failed three times: it is asked again in {0} s")]
    Failing(u64),
}
