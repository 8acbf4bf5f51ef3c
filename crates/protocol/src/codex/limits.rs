//! Rate limits: a snapshot of how much of an account's allowance is used.
//!
//! Nothing here is documented by the backend, and all of it has changed before. So every member is
//! optional, and one of an unexpected type is treated as absent: limits are a convenience, and must
//! never fail a turn.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The used part of an account's allowance, as reported by one answer of the backend.
///
/// The windows differ between plans: read [`Window::window_minutes`] and do not assume that the
/// first is five hours and the second a week.
///
/// The [`Serialize`] form deserialises to the same value; missing members are treated as absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Snapshot {
    /// The name of the plan, such as `plus`; an open set.
    pub plan: Option<String>,
    /// The family of limits that applies to the call, such as `codex` or `premium`.
    pub active_limit: Option<String>,
    /// The display name of that family.
    pub limit_name: Option<String>,
    /// The first window.
    pub primary: Option<Window>,
    /// The second window.
    pub secondary: Option<Window>,
    /// The first window's allowance in percent of the second's.
    pub primary_over_secondary_percent: Option<f64>,
    /// Additional limits, such as one for a single model.
    pub further: Vec<Limit>,
    /// Credits on top of the plan's allowance.
    pub credits: Option<Credits>,
    /// The number of credits with which the windows can be begun anew; only `GET /wham/usage` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_credits: Option<u64>,
    /// True if a limit is reached; `None` if the answer does not say.
    pub limit_reached: Option<bool>,
    /// The kind of limit that is reached, such as `workspace_owner_credits_depleted`.
    pub reached: Option<String>,
    /// An offer of the backend, in words for a person.
    pub promo: Option<String>,
}

impl Snapshot {
    /// Returns whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One window of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Window {
    /// The used share in percent; at 100 and above, nothing is left.
    pub used_percent: f64,
    /// The window's length, in minutes; never 0.
    pub window_minutes: u64,
    /// When the window restarts, in seconds of the Unix epoch.
    pub resets_at: Option<u64>,
}

/// An additional limit with windows of its own.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Limit {
    /// The backend's opaque id for it, such as `bengalfox`.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// The first window.
    pub primary: Option<Window>,
    /// The second window.
    pub secondary: Option<Window>,
}

/// Credits, which are used once the plan's allowance is used up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Credits {
    /// True if the account has any.
    pub has_credits: bool,
    /// True if they are unlimited.
    pub unlimited: bool,
    /// The balance, as the backend writes it; absent where that is empty.
    pub balance: Option<String>,
}

/// Parses the event `codex.rate_limits`; `None` for any other text, or when it reports nothing.
///
/// `now` is the time in seconds of the Unix epoch, for windows that only report the time left. An
/// event about an additional limit fills [`Snapshot::further`] and leaves the main windows empty.
/// Members of an unexpected type are treated as absent.
#[must_use]
pub fn read_event(text: &str, now: u64) -> Option<Snapshot> {
    let event: WireEvent = serde_json::from_str(text).ok()?;
    if event.kind.as_deref() != Some("codex.rate_limits") {
        return None;
    }
    let limits = event.rate_limits.unwrap_or_default();
    let window = |wire: Option<WireWindow>| wire.and_then(|wire| wire.window(now));
    let (primary, secondary) = (window(limits.primary), window(limits.secondary));
    let mut snapshot = Snapshot {
        plan: event.plan_type,
        credits: event.credits.map(WireCredits::credits),
        limit_reached: limits.limit_reached,
        promo: event.promo,
        ..Snapshot::default()
    };
    match event.metered_limit_name.or_else(|| event.limit_name.clone()) {
        Some(id) => {
            snapshot.limit_reached = None;
            snapshot.further.push(Limit { id, name: event.limit_name, primary, secondary });
        }
        None => (snapshot.primary, snapshot.secondary) = (primary, secondary),
    }
    (!snapshot.is_empty()).then_some(snapshot)
}

