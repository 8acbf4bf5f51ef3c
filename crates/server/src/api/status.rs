//! `GET /`, `/health`, `/live`, `/ready` and `/limits`: the endpoints, the state of the server, the limits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::codex::limits::Snapshot;
use chatmock_translate::Failure;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

use super::family::Endpoint;
use super::{Exchange, Handling, Services, route};
use crate::http::guard::{is_browser, is_verbose};
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::SharedState;
use crate::state::faults::Standing;

/// The server's own endpoints, which belong to no vendor's API.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::new(Method::GET, "/", root),
    Endpoint::new(Method::GET, "/health", health),
    Endpoint::new(Method::GET, "/live", live),
    Endpoint::new(Method::GET, "/ready", ready),
    Endpoint::new(Method::GET, "/limits", limits),
];

fn root(exchange: Exchange<'_>) -> Handling<'_> {
    let ui = exchange.context.services.ui;
    Box::pin(async move { about(&exchange.head.headers, ui) })
}

fn health(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move { state_of(exchange.context.services, exchange.head.uri.query()) })
}

/// Says that the process runs and answers, whatever else is wrong.
fn live(_: Exchange<'_>) -> Handling<'_> {
    Box::pin(async { response::json(ReplyHeaders::default(), &Health::of("live")) })
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn ready(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(readiness(exchange.context.services))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn limits(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(last_limits(&exchange.context.services.state))
}

/// The page for people.
const PAGE: &str = "/ui";

#[derive(Serialize)]
struct About {
    name: &'static str,
    version: &'static str,
    endpoints: Vec<String>,
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    /// The fault of the engine that several servers share, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    shared: Option<&'static str>,
    #[serde(flatten)]
    more: Option<More<'a>>,
}

impl Health<'_> {
    fn of(status: &'static str) -> Self {
        Self { status, shared: None, more: None }
    }
}

/// The additional members with `?verbose`.
#[derive(Serialize)]
struct More<'a> {
    version: &'static str,
    route: &'static str,
    upstream: &'a str,
    ready: bool,
    /// What is wrong now, the worst that can be first.
    faults: Vec<Standing>,
    /// Items of reasoning that the backend kept from the model since the start.
    reasoning_withheld: u64,
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

/// Says what this server is; to Ollama's clients, in the words by which they know theirs. A browser is led to the page.
fn about(headers: &HeaderMap, ui: bool) -> Result<HttpResponse, Failure> {
    if ui && is_browser(headers) {
        return Ok(response::see_other(PAGE));
    }
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

/// Says whether requests are taken, and with `?verbose` what is wrong.
fn state_of(services: &Services, query: Option<&str>) -> Result<HttpResponse, Failure> {
    let state = &services.state;
    let stopping = *services.turns.draining.borrow();
    let more = is_verbose(query).then(|| More {
        version: env!("CARGO_PKG_VERSION"),
        route: state.client.route().name(),
        upstream: state.client.route().base(),
        ready: !stopping && state.auth.is_ready(&state.faults).is_ok(),
        faults: state.faults(),
        reasoning_withheld: state.reasoning_withheld.load(Ordering::Relaxed),
    });
    let status = if stopping { "stopping" } else { "ok" };
    worded(&Health { status, shared: None, more }, !stopping)
}

/// The time for which a look at the sign-in is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// Says in one word whether a request for a turn could be answered, or why not.
async fn readiness(services: &Services) -> Result<HttpResponse, Failure> {
    if *services.turns.draining.borrow() {
        return worded(&Health::of("stopping"), false);
    }
    let state = &services.state;
    if state.auth.is_ready(&state.faults).is_err() {
        // Who is not called ready gets no requests, and so would never learn of a new sign-in.
        let _ = tokio::time::timeout(LOOK, state.auth.account()).await;
    }
    match state.auth.is_ready(&state.faults) {
        Ok(()) => worded(&Health { shared: state.shared_fault(), ..Health::of("ready") }, true),
        Err(why) => worded(&Health { shared: state.shared_fault(), ..Health::of(why) }, false),
    }
}

fn worded(health: &Health<'_>, good: bool) -> Result<HttpResponse, Failure> {
    let mut reply = response::json(ReplyHeaders::default(), health)?;
    if !good {
        *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(reply)
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
