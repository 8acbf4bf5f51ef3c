//! The clock: the time of day for records, and the time since a request arrived.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

/// Returns the seconds since the Unix epoch.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns the milliseconds since the Unix epoch.
pub(crate) fn unix_milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the time since the Unix epoch of a moment in the past.
pub(crate) fn unix_time_of(moment: Instant) -> Duration {
    unix_time().saturating_sub(moment.elapsed())
}

/// Returns the time since the Unix epoch.
pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns a time as a clock on the wall shows it: the hour today, with the day of the week within six days, else with
/// the date. UTC is used, and named, where the machine's time zone is not known.
pub(crate) fn local_time(unix: u64, now: u64) -> String {
    let at = |unix: u64| {
        let unix = i64::try_from(unix).ok().and_then(|unix| Timestamp::from_second(unix).ok());
        unix.map(|time| time.to_zoned_datetime(TimeZone::system()))
    };
    let (Some(time), Some(now)) = (at(unix), at(now)) else { return unix.to_string() };
    let days = now.date().until(time.date()).map_or(i32::MAX, |span| span.get_days());
    let form = match days {
        0 => "%H:%M",
        1..=6 => "%a %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    let zone =
        if time.time_zone().iana_name().is_some_and(|zone| zone == "UTC") { " UTC" } else { "" };
    format!("{}{zone}", time.strftime(form))
}

/// Returns a time to wait in words, such as `2 h 30 min`.
pub(crate) fn wait(seconds: u64) -> String {
    let minutes = seconds.div_ceil(60);
    match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// The time since a request arrived, read when it is first asked for.
///
/// All that one poll does happens at the same time, and a poll that finds nothing to do, which most
/// are, reads no clock.
pub(crate) struct LazyElapsed {
    arrived: Instant,
    elapsed: Option<Duration>,
}

impl LazyElapsed {
    /// Starts without a time.
    pub(crate) fn since(arrived: Instant) -> Self {
        Self { arrived, elapsed: None }
    }

    /// Returns the time, the same at each call.
    pub(crate) fn get(&mut self) -> Duration {
        *self.elapsed.get_or_insert_with(|| self.arrived.elapsed())
    }
}
