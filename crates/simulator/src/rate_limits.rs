//! The account's rate limits: two windows, as JSON and as headers.

use serde_json::{Value, json};

use crate::json::{Json, object};

pub(crate) const PRIMARY: Window = Window { used: 12, minutes: 300, left: 9_000 };
pub(crate) const SECONDARY: Window = Window { used: 40, minutes: 10_080, left: 300_000 };

/// The window of a limit: percent used, length in minutes, seconds until it restarts.
pub(crate) struct Window {
    used: i64,
    minutes: i64,
    left: i64,
}

impl Window {
    pub(crate) fn json(&self, now: i64) -> Json {
        object! {
            "used_percent": self.used, "limit_window_seconds": self.minutes * 60,
            "reset_after_seconds": self.left, "reset_at": now + self.left,
        }
    }
}

/// Returns the headers with the limits, which come with every answer of the Codex backend.
pub(crate) fn headers(plan: &str, now: i64) -> Vec<(&'static str, String)> {
    vec![
        ("x-codex-active-limit", "codex".to_owned()),
        ("x-codex-plan-type", plan.to_owned()),
        ("x-codex-primary-used-percent", PRIMARY.used.to_string()),
        ("x-codex-primary-window-minutes", PRIMARY.minutes.to_string()),
        ("x-codex-primary-reset-at", (now + PRIMARY.left).to_string()),
        ("x-codex-primary-reset-after-seconds", PRIMARY.left.to_string()),
        ("x-codex-secondary-used-percent", SECONDARY.used.to_string()),
        ("x-codex-secondary-window-minutes", SECONDARY.minutes.to_string()),
        ("x-codex-secondary-reset-at", (now + SECONDARY.left).to_string()),
        ("x-codex-secondary-reset-after-seconds", SECONDARY.left.to_string()),
        ("x-codex-primary-over-secondary-limit-percent", "0".to_owned()),
        ("x-codex-credits-has-credits", "False".to_owned()),
        ("x-codex-credits-unlimited", "False".to_owned()),
        ("x-codex-credits-balance", String::new()),
        ("x-codex-bengalfox-primary-used-percent", "0".to_owned()),
        ("x-codex-bengalfox-primary-window-minutes", "0".to_owned()),
        ("x-codex-bengalfox-primary-reset-at", String::new()),
        ("x-codex-bengalfox-limit-name", "GPT-5.3-Codex-Spark".to_owned()),
    ]
}

/// Returns the event that reports on a socket what these headers report over HTTP; `None` where they report no limits.
pub(crate) fn event(headers: &[(String, String)]) -> Option<Value> {
    let text = |name: &str| {
        let named = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        headers.iter().find(named).map(|(_, value)| value.as_str())
    };
    let window = |window: &str| {
        let part = |part: &str| text(&format!("x-codex-{window}-{part}"));
        let number = |name: &str| part(name)?.parse::<u64>().ok();
        let used = part("used-percent")?.parse::<f64>().ok()?;
        Some(json!({"used_percent": used, "window_minutes": number("window-minutes"),
            "reset_after_seconds": number("reset-after-seconds"), "reset_at": number("reset-at")}))
    };
    let (primary, secondary) = (window("primary"), window("secondary"));
    if primary.is_none() && secondary.is_none() {
        return None;
    }
    let is_reached = text("x-codex-rate-limit-reached-type").is_some();
    let limits = json!({"allowed": !is_reached, "limit_reached": is_reached,
        "primary": primary, "secondary": secondary});
    Some(json!({"type": "codex.rate_limits", "plan_type": text("x-codex-plan-type"),
        "rate_limits": limits, "credits": null}))
}
