//! A stored sign-in, read once and prepared for use.

use std::sync::Arc;

use super::error::KeeperError;
use crate::claims::AccountIdentity;
use crate::provenance::Provenance;
use crate::refresh_refusal::RefreshRefusal;
use crate::secret::Secret;
use crate::store::Ownership;
use crate::tokens::{AuthFile, Lifetime};

/// The part of a sign-in that calls to the backend need or that a person may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// For the `authorization` header.
    pub access_token: Secret,
    /// For the `chatgpt-account-id` header.
    pub account_id: Option<String>,
    /// True if `x-openai-fedramp: true` must be sent.
    pub fedramp: bool,
    /// The person's e-mail address.
    pub email: Option<String>,
    /// The plan, an open word such as `plus`.
    pub plan: Option<String>,
    /// When the access token ends, in seconds of the Unix epoch; it is renewed before.
    pub expires: Option<i64>,
}

/// A session, or why there is no session.
pub(super) type SessionResult = Result<Arc<Session>, KeeperError>;

/// One sign-in: the file, and what was read from it.
pub(super) struct LoadedCredentials {
    pub(super) ownership: Ownership,
    /// The file that the store holds; it lags behind `file` when a save failed.
    pub(super) stored: Arc<AuthFile>,
    pub(super) file: Arc<AuthFile>,
    pub(super) session: Arc<Session>,
    pub(super) lifetime: Lifetime,
    pub(super) refresh_token: Option<Secret>,
    pub(super) identity: AccountIdentity,
    pub(super) provenance: Provenance,
    usable: bool,
}

impl LoadedCredentials {
    /// Prepares a file; `None` when it holds no tokens.
    pub(super) fn new(
        ownership: Ownership,
        stored: Arc<AuthFile>,
        file: Arc<AuthFile>,
    ) -> Option<Arc<Self>> {
        let tokens = file.tokens()?;
        let claims = tokens.claims();
        let session = Session {
            access_token: tokens.access_token().unwrap_or_else(|| Secret::new("")),
            account_id: tokens.account_id().or(claims.account_id),
            fedramp: claims.fedramp.unwrap_or(false),
            email: claims.email,
            plan: claims.plan,
            expires: file.lifetime().expires(),
        };
        Some(Arc::new(Self {
            ownership,
            session: Arc::new(session),
            lifetime: file.lifetime(),
            refresh_token: tokens.refresh_token(),
            identity: file.identity(),
            provenance: file.provenance(),
            usable: file.is_usable(),
            stored,
            file,
        }))
    }

    pub(super) fn token(&self) -> &Secret {
        &self.session.access_token
    }

    /// Returns an error when the person did not allow what the tokens are needed for.
    pub(super) fn not_allowed(&self) -> Option<KeeperError> {
        let (account, route) = (self.session.email.clone(), self.provenance.route.clone());
        (!self.usable).then_some(KeeperError::NotAllowed { account, route })
    }

    /// Makes the error for a sign-in that cannot be renewed any more.
    pub(super) fn ended(&self, refusal: RefreshRefusal) -> KeeperError {
        let (account, route) = (self.session.email.clone(), self.provenance.route.clone());
        KeeperError::SignInExpired { refusal, account, route }
    }
}
