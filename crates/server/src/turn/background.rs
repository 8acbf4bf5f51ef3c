//! Answers without their clients: a turn that goes on by itself, and is read by whoever asks for it.
//!
//! It is the one pipeline under a task in place of a client's connection, since nobody's reads drive it. The task is
//! bounded in number and in time, and always leaves an end behind: what ends it otherwise (a cancellation, a sign-out,
//! the end of the server) is kept as the reason.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_translate::openai::responses::{
    Continued, ErrorMessage, begun, continued, ended, is_open,
};
use chatmock_translate::{Dialect, Failure, FailureKind, Family, Frames, Framing};
use chatmock_upstream::{CredentialError, Error};
use futures::FutureExt;
use http::StatusCode;
use http_body::{Body, Frame};
use http_body_util::StreamBody;

use super::TurnServices;
use super::body::TurnBody;
use super::pipeline::{Answer, Ready, answer};
use super::record::TurnRecord;
use super::store_on_complete::SentInput;
use crate::clock::unix_now;
use crate::failure;
use crate::http::access_log::LoggedByBody;
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::background::{BackgroundAnswer, Next};
use crate::state::responses::{Arrivals, Owner, StoredResponse};
use crate::tasks::becomes_true;

/// The time between two looks whether the account is still signed in.
const LOOK: Duration = Duration::from_secs(1);

/// The most that is written at once, in bytes.
const FULL: usize = 64 * 1024;

/// The wish for an answer without its client.
pub(super) struct Wish {
    owner: Owner,
    /// What goes to the backend, as it is kept.
    input: Bytes,
    /// The client reads it as a stream, for as long as it stays.
    streams: bool,
}

impl Wish {
    /// Wishes for an owner's answer to what is sent.
    pub(super) fn new(owner: &Owner, sent: &SentInput, streams: bool) -> Self {
        Self { owner: owner.clone(), input: sent.input.clone(), streams }
    }
}

/// An answer, before it is made.
pub(super) struct Begun {
    answer: Arc<BackgroundAnswer>,
    account: Option<String>,
    streams: bool,
    arrivals: Arrivals,
}

impl Begun {
    /// Waits until any server can be asked for the answer.
    pub(super) async fn arrived(&mut self, services: &TurnServices) {
        services.state.background.beat(&self.answer.key).await;
        std::mem::take(&mut self.arrivals).all().await;
    }

    /// Returns whether the client reads it as a stream.
    pub(super) fn streams(&self) -> bool {
        self.streams
    }
}

/// How an answer ended.
enum End {
    /// As the backend ended it.
    Whole,
    Broken(Failure),
    Cancelled,
}

/// Takes a place for an answer, and keeps what it is so far.
///
/// # Errors
/// 429 where there are as many as may be.
pub(super) fn begin<D: Dialect>(
    services: &TurnServices,
    ready: &Ready<D>,
    wish: Wish,
) -> Result<Begun, Failure> {
    let shape = &ready.plan.shape;
    let (Some(queued), Some(id)) = (D::queued(shape), shape.response_id.get()) else {
        return Err(Failure::param("background", "this API has no answers without their clients"));
    };
    let Wish { owner, input, streams } = wish;
    let events = begun(serde_json::from_str::<&RawValue>(&queued)?)?;
    let (queued, state) = (Bytes::from(queued), &services.state);
    let kept = (owner.key(id), input);
    let answer = state.background.begin(&ready.caller, kept, queued.clone())?;
    for (kind, event) in events {
        answer.push(framed(kind, &event));
    }
    let arrivals = keep(services, &answer, queued);
    Ok(Begun { answer, account: owner.account, streams, arrivals })
}

/// Starts an answer, and returns what its client is told of it.
pub(super) fn run<D: Dialect>(
    services: &Arc<TurnServices>,
    begun: Begun,
    mut ready: Ready<D>,
    record: TurnRecord,
) -> HttpResponse {
    let Begun { answer, account, streams, .. } = begun;
    let headers = ReplyHeaders { notices: ready.plan.notices.clone(), ..ReplyHeaders::default() };
    (ready.plan.stream, ready.framing) = (true, Framing::Message);
    let reply = match streams {
        true => attached(services, &answer, 0, headers),
        false => response::written(headers, answer.response()),
    };
    let ending = Ending { services: Arc::clone(services), answer };
    let work = work::<D>(ending, account, ready, record);
    services.tasks.spawn(work);
    reply
}

