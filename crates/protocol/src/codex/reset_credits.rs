//! `GET /wham/rate-limit-reset-credits` and `POST …/consume`: credits that begin an account's windows anew.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::limits::{lenient, lenient_list};
use crate::json::{RawObject, ReadError, read};

/// The status of a credit that can be spent.
const AVAILABLE: &str = "available";

/// An account's reset credits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResetCredits {
    /// The number of those that can be spent.
    pub available: u64,
    /// Those that can be spent, the one that expires first before the others.
    pub credits: Vec<ResetCredit>,
}

/// A credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetCredit {
    /// The name by which it is spent.
    pub id: String,
    /// What it resets, in words for a person.
    pub title: Option<String>,
    /// When it expires, as the backend writes it: RFC 3339.
    pub expires_at: Option<String>,
}

/// The request that spends a credit.
#[derive(Clone, Debug, Serialize)]
pub struct Redemption<'r> {
    /// The credit.
    pub credit_id: &'r str,
    /// A name of this attempt, with which a repetition spends nothing more.
    pub redeem_request_id: &'r str,
}

/// Parses the list of credits. Members of an unexpected type are treated as absent.
///
/// # Errors
/// A [`ReadError`] when the body is not a JSON object.
pub fn read_reset_credits(body: &[u8]) -> Result<ResetCredits, ReadError> {
    read::<RawObject<'_>>(body)?;
    let wire: WireCredits = read(body)?;
    let spendable = |wire: WireCredit| {
        let is_available = wire.status.is_none_or(|status| status == AVAILABLE);
        let id = wire.id.filter(|id| is_available && !id.is_empty())?;
        Some(ResetCredit { id, title: wire.title, expires_at: wire.expires_at })
    };
    let mut credits: Vec<_> = wire.credits.into_iter().filter_map(spendable).collect();
    // Times of one form have the order of their texts; one without a time comes last.
    credits.sort_by(|one, other| {
        let time = |credit: &ResetCredit| (credit.expires_at.is_none(), credit.expires_at.clone());
        time(one).cmp(&time(other))
    });
    let available = wire.available_count.unwrap_or(credits.len() as u64);
    Ok(ResetCredits { available, credits })
}

/// Returns the word for what became of a redemption, such as `reset`, `nothing_to_reset`, `no_credit` or
/// `already_redeemed`; `None` where the answer has none.
#[must_use]
pub fn read_redemption(body: &[u8]) -> Option<String> {
    let wire: WireOutcome<'_> = serde_json::from_slice(body).ok()?;
    wire.code.map(Cow::into_owned)
}

#[derive(Deserialize)]
struct WireCredits {
    #[serde(default, deserialize_with = "lenient")]
    available_count: Option<u64>,
    #[serde(default, deserialize_with = "lenient_list")]
    credits: Vec<WireCredit>,
}

#[derive(Deserialize)]
struct WireCredit {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct WireOutcome<'o> {
    #[serde(borrow, default)]
    code: Option<Cow<'o, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_that_can_be_spent_are_listed_by_their_end() {
        let body = br#"{"available_count":2,"credits":[
            {"id":"none","status":"available","title":7},
            {"id":"later","status":"available","expires_at":"2026-12-24T00:00:00Z"},
            {"id":"used","status":"redeemed","expires_at":"2026-12-01T00:00:00Z"},
            {"id":"first","title":"Full reset","expires_at":"2026-12-03T00:00:00Z"},
            {"status":"available"},{"id":""},7]}"#;
        let read = read_reset_credits(body).unwrap();
        let ids: Vec<_> = read.credits.iter().map(|credit| credit.id.as_str()).collect();
        assert_eq!((read.available, ids), (2, vec!["first", "later", "none"]));
        assert_eq!(read.credits[0].title.as_deref(), Some("Full reset"));
    }

    #[test]
    fn what_is_missing_is_counted_or_absent() {
        let counted = read_reset_credits(br#"{"credits":[{"id":"a"},{"id":"b"}]}"#).unwrap();
        assert_eq!(counted.available, 2);
        assert_eq!(read_reset_credits(br#"{"credits":1}"#).unwrap(), ResetCredits::default());
        assert!(read_reset_credits(b"[]").is_err());
        assert_eq!(read_redemption(br#"{"code":"reset","x":1}"#).as_deref(), Some("reset"));
        assert_eq!((read_redemption(b"{}"), read_redemption(b"<html>")), (None, None));
    }
}
