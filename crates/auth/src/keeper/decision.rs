//! The decision what to do with a sign-in, free of IO.

use time::OffsetDateTime;

use super::error::{KeeperError, TransientCause};
use super::loaded::LoadedCredentials;
use super::single_flight::Outcome;
use crate::claims::AccountIdentity;
use crate::endpoint::{RefreshReason, RefreshRefusal};
use crate::secret::Secret;
use crate::store::Ownership;
use crate::tokens::Freshness;

/// What a caller wants.
#[derive(Clone)]
pub(super) enum RefreshRequest {
    /// A session that can be used.
    Current,
    /// A session for longer, while the present one still lives.
    Early,
    /// A session other than the refused one, of the same person and workspace.
    Replace { stale: Secret, identity: AccountIdentity },
}

/// What is to be done.
pub(super) enum RefreshDecision {
    Use,
    Refresh(RefreshReason),
    Refuse(KeeperError),
}

/// A refresh token that is known to be of no use, and why.
#[derive(Clone)]
pub(super) struct RejectedToken {
    pub(super) token: Option<Secret>,
    pub(super) refusal: RefreshRefusal,
}

impl RefreshRequest {
    pub(super) fn next(
        &self,
        loaded: &LoadedCredentials,
        rejected: Option<&RejectedToken>,
        now: OffsetDateTime,
    ) -> RefreshDecision {
        if let Some(error) = loaded.not_allowed() {
            return RefreshDecision::Refuse(error);
        }
        let freshness = loaded.lifetime.freshness(now);
        let reason = match self {
            Self::Current | Self::Early if freshness == Freshness::Fresh => {
                return RefreshDecision::Use;
            }
            Self::Current if freshness == Freshness::Stale => return RefreshDecision::Use,
            Self::Replace { stale, .. } if loaded.token() == stale => {
                RefreshReason::UnauthorizedRecovery
            }
            Self::Replace { identity, .. } if !identity.agrees(&loaded.identity) => {
                return RefreshDecision::Refuse(KeeperError::AccountChanged);
            }
            Self::Replace { .. } if freshness != Freshness::Expired => return RefreshDecision::Use,
            _ if loaded.lifetime.expires().is_some() => RefreshReason::ProactiveExpiry,
            _ if freshness == Freshness::Expired => RefreshReason::ProactiveExpiry,
            _ => RefreshReason::Scheduled,
        };
        match obstacle(loaded, rejected, now) {
            None => RefreshDecision::Refresh(reason),
            Some(_) if matches!(self, Self::Early) && freshness == Freshness::Stale => {
                RefreshDecision::Use
            }
            Some(error) => RefreshDecision::Refuse(error),
        }
    }

    /// Says whether this request's caller can take what a flight of another request came to.
    pub(super) fn accepts(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Replace { stale, .. }, Ok(session)) => session.access_token != *stale,
            (Self::Current | Self::Early, Err(KeeperError::AccountChanged)) => false,
            _ => true,
        }
    }
}

fn obstacle(
    loaded: &LoadedCredentials,
    rejected: Option<&RejectedToken>,
    now: OffsetDateTime,
) -> Option<KeeperError> {
    if loaded.access == Ownership::Borrowed {
        return Some(KeeperError::BorrowedExpired);
    }
    if loaded.refresh_token.is_none() {
        return Some(loaded.ended(RefreshRefusal::NoRefreshToken));
    }
    if let Some(rejected) = rejected.filter(|rejected| rejected.token == loaded.refresh_token) {
        return Some(loaded.ended(rejected.refusal));
    }
    let early = !loaded.lifetime.may_be_renewed(now);
    early.then(|| KeeperError::unavailable(TransientCause::TooEarly))
}
