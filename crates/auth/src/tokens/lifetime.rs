//! The lifetime of an access token: whether it must be renewed.

use time::{Duration, OffsetDateTime};

/// The time before its end at which an access token is renewed.
pub(crate) const RENEW_AHEAD: Duration = Duration::minutes(5);
/// The largest age of the last renewal when the access token has no end date.
pub(crate) const RENEW_EVERY: Duration = Duration::days(8);

/// A smaller difference between the clocks does no harm.
const SKEW: Duration = Duration::minutes(1);

/// The state of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Valid.
    Fresh,
    /// Valid, but due for a renewal.
    Stale,
    /// Ended.
    Expired,
}

/// The dates that decide about a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    pub(super) missing: bool,
    pub(super) expires: Option<i64>,
    /// When the access token was issued, by the issuer's clock, in seconds since 1970.
    pub(super) issued: Option<i64>,
    pub(super) renewed: Option<OffsetDateTime>,
    pub(super) earliest: Option<i64>,
}

impl Lifetime {
    /// The end of the access token, in seconds since 1970, when it or its issuer says so.
    pub fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// Returns how far the clock of this machine is ahead of the issuer's: the token was written down
    /// when it was issued, so a later date is the clock's fault. `None` when it is not ahead, or was
    /// set back since; a clock that is behind does no harm.
    pub(crate) fn clock_ahead(&self, wall: OffsetDateTime) -> Option<Duration> {
        let (issued, renewed) = (self.issued?, self.renewed?);
        let ahead = Duration::seconds(renewed.unix_timestamp().saturating_sub(issued));
        (ahead > SKEW && wall + SKEW >= renewed).then_some(ahead)
    }

    /// Returns whether the token was good for half of its time at a moment, where that is known.
    pub(crate) fn has_lived(&self, now: OffsetDateTime) -> bool {
        let (Some(issued), Some(end)) = (self.issued, self.expires) else { return false };
        let half = end.saturating_sub(issued) / 2;
        half > 0 && now.unix_timestamp() >= issued.saturating_add(half)
    }

    /// Returns whether the issuer lets the tokens be renewed at a moment. Once the access token has
    /// ended nothing else is left to do, whatever the issuer said.
    pub(crate) fn may_be_renewed(&self, now: OffsetDateTime) -> bool {
        let seconds = now.unix_timestamp();
        self.earliest.is_none_or(|earliest| earliest <= seconds)
            || self.expires.is_some_and(|end| end <= seconds)
    }

    /// Judges the access token at a moment. The date of the last renewal matters only when the
    /// token itself does not say when it ends.
    pub(crate) fn freshness(&self, now: OffsetDateTime) -> Freshness {
        let seconds = now.unix_timestamp();
        match (self.expires, self.renewed) {
            _ if self.missing => Freshness::Expired,
            (Some(end), _) if end <= seconds => Freshness::Expired,
            _ if !self.may_be_renewed(now) => Freshness::Fresh,
            (Some(end), _) if end <= seconds.saturating_add(RENEW_AHEAD.whole_seconds()) => {
                Freshness::Stale
            }
            (None, Some(renewed)) if now - renewed > RENEW_EVERY => Freshness::Stale,
            _ => Freshness::Fresh,
        }
    }
}
