//! CORS headers for listed origins.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, VARY,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::Guard;
use crate::http::response::{self, HttpResponse};

/// The methods of all routes.
const METHODS: &str = "GET, HEAD, POST, DELETE";

/// Request headers that clients in pages send: the vendors' libraries, keys, and names of conversations.
const HEADERS: &str = "accept, anthropic-beta, anthropic-dangerous-direct-browser-access, \
    anthropic-version, api-key, authorization, cache-control, content-type, idempotency-key, \
    openai-beta, openai-organization, openai-project, session-id, session_id, traceparent, \
    tracestate, user-agent, \
    x-api-key, x-requested-with, x-session-id, x-stainless-arch, x-stainless-async, \
    x-stainless-custom-poll-interval, x-stainless-helper, x-stainless-helper-method, \
    x-stainless-lang, \
    x-stainless-os, x-stainless-package-version, x-stainless-poll-helper, \
    x-stainless-retry-count, x-stainless-runtime, x-stainless-runtime-version, \
    x-stainless-stream-helper, x-stainless-timeout";

/// Response headers that a page may read.
const EXPOSED: &str = "request-id, x-request-id, x-chatmock-notices, x-should-retry, \
    retry-after, idempotent-replayed";

/// The time that a browser may reuse a preflight, in seconds.
const MAX_AGE: &str = "600";

impl Guard {
    /// Returns whether a browser asks for leave, on behalf of a page whose origin is listed.
    pub(super) fn is_preflight(&self, head: &Parts) -> bool {
        head.method == Method::OPTIONS
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && self.listed_origin(&head.headers).is_some()
    }

    /// Answers a preflight. The lists are the same whatever was asked for.
    pub(crate) fn preflight(head: &Parts) -> HttpResponse {
        let mut reply = response::empty(StatusCode::NO_CONTENT);
        let headers = reply.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        let asks = head.headers.get("access-control-request-private-network");
        if asks.is_some_and(|asks| asks == "true") {
            let name = "access-control-allow-private-network";
            headers.insert(name, HeaderValue::from_static("true"));
        }
        reply
    }

    /// Lets a page of a listed origin read a reply; never with the browser's cookies.
    pub(crate) fn allow_origin(&self, page: Option<HeaderValue>, reply: &mut HttpResponse) {
        if self.origins.is_empty() {
            return;
        }
        let headers = reply.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = page else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
