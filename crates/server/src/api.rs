//! The endpoints: which paths are served, by which API family, and how each answers.

pub(crate) mod address;
mod admin;
mod anthropic;
mod audio;
mod embeddings;
mod error_response;
pub(crate) mod family;
mod images;
mod ollama;
mod openai;
mod paging;
mod responses;
pub(crate) mod route;
mod status;
mod stored_chat;
pub(crate) mod unserved;

use std::sync::Arc;

use chatmock_translate::{Dialect, Failure, FailureKind};
use futures::future::BoxFuture;
use http::HeaderMap;
use http::request::Parts;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

pub(crate) use self::admin::metrics::page as metrics_page;
pub(crate) use self::admin::page::Viewers;
pub(crate) use self::error_response::error_response;
use crate::http::api_keys::Caller;
use crate::http::connection::Connections;
use crate::http::memory_budget::HeldBody;
use crate::http::notes::RequestNotes;
use crate::http::request_body::BodyReader;
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::http::sanitize;
use crate::settings::SocketSettings;
use crate::state::SharedState;
use crate::turn::{self, Explanation, TurnRequest, TurnServices};

/// The most of a body that is logged where that was asked for, in bytes.
const MAX_LOGGED_BODY: usize = 64 * 1024;

/// The parts of a server that endpoints use.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) state: Arc<SharedState>,
    pub(crate) turns: Arc<TurnServices>,
    pub(crate) bodies: BodyReader,
    /// True if request bodies are logged.
    pub(crate) log_bodies: bool,
    /// The version that Ollama's clients are given.
    pub(crate) ollama_version: String,
    /// The times of WebSockets.
    pub(crate) sockets: SocketSettings,
    pub(crate) connections: Arc<Connections>,
    /// True if the page is served.
    pub(crate) ui: bool,
    /// True if requests below `/explain` are explained.
    pub(crate) explain: bool,
    pub(crate) viewers: Arc<Viewers>,
}

/// A request's surroundings, which last until it is answered.
pub(crate) struct RequestContext<'r> {
    pub(crate) services: &'r Services,
    pub(crate) caller: &'r Caller,
    pub(crate) notes: &'r Arc<RequestNotes>,
    pub(crate) arrived: Instant,
    pub(crate) request_id: &'r str,
    /// True if a test asked for a panic in the response body.
    pub(crate) panic_in_body: bool,
}

/// A request at its endpoint.
pub(crate) struct Exchange<'r> {
    pub(crate) context: &'r RequestContext<'r>,
    pub(crate) head: &'r mut Parts,
    pub(crate) body: Incoming,
    /// The part of the path that the endpoint's variable matched; empty where it has none.
    pub(crate) variable: &'r str,
}

/// The answer of an endpoint, still being made.
pub(crate) type Handling<'r> = BoxFuture<'r, Result<HttpResponse, Failure>>;

impl RequestContext<'_> {
    /// Reads a body, and logs it where that was asked for.
    async fn read_body(&self, headers: &HeaderMap, body: Incoming) -> Result<HeldBody, Failure> {
        let body = self.services.bodies.read(body, headers, self.caller).await?;
        if self.services.log_bodies {
            log_body(self.request_id, &body.bytes);
        }
        Ok(body)
    }
}

/// Logs a body.
fn log_body(request_id: &str, body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let text = sanitize::text_within(&text, MAX_LOGGED_BODY);
    tracing::info!(request_id, bytes = body.len(), body = text, "body");
}

/// Explains a request for a turn.
pub(crate) type Explain =
    for<'r> fn(&'r Arc<TurnServices>, TurnRequest) -> BoxFuture<'r, Result<Explanation, Failure>>;

/// Serves a turn of dialect `D`; the variable of its path, if there is one, names the model.
fn serve_turn<D: Dialect>(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let turns = &exchange.context.services.turns;
        turn::once::<D>(turns, turn_request(exchange).await?).await
    })
}

/// Explains a turn of dialect `D`.
fn explain_turn<D: Dialect>(
    turns: &Arc<TurnServices>,
    request: TurnRequest,
) -> BoxFuture<'_, Result<Explanation, Failure>> {
    Box::pin(turn::explain::<D>(turns, request))
}

/// Answers with the explanation of a turn.
pub(crate) fn serve_explanation(explain: Explain, exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let turns = &exchange.context.services.turns;
        let explanation = explain(turns, turn_request(exchange).await?).await?;
        response::json(ReplyHeaders::default(), &explanation)
    })
}

/// Reads the request for a turn.
async fn turn_request(exchange: Exchange<'_>) -> Result<TurnRequest, Failure> {
    let Exchange { context, head, body, variable } = exchange;
    let model = model_of_path(variable)?;
    let body = context.read_body(&head.headers, body).await?;
    Ok(request_of(context, head, body, model))
}

/// Makes the request for a turn of a body that is read.
fn request_of(
    context: &RequestContext<'_>,
    head: &mut Parts,
    body: HeldBody,
    model: Option<String>,
) -> TurnRequest {
    let HeldBody { bytes, reservation } = body;
    TurnRequest {
        uri: std::mem::take(&mut head.uri),
        headers: std::mem::take(&mut head.headers),
        connection: head.extensions.remove(),
        body: bytes,
        model,
        reservation: Some(reservation),
        arrived: context.arrived,
        request_id: context.request_id.to_owned(),
        caller: context.caller.clone(),
        notes: Arc::clone(context.notes),
        panic_in_body: context.panic_in_body,
        socket: None,
        fate: None,
    }
}

/// Runs a turn of dialect `D` with a body that is read.
async fn run_turn<D: Dialect>(
    context: &RequestContext<'_>,
    head: &mut Parts,
    body: HeldBody,
    model: Option<String>,
) -> Result<HttpResponse, Failure> {
    let request = request_of(context, head, body, model);
    turn::once::<D>(&context.services.turns, request).await
}

/// Returns the model that a segment of a path names; `None` where the path has none.
///
/// # Errors
/// 404 where the segment would be another path once it is decoded.
pub(crate) fn model_of_path(segment: &str) -> Result<Option<String>, Failure> {
    let model = percent_decode_str(segment).decode_utf8_lossy();
    if matches!(&*model, "." | "..") || model.contains(['/', '\\', ';']) {
        let message = "the path names no model between its slashes";
        return Err(Failure::new(FailureKind::NotFound, message).with_code("unknown_url"));
    }
    Ok((!model.is_empty()).then(|| model.into_owned()))
}