/// Makes an answer to its end, whatever that is.
async fn work<D: Dialect>(
    ending: Ending,
    account: Option<String>,
    ready: Ready<D>,
    record: TurnRecord,
) {
    let Ending { services, answer } = &ending;
    let made = AssertUnwindSafe(make::<D>(services, answer, ready, record)).catch_unwind();
    let life = services.state.background.life();
    let end = tokio::select! {
        biased;
        () = answer.stopped() => End::Cancelled,
        () = services.state.background.ended_elsewhere(answer) => End::Cancelled,
        made = made => made.unwrap_or_else(|_| End::Broken(services.panics.caught())),
        () = becomes_true(&services.draining) => End::Broken(stopping()),
        () = tokio::time::sleep(life) => End::Broken(too_long(life)),
        () = signed_out(services, account.as_deref()) => End::Broken(gone()),
    };
    let (last, arrivals) = ending.close(&end);
    arrivals.all().await;
    services.state.background.forget_elsewhere(&answer.key).await;
    ending.tell(last);
}

/// Makes an answer as far as it goes.
async fn make<D: Dialect>(
    services: &Arc<TurnServices>,
    to: &BackgroundAnswer,
    ready: Ready<D>,
    mut record: TurnRecord,
) -> End {
    let parts = match answer::<D>(services, ready, &mut record).await {
        Ok(Answer::Stream(_, parts)) => parts,
        Ok(Answer::Whole(_)) => return End::Broken(Failure::incomplete()),
        Err(failure) => {
            let failure = failure::with_version(failure, &services.state.client);
            record.refuse(&failure, D::Family::status(&failure));
            return End::Broken(failure);
        }
    };
    let mut body = TurnBody::<D>::new(services, parts, record);
    let mut end = End::Broken(Failure::incomplete());
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
    {
        let message = frame.into_data().unwrap_or_default();
        match take(services, to, &message).await {
            Ok(Some(last)) => end = last,
            Ok(None) => {}
            Err(error) => return End::Broken(error.into()),
        }
    }
    end
}

/// Takes a message of the answer; returns the end where it is one.
async fn take(
    services: &TurnServices,
    to: &BackgroundAnswer,
    message: &[u8],
) -> Result<Option<End>, serde_json::Error> {
    match continued(message, to.next_number())? {
        Continued::Nothing => Ok(None),
        Continued::Failed(failure) => Ok(Some(End::Broken(failure))),
        Continued::Event { kind, event, response } => {
            let now = response.map(|now| (is_open(now.get()), Bytes::from(now.get().to_owned())));
            let last = match now {
                Some((true, now)) => {
                    to.note(now.clone());
                    keep(services, to, now).all().await;
                    None
                }
                Some((false, now)) => {
                    to.note(now.clone());
                    // Whoever reads the last event finds the answer complete.
                    keep(services, to, now).all().await;
                    Some(End::Whole)
                }
                None => None,
            };
            to.push(framed(&kind, &event));
            Ok(last)
        }
    }
}

fn framed(kind: &str, event: &[u8]) -> Bytes {
    let mut frames = Frames::new(Framing::Sse);
    frames.message(Some(kind), event);
    frames.take().unwrap_or_default()
}

fn keep(services: &TurnServices, answer: &BackgroundAnswer, response: Bytes) -> Arrivals {
    let now = unix_now();
    let stored = StoredResponse::new(now, answer.input.clone(), response);
    services.state.responses.insert(Arc::clone(&answer.key), stored, now)
}

/// Waits until the account is not signed in any more.
async fn signed_out(services: &TurnServices, account: Option<&str>) {
    loop {
        tokio::time::sleep(LOOK).await;
        match services.state.client.credentials().await {
            Err(Error::Credentials(CredentialError::SignedOut(_))) => return,
            Ok(credentials) if credentials.account_id() != account => return,
            _ => {}
        }
    }
}

