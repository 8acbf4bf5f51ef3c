//! The lifetime of an access token: whether it must be renewed.

use time::{Duration, OffsetDateTime};

/// The time before its end at which an access token is renewed.
pub(crate) const RENEW_AHEAD: Duration = Duration::minutes(5);
/// The largest age of the last renewal when the access token has no end date.
pub(crate) const RENEW_EVERY: Duration = Duration::days(8);

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
    pub(super) renewed: Option<OffsetDateTime>,
    pub(super) earliest: Option<i64>,
}

impl Lifetime {
    /// The end of the access token, in seconds since 1970, when it or its issuer says so.
    pub fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// Returns whether the issuer lets the tokens be renewed at a moment. Once the access token has
    /// ended nothing else is left to do, whatever the issuer said.
    pub fn may_be_renewed(&self, now: OffsetDateTime) -> bool {
        let seconds = now.unix_timestamp();
        self.earliest.is_none_or(|earliest| earliest <= seconds)
            || self.expires.is_some_and(|end| end <= seconds)
    }

    /// Judges the access token at a moment. The date of the last renewal matters only when the
    /// token itself does not say when it ends.
    pub fn freshness(&self, now: OffsetDateTime) -> Freshness {
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
