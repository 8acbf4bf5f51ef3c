//! A proxy with axum: OpenAI's chat, Anthropic's Messages and Ollama's chat in front of a server that speaks the Responses API.
//!
//!     UPSTREAM_URL=https://api.openai.com/v1 UPSTREAM_KEY=sk-... cargo run -p chatmock-translate --example axum_proxy
//!
//! In a project of your own: `chatmock-translate`, `axum`, `futures`, `reqwest` (with the feature `stream`) and `tokio`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example is a program: it prints, and reads the environment"
)]

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chatmock_translate::translator::{PreparedTurn, refusal, refused};
use chatmock_translate::{
    Backend, Catalog, Chat, Dialect, Failure, FailureKind, Messages, OllamaChat, Policy, Translator,
};
use futures::stream::{self, BoxStream, StreamExt};

/// A part of the answer to the request of a number: bytes, its end, or the reason why it broke off.
type Piece = (usize, Result<Option<Bytes>, Failure>);

struct Proxy {
    translator: Translator,
    client: reqwest::Client,
    url: String,
    key: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // This workspace builds reqwest without a provider for TLS; with its default features there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The models of the server are not known here, so every name is passed on.
    let catalog = Catalog::unknown().opened(true);
    let policy = Policy::for_backend(Backend::openai());
    let proxy = Arc::new(Proxy {
        translator: Translator::new(catalog, policy),
        client: reqwest::Client::new(),
        url: std::env::var("UPSTREAM_URL")?,
        key: std::env::var("UPSTREAM_KEY").unwrap_or_default(),
    });
    let app = Router::new()
        .route("/v1/chat/completions", post(|state, body| answer(Chat, state, body)))
        .route("/v1/messages", post(|state, body| answer(Messages, state, body)))
        .route("/api/chat", post(|state, body| answer(OllamaChat, state, body)))
        .with_state(proxy);
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// Answers a request of a dialect; what fails before the reply has begun is worded as the dialect's vendor does.
async fn answer<D: Dialect + Copy + Send + Sync>(
    dialect: D,
    State(proxy): State<Arc<Proxy>>,
    body: Bytes,
) -> Response {
    let began = Instant::now();
    match reply(dialect, &proxy, &body, began).await {
        Ok(response) => response,
        Err(failure) => {
            let (status, body) = refusal(dialect, &failure);
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
    }
}

async fn reply<D: Dialect>(
    dialect: D,
    proxy: &Proxy,
    body: &[u8],
    began: Instant,
) -> Result<Response, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let turn = proxy.translator.turn(dialect, body, now)?;
    let mut answers = Vec::new();
    for (call, request) in turn.requests().iter().enumerate() {
        answers.push(proxy.call(call, request.clone()).await?);
    }
    // The answers to several choices arrive together, and are told apart by the number of the call.
    let mut pieces = stream::select_all(answers);
    let content_type = [(header::CONTENT_TYPE, turn.content_type())];
    if turn.is_streamed() {
        return Ok(
            (content_type, Body::from_stream(streamed(&turn, pieces, began))).into_response()
        );
    }
    let mut reply = turn.whole();
    while let Some((call, piece)) = pieces.next().await {
        if let Some(bytes) = piece? {
            reply.push(call, bytes)?;
        }
    }
    Ok((content_type, reply.finish(began.elapsed())?).into_response())
}

/// The body of a streamed reply. A client that leaves drops it, and with it the calls.
fn streamed<D: Dialect>(
    turn: &PreparedTurn<D>,
    pieces: stream::SelectAll<BoxStream<'static, Piece>>,
    began: Instant,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + use<D> {
    stream::unfold((turn.stream(), pieces), move |(mut reply, mut pieces)| async move {
        loop {
            if let Some(bytes) = reply.take() {
                return Some((Ok(bytes), (reply, pieces)));
            }
            if reply.is_over() {
                return None;
            }
            let (call, piece) = pieces.next().await?;
            reply.set_elapsed(began.elapsed());
            match piece {
                Ok(Some(bytes)) => reply.push(call, bytes),
                Ok(None) => reply.close(call),
                Err(failure) => reply.fail(failure),
            }
        }
    })
}

impl Proxy {
    /// Posts a request; returns the pieces of its answer.
    async fn call(
        &self,
        call: usize,
        request: Bytes,
    ) -> Result<BoxStream<'static, Piece>, Failure> {
        let post = self.client.post(format!("{}/responses", self.url)).bearer_auth(&self.key);
        let sent = post.header(header::CONTENT_TYPE, "application/json").body(request).send().await;
        let answer =
            sent.map_err(|error| Failure::new(FailureKind::Unreachable, error.to_string()))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            let body = answer.bytes().await.unwrap_or_default();
            return Err(refused(status, None, &body));
        }
        let broken = |error: reqwest::Error| Failure::new(FailureKind::Failed, error.to_string());
        let bytes = answer.bytes_stream().map(move |piece| (call, piece.map(Some).map_err(broken)));
        Ok(bytes.chain(stream::iter([(call, Ok(None))])).boxed())
    }
}
