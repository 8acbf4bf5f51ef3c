//! The backend's rate-limit headers and events, read into one snapshot.
//!
//! Each family of headers names two windows; its prefix is `x-codex-` for the account's own limit
//! and `x-codex-<limit>-` for a further one. Observed in 2026 on answers with status 200 and 429.

use std::collections::BTreeSet;

use chatmock_protocol::codex::limits::{Credits, Limit, Snapshot, Window};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

pub use chatmock_protocol::codex::limits::read_event;

/// The end of the header with a further limit's display name.
const LIMIT_NAME: &str = "-limit-name";

/// What a window's headers end with.
const WINDOW: [&str; 4] = ["-used-percent", "-window-minutes", "-reset-at", "-reset-after-seconds"];

/// Headers about limits that belong to no window.
const SINGLE: [&str; 9] = [
    "x-codex-active-limit",
    "x-codex-credits-balance",
    "x-codex-credits-has-credits",
    "x-codex-credits-unlimited",
    "x-codex-limit-name",
    "x-codex-plan-type",
    "x-codex-primary-over-secondary-limit-percent",
    "x-codex-promo-message",
    "x-codex-rate-limit-reached-type",
];

/// Reads the snapshot from an answer's headers; `None` when they tell nothing.
///
/// `now` is the time in seconds of the Unix epoch, for windows that only tell how long is left.
/// A window of 0 minutes, or whose headers are empty, does not exist.
#[must_use]
pub fn read_headers(headers: &HeaderMap, now: u64) -> Option<Snapshot> {
    let word = |name: &str| text(headers, name).map(str::to_owned);
    let snapshot = Snapshot {
        plan: word("x-codex-plan-type"),
        active_limit: word("x-codex-active-limit"),
        limit_name: word("x-codex-limit-name"),
        primary: window(headers, "x-codex-primary", now),
        secondary: window(headers, "x-codex-secondary", now),
        primary_over_secondary_percent: percent(
            headers,
            "x-codex-primary-over-secondary-limit-percent",
        ),
        further: further(headers, now),
        credits: credits(headers),
        limit_reached: None,
        reached: word("x-codex-rate-limit-reached-type"),
        promo: word("x-codex-promo-message"),
    };
    (!snapshot.is_empty()).then_some(snapshot)
}

