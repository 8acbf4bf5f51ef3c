//! The account's rate limits: two windows, as JSON and as headers.

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
