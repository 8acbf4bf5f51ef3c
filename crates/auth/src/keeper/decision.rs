//! The decision what to do with a sign-in, free of IO.

use std::sync::Arc;

use super::clock::View;
use super::error::{KeeperError, TransientCause};
use super::loaded::{LoadedCredentials, Session, SessionResult};
use crate::claims::AccountIdentity;
use crate::endpoint::RefreshReason;
use crate::refresh_refusal::RefreshRefusal;
use crate::secret::Secret;
use crate::store::Ownership;
use crate::tokens::Freshness;

/// A caller's demand on the tokens.
#[derive(Clone)]
pub(super) enum RefreshRequest {
    /// A session that can be used now.
    Current,
    /// A session that lasts longer, while the present one is still valid.
    Early,
    /// A session other than the one that was refused, of the same person and workspace.
    Replace { stale: Secret, identity: AccountIdentity, by: Asker },
}

/// The one who asks for another session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A call that the backend refused.
    Backend,
    /// A person, who wants a renewal now.
    Person,
}

/// The action that a request leads to.
pub(super) enum RefreshDecision {
    Use(Arc<Session>),
    Refresh(Arc<LoadedCredentials>, RefreshReason),
    Refuse(KeeperError),
}

/// A refresh token that the issuer refused for good.
#[derive(Clone)]
pub(super) struct RejectedToken {
    pub(super) token: Option<Secret>,
    pub(super) refusal: RefreshRefusal,
}

impl RefreshRequest {
    /// Decides what to do for this request at the moment of a view.
    pub(super) fn decide(
        &self,
        loaded: &Arc<LoadedCredentials>,
        rejected: Option<&RejectedToken>,
        view: View,
    ) -> RefreshDecision {
        if let Some(error) = loaded.not_allowed() {
            return RefreshDecision::Refuse(error);
        }
        let use_it = || RefreshDecision::Use(Arc::clone(&loaded.session));
        let freshness = view.freshness;
        let reason = match self {
            Self::Current | Self::Early if freshness == Freshness::Fresh => return use_it(),
            Self::Current if freshness == Freshness::Stale => return use_it(),
            Self::Replace { stale, by: Asker::Backend, .. }
                if loaded.token() == stale && view.is_new && !view.is_accepted =>
            {
                return RefreshDecision::Refuse(KeeperError::StillRefused);
            }
            Self::Replace { stale, .. } if loaded.token() == stale => {
                RefreshReason::UnauthorizedRecovery
            }
            Self::Replace { identity, .. } if !identity.agrees(&loaded.identity) => {
                return RefreshDecision::Refuse(KeeperError::AccountChanged);
            }
            Self::Replace { .. } if freshness != Freshness::Expired => return use_it(),
            _ if loaded.lifetime.expires().is_some() => RefreshReason::ProactiveExpiry,
            _ if freshness == Freshness::Expired => RefreshReason::ProactiveExpiry,
            _ => RefreshReason::Scheduled,
        };
        match obstacle(loaded, rejected, view) {
            None => RefreshDecision::Refresh(Arc::clone(loaded), reason),
            Some(_) if matches!(self, Self::Early) && freshness == Freshness::Stale => use_it(),
            Some(error) => RefreshDecision::Refuse(error),
        }
    }

    /// Returns whether this request's caller can use the result of a run for another request.
    pub(super) fn accepts(&self, result: &SessionResult) -> bool {
        match (self, result) {
            (Self::Replace { stale, .. }, Ok(session)) => session.access_token != *stale,
            (Self::Current | Self::Early, Err(KeeperError::AccountChanged)) => false,
            _ => true,
        }
    }
}

/// Returns why the sign-in cannot be refreshed, if it cannot.
fn obstacle(
    loaded: &LoadedCredentials,
    rejected: Option<&RejectedToken>,
    view: View,
) -> Option<KeeperError> {
    if loaded.ownership == Ownership::Borrowed {
        return Some(KeeperError::BorrowedExpired);
    }
    if loaded.refresh_token.is_none() {
        return Some(loaded.ended(RefreshRefusal::NoRefreshToken));
    }
    if let Some(rejected) = rejected.filter(|rejected| rejected.token == loaded.refresh_token) {
        return Some(loaded.ended(rejected.refusal));
    }
    (!view.may_be_renewed).then(|| KeeperError::unavailable(TransientCause::TooEarly))
}