fn stopping() -> Failure {
    let kind = FailureKind::Unavailable { retry_after: None };
    Failure::new(kind, "the server stopped before the answer was complete")
        .with_code("server_stopping")
}

fn too_long(life: Duration) -> Failure {
    let message = format!("the answer was not complete after {} seconds", life.as_secs());
    Failure::new(FailureKind::TimedOut, message).with_code("background_time_limit")
}

fn gone() -> Failure {
    Failure::new(
        FailureKind::SignedOut,
        "the account was signed out before the answer was complete",
    )
    .with_code("signed_out")
}

/// Sees to it that an answer has an end, also where its task is dropped.
struct Ending {
    services: Arc<TurnServices>,
    answer: Arc<BackgroundAnswer>,
}

impl Ending {
    /// Keeps the end of an answer that has none yet; returns its last event.
    fn close(&self, end: &End) -> (Option<Bytes>, Arrivals) {
        let failure = match end {
            End::Whole => return (None, Arrivals::default()),
            End::Broken(failure) => Some(failure),
            End::Cancelled => None,
        };
        let (open, number) = (self.answer.response(), self.answer.next_number());
        let open = serde_json::from_slice::<&RawValue>(&open);
        let Ok((response, event)) = open.and_then(|open| ended(open, failure, number)) else {
            return (None, Arrivals::default());
        };
        let response = Bytes::from(response.get().to_owned());
        self.answer.note(response.clone());
        let arrivals = keep(&self.services, &self.answer, response);
        (Some(framed("response.failed", &event)), arrivals)
    }

    /// Tells whoever reads it of the end.
    fn tell(&self, last: Option<Bytes>) {
        last.into_iter().for_each(|last| self.answer.push(last));
        self.answer.end();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.answer.is_over() {
            let (last, _) = self.close(&End::Broken(stopping()));
            self.tell(last);
        }
    }
}

/// The stream of an answer from event `from` on, for as long as its client reads.
pub(crate) fn attached(
    services: &TurnServices,
    answer: &Arc<BackgroundAnswer>,
    from: u64,
    headers: ReplyHeaders,
) -> HttpResponse {
    let (answer, heartbeat) = (Arc::clone(answer), services.heartbeat);
    let changes = answer.changes();
    let begin = Some((answer, changes, from));
    let stream = futures::stream::unfold(begin, move |reading| async move {
        let (answer, mut changes, from) = reading?;
        loop {
            changes.mark_unchanged();
            match answer.next(from, FULL) {
                Next::Events(events, next) => {
                    let frame = Frame::data(Bytes::from(events.concat()));
                    return Some((Ok(frame), Some((answer, changes, next))));
                }
                Next::Over => return None,
                Next::Dropped => return Some((Ok(Frame::data(dropped())), None)),
                Next::Nothing => {}
            }
            if tokio::time::timeout(heartbeat, changes.changed()).await.is_err() {
                let comment = Frame::data(Bytes::from_static(b": keep-alive\n\n"));
                return Some((Ok(comment), Some((answer, changes, from))));
            }
        }
    });
    let media_type = "text/event-stream; charset=utf-8";
    let mut reply = response::stream(headers, media_type, StreamBody::new(stream));
    // The answer has a record of its own, which is not that of this request.
    reply.extensions_mut().remove::<LoggedByBody>();
    reply
}

/// The last event for a reader who is behind what is kept.
fn dropped() -> Bytes {
    let message = "the events after this number are kept no longer: ask for the response";
    let failure = Failure::param("starting_after", message).with_code("events_not_kept");
    let error = serde_json::to_vec(&ErrorMessage::new(&failure, None)).unwrap_or_default();
    framed("error", &error)
}

/// The answer as it is now.
pub(crate) fn snapshot(answer: &BackgroundAnswer) -> HttpResponse {
    response::bytes(StatusCode::OK, "application/json", answer.response())
}
