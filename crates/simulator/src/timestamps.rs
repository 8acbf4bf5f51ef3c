//! The current time, in the two notations that the backends use.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Formats a time as the issuer writes it.
pub(crate) fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

/// Returns the seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
