//! A reached limit in words: which window is used up, and when it restarts.

use chatmock_protocol::codex::limits::{Snapshot, Window};
use chatmock_translate::{Failure, FailureKind};

use crate::clock;

/// The backend's words for a plan's limit; other refusals with the same status are about speed.
const USED_UP: [&str; 1] = ["usage_limit_reached"];

/// The share from which nothing of a window is left, in percent.
const ALL: f64 = 100.0;

/// The most by which the end of a window and the wait of a refusal may differ, in seconds.
const NEAR: u64 = 120;

/// Returns whether a failure reports that the allowance of a plan is used up.
pub(crate) fn is_used_up(failure: &Failure) -> bool {
    let words = [failure.class.as_deref(), failure.code.as_deref()];
    matches!(failure.kind, FailureKind::RateLimited { .. })
        && words.into_iter().flatten().any(|word| USED_UP.contains(&word))
}

/// Puts before the backend's words which window is used up and when it restarts, as far as that is known.
pub(crate) fn named(mut failure: Failure, limits: Option<&Snapshot>, now: u64) -> Failure {
    if !is_used_up(&failure) {
        return failure;
    }
    let wait = failure.retry_after();
    let window = limits.and_then(|limits| window(limits, wait.map(|wait| now + wait), now));
    let name =
        window.map_or_else(|| "usage limit".to_owned(), |window| name(window.window_minutes));
    let free = wait.map(|wait| now + wait).or_else(|| window.and_then(|window| window.resets_at));
    let free = free.filter(|free| *free > now).map(|free| {
        format!(", free at {} (in {})", clock::local_time(free, now), clock::wait(free - now))
    });
    failure.message = format!("{name} reached{}. {}", free.unwrap_or_default(), failure.message);
    failure
}

/// Finds the window that is used up: the one that restarts when the refusal says, else the last to restart.
fn window(limits: &Snapshot, free: Option<u64>, now: u64) -> Option<&Window> {
    let further = limits.further.iter().flat_map(|limit| [&limit.primary, &limit.secondary]);
    let windows = [&limits.primary, &limits.secondary].into_iter().chain(further).flatten();
    let current = windows.filter(|window| window.resets_at.is_none_or(|resets| resets > now));
    let current: Vec<&Window> = current.collect();
    let full = current.iter().copied().filter(|window| window.used_percent >= ALL);
    let near = |window: &&Window| {
        window.resets_at.zip(free).is_some_and(|(resets, free)| resets.abs_diff(free) <= NEAR)
    };
    let same = full.clone().find(near).or_else(|| current.iter().copied().find(near));
    same.or_else(|| full.max_by_key(|window| window.resets_at))
}

/// Names a limit by the length of its window, in minutes.
fn name(minutes: u64) -> String {
    const HOUR: u64 = 60;
    const DAY: u64 = 24 * HOUR;
    match minutes {
        DAY => "daily limit".to_owned(),
        minutes if minutes == 7 * DAY => "weekly limit".to_owned(),
        minutes if minutes % DAY == 0 => format!("{}-day limit", minutes / DAY),
        minutes if minutes % HOUR == 0 => format!("{}-hour limit", minutes / HOUR),
        minutes => format!("{minutes}-minute limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn refused(retry_after: Option<u64>) -> Failure {
        let kind = FailureKind::RateLimited { retry_after };
        let mut failure = Failure::new(kind, "The usage limit has been reached");
        failure.class = Some("usage_limit_reached".into());
        failure
    }

    fn limits(windows: [(f64, u64, u64); 2]) -> Snapshot {
        let [primary, secondary] = windows.map(|(used_percent, window_minutes, left)| {
            Some(Window { used_percent, window_minutes, resets_at: Some(NOW + left) })
        });
        Snapshot { primary, secondary, ..Snapshot::default() }
    }

    fn words(failure: Failure, limits: Option<&Snapshot>) -> String {
        named(failure, limits, NOW).message
    }

    #[test]
    fn a_used_up_window_is_named_with_the_time_of_its_end() {
        let both = limits([(100.0, 300, 9000), (40.0, 10_080, 500_000)]);
        let text = words(refused(Some(9000)), Some(&both));
        assert!(text.starts_with("5-hour limit reached, free at "), "{text}");
        assert!(text.ends_with(" (in 2 h 30 min). The usage limit has been reached"), "{text}");
        let text = words(refused(None), Some(&both));
        assert!(text.starts_with("5-hour limit") && text.contains("(in 2 h 30 min)"), "{text}");
    }

    #[test]
    fn of_two_windows_the_one_that_restarts_last_is_named() {
        let both = limits([(100.0, 300, 9000), (101.0, 10_080, 500_000)]);
        let text = words(refused(None), Some(&both));
        assert!(text.starts_with("weekly limit") && text.contains("(in 5 d 18 h)"), "{text}");
        let text = words(refused(Some(9010)), Some(&both));
        assert!(text.starts_with("5-hour limit"), "{text}");
    }

    #[test]
    fn without_a_snapshot_the_time_alone_is_given_and_of_other_refusals_nothing() {
        let text = words(refused(Some(60)), None);
        assert!(text.starts_with("usage limit reached, free at "), "{text}");
        let text = words(refused(None), None);
        assert_eq!(text, "usage limit reached. The usage limit has been reached");
        let busy = Failure::new(FailureKind::RateLimited { retry_after: Some(1) }, "slower");
        assert_eq!(words(busy, None), "slower");
    }

    #[test]
    fn limits_are_named_by_their_length() {
        for (minutes, words) in [
            (300, "5-hour limit"),
            (1440, "daily limit"),
            (10_080, "weekly limit"),
            (43_200, "30-day limit"),
            (90, "90-minute limit"),
        ] {
            assert_eq!(name(minutes), words);
        }
    }
}
