//! Times and spans, in words for a person.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use time::OffsetDateTime;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// A moment in this machine's time zone, such as `2026-11-24 07:15 CET`.
pub(crate) fn moment(unix: i64) -> String {
    moment_in(unix, TimeZone::system())
}

fn moment_in(unix: i64, zone: TimeZone) -> String {
    let Ok(moment) = Timestamp::from_second(unix) else {
        return "at no known time".to_owned();
    };
    moment.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// A moment to come or gone, as seen from now: `in 2 h 30 min (2026-11-24 06:15 UTC)`.
pub(crate) fn from_now(unix: i64, now: i64) -> String {
    let left = unix.saturating_sub(now);
    let side = if left > 0 { format!("in {}", span(left)) } else { "now".to_owned() };
    format!("{side} ({})", moment(unix))
}

/// A span of seconds in its two largest units, such as `3 d 11 h`.
pub(crate) fn span(seconds: i64) -> String {
    let two = |large: i64, name: &str, small: i64, next: &str| {
        let rest = seconds % large / small;
        let large = seconds / large;
        if rest == 0 { format!("{large} {name}") } else { format!("{large} {name} {rest} {next}") }
    };
    match seconds {
        DAY.. => two(DAY, "d", HOUR, "h"),
        HOUR.. => two(HOUR, "h", MINUTE, "min"),
        MINUTE.. => format!("{} min", seconds / MINUTE),
        _ => "less than a minute".to_owned(),
    }
}

/// The length of a window, such as `5 hours`. A difference of one percent is ignored.
pub(crate) fn window(minutes: u64) -> String {
    for (unit, one, many) in [(1440, "day", "days"), (60, "hour", "hours")] {
        let whole = minutes.saturating_add(unit / 2) / unit;
        let off = minutes.abs_diff(whole.saturating_mul(unit));
        if whole > 0 && off.saturating_mul(100) <= minutes {
            return format!("{whole} {}", if whole == 1 { one } else { many });
        }
    }
    format!("{minutes} {}", if minutes == 1 { "minute" } else { "minutes" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_named_by_their_length() {
        for (minutes, name) in [
            (1, "1 minute"),
            (45, "45 minutes"),
            (60, "1 hour"),
            (90, "90 minutes"),
            (299, "5 hours"),
            (300, "5 hours"),
            (1440, "1 day"),
            (10_079, "7 days"),
            (10_080, "7 days"),
            (43_200, "30 days"),
            (u64::MAX, "12810238940076077 days"),
        ] {
            assert_eq!(window(minutes), name);
        }
    }

    #[test]
    fn spans_have_at_most_two_units() {
        for (seconds, text) in [
            (-5, "less than a minute"),
            (59, "less than a minute"),
            (60, "1 min"),
            (9_000, "2 h 30 min"),
            (7_200, "2 h"),
            (300_000, "3 d 11 h"),
            (864_000, "10 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn moments_are_told_in_both_ways() {
        let at = moment(1_795_350_000);
        assert_eq!(from_now(1_795_350_000, 1_795_341_000), format!("in 2 h 30 min ({at})"));
        assert_eq!(from_now(10, 20), format!("now ({})", moment(10)));
        let zone = TimeZone::get("Europe/Oslo").unwrap();
        assert_eq!(moment_in(1_795_350_000, zone), "2026-11-22 13:20 CET");
        assert_eq!(moment_in(1_795_350_000, TimeZone::UTC), "2026-11-22 12:20 UTC");
        assert_eq!(moment(i64::MAX), "at no known time");
    }
}
