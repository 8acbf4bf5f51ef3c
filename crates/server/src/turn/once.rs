//! Nothing twice: a request that says that it is the same as another gets that one's answer, whole or as it comes.
//!
//! Such a turn runs in a task of its own, so that it goes on when its connection is lost. All others are answered as
//! they are, and cost nothing more.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json;
use chatmock_translate::{Dialect, Failure, FailureKind, Family};
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::fate::Fate;
use super::plan::LARGE;
use super::{TurnRequest, TurnServices, turn};
use crate::clock::unix_now;
use crate::http::access_log::LoggedByBody;
use crate::http::response::{self, HttpResponse};
use crate::state::answers::{
    Asked, Begun, Fingerprint, Head, KeptAnswer, Reader, Recorder, Sameness,
};
use crate::state::responses::Owner;
use crate::tasks;

/// The header in which the vendors' libraries count the retries of a request.
pub(crate) const RETRY_COUNT: &str = "x-stainless-retry-count";

/// The header of a key that makes requests the same.
const KEY: &str = "idempotency-key";

/// The longest key, in bytes.
const LONGEST_KEY: usize = 255;

/// The header that says that an answer is that of an earlier request.
const REPLAYED: &str = "idempotent-replayed";

/// Serves a turn of dialect `D`, or gives its answer again.
///
/// # Errors
/// Those of [`turn`], 400 for a key that is none, and 422 for one of another request.
pub(crate) async fn once<D: Dialect>(
    services: &Arc<TurnServices>,
    request: TurnRequest,
) -> Result<HttpResponse, Failure> {
    let Some(sameness) = sameness(services, &request)? else {
        return turn::<D>(services, request).await;
    };
    // Without credentials there is no owner: the turn says what is wrong.
    let Ok(credentials) = services.state.client.credentials().await else {
        return turn::<D>(services, request).await;
    };
    let owner = Owner::of(&credentials, request.caller.label());
    let fingerprint = fingerprint(request.uri.path(), request.body.clone()).await?;
    let asked = Asked { owner, fingerprint, sameness };
    services.state.answers.recall(&asked).await;
    let joined = match services.state.answers.find(&asked, unix_now()).await? {
        Begun::Again(KeptAnswer { status, headers, body }) => {
            return Ok(replayed(response::whole(status, headers, body)));
        }
        Begun::Joined(reader) => return read(reader).await.map(replayed),
        Begun::First(recorder, reader) => {
            services.tasks.spawn(answer::<D>(Arc::clone(services), request, recorder));
            reader
        }
    };
    read(joined).await
}

/// Reads what a request says of its being the same as another; `None` where it says nothing.
///
/// # Errors
/// 400 for a key that is none.
fn sameness(services: &TurnServices, request: &TurnRequest) -> Result<Option<Sameness>, Failure> {
    let headers = &request.headers;
    if let Some(key) = key(headers)? {
        return Ok(Some(Sameness::Key { key, is_stored: is_stored(&request.body) }));
    }
    let number = headers.get(RETRY_COUNT).and_then(|count| count.to_str().ok()?.parse().ok());
    let rejoins = !services.rejoin.is_zero();
    let counted = number.filter(|_| rejoins).zip(request.connection.clone());
    Ok(counted.map(|(number, connection)| Sameness::Try { number, connection }))
}

/// Reads the key of a request.
fn key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut keys = headers.get_all(KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return if headers.contains_key(KEY) { Err(no_key("there are two")) } else { Ok(None) };
    };
    let key = key.to_str().map_err(|_| no_key("it has other characters than those of ASCII"))?;
    match key.trim() {
        "" => Err(no_key("it is empty")),
        key if key.len() > LONGEST_KEY => Err(no_key("it is over 255 characters")),
        key => Ok(Some(key.to_owned())),
    }
}

fn no_key(why: &str) -> Failure {
    let message = format!("the header Idempotency-Key has no key: {why}");
    Failure::new(FailureKind::BadRequest, message).with_code("invalid_idempotency_key")
}