/// The headers about limits, for a client that wants to see them.
///
/// Nothing else is given: no cookie, no server name, nothing of what stands in front of it.
#[must_use]
pub fn forwarded(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let about_limits =
        |name: &str| SINGLE.contains(&name) || is_window(name) || family(name).is_some();
    headers
        .iter()
        .filter(|(name, _)| about_limits(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A non-empty text value.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then_some(value)
}

fn percent(headers: &HeaderMap, name: &str) -> Option<f64> {
    let value: f64 = text(headers, name)?.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

fn window(headers: &HeaderMap, prefix: &str, now: u64) -> Option<Window> {
    let number = |tail: &str| text(headers, &format!("{prefix}{tail}"))?.parse::<u64>().ok();
    let window_minutes = number("-window-minutes").filter(|minutes| *minutes > 0)?;
    let used_percent = percent(headers, &format!("{prefix}-used-percent"))?;
    let later = || number("-reset-after-seconds").map(|after| now.saturating_add(after));
    let resets_at = number("-reset-at").filter(|at| *at > 0).or_else(later);
    Some(Window { used_percent, window_minutes, resets_at })
}

fn further(headers: &HeaderMap, now: u64) -> Vec<Limit> {
    let ids: BTreeSet<&str> = headers.keys().filter_map(|name| family(name.as_str())).collect();
    let limit = |id: &str| {
        let prefix = format!("x-codex-{id}");
        let name = text(headers, &format!("{prefix}{LIMIT_NAME}")).map(str::to_owned);
        let primary = window(headers, &format!("{prefix}-primary"), now);
        let secondary = window(headers, &format!("{prefix}-secondary"), now);
        let known = name.is_some() || primary.is_some() || secondary.is_some();
        known.then(|| Limit { id: id.to_owned(), name, primary, secondary })
    };
    ids.into_iter().filter_map(limit).collect()
}

/// The opaque word of the further limit that a header belongs to.
fn family(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("x-codex-")?;
    let id = match rest.strip_suffix(LIMIT_NAME) {
        Some(id) => id,
        None => {
            let rest = WINDOW.iter().find_map(|tail| rest.strip_suffix(tail))?;
            rest.strip_suffix("-primary").or_else(|| rest.strip_suffix("-secondary"))?
        }
    };
    (!id.is_empty()).then_some(id)
}

/// Whether a header belongs to a window of the account's own limit.
fn is_window(name: &str) -> bool {
    ["x-codex-primary", "x-codex-secondary"]
        .iter()
        .filter_map(|prefix| name.strip_prefix(prefix))
        .any(|tail| WINDOW.contains(&tail))
}

fn credits(headers: &HeaderMap) -> Option<Credits> {
    // The backend writes booleans as Python does, or as JSON does.
    let truth = |name: &str| match text(headers, name)?.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let has_credits = truth("x-codex-credits-has-credits");
    let unlimited = truth("x-codex-credits-unlimited");
    let balance = text(headers, "x-codex-credits-balance").map(str::to_owned);
    let known = has_credits.is_some() || unlimited.is_some() || balance.is_some();
    known.then(|| Credits {
        has_credits: has_credits.unwrap_or_default(),
        unlimited: unlimited.unwrap_or_default(),
        balance,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_plan_with_only_a_weekly_window_has_no_second_one() {
        let headers = headers(&[
            ("x-codex-primary-used-percent", "12"),
            ("x-codex-primary-window-minutes", "10080"),
            ("x-codex-primary-reset-at", "1795740000"),
            ("x-codex-primary-reset-after-seconds", "400000"),
            ("x-codex-secondary-used-percent", "0"),
            ("x-codex-secondary-window-minutes", "0"),
            ("x-codex-secondary-reset-at", ""),
            ("x-codex-plan-type", "pro"),
            ("x-codex-active-limit", "codex"),
            ("x-codex-credits-has-credits", "True"),
            ("x-codex-credits-unlimited", "false"),
            ("x-codex-credits-balance", ""),
        ]);
        let snapshot = read_headers(&headers, 0).unwrap();
        let primary =
            Window { used_percent: 12.0, window_minutes: 10_080, resets_at: Some(1_795_740_000) };
        assert_eq!((snapshot.primary, snapshot.secondary), (Some(primary), None));
        assert_eq!(snapshot.plan.as_deref(), Some("pro"));
        let credits = Credits { has_credits: true, unlimited: false, balance: None };
        assert_eq!(snapshot.credits, Some(credits));
        assert!(snapshot.further.is_empty());
    }

    #[test]
    fn a_further_family_is_read_under_its_own_word() {
        let headers = headers(&[
            ("x-codex-bengalfox-primary-used-percent", "55.5"),
            ("x-codex-bengalfox-primary-window-minutes", "300"),
            ("x-codex-bengalfox-primary-reset-after-seconds", "60"),
            ("x-codex-bengalfox-limit-name", "Spark"),
            ("x-codex-code-review-secondary-window-minutes", "0"),
        ]);
        let snapshot = read_headers(&headers, 1_000).unwrap();
        let primary = Window { used_percent: 55.5, window_minutes: 300, resets_at: Some(1_060) };
        let limit = Limit {
            id: "bengalfox".into(),
            name: Some("Spark".into()),
            primary: Some(primary),
            secondary: None,
        };
        assert_eq!(snapshot.further, [limit]);
        assert_eq!(snapshot.primary, None);
    }

    #[test]
    fn values_that_are_no_numbers_give_no_window() {
        let headers = headers(&[
            ("x-codex-primary-used-percent", "NaN"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-secondary-used-percent", "10"),
            ("x-codex-secondary-window-minutes", "-1"),
        ]);
        assert_eq!(read_headers(&headers, 0), None);
        assert_eq!(read_headers(&HeaderMap::new(), 0), None);
    }

    #[test]
    fn only_headers_about_limits_are_handed_on() {
        let headers = headers(&[
            ("set-cookie", "a=b"),
            ("server", "cloudflare"),
            ("cf-ray", "1"),
            ("x-codex-turn-state", "opaque"),
            ("x-codex-primary-used-percent", "1"),
            ("x-codex-primary-over-secondary-limit-percent", "20"),
            ("x-codex-bengalfox-secondary-reset-at", "5"),
            ("x-codex-limit-name", "Codex"),
            ("x-codex-plan-type", "plus"),
            ("x-request-id", "r"),
        ]);
        let handed = forwarded(&headers);
        let mut names: Vec<_> = handed.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let expected = [
            "x-codex-bengalfox-secondary-reset-at",
            "x-codex-limit-name",
            "x-codex-plan-type",
            "x-codex-primary-over-secondary-limit-percent",
            "x-codex-primary-used-percent",
        ];
        assert_eq!(names, expected);
    }
}
