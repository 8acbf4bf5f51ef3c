//! `GET /wham/usage`: the account's plan, limits and credits.

use serde::Deserialize;

use super::limits::{
    Credits, Limit, Snapshot, Window, WireCredits, WireWindow, lenient, lenient_list,
};
use crate::json::{RawObject, ReadError, read};

/// The account's limits, and what of them is used.
///
/// The answer's members about the person (user id, account id, e-mail) are not read, so that they
/// cannot reach a log or an output by accident.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// The name of the plan, such as `plus`; an open set.
    pub plan: Option<String>,
    /// The limits of ordinary use.
    pub rate_limit: Option<RateLimit>,
    /// The limits of code reviews.
    pub code_review: Option<RateLimit>,
    /// Additional limits, such as one for a single model.
    pub additional: Vec<AdditionalLimit>,
    /// Credits on top of the plan's allowance.
    pub credits: Option<Credits>,
    /// The number of credits with which the windows can be begun anew.
    pub reset_credits: Option<u64>,
    /// The kind of limit that is reached, if one is.
    pub reached: Option<String>,
    /// An offer of the backend, in words for a person.
    pub promo: Option<String>,
}

/// The permission to make calls, and the windows that decide it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateLimit {
    /// True if a call would be served.
    pub allowed: Option<bool>,
    /// True if a limit is reached.
    pub limit_reached: Option<bool>,
    /// The first window.
    pub primary: Option<Window>,
    /// The second window.
    pub secondary: Option<Window>,
}

/// An additional limit.
#[derive(Clone, Debug, PartialEq)]
pub struct AdditionalLimit {
    /// A name for people.
    pub name: Option<String>,
    /// The backend's name of the limited feature, such as `codex_bengalfox`.
    pub feature: String,
    /// Its state.
    pub rate_limit: RateLimit,
}

/// Parses the endpoint's body.
///
/// `now` is the time in seconds of the Unix epoch, for windows that only report the time left.
/// Members of an unexpected type are treated as absent.
///
/// # Errors
/// A [`ReadError`] when the body is not a JSON object.
pub fn read_usage(body: &[u8], now: u64) -> Result<Usage, ReadError> {
    // A derived `Deserialize` would accept a list as an object whose members are in order.
    read::<RawObject<'_>>(body)?;
    let wire: WireUsage = read(body)?;
    let limit = |wire: Option<WireRateLimit>| wire.map(|wire| wire.rate_limit(now));
    let additional = wire.additional_rate_limits;
    Ok(Usage {
        plan: wire.plan_type,
        rate_limit: limit(wire.rate_limit),
        code_review: limit(wire.code_review_rate_limit),
        additional: additional.into_iter().filter_map(|wire| wire.limit(now)).collect(),
        credits: wire.credits.map(WireCredits::credits),
        reset_credits: wire.rate_limit_reset_credits.and_then(|credits| credits.available_count),
        reached: wire.rate_limit_reached_type.and_then(Reached::word),
        promo: wire.promo,
    })
}

impl From<Usage> for Snapshot {
    fn from(usage: Usage) -> Self {
        let main = usage.rate_limit.unwrap_or_default();
        let further = usage.additional.into_iter().map(|limit| Limit {
            id: limit.feature,
            name: limit.name,
            primary: limit.rate_limit.primary,
            secondary: limit.rate_limit.secondary,
        });
        Self {
            plan: usage.plan,
            primary: main.primary,
            secondary: main.secondary,
            further: further.collect(),
            credits: usage.credits,
            reset_credits: usage.reset_credits,
            limit_reached: main.limit_reached,
            reached: usage.reached,
            promo: usage.promo,
            ..Self::default()
        }
    }
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default, deserialize_with = "lenient")]
    plan_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    rate_limit: Option<WireRateLimit>,
    #[serde(default, deserialize_with = "lenient")]
    code_review_rate_limit: Option<WireRateLimit>,
    #[serde(default, deserialize_with = "lenient_list")]
    additional_rate_limits: Vec<WireAdditional>,
    #[serde(default, deserialize_with = "lenient")]
    credits: Option<WireCredits>,
    #[serde(default, deserialize_with = "lenient")]
    rate_limit_reset_credits: Option<WireResetCredits>,
    #[serde(default, deserialize_with = "lenient")]
    rate_limit_reached_type: Option<Reached>,
    #[serde(default, deserialize_with = "lenient")]
    promo: Option<String>,
}