#[derive(Deserialize)]
struct WireEvent {
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    plan_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    rate_limits: Option<WireLimits>,
    #[serde(default, deserialize_with = "lenient")]
    credits: Option<WireCredits>,
    #[serde(default, deserialize_with = "lenient")]
    promo: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    metered_limit_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    limit_name: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireLimits {
    #[serde(default, deserialize_with = "lenient")]
    limit_reached: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    primary: Option<WireWindow>,
    #[serde(default, deserialize_with = "lenient")]
    secondary: Option<WireWindow>,
}

/// A window on the wire: events write `window_minutes`, the usage endpoint
/// `limit_window_seconds`.
#[derive(Deserialize)]
pub(super) struct WireWindow {
    #[serde(default, deserialize_with = "lenient")]
    used_percent: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    window_minutes: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    limit_window_seconds: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    reset_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    reset_after_seconds: Option<u64>,
}

impl WireWindow {
    pub(super) fn window(&self, now: u64) -> Option<Window> {
        let seconds = self.limit_window_seconds.map(|seconds| seconds.div_ceil(60));
        let window_minutes = self.window_minutes.or(seconds).filter(|minutes| *minutes > 0)?;
        let used_percent = self.used_percent.filter(|used| used.is_finite() && *used >= 0.0)?;
        let later = self.reset_after_seconds.map(|after| now.saturating_add(after));
        let resets_at = self.reset_at.filter(|at| *at > 0).or(later);
        Some(Window { used_percent, window_minutes, resets_at })
    }
}

/// Credits on the wire, in events and in the usage endpoint.
#[derive(Deserialize)]
pub(super) struct WireCredits {
    #[serde(default, deserialize_with = "lenient")]
    has_credits: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    unlimited: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    balance: Option<String>,
}

impl WireCredits {
    pub(super) fn credits(self) -> Credits {
        Credits {
            has_credits: self.has_credits.unwrap_or_default(),
            unlimited: self.unlimited.unwrap_or_default(),
            balance: self.balance.filter(|balance| !balance.trim().is_empty()),
        }
    }
}

/// Deserialises a member that may be of any type; one that does not fit is treated as absent.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(read_lenient(raw))
}

/// Deserialises a list whose elements may be of any type; those that do not fit are skipped.
pub(super) fn lenient_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    Ok(list.into_iter().filter_map(read_lenient).collect())
}

fn read_lenient<'de, T: Deserialize<'de>>(raw: &'de RawValue) -> Option<T> {
    // A derived `Deserialize` would accept a list as an object whose members are in order.
    if raw.get().starts_with('[') {
        return None;
    }
    serde_json::from_str(raw.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_338_000;

    #[test]
    fn an_event_reports_windows_plan_and_credits() {
        let text = r#"{"type":"codex.rate_limits","plan_type":"plus","rate_limits":{"allowed":true,
            "limit_reached":false,"primary":{"used_percent":12,"window_minutes":10080,
            "reset_after_seconds":400000,"reset_at":1795740000},"secondary":null},
            "code_review_rate_limits":null,
            "credits":{"has_credits":false,"unlimited":false,"balance":null},"promo":null}"#;
        let snapshot = read_event(text, NOW).unwrap();
        assert_eq!(snapshot.plan.as_deref(), Some("plus"));
        let primary =
            Window { used_percent: 12.0, window_minutes: 10_080, resets_at: Some(1_795_740_000) };
        assert_eq!(snapshot.primary, Some(primary));
        assert_eq!(snapshot.secondary, None);
        assert_eq!(snapshot.limit_reached, Some(false));
        assert_eq!(snapshot.credits, Some(Credits::default()));
    }

    #[test]
    fn an_event_of_an_additional_limit_leaves_the_main_windows_empty() {
        let text = r#"{"type":"codex.rate_limits","metered_limit_name":"bengalfox",
            "limit_name":"Spark","rate_limits":{"limit_reached":true,
            "primary":{"used_percent":100,"window_minutes":300,"reset_after_seconds":60}}}"#;
        let snapshot = read_event(text, NOW).unwrap();
        assert_eq!((snapshot.primary, snapshot.limit_reached), (None, None));
        let limit = snapshot.further.first().unwrap();
        assert_eq!((limit.id.as_str(), limit.name.as_deref()), ("bengalfox", Some("Spark")));
        assert_eq!(limit.primary.unwrap().resets_at, Some(NOW + 60));
    }

    #[test]
    fn members_of_other_types_and_empty_windows_are_treated_as_absent() {
        let text = r#"{"type":"codex.rate_limits","plan_type":7,"promo":{"a":1},"rate_limits":{
            "primary":{"used_percent":0,"window_minutes":0,"reset_at":null},
            "secondary":{"used_percent":-3,"window_minutes":300}},"credits":[]}"#;
        assert_eq!(read_event(text, NOW), None);
    }

    #[test]
    fn other_events_are_not_read() {
        assert_eq!(read_event(r#"{"type":"response.created"}"#, NOW), None);
        assert_eq!(read_event("[]", NOW), None);
    }
}
