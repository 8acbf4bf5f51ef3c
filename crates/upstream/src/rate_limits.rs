//! The backend's rate-limit headers, read into a snapshot.
//!
//! Each family of headers describes two windows. Its prefix is `x-codex-` for the account's own
//! limit and `x-codex-<limit>-` for an additional one; the names of additional limits are not known
//! in advance, so families are recognised by the ends of their headers. Observed in 2026 on answers
//! with status 200 and 429.

use std::collections::BTreeSet;

use bytes::BytesMut;
use chatmock_protocol::codex::limits::{Credits, Limit, Snapshot, Window};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// The prefix of all headers about limits.
const PREFIX: &str = "x-codex-";

/// The suffix of the header with the display name of an additional limit.
const LIMIT_NAME: &str = "-limit-name";

/// The suffixes of a window's headers.
const WINDOW: [&str; 4] = ["-used-percent", "-window-minutes", "-reset-at", "-reset-after-seconds"];

/// The longest header that is forwarded, in bytes of its value.
const MAX_FORWARDED_VALUE: usize = 256;

/// The most bytes of names and values that are forwarded of one answer. Clients read heads of 16 KiB or 64 KiB in
/// all; the real backend sends some 800 bytes about limits.
const MAX_FORWARDED: usize = 8 * 1024;

/// Names, without [`PREFIX`], of the headers that belong to no window.
const SINGLE: [&str; 9] = [
    "active-limit",
    "credits-balance",
    "credits-has-credits",
    "credits-unlimited",
    "limit-name",
    "plan-type",
    "primary-over-secondary-limit-percent",
    "promo-message",
    "rate-limit-reached-type",
];

/// Reads a snapshot from an answer's headers; `None` where they report no limits.
///
/// `now` is the time in seconds of the Unix epoch, for windows that only report the time left.
/// A window of 0 minutes, or with empty headers, does not exist.
pub(crate) fn read_headers(headers: &HeaderMap, now: u64) -> Option<Snapshot> {
    let reported = LimitHeaders::of(headers);
    let word = |name: &str| reported.text(&[], name).map(str::to_owned);
    let snapshot = Snapshot {
        plan: word("plan-type"),
        active_limit: word("active-limit"),
        limit_name: word("limit-name"),
        primary: reported.window(&["primary"], now),
        secondary: reported.window(&["secondary"], now),
        primary_over_secondary_percent: reported
            .percent(&[], "primary-over-secondary-limit-percent"),
        further: reported.further(now),
        credits: reported.credits(),
        reset_credits: None,
        limit_reached: None,
        reached: word("rate-limit-reached-type"),
        promo: word("promo-message"),
    };
    (!snapshot.is_empty()).then_some(snapshot)
}

/// The headers about limits, for a client that wants to see them.
///
/// No other header is forwarded: cookies, server names and ids of the network in front of the
/// backend do not concern a client. Long values are left out, and so are all after the first 8 KiB: a
/// client refuses an answer whose head is too large for it.
pub(crate) fn forwarded(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let about_limits =
        |name: &str| SINGLE.contains(&name) || is_window(name) || family(name).is_some();
    let chosen = |name: &str| name.strip_prefix(PREFIX).is_some_and(about_limits);
    let mut room = MAX_FORWARDED;
    let mut fits = |name: &HeaderName, value: &HeaderValue| {
        let size = name.as_str().len() + value.len();
        let fits = value.len() <= MAX_FORWARDED_VALUE && size <= room;
        room -= if fits { size } else { 0 };
        fits
    };
    let chosen: Vec<_> =
        headers.iter().filter(|(name, value)| chosen(name.as_str()) && fits(name, value)).collect();
    // A received header value is a slice of the whole head and keeps all of it in memory. These
    // values live as long as the answer, so they are copied.
    let mut values = BytesMut::with_capacity(chosen.iter().map(|(_, value)| value.len()).sum());
    let detached = |(name, value): (&HeaderName, &HeaderValue)| {
        values.extend_from_slice(value.as_bytes());
        let value = HeaderValue::from_maybe_shared(values.split().freeze());
        Some((name.clone(), value.ok()?))
    };
    chosen.into_iter().filter_map(detached).collect()
}

/// The headers about limits, by their names without [`PREFIX`]. A name is compared part by part, so
/// that no string has to be built for it.
struct LimitHeaders<'h>(Vec<(&'h str, &'h HeaderValue)>);

