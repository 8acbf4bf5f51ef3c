//! `GET /`, `GET /health` and `GET /limits`: the endpoints, the state of the server, the limits.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use chatmock_protocol::codex::limits::Snapshot;
use chatmock_translate::Failure;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

use super::family::Endpoint;
use super::{Exchange, Handling, Services, route};
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::SharedState;

/// The server's own endpoints, which belong to no vendor's API.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::new(Method::GET, "/", root),
    Endpoint::new(Method::GET, "/health", health),
    Endpoint::new(Method::GET, "/limits", limits),
];

fn root(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move { about(&exchange.head.headers) })
}

fn health(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move { state_of(exchange.context.services, exchange.head.uri.query()) })
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn limits(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(last_limits(&exchange.context.services.state))
}

#[derive(Serialize)]
struct About {
    name: &'static str,
    version: &'static str,
    endpoints: Vec<String>,
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    #[serde(flatten)]
    more: Option<More<'a>>,
}

/// The additional members with `?verbose`.
#[derive(Serialize)]
struct More<'a> {
    version: &'static str,
    route: &'static str,
    upstream: &'a str,
}

#[derive(Serialize)]
struct Limits {
    /// Seconds of the Unix epoch; `null` until the backend has reported any.
    as_of: Option<u64>,
    limits: Option<Snapshot>,
    /// A page that shows them, for backends that do not report them.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'static str>,
}

/// Says what this server is; to Ollama's clients, in the words by which they know theirs.
fn about(headers: &HeaderMap) -> Result<HttpResponse, Failure> {
    let accepts = |kind: &str| {
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        accept.is_some_and(|accept| accept.contains(kind))
    };
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let reads_json = accepts("application/json") || accepts("text/html");
    if !reads_json || agent.to_ascii_lowercase().contains("ollama") {
        let body = Bytes::from_static(b"Ollama is running");
        return Ok(response::bytes(StatusCode::OK, "text/plain; charset=utf-8", body));
    }
    let about =
        About { name: "chatmock", version: env!("CARGO_PKG_VERSION"), endpoints: route::listed() };
    response::json(ReplyHeaders::default(), &about)
}

/// Says whether requests are taken.
fn state_of(services: &Services, query: Option<&str>) -> Result<HttpResponse, Failure> {
    let mut members = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let verbose = members.any(|(name, value)| name == "verbose" && value != "false");
    let route = services.state.client.route();
    let version = env!("CARGO_PKG_VERSION");
    let more = verbose.then(|| More { version, route: route.name(), upstream: route.base() });
    if services.draining.load(Ordering::Relaxed) {
        let mut reply =
            response::json(ReplyHeaders::default(), &Health { status: "stopping", more })?;
        *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(reply);
    }
    response::json(ReplyHeaders::default(), &Health { status: "ok", more })
}

/// Gives the last snapshot of the account's limits; nothing is asked of the backend. Without an
/// account there is no snapshot.
async fn last_limits(state: &SharedState) -> Result<HttpResponse, Failure> {
    let credentials = state.client.credentials().await.ok();
    let last = credentials.and_then(|account| state.limits.last(&account));
    let (as_of, limits) = last.unzip();
    response::json(
        ReplyHeaders::default(),
        &Limits { as_of, limits, page: state.client.route().usage_page() },
    )
}
