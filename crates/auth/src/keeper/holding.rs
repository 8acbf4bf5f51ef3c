//! A stored sign-in prepared for use.

use std::sync::Arc;

use super::error::KeeperError;
use crate::claims::Identity;
use crate::endpoint::Refusal;
use crate::route::Origin;
use crate::secret::Secret;
use crate::store::{Access, Stamp};
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
pub(super) struct Holding {
    pub(super) access: Access,
    /// What the store holds; it lags behind `file` when a save failed.
    pub(super) stored: Arc<AuthFile>,
    pub(super) file: Arc<AuthFile>,
    pub(super) session: Arc<Session>,
    pub(super) lifetime: Lifetime,
    pub(super) refresh_token: Option<Secret>,
    pub(super) identity: Identity,
    pub(super) origin: Origin,
    usable: bool,
}

impl Holding {
    /// Prepares a file; `None` when it holds no tokens.
    pub(super) fn new(access: Access, stored: Arc<AuthFile>, file: Arc<AuthFile>) -> Option<Self> {
        let tokens = file.tokens()?;
        let claims = tokens.claims();
        let identity = Identity::of_file(&file);
        let session = Session {
            access_token: tokens.access_token().unwrap_or_else(|| Secret::new("")),
            account_id: tokens.account_id().or(claims.account_id),
            fedramp: claims.fedramp.unwrap_or(false),
            email: claims.email,
            plan: claims.plan,
        };
        let (session, lifetime) = (Arc::new(session), file.lifetime());
        let refresh_token = tokens.refresh_token();
        let (origin, usable) = (file.origin(), file.is_usable());
        Some(Self {
            access,
            stored,
            file,
            session,
            lifetime,
            refresh_token,
            identity,
            origin,
            usable,
        })
    }

    /// Why it is of no use for its route, if it is not.
    pub(super) fn not_allowed(&self) -> Option<KeeperError> {
        let (account, route) = (self.session.email.clone(), self.origin.route.clone());
        (!self.usable).then_some(KeeperError::NotAllowed { account, route })
    }

    /// Why it is of no more use.
    pub(super) fn ended(&self, refusal: Refusal) -> KeeperError {
        let (account, route) = (self.session.email.clone(), self.origin.route.clone());
        KeeperError::SignInExpired { refusal, account, route }
    }

    pub(super) fn token(&self) -> &Secret {
        &self.session.access_token
    }
}

/// How the stores looked when they were read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) own: Stamp,
    pub(super) borrowed: Stamp,
}

/// The sign-in at a moment; `marks` is `None` when the stores must be read again.
pub(super) struct Snapshot {
    pub(super) marks: Option<Marks>,
    pub(super) holding: Option<Holding>,
}