impl<'h> LimitHeaders<'h> {
    fn of(headers: &'h HeaderMap) -> Self {
        let about_limits =
            |(name, value): (&'h HeaderName, _)| Some((name.as_str().strip_prefix(PREFIX)?, value));
        Self(headers.iter().filter_map(about_limits).collect())
    }

    /// The text of the header whose name consists of `front` and `tail`, unless it is empty.
    fn text(&self, front: &[&str], tail: &str) -> Option<&'h str> {
        let rest =
            |name: &'h str| front.iter().try_fold(name, |rest, part| rest.strip_prefix(part));
        let (_, value) = self.0.iter().find(|(name, _)| rest(name) == Some(tail))?;
        let value = value.to_str().ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    fn percent(&self, front: &[&str], tail: &str) -> Option<f64> {
        let value: f64 = self.text(front, tail)?.parse().ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    }

    fn window(&self, window: &[&str], now: u64) -> Option<Window> {
        let [used, minutes, at, after] = WINDOW;
        let number = |tail: &str| self.text(window, tail)?.parse::<u64>().ok();
        let window_minutes = number(minutes).filter(|minutes| *minutes > 0)?;
        let used_percent = self.percent(window, used)?;
        let later = || number(after).map(|after| now.saturating_add(after));
        let resets_at = number(at).filter(|at| *at > 0).or_else(later);
        Some(Window { used_percent, window_minutes, resets_at })
    }

    fn further(&self, now: u64) -> Vec<Limit> {
        let ids: BTreeSet<&str> = self.0.iter().filter_map(|(name, _)| family(name)).collect();
        let limit = |id: &str| {
            let name = self.text(&[id], LIMIT_NAME).map(str::to_owned);
            let primary = self.window(&[id, "-primary"], now);
            let secondary = self.window(&[id, "-secondary"], now);
            let known = name.is_some() || primary.is_some() || secondary.is_some();
            known.then(|| Limit { id: id.to_owned(), name, primary, secondary })
        };
        ids.into_iter().filter_map(limit).collect()
    }

    fn credits(&self) -> Option<Credits> {
        // The backend writes booleans as Python does, or as JSON does.
        let truth = |name: &str| {
            let word = self.text(&[], name)?;
            [("true", true), ("false", false)]
                .into_iter()
                .find_map(|(is, truth)| word.eq_ignore_ascii_case(is).then_some(truth))
        };
        let has_credits = truth("credits-has-credits");
        let unlimited = truth("credits-unlimited");
        let balance = self.text(&[], "credits-balance").map(str::to_owned);
        let known = has_credits.is_some() || unlimited.is_some() || balance.is_some();
        known.then(|| Credits {
            has_credits: has_credits.unwrap_or_default(),
            unlimited: unlimited.unwrap_or_default(),
            balance,
        })
    }
}

/// The id of the additional limit to which a header belongs, from its name without [`PREFIX`].
fn family(name: &str) -> Option<&str> {
    let id = match name.strip_suffix(LIMIT_NAME) {
        Some(id) => id,
        None => {
            let rest = WINDOW.iter().find_map(|tail| name.strip_suffix(tail))?;
            rest.strip_suffix("-primary").or_else(|| rest.strip_suffix("-secondary"))?
        }
    };
    (!id.is_empty()).then_some(id)
}

/// Returns whether a header belongs to a window of the account's own limit.
fn is_window(name: &str) -> bool {
    let tail = name.strip_prefix("primary").or_else(|| name.strip_prefix("secondary"));
    tail.is_some_and(|tail| WINDOW.contains(&tail))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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
    fn values_that_are_not_numbers_yield_no_window() {
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
    fn only_headers_about_limits_are_forwarded() {
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
        let forwarded = forwarded(&headers);
        let mut names: Vec<_> = forwarded.iter().map(|(name, _)| name.as_str()).collect();
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

    #[test]
    fn forwarded_headers_are_bounded_each_and_together() {
        let mut headers = HeaderMap::new();
        let fits = HeaderValue::from_str(&"x".repeat(256)).unwrap();
        for number in 0..90 {
            let name = format!("x-codex-family{number}-primary-used-percent");
            headers.insert(HeaderName::try_from(name).unwrap(), fits.clone());
        }
        let long = HeaderValue::from_str(&"x".repeat(257)).unwrap();
        headers.insert("x-codex-promo-message", long);
        let forwarded = forwarded(&headers);
        let size = |(name, value): &(HeaderName, HeaderValue)| name.as_str().len() + value.len();
        let all: usize = forwarded.iter().map(size).sum();
        assert!((7 * 1024..=8 * 1024).contains(&all), "{all}");
        assert!(forwarded.iter().all(|(_, value)| value.len() <= 256));
    }

    #[test]
    fn forwarded_headers_do_not_keep_the_rest_of_the_head() {
        let read = Bytes::from(b"plus, and all the rest of an answer".to_vec());
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_maybe_shared(read.slice(..4)).unwrap();
        headers.insert("x-codex-plan-type", value);
        let forwarded = forwarded(&headers);
        drop(headers);
        assert_eq!(forwarded[0].1, "plus");
        assert!(read.is_unique());
    }
}