/// Returns whether the answer may be kept on the disk.
fn is_stored(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).unwrap_or_default();
    !json::members(text).any(|(name, value)| name == "store" && value == "false")
}

/// Returns the hash of a request's path and body.
async fn fingerprint(path: &str, body: Bytes) -> Result<Fingerprint, Failure> {
    let mut hash = Sha256::new();
    hash.update(path);
    hash.update([0]);
    if body.len() <= LARGE {
        hash.update(&body);
        return Ok(hash.finalize().into());
    }
    tasks::compute(move || {
        hash.update(&body);
        Ok(hash.finalize().into())
    })
    .await
}

/// Answers a request for all who read, until nobody wants it any more.
fn answer<D: Dialect>(
    services: Arc<TurnServices>,
    mut request: TurnRequest,
    recorder: Recorder,
) -> BoxFuture<'static, ()> {
    let abandoned = Recorder::is_abandoned(recorder.abandonment());
    let answering = async move {
        let (fate, request_id) = (Arc::<Fate>::default(), request.request_id.clone());
        request.fate = Some(Arc::clone(&fate));
        let turn = AssertUnwindSafe(turn::<D>(&services, request)).catch_unwind();
        match turn.await.unwrap_or_else(|_| Err(services.panics.caught())) {
            Ok(reply) => write(reply, &fate, recorder).await,
            Err(failure) => {
                let kept = fate.is_final().then(|| refusal::<D>(&failure, &request_id));
                recorder.fail(failure, kept.as_ref()).await;
            }
        }
    };
    async move {
        future::select(answering.boxed(), abandoned.boxed()).await;
    }
    .boxed()
}

/// Writes an answer as it comes.
async fn write(reply: HttpResponse, fate: &Fate, recorder: Recorder) {
    let (parts, mut body) = reply.into_parts();
    recorder.begin(Head {
        status: parts.status,
        headers: parts.headers,
        is_logged: parts.extensions.get::<LoggedByBody>().is_some(),
        is_whole: body.size_hint().exact().is_some(),
    });
    let mut last = None;
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(piece) = frame.into_data() else { continue };
        if body.is_end_stream() {
            last = Some(piece);
            break;
        }
        recorder.piece(piece).await;
    }
    recorder.end(last, fate.is_final()).await;
}

/// The answer to a request that was paid for and failed.
fn refusal<D: Dialect>(failure: &Failure, request_id: &str) -> KeptAnswer {
    let named = failure.clone().with_request_id(request_id);
    let body = serde_json::to_vec(&D::Family::error(&named)).unwrap_or_default().into();
    let status =
        StatusCode::from_u16(D::Family::status(failure)).unwrap_or(StatusCode::BAD_GATEWAY);
    let json = HeaderValue::from_static("application/json");
    KeptAnswer { status, headers: [(http::header::CONTENT_TYPE, json)].into_iter().collect(), body }
}

/// Reads an answer that another task writes.
async fn read(mut reader: Reader) -> Result<HttpResponse, Failure> {
    let head = reader.head().await.map_err(|failure| failure.unwrap_or_else(unwritten))?;
    let Head { status, headers, is_logged, is_whole } = head;
    let mut reply = match is_whole {
        true => response::whole(status, headers, reader.whole()),
        false => response::again(status, headers, reader),
    };
    if is_logged {
        reply.extensions_mut().insert(LoggedByBody);
    }
    Ok(reply)
}

fn unwritten() -> Failure {
    let kind = FailureKind::Unavailable { retry_after: None };
    Failure::new(kind, "the server is stopping").with_code("server_stopping")
}

/// Says that an answer is that of an earlier request, which is not the record of this one.
fn replayed(mut reply: HttpResponse) -> HttpResponse {
    reply.extensions_mut().remove::<LoggedByBody>();
    reply.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    reply
}
