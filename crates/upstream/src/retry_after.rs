//! The wait before another try, from whichever part of an answer asks for one.

use std::time::SystemTime;

use chatmock_protocol::responses::ApiError;

/// A day: the longest wait that is reported.
const MAX_SECONDS: u64 = 86_400;

/// Returns the seconds to wait, 1 to 86,400, if the answer says how long.
///
/// The header `retry-after` (seconds or an HTTP date) takes precedence over the error itself.
/// Values that cannot be parsed are ignored.
pub(crate) fn read(header: Option<&str>, error: &ApiError, now: SystemTime) -> Option<u64> {
    let seconds = header.and_then(|value| from_header(value.trim(), now));
    seconds.map(|seconds| seconds.clamp(1, MAX_SECONDS)).or_else(|| error.wait(unix(now)))
}

/// Seconds since the Unix epoch; 0 for a clock before it.
pub(crate) fn unix(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn from_header(value: &str, now: SystemTime) -> Option<u64> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(MAX_SECONDS));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).map_or(0, |wait| wait.as_secs_f64().ceil() as u64))
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
    fn junk_in_the_header_is_ignored() {
        for junk in ["-5", "1e99", "soon", "", "1.5", "٣"] {
            assert_eq!(header(junk), None, "{junk:?}");
            let error = ApiError { resets_in: Some(21_000), ..ApiError::default() };
            assert_eq!(read(Some(junk), &error, now()), Some(21_000));
        }
    }

    #[test]
    fn a_reset_time_decides_when_the_header_is_missing() {
        let at = |at| ApiError { resets_at: Some(at), ..ApiError::default() };
        assert_eq!(read(None, &at(784_111_877), now()), Some(100));
        assert_eq!(read(None, &at(5), now()), Some(1));
        assert_eq!(read(None, &at(u64::MAX), now()), Some(86_400));
    }
}
