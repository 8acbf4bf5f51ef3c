//! Which failed calls are made again, and after how long a pause.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::error::Error;

/// The pause before the first repetition; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(200);

/// The longest wait that the backend may ask for and get; a longer one is the client's to keep.
const LONGEST: u64 = 5;

/// The pause before call number `tries` + 1, where `error` is one that a repetition may mend.
///
/// That are a connection which was not made, and a failure that the backend answered itself: in
/// both cases it has not worked on the request. A connection that broke after the request was
/// sent says nothing of that, so it is never tried again.
pub(crate) fn pause(error: &Error, tries: u32) -> Option<Duration> {
    match error {
        Error::ConnectRefused(_) | Error::Connect(_) => Some(back_off(tries)),
        Error::Refused(refusal) if matches!(refusal.status, 500 | 502 | 503 | 504) => {
            match refusal.retry_after {
                None => Some(back_off(tries)),
                Some(seconds) if seconds <= LONGEST => Some(Duration::from_secs(seconds)),
                Some(_) => None,
            }
        }
        _ => None,
    }
}

/// A growing pause, a tenth more or less, so that clients that failed together do not return so.
#[must_use]
pub fn back_off(tries: u32) -> Duration {
    let random = RandomState::new().hash_one(tries) % 201;
    let per_mille = 900 + u32::try_from(random).unwrap_or(100);
    FIRST * 2_u32.saturating_pow(tries) * per_mille / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorResponse;

    fn refused(status: u16, retry_after: Option<u64>) -> Error {
        Error::Refused(Box::new(ErrorResponse { status, retry_after, ..ErrorResponse::default() }))
    }

    #[test]
    fn pauses_double_and_vary_by_a_tenth() {
        for (tries, middle) in [(0, 200), (1, 400), (2, 800)] {
            let pause = pause(&refused(503, None), tries).unwrap().as_millis();
            assert!((middle * 9 / 10..=middle * 11 / 10).contains(&pause), "{tries}: {pause}");
        }
    }

    #[test]
    fn a_short_wait_is_kept_and_a_long_one_passed_on() {
        assert_eq!(pause(&refused(503, Some(5)), 0), Some(Duration::from_secs(5)));
        assert_eq!(pause(&refused(503, Some(6)), 0), None);
    }

    #[test]
    fn refusals_of_the_request_are_final() {
        for status in [400, 401, 403, 404, 429, 501] {
            assert_eq!(pause(&refused(status, None), 0), None, "{status}");
        }
        assert_eq!(pause(&Error::Stalled { limit: Duration::ZERO }, 0), None);
    }
}
