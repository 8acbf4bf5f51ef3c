//! `POST /v1/audio/transcriptions`, `/translations` and `/speech`: passed on to the server for speech.

use bytes::{Bytes, BytesMut};
use chatmock_translate::{Failure, FailureKind};
use chatmock_upstream::{CompanionAnswer, CompanionCall};
use futures::stream;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body::Frame;
use http_body_util::StreamBody;

use super::embeddings::not_set;
use super::{Exchange, Handling, model_of_path};
use crate::failure;
use crate::http::memory_budget::HeldBody;
use crate::http::multipart;
use crate::http::response::{self, CutOff, HttpResponse};
use crate::remedies::AUDIO;
use crate::turn::with_model;

/// The most that is passed on of an answer, in bytes: a day of speech has less.
const MAX_ANSWER: usize = 1024 * 1024 * 1024;

/// The reason why there is none, and the way to mend it.
const NONE: &str = "the backend takes and gives no audio: start the server with --audio-url URL to have another one do \
                    it, such as --audio-url http://127.0.0.1:9000/v1";

/// The starts of the media types that are passed on: none that a browser would show as a page.
const MEDIA_TYPES: [&str; 10] = [
    "audio/",
    "video/",
    "application/json",
    "application/octet-stream",
    "application/ogg",
    "application/x-subrip",
    "application/srt",
    "text/plain",
    "text/vtt",
    "text/event-stream",
];

/// Answers `POST /v1/audio/transcriptions`.
pub(super) fn transcriptions(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(serve(exchange, "transcriptions"))
}

/// Answers `POST /v1/audio/translations`.
pub(super) fn translations(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(serve(exchange, "translations"))
}

/// Answers `POST /v1/audio/speech`.
pub(super) fn speech(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(serve(exchange, "speech"))
}

/// Passes a request on, and its answer as it comes.
///
/// # Errors
/// 400 where no server is set, that server's own errors, 502 where it is not there.
async fn serve(exchange: Exchange<'_>, path: &'static str) -> Result<HttpResponse, Failure> {
    let Exchange { context, head, body, variable } = exchange;
    let services = context.services;
    let Some(server) = &services.state.companions.audio else {
        services.bodies.discard(body, &head.headers).await;
        return Err(not_set(NONE, "audio_not_set"));
    };
    if server.is_loop(&head.headers) {
        return Err(failure::via_loop(AUDIO.url));
    }
    let model = model_of_path(variable)?;
    let HeldBody { bytes, mut reservation } = context.read_body(&head.headers, body).await?;
    let bytes = match model {
        Some(model) => {
            context.notes.asks_for("audio", &model);
            reservation.grow(bytes.len())?;
            of_model(&bytes, &head.headers, &model)?
        }
        None => bytes,
    };
    let json = HeaderValue::from_static("application/json");
    let content_type = head.headers.get(CONTENT_TYPE).cloned().unwrap_or(json);
    let call = CompanionCall {
        path: &["audio", path],
        content_type,
        accept: HeaderValue::from_static("*/*"),
        body: bytes,
        received: &head.headers,
    };
    let answer = server.post(&call).await;
    let answer = answer.map_err(|error| failure::from_companion(error, AUDIO))?;
    drop(reservation);
    Ok(response::passed_on(media_type(&answer)?, StreamBody::new(pieces(answer))))
}

/// Returns a body with the model that the path names.
fn of_model(body: &Bytes, headers: &HeaderMap, model: &str) -> Result<Bytes, Failure> {
    let Some(boundary) = multipart::boundary(headers)? else {
        let wrong = || Failure::new(FailureKind::BadRequest, "the body is no JSON object");
        return with_model(body, model).ok_or_else(wrong);
    };
    let model = model.replace(['\r', '\n'], "");
    let part = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n"
    );
    let mut all = BytesMut::with_capacity(part.len() + body.len());
    all.extend_from_slice(part.as_bytes());
    all.extend_from_slice(body);
    Ok(all.freeze())
}

/// Returns the media type of an answer, where it is one of speech or of its text.
fn media_type(answer: &CompanionAnswer) -> Result<HeaderValue, Failure> {
    let Some(value) = answer.header(&CONTENT_TYPE) else {
        return Ok(HeaderValue::from_static("application/octet-stream"));
    };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    if MEDIA_TYPES.iter().any(|known| text.starts_with(known)) {
        return Ok(value.clone());
    }
    let message = "the audio server answered with something that is neither sound nor text";
    Err(Failure::new(FailureKind::Failed, message).with_code("audio_unexpected"))
}

/// The pieces of an answer; an error in them ends the connection, since what is cut must not look whole.
fn pieces(
    answer: CompanionAnswer,
) -> impl stream::Stream<Item = Result<Frame<Bytes>, CutOff>> + Send {
    stream::unfold(Some((answer, 0)), |state| async move {
        let (mut answer, mut passed) = state?;
        let piece = match answer.next().await? {
            Ok(piece) => piece,
            Err(error) => {
                tracing::warn!("the audio server broke off: {error}");
                return Some((Err(CutOff), None));
            }
        };
        passed += piece.len();
        if passed > MAX_ANSWER {
            tracing::warn!("the audio server answers more than {MAX_ANSWER} bytes");
            return Some((Err(CutOff), None));
        }
        Some((Ok(Frame::data(piece)), Some((answer, passed))))
    })
}
