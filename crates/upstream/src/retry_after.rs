//! How long to wait before another try, from whatever part of an answer tells it.

use std::time::SystemTime;

use chatmock_protocol::responses::ApiError;

/// A day, the longest wait that is told.
const LONGEST: u64 = 86_400;

/// Seconds to wait, 1 to 86,400.
///
/// The header `retry-after` decides (seconds or an HTTP date), then the reset time in the error,
/// then the words "try again in …" of its message. What cannot be read is passed over.
pub(crate) fn read(header: Option<&str>, error: &ApiError, now: SystemTime) -> Option<u64> {
    let seconds = header
        .and_then(|value| from_header(value.trim(), now))
        .or(error.resets_in)
        .or_else(|| error.resets_at.map(|at| at.saturating_sub(unix(now))))
        .or_else(|| error.message.as_deref().and_then(from_words))?;
    Some(seconds.clamp(1, LONGEST))
}

/// Seconds since the Unix epoch; 0 for a clock before it.
pub(crate) fn unix(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn from_header(value: &str, now: SystemTime) -> Option<u64> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(LONGEST));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).map_or(0, |wait| wait.as_secs_f64().ceil() as u64))
}

/// Reads "try again in 1.5s", "… 250ms", "… 2 seconds", "… 6m0s", rounded up.
fn from_words(message: &str) -> Option<u64> {
    let words = message.to_ascii_lowercase();
    let mut rest = words.split_once("try again in ")?.1;
    let mut total = None;
    while let Some((seconds, after)) = quantity(rest) {
        total = Some(total.unwrap_or(0.0) + seconds);
        rest = after;
    }
    // A float beyond the range of an integer becomes its end.
    total.map(|seconds: f64| seconds.ceil() as u64)
}

/// Reads a number and its unit as seconds; gives what follows.
fn quantity(text: &str) -> Option<(f64, &str)> {
    let split = |text: &'_ str, is: fn(char) -> bool| text.find(|c| !is(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(split(text, |c| c.is_ascii_digit() || c == '.'))?;
    let number: f64 = number.trim_end_matches('.').parse().ok()?;
    let rest = rest.trim_start_matches(' ');
    let (unit, rest) = rest.split_at_checked(split(rest, |c| c.is_ascii_alphabetic()))?;
    let seconds = match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    Some((number * seconds, rest.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    fn header(value: &str) -> Option<u64> {
        read(Some(value), &ApiError::default(), now())
    }

    fn message(text: &str) -> Option<u64> {
        let error = ApiError { message: Some(text.into()), ..ApiError::default() };
        read(None, &error, now())
    }

    #[test]
    fn the_header_is_read_as_seconds_or_date_and_kept_within_a_day() {
        assert_eq!(header("7"), Some(7));
        assert_eq!(header("0"), Some(1));
        assert_eq!(header("99999999999999999999999"), Some(86_400));
        assert_eq!(header("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(header("Sun, 06 Nov 1994 08:00:00 GMT"), Some(1));
        assert_eq!(header("Fri, 31 Dec 1999 23:59:59 GMT"), Some(86_400));
    }

    #[test]
    fn junk_in_the_header_is_passed_over() {
        for junk in ["-5", "1e99", "soon", "", "1.5", "٣"] {
            assert_eq!(header(junk), None, "{junk:?}");
            let error = ApiError { resets_in: Some(21_000), ..ApiError::default() };
            assert_eq!(read(Some(junk), &error, now()), Some(21_000));
        }
    }

    #[test]
    fn a_reset_time_tells_when_the_header_does_not() {
        let at = |at| ApiError { resets_at: Some(at), ..ApiError::default() };
        assert_eq!(read(None, &at(784_111_877), now()), Some(100));
        assert_eq!(read(None, &at(5), now()), Some(1));
        assert_eq!(read(None, &at(u64::MAX), now()), Some(86_400));
    }

    #[test]
    fn the_words_of_a_message_tell_last() {
        assert_eq!(message("Please try again in 11.054s."), Some(12));
        assert_eq!(message("Please try again in 250ms."), Some(1));
        assert_eq!(message("Try again in 1.5 seconds"), Some(2));
        assert_eq!(message("try again in 6m0s"), Some(360));
        assert_eq!(message("try again in 1 day 2 hours"), Some(86_400));
        for text in ["try again in a while", "try again in .s", "try again in 5 apples", "no"] {
            assert_eq!(message(text), None, "{text}");
        }
    }
}
