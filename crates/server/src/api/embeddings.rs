//! `POST /v1/embeddings`, `/api/embed` and `/api/embeddings`: passed on to the server that makes them.

use bytes::{Bytes, BytesMut};
use chatmock_translate::embeddings::{Embeddings, EmbeddingsApi};
use chatmock_translate::{Failure, FailureKind};
use chatmock_upstream::{CompanionAnswer, CompanionCall};
use http::HeaderValue;

use super::{Exchange, Handling, model_of_path};
use crate::failure;
use crate::http::memory_budget::{HeldBody, Reservation};
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::remedies::EMBEDDINGS;
use crate::tasks;
use crate::turn::{LARGE, without_lone_surrogates};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 128 * 1024 * 1024;

/// Why there are none, and what helps.
const NONE: &str = "the backend makes no embeddings: start the server with --embeddings-url URL to have another \
                    one make them, such as --embeddings-url http://127.0.0.1:11434";

/// Answers `POST /v1/embeddings`.
pub(super) fn openai(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(serve(exchange, EmbeddingsApi::OpenAi))
}

/// Answers `POST /api/embed`.
pub(super) fn ollama(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(serve(exchange, EmbeddingsApi::Ollama))
}

/// Answers `POST /api/embeddings`.
pub(super) fn legacy(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(serve(exchange, EmbeddingsApi::OllamaLegacy))
}

/// Passes a request on, and words the answer.
///
/// # Errors
/// 400 where no server is set, that server's own errors, 502 where it is not there.
async fn serve(exchange: Exchange<'_>, api: EmbeddingsApi) -> Result<HttpResponse, Failure> {
    let Exchange { context, head, body, variable } = exchange;
    let services = context.services;
    let Some(companion) = &services.state.companions.embeddings else {
        services.bodies.discard(body, &head.headers).await;
        return Err(not_set(NONE, "embeddings_not_set"));
    };
    if companion.server.is_loop(&head.headers) {
        return Err(failure::via_loop(EMBEDDINGS.url));
    }
    let model = model_of_path(variable)?;
    let HeldBody { bytes, mut reservation } = context.read_body(&head.headers, body).await?;
    let failed = |error| failure::from_companion(error, EMBEDDINGS);
    let pair = (api, companion.api().await.map_err(failed)?);
    let policy = services.turns.policy.clone();
    let is_large = bytes.len() > LARGE;
    let request = by_size(is_large, move || {
        let (bytes, notices) = without_lone_surrogates(bytes, &policy);
        let mut request = Embeddings::read(&bytes, model.as_deref(), pair)?;
        request.notices.extend(notices);
        policy.refuse_ignored(&request.notices)?;
        Ok(request)
    });
    let mut request = request.await?;
    context.notes.asks_for("embeddings", request.model());
    let notices = std::mem::take(&mut request.notices);
    let headers = ReplyHeaders { notices, ..ReplyHeaders::default() };
    let Some(sent) = request.body.take() else {
        let answer = request.empty_answer(context.arrived.elapsed())?;
        return Ok(response::written(headers, answer.into()));
    };
    let json = HeaderValue::from_static("application/json");
    let call = CompanionCall {
        path: &[request.path],
        content_type: json.clone(),
        accept: json,
        body: sent.into(),
        received: &head.headers,
    };
    let answer = companion.server.post(&call).await.map_err(failed)?;
    let answer = collected(answer, &mut reservation).await?;
    let took = context.arrived.elapsed();
    let written = by_size(answer.len() > LARGE, move || request.answer(&answer, took)).await?;
    Ok(response::written(headers, written.into()))
}

/// Says that no server is set for something, and how to set one.
pub(super) fn not_set(message: &'static str, code: &'static str) -> Failure {
    Failure::new(FailureKind::BadRequest, message).with_code(code)
}

/// Computes something, of a large body on a thread of its own.
async fn by_size<T: Send + 'static>(
    is_large: bool,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if is_large { tasks::compute(work).await } else { work() }
}

/// Reads an answer whole, within the memory that requests have.
async fn collected(
    mut answer: CompanionAnswer,
    reservation: &mut Reservation,
) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(piece) = answer.next().await {
        let piece = piece.map_err(|error| failure::from_companion(error, EMBEDDINGS))?;
        if body.len() + piece.len() > MAX_ANSWER {
            let message = format!("the embeddings server answered more than {MAX_ANSWER} bytes");
            return Err(
                Failure::new(FailureKind::Failed, message).with_code("embeddings_unexpected")
            );
        }
        reservation.grow(piece.len())?;
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
