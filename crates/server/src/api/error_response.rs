//! Failures as responses, worded by the family of the path.

use chatmock_translate::{Failure, FailureKind};
use http::HeaderValue;
use http::header::{RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE};

use super::family::ApiFamily;
use super::route;
use crate::http::response::{self, HttpResponse};

/// Returns the response to a request that failed, as the family words it.
pub(crate) fn error_response(failure: &Failure, family: &ApiFamily, path: &str) -> HttpResponse {
    let body = (family.error_body)(failure);
    let mut response = response::bytes(family.status(failure), "application/json", body);
    let headers = response.headers_mut();
    (family.error_headers)(failure, headers);
    if let Some(seconds) = failure.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if failure.kind == FailureKind::Rejected(426) {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    if failure.kind == FailureKind::SignedOut {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if failure.kind == FailureKind::MethodNotAllowed
        && let Some(methods) = route::methods(path)
    {
        response::allow(&mut response, &methods);
    }
    response
}
