//! Faults that tests force with the feature `fault-injection`; without it there are none.

use http::HeaderMap;

use crate::state::credentials::UpstreamAuth;

/// The header that forces a fault: `request`, `body` or `renewal` says where the panic is to be.
#[cfg(feature = "fault-injection")]
const HEADER: &str = "x-test-panic";

/// Panics in the handling of a request, or has the next renewal of the sign-in panic, if it asks for
/// that.
#[cfg(feature = "fault-injection")]
pub(crate) fn request(headers: &HeaderMap, auth: &UpstreamAuth) {
    if asks(headers, "renewal") {
        auth.fault_in_next_renewal();
    }
    assert!(!asks(headers, "request"), "forced by the request");
}

/// Returns whether the answer's body is to panic.
#[cfg(feature = "fault-injection")]
pub(crate) fn body(headers: &HeaderMap) -> bool {
    asks(headers, "body")
}

#[cfg(feature = "fault-injection")]
fn asks(headers: &HeaderMap, place: &str) -> bool {
    headers.get(HEADER).is_some_and(|value| value == place)
}

/// Does nothing: no request can force a fault in this build.
#[cfg(not(feature = "fault-injection"))]
pub(crate) fn request(_: &HeaderMap, _: &UpstreamAuth) {}

/// No: no request can force a fault in this build.
#[cfg(not(feature = "fault-injection"))]
pub(crate) fn body(_: &HeaderMap) -> bool {
    false
}
