//! A stored sign-in prepared for use.

use std::sync::Arc;

use super::error::KeeperError;
use crate::claims::AccountIdentity;
use crate::endpoint::RefreshRefusal;
use crate::provenance::Provenance;
use crate::secret::Secret;
use crate::store::{Ownership, Stamp};
use crate::tokens::{AuthFile, Lifetime};

/// What a request to the backend needs, and what a person may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// For the `authorization` header.
    pub access_token: Secret,
    /// For the `chatgpt-account-id` header.
    pub account_id: Option<String>,
    /// Whether `x-openai-fedramp: true` is to be sent.
    pub fedramp: bool,
    /// The person's e-mail address.
    pub email: Option<String>,
    /// The plan, an open word such as `plus`.
    pub plan: Option<String>,
}

/// One sign-in: the file, and what was read from it once.
#[derive(Clone)]
pub(super) struct LoadedCredentials {
    pub(super) access: Ownership,
    /// What the store holds; it lags behind `file` when a save failed.
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
        access: Ownership,
        stored: Arc<AuthFile>,
        file: Arc<AuthFile>,
    ) -> Option<Self> {
        let tokens = file.tokens()?;
        let claims = tokens.claims();
        let identity = AccountIdentity::of_file(&file);
        let session = Session {
            access_token: tokens.access_token().unwrap_or_else(|| Secret::new("")),
            account_id: tokens.account_id().or(claims.account_id),
            fedramp: claims.fedramp.unwrap_or(false),
            email: claims.email,
            plan: claims.plan,
        };
        let (session, lifetime) = (Arc::new(session), file.lifetime());
        let refresh_token = tokens.refresh_token();
        let (provenance, usable) = (file.provenance(), file.is_usable());
        Some(Self {
            access,
            stored,
            file,
            session,
            lifetime,
            refresh_token,
            identity,
            provenance,
            usable,
        })
    }

    /// Why it is of no use for its route, if it is not.
    pub(super) fn not_allowed(&self) -> Option<KeeperError> {
        let (account, route) = (self.session.email.clone(), self.provenance.route.clone());
        (!self.usable).then_some(KeeperError::NotAllowed { account, route })
    }

    /// Why it is of no more use.
    pub(super) fn ended(&self, refusal: RefreshRefusal) -> KeeperError {
        let (account, route) = (self.session.email.clone(), self.provenance.route.clone());
        KeeperError::SignInExpired { refusal, account, route }
    }

    pub(super) fn token(&self) -> &Secret {
        &self.session.access_token
    }
}

/// How the stores looked when they were read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamps {
    pub(super) own: Stamp,
    pub(super) borrowed: Stamp,
}

/// The sign-in at a moment; `stamps` is `None` when the stores must be read again.
pub(super) struct Snapshot {
    pub(super) stamps: Option<Stamps>,
    pub(super) loaded: Option<LoadedCredentials>,
}