#[derive(Deserialize)]
struct WireResetCredits {
    #[serde(default, deserialize_with = "lenient")]
    available_count: Option<u64>,
}

/// The kind of a reached limit: a bare word, or an object with the word under `type`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reached {
    Word(String),
    Typed {
        #[serde(rename = "type")]
        kind: Option<String>,
    },
}

impl Reached {
    fn word(self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word),
            Self::Typed { kind } => kind,
        }
    }
}

#[derive(Deserialize)]
struct WireRateLimit {
    #[serde(default, deserialize_with = "lenient")]
    allowed: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    limit_reached: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    primary_window: Option<WireWindow>,
    #[serde(default, deserialize_with = "lenient")]
    secondary_window: Option<WireWindow>,
}

impl WireRateLimit {
    fn rate_limit(&self, now: u64) -> RateLimit {
        let window = |wire: &Option<WireWindow>| wire.as_ref().and_then(|wire| wire.window(now));
        RateLimit {
            allowed: self.allowed,
            limit_reached: self.limit_reached,
            primary: window(&self.primary_window),
            secondary: window(&self.secondary_window),
        }
    }
}

#[derive(Deserialize)]
struct WireAdditional {
    #[serde(default, deserialize_with = "lenient")]
    limit_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    metered_feature: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    rate_limit: Option<WireRateLimit>,
}

impl WireAdditional {
    fn limit(self, now: u64) -> Option<AdditionalLimit> {
        let feature = self.metered_feature.or_else(|| self.limit_name.clone())?;
        let rate_limit = self.rate_limit.map(|wire| wire.rate_limit(now)).unwrap_or_default();
        Some(AdditionalLimit { name: self.limit_name, feature, rate_limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"user_id":"user-abc","account_id":"1111","email":"user@example.org",
        "plan_type":"plus","rate_limit":{"allowed":true,"limit_reached":false,
        "primary_window":{"used_percent":12,"limit_window_seconds":18000,
        "reset_after_seconds":9000,"reset_at":1795350000},
        "secondary_window":{"used_percent":40,"limit_window_seconds":604800,
        "reset_after_seconds":300000,"reset_at":1795640000}},"code_review_rate_limit":null,
        "additional_rate_limits":[{"limit_name":"Spark","metered_feature":"codex_bengalfox",
        "rate_limit":{"allowed":true,"limit_reached":false,"primary_window":null,
        "secondary_window":null}}],"credits":{"has_credits":false,"unlimited":false,
        "overage_limit_reached":false,"balance":"0","approx_local_messages":[0,0]},
        "spend_control":{"reached":false,"individual_limit":null},
        "rate_limit_reached_type":null,"rate_limit_reset_credits":{"available_count":2},
        "promo":null}"#;

    #[test]
    fn an_answer_becomes_a_snapshot() {
        let snapshot = Snapshot::from(read_usage(BODY, 0).unwrap());
        assert_eq!(snapshot.plan.as_deref(), Some("plus"));
        let primary =
            Window { used_percent: 12.0, window_minutes: 300, resets_at: Some(1_795_350_000) };
        assert_eq!(snapshot.primary, Some(primary));
        assert_eq!(snapshot.secondary.unwrap().window_minutes, 10_080);
        assert_eq!(snapshot.further.first().unwrap().id, "codex_bengalfox");
        assert_eq!(snapshot.reset_credits, Some(2));
        assert_eq!(snapshot.credits.unwrap().balance.as_deref(), Some("0"));
    }

    #[test]
    fn a_reached_kind_is_read_bare_or_typed() {
        for body in [
            r#"{"rate_limit_reached_type":"rate_limit_reached"}"#,
            r#"{"rate_limit_reached_type":{"type":"rate_limit_reached"}}"#,
        ] {
            let usage = read_usage(body.as_bytes(), 0).unwrap();
            assert_eq!(usage.reached.as_deref(), Some("rate_limit_reached"));
        }
    }

    #[test]
    fn members_of_other_types_are_treated_as_absent() {
        let body = br#"{"plan_type":[],"rate_limit":"no","code_review_rate_limit":[],
            "additional_rate_limits":[1,{},[]],"credits":1,
            "rate_limit_reset_credits":{"available_count":"2"}}"#;
        assert_eq!(read_usage(body, 0).unwrap(), Usage::default());
        assert!(read_usage(b"[]", 0).is_err());
    }
}
