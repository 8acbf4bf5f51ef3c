//! The headers of each call.

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};

use crate::credentials::Credentials;
use crate::identity::Caller;
use crate::route::{HeaderSet, UpstreamRoute};
use crate::session::SessionId;

/// The headers that carry the session id to the Codex backend.
const CONVERSATION: [HeaderName; 3] = [
    HeaderName::from_static("session-id"),
    HeaderName::from_static("thread-id"),
    HeaderName::from_static("x-client-request-id"),
];

const ACCOUNT: HeaderName = HeaderName::from_static("chatgpt-account-id");
const FEDRAMP: HeaderName = HeaderName::from_static("x-openai-fedramp");
const ORIGINATOR: HeaderName = HeaderName::from_static("originator");
const VERSION: HeaderName = HeaderName::from_static("version");

/// The headers of `POST /responses`: the smallest set known to work, and the client's version where
/// the backend reads it.
///
/// All three conversation headers carry the same id, since the Codex backend's prompt cache misses
/// when they differ.
pub(crate) fn turn_headers(
    route: &UpstreamRoute,
    caller: &Caller,
    credentials: &Credentials,
    session: &SessionId,
) -> HeaderMap {
    let mut headers = list_headers(route, caller, credentials);
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if route.profile().headers == HeaderSet::Codex {
        let session = session.header();
        headers.extend(CONVERSATION.map(|name| (name, session.clone())));
    }
    headers
}

/// The headers of `GET /models`.
pub(crate) fn list_headers(
    route: &UpstreamRoute,
    caller: &Caller,
    credentials: &Credentials,
) -> HeaderMap {
    let mut headers = usage_headers(route, caller, credentials);
    if route.profile().headers == HeaderSet::Codex {
        headers.insert(ORIGINATOR, caller.originator.clone());
        headers.insert(VERSION, caller.version.clone());
    }
    headers
}

/// The headers of `GET /wham/usage`, which all other calls send too.
pub(crate) fn usage_headers(
    route: &UpstreamRoute,
    caller: &Caller,
    credentials: &Credentials,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    if let Some(authorization) = credentials.authorization() {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    if route.profile().headers == HeaderSet::Codex {
        if let Some(account) = credentials.account() {
            headers.insert(ACCOUNT, account.clone());
        }
        if credentials.fedramp() {
            headers.insert(FEDRAMP, HeaderValue::from_static("true"));
        }
    }
    headers.insert(USER_AGENT, caller.user_agent.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers
}
