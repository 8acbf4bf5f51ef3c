//! The decision what to do with a sign-in, free of IO.

use time::OffsetDateTime;

use super::error::{Hitch, KeeperError};
use super::flight::Outcome;
use super::holding::Holding;
use crate::claims::Identity;
use crate::endpoint::{Reason, Refusal};
use crate::secret::Secret;
use crate::store::Access;
use crate::tokens::Freshness;

/// What a caller wants.
#[derive(Clone)]
pub(super) enum Order {
    /// A session that can be used.
    Current,
    /// A session for longer, while the present one still lives.
    Early,
    /// A session other than the refused one, of the same person and workspace.
    Replace { stale: Secret, identity: Identity },
}

/// What is to be done.
pub(super) enum Step {
    Use,
    Renew(Reason),
    Refuse(KeeperError),
}

/// A refresh token that is known to be of no use, and why.
#[derive(Clone)]
pub(super) struct Dead {
    pub(super) token: Option<Secret>,
    pub(super) refusal: Refusal,
}

impl Order {
    pub(super) fn next(&self, holding: &Holding, dead: Option<&Dead>, now: OffsetDateTime) -> Step {
        if let Some(error) = holding.not_allowed() {
            return Step::Refuse(error);
        }
        let freshness = holding.lifetime.freshness(now);
        let reason = match self {
            Self::Current | Self::Early if freshness == Freshness::Fresh => return Step::Use,
            Self::Current if freshness == Freshness::Stale => return Step::Use,
            Self::Replace { stale, .. } if holding.token() == stale => Reason::UnauthorizedRecovery,
            Self::Replace { identity, .. } if !identity.agrees(&holding.identity) => {
                return Step::Refuse(KeeperError::AccountChanged);
            }
            Self::Replace { .. } if freshness != Freshness::Expired => return Step::Use,
            _ if holding.lifetime.expires().is_some() => Reason::ProactiveExpiry,
            _ if freshness == Freshness::Expired => Reason::ProactiveExpiry,
            _ => Reason::Scheduled,
        };
        match obstacle(holding, dead, now) {
            None => Step::Renew(reason),
            Some(_) if matches!(self, Self::Early) && freshness == Freshness::Stale => Step::Use,
            Some(error) => Step::Refuse(error),
        }
    }

    /// Says whether this order's caller can take what a flight of another order came to.
    pub(super) fn accepts(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Replace { stale, .. }, Ok(session)) => session.access_token != *stale,
            (Self::Current | Self::Early, Err(KeeperError::AccountChanged)) => false,
            _ => true,
        }
    }
}

fn obstacle(holding: &Holding, dead: Option<&Dead>, now: OffsetDateTime) -> Option<KeeperError> {
    if holding.access == Access::Borrowed {
        return Some(KeeperError::BorrowedExpired);
    }
    if holding.refresh_token.is_none() {
        return Some(holding.ended(Refusal::NoRefreshToken));
    }
    if let Some(dead) = dead.filter(|dead| dead.token == holding.refresh_token) {
        return Some(holding.ended(dead.refusal));
    }
    let early = !holding.lifetime.may_be_renewed(now);
    early.then(|| KeeperError::unavailable(Hitch::TooEarly))
}
