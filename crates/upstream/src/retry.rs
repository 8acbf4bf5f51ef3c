//! The retry policy: which failures are tried again, how often, and after which pause.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::error::Error;

/// The pause before the first repetition; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);

/// Decides which failures of a turn are tried again.
///
/// Retryable are: a connection that was never made, a 5xx answer of the backend itself, and an
/// overload that the backend reports inside a stream before any output. In all three the backend
/// has not worked on the request. A connection that broke after the request was sent is never
/// retried: nothing shows whether the model was already running, and a second run would use up the
/// account's limits a second time. The price is that a person may see an error where a retry would
/// have succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The number of repetitions of a call that failed before its answer began: 2.
    pub calls: u32,
    /// The number of repetitions of a turn whose stream reported an overload: 1.
    pub overloads: u32,
    /// The longest wait that the backend may ask for and get: 5 s. A longer one is passed on to the
    /// client, which can show it to a person or switch models in that time.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { calls: 2, overloads: 1, longest_wait: Duration::from_secs(5) }
    }
}

impl RetryPolicy {
    /// The pause after which a call that failed with `error` is repeated; `None` for a final error.
    ///
    /// `tries` is the number of repetitions so far. Where the backend says how long to wait, the
    /// pause is that long.
    #[must_use]
    pub(crate) fn after_error(&self, error: &Error, tries: u32) -> Option<Duration> {
        let requested_wait = match error {
            Error::ConnectRefused(_) | Error::Connect(_) => None,
            Error::Refused(refused) if matches!(refused.status, 500 | 502 | 503 | 504) => {
                refused.retry_after.map(Duration::from_secs)
            }
            _ => return None,
        };
        let pause = requested_wait.unwrap_or_else(|| back_off(tries));
        (tries < self.calls && self.grants(requested_wait)).then_some(pause)
    }

    /// The pause after which a turn is repeated whose stream reported an overload in place of
    /// output; `None` where it is not repeated.
    ///
    /// `wait` is the time that the backend asked for. It decides whether the turn is repeated and
    /// not when: the pause is always the short one, since the client has waited for this stream
    /// already. `tries` is the number of repetitions so far.
    #[must_use]
    pub fn after_overload(&self, wait: Option<Duration>, tries: u32) -> Option<Duration> {
        (tries < self.overloads && self.grants(wait)).then(|| back_off(tries))
    }

    /// Returns whether a wait that the backend asked for is short enough.
    fn grants(&self, wait: Option<Duration>) -> bool {
        wait.is_none_or(|wait| wait <= self.longest_wait)
    }
}

/// A pause that doubles with each try, varied by a tenth in either direction so that clients which
/// failed together do not return together.
fn back_off(tries: u32) -> Duration {
    let random = RandomState::new().hash_one(tries) % 201;
    let per_mille = 900 + u32::try_from(random).unwrap_or(100);
    FIRST * 2_u32.saturating_pow(tries) * per_mille / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorResponse;

    fn refused(status: u16, retry_after: Option<u64>) -> Error {
        let response = ErrorResponse { status, retry_after, ..ErrorResponse::default() };
        Error::Refused(Box::new(response))
    }

    fn after_error(error: &Error, tries: u32) -> Option<Duration> {
        RetryPolicy { calls: 3, ..RetryPolicy::default() }.after_error(error, tries)
    }

    #[test]
    fn pauses_double_and_vary_by_a_tenth() {
        for (tries, middle) in [(0, 200), (1, 400), (2, 800)] {
            let pause = after_error(&refused(503, None), tries).unwrap().as_millis();
            assert!((middle * 9 / 10..=middle * 11 / 10).contains(&pause), "{tries}: {pause}");
        }
    }

    #[test]
    fn a_short_wait_is_kept_and_a_long_one_passed_on() {
        assert_eq!(after_error(&refused(503, Some(5)), 0), Some(Duration::from_secs(5)));
        assert_eq!(after_error(&refused(503, Some(6)), 0), None);
    }

    #[test]
    fn refusals_of_the_request_are_final() {
        for status in [400, 401, 403, 404, 429, 501] {
            assert_eq!(after_error(&refused(status, None), 0), None, "{status}");
        }
        assert_eq!(after_error(&Error::Stalled { limit: Duration::ZERO }, 0), None);
    }

    #[test]
    fn every_status_of_a_failing_backend_is_retried() {
        for status in [500, 502, 503, 504] {
            assert!(after_error(&refused(status, None), 0).is_some(), "{status}");
        }
    }

    #[test]
    fn calls_are_repeated_as_often_as_the_policy_says() {
        for calls in 0..4 {
            let policy = RetryPolicy { calls, ..RetryPolicy::default() };
            let repeated = (0..10).take_while(|tries| {
                let error = refused(500, None);
                policy.after_error(&error, *tries).is_some()
            });
            assert_eq!(u32::try_from(repeated.count()).unwrap(), calls);
        }
    }

    #[test]
    fn an_overload_in_a_stream_is_repeated_once_and_soon() {
        let policy = RetryPolicy::default();
        let short = Some(Duration::from_secs(5));
        for wait in [None, short] {
            let pause = policy.after_overload(wait, 0).unwrap();
            assert!(pause < Duration::from_millis(221), "{pause:?}");
            assert_eq!(policy.after_overload(wait, 1), None);
        }
        assert_eq!(policy.after_overload(Some(Duration::from_secs(6)), 0), None);
        let never = RetryPolicy { overloads: 0, ..policy };
        assert_eq!(never.after_overload(None, 0), None);
    }

    #[test]
    fn calls_and_overloads_are_limited_apart() {
        let policy = RetryPolicy { calls: 0, ..RetryPolicy::default() };
        assert_eq!(policy.after_error(&refused(503, None), 0), None);
        assert!(policy.after_overload(None, 0).is_some());
    }
}
