//! The credentials of a call, and the trait by which an embedder supplies them.

use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use reqwest::header::HeaderValue;

/// The access token and account of a call.
///
/// `Debug` shows neither the token nor the account.
#[derive(Clone)]
pub struct Credentials {
    /// `None` for a backend that asks for no credentials.
    authorization: Option<HeaderValue>,
    account: Option<HeaderValue>,
    fedramp: bool,
}

impl Credentials {
    /// Makes credentials of a bare access token (no `Bearer` before it).
    ///
    /// `account_id` is the workspace for which the token was issued, and `fedramp` says whether
    /// that is a FedRAMP workspace; both are claims of the id token.
    ///
    /// # Errors
    /// [`CredentialError::Unusable`] when the token or the account id cannot be sent in a header.
    pub fn new(
        token: &str,
        account_id: Option<&str>,
        fedramp: bool,
    ) -> Result<Self, CredentialError> {
        let unusable =
            |what: &str| CredentialError::Unusable(format!("the stored {what} is damaged"));
        if !is_word(token) {
            return Err(unusable("access token"));
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| unusable("access token"))?;
        authorization.set_sensitive(true);
        let account = match account_id.filter(|id| !id.is_empty()) {
            Some(id) if !is_word(id) => return Err(unusable("account id")),
            Some(id) => Some(HeaderValue::from_str(id).map_err(|_| unusable("account id"))?),
            None => None,
        };
        Ok(Self { authorization: Some(authorization), account, fedramp })
    }

    /// Empty credentials, for a backend that asks for none, such as a model server on this machine.
    #[must_use]
    pub fn none() -> Self {
        Self { authorization: None, account: None, fedramp: false }
    }

    /// The bare access token, by which a [`CredentialSource`] recognises the one that was refused;
    /// empty without one.
    #[must_use]
    pub fn token(&self) -> &str {
        let value = self.authorization.as_ref().and_then(|value| value.to_str().ok());
        value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
    }

    /// The workspace for which the token was issued.
    #[must_use]
    pub fn account_id(&self) -> Option<&str> {
        self.account.as_ref().and_then(|id| id.to_str().ok())
    }

    /// Returns whether that is a FedRAMP workspace.
    pub(crate) fn fedramp(&self) -> bool {
        self.fedramp
    }

    /// The value of `authorization`, marked as sensitive.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The value of `chatgpt-account-id`.
    pub(crate) fn account(&self) -> Option<&HeaderValue> {
        self.account.as_ref()
    }
}

/// Returns whether a text is visible ASCII, without blanks.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &"****")
            .field("account", &self.account.as_ref().map(|_| "****"))
            .field("fedramp", &self.fedramp)
            .finish()
    }
}

/// Supplies credentials.
///
/// This crate does not know how a person signs in, so that an embedder can bring its own storage
/// and refresh. Two duties come with that. Calls overlap: one refresh must serve all callers that
/// ask for it. And a returned future may be dropped at any point, since a client may disconnect: a
/// refresh that has begun must still run to its end, or a rotated refresh token is lost.
pub trait CredentialSource: Send + Sync + 'static {
    /// Returns credentials that should be valid now, refreshed first if they were about to expire.
    fn current(&self) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>>;

    /// Returns credentials other than `stale`, which the backend has just refused.
    ///
    /// Where another caller has renewed them in the meantime, returns those and refreshes nothing.
    fn renew(
        &self,
        stale: &Arc<Credentials>,
    ) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>>;

    /// Learns that the backend has accepted these credentials. Called for each call that succeeds, so it
    /// must not wait.
    fn accepted(&self, credentials: &Arc<Credentials>) {
        let _ = credentials;
    }
}

/// Credentials that never change: a key, or none.
#[derive(Debug)]
pub struct FixedCredentials {
    credentials: Arc<Credentials>,
    remedy: String,
}

impl FixedCredentials {
    /// Makes credentials of a key (no `Bearer` before it), or of none. `remedy` says what a person
    /// can do when the backend refuses it.
    ///
    /// # Errors
    /// [`CredentialError::Unusable`] when the key cannot be sent in a header.
    pub fn new(key: Option<&str>, remedy: impl Into<String>) -> Result<Self, CredentialError> {
        let remedy = remedy.into();
        let credentials = match key {
            None => Credentials::none(),
            Some(key) => Credentials::new(key, None, false).map_err(|_| {
                let why = "the key for the backend is not one line of visible ASCII";
                CredentialError::Unusable(format!("{why}; {remedy}"))
            })?,
        };
        Ok(Self { credentials: Arc::new(credentials), remedy })
    }
}

impl CredentialSource for FixedCredentials {
    fn current(&self) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        ready(Ok(Arc::clone(&self.credentials))).boxed()
    }

    fn renew(
        &self,
        _: &Arc<Credentials>,
    ) -> BoxFuture<'_, Result<Arc<Credentials>, CredentialError>> {
        let refused = match self.credentials.authorization() {
            Some(_) => "the backend refused the key",
            None => "the backend asks for a key",
        };
        let refused = CredentialError::SignedOut(format!("{refused}; {}", self.remedy));
        ready(Err(refused)).boxed()
    }
}

/// Why there are no credentials.
///
/// The messages are for a person. What to do is said by whoever knows how a person signs in: the
/// [`CredentialSource`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// No one is signed in, or the sign-in is no longer accepted: only a new sign-in helps.
    #[error("{0}")]
    SignedOut(String),
    /// No valid credentials are available at the moment; the next call may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The stored credentials cannot be sent in a request.
    #[error("{0}")]
    Unusable(String),
    /// The credentials are as new as can be, and were refused all the same: the refusal is the backend's
    /// answer to the call.
    #[error("{0}")]
    StillRefused(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_token_nor_account() {
        let credentials = Credentials::new("sekrit-token", Some("acct-1"), true).unwrap();
        let shown = format!("{credentials:?} {:?}", credentials.authorization());
        assert!(!shown.contains("sekrit") && !shown.contains("acct-1"), "{shown}");
        assert_eq!(credentials.token(), "sekrit-token");
        assert_eq!(credentials.account_id(), Some("acct-1"));
    }

    #[test]
    fn a_token_that_cannot_be_sent_in_a_header_is_refused() {
        for token in ["", "a b", "a\r\nx-evil: 1", "ä"] {
            let error = Credentials::new(token, None, false).unwrap_err();
            assert!(matches!(error, CredentialError::Unusable(_)), "{token:?}");
        }
        assert!(Credentials::new("t", Some("a\nb"), false).is_err());
        assert_eq!(Credentials::new("t", Some(""), false).unwrap().account_id(), None);
    }
}
