//! Attempts: upstream calls up to their first output, held back and retried while no client has seen any.
//!
//! The head of a reply is held back until the first output: a failure in place of output then still gets a
//! status, and an overload can be tried again, which is not possible once a client has read a 200. The price is
//! that a client sees the head late; so after ten seconds a stream's head is sent alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chatmock_auth::FaultKind;
use chatmock_protocol::responses::event::Body;
use chatmock_protocol::responses::{ApiError, Event};
use chatmock_protocol::sse::Frame;
use chatmock_translate::{Failure, FailureKind, Finish, Notice};
use chatmock_upstream::{Adjustment, Credentials, Events, Prepared};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue};

use super::{TurnServices, withheld};
use crate::clock::unix_now;
use crate::http::fair_places::Place;
use crate::state::credentials::Audience;
use crate::state::ledger::LiveTurn;
use crate::state::responses::Owner;
use crate::{failure, remedies};

/// The most that is taken after the first output before the head is sent, in bytes.
const MAX_TAKEN: usize = 64 * 1024;

/// The most that is held back before the first output, in bytes: the real handshake has a few hundred kilobytes.
const MAX_HELD: usize = 64 * 1024 * 1024;

/// The memory that a held frame takes in addition to its text, roughly.
const FRAME: usize = 256;

/// The scheduler turns to wait for more before the head is sent: a short answer comes in one piece or two.
const TURNS: u32 = 3;

/// Metadata of an answer, for the head of the reply.
#[derive(Default)]
pub(crate) struct ResponseMeta {
    /// The backend's headers about limits.
    pub(crate) forwarded: Vec<(HeaderName, HeaderValue)>,
    /// Adjustments that the backend made.
    pub(crate) notices: Vec<Notice>,
    /// True if the backend could not read the reasoning of earlier turns, or kept it from the model.
    pub(crate) reasoning_left_out: bool,
}

/// Events that were read and not yet encoded; a failure is the last of them.
type HeldFrames = VecDeque<Result<Frame, Failure>>;

/// An answer whose first output has arrived.
pub(crate) struct Attempt {
    /// Frames that were held back: the handshake, the first output and what arrived together with it.
    held: HeldFrames,
    /// The events after those.
    pub(crate) events: Events,
    meta: ResponseMeta,
    /// True if it was noted that reasoning was kept from the model: several events of an answer say so.
    pub(crate) withheld: bool,
    /// Whose answer it is.
    credentials: Arc<Credentials>,
    /// The place that it has until its last byte.
    pub(crate) place: Place,
    /// Who is to own the response at the backend, until its id is known.
    claimant: Option<Arc<Owner>>,
}

/// A call of the backend, before it is made.
pub(crate) struct Call {
    pub(crate) prepared: Prepared,
    /// The place that it has, until the last byte of the answer.
    pub(crate) place: Place,
    /// The readers of a failure.
    pub(crate) audience: Audience,
    /// Who is to own the response that the backend stores.
    pub(crate) claimant: Option<Arc<Owner>>,
    /// The turn as it is shown while it runs.
    pub(crate) live: Arc<LiveTurn>,
}

/// The source of a choice's events.
pub(crate) enum EventSource {
    /// The answer is still being opened.
    Attempt(BoxFuture<'static, Result<Attempt, Failure>>),
    /// The answer runs.
    Running(Box<Attempt>),
    /// Nothing is asked of the backend.
    AtOnce(Finish),
    /// Nothing is asked of the backend, and these are the events that it would have sent.
    Made(VecDeque<Frame>),
    /// There is nothing more to come.
    Over,
}

/// The next thing from a source.
pub(crate) enum NextEvent {
    /// An event.
    Frame(Frame),
    /// The end of a reply for which nothing was asked.
    AtOnce(Finish),
}

impl EventSource {
    /// Begins to open an answer.
    pub(crate) fn open(
        services: &Arc<TurnServices>,
        call: Call,
        credentials: &Arc<Credentials>,
    ) -> Self {
        let (services, credentials) = (Arc::clone(services), Arc::clone(credentials));
        let opening = async move {
            let Opening { held, events, meta } = open(&services, &call, &credentials).await?;
            let Call { place, claimant, .. } = call;
            let withheld = meta.reasoning_left_out;
            Ok(Attempt { held, events, meta, withheld, credentials, place, claimant })
        };
        Self::Attempt(opening.boxed())
    }

    /// Ready once the answer has been opened.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if let Self::Attempt(attempt) = self {
            match ready!(attempt.poll_unpin(cx)) {
                Ok(attempt) => *self = Self::Running(Box::new(attempt)),
                Err(failure) => {
                    *self = Self::Over;
                    return Poll::Ready(Err(failure));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The next event.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<NextEvent, Failure>> {
        if let Err(failure) = ready!(self.poll_open(cx)) {
            return Poll::Ready(Err(failure));
        }
        match self {
            Self::Running(attempt) => match attempt.held.pop_front() {
                Some(next) => Poll::Ready(next.map(NextEvent::Frame)),
                None => attempt.events.poll_frame(cx).map(|next| frame(next).map(NextEvent::Frame)),
            },
            Self::AtOnce(finish) => Poll::Ready(Ok(NextEvent::AtOnce(*finish))),
            Self::Made(events) => {
                let next = events.pop_front().ok_or_else(Failure::incomplete);
                Poll::Ready(next.map(NextEvent::Frame))
            }
            Self::Attempt(_) | Self::Over => Poll::Ready(Err(Failure::incomplete())),
        }
    }

    /// Whose answer it is, while it runs.
    pub(crate) fn credentials(&self) -> Option<&Arc<Credentials>> {
        match self {
            Self::Running(attempt) => Some(&attempt.credentials),
            _ => None,
        }
    }

    /// Takes who is to own the response, while it runs.
    pub(crate) fn take_claimant(&mut self) -> Option<Arc<Owner>> {
        match self {
            Self::Running(attempt) => attempt.claimant.take(),
            _ => None,
        }
    }

    /// Takes the metadata, once it is known.
    pub(crate) fn take_meta(&mut self) -> Option<ResponseMeta> {
        match self {
            Self::Running(attempt) => Some(std::mem::take(&mut attempt.meta)),
            _ => None,
        }
    }
}

/// Waits until every answer has been opened, or for `limit`: a failure within it still gets its
/// status.
///
/// # Errors
/// The first failure.
pub(crate) async fn wait_until_open(
    sources: &mut [EventSource],
    limit: Option<Duration>,
) -> Result<(), Failure> {
    let opened = std::future::poll_fn(|cx| {
        let mut open = false;
        for source in &mut *sources {
            match source.poll_open(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => open = true,
            }
        }
        if open { Poll::Pending } else { Poll::Ready(Ok(())) }
    });
    match limit {
        Some(limit) => tokio::time::timeout(limit, opened).await.unwrap_or(Ok(())),
        None => opened.await,
    }
}

/// An answer that has just begun.
struct Opening {
    held: HeldFrames,
    events: Events,
    meta: ResponseMeta,
}

/// Why an answer was not opened.
enum AttemptError {
    /// The call failed; what may be tried again of that has been.
    Call(Failure),
    /// A stream began and reported a failure in place of output.
    Stream(Failure),
}

/// Sends the request and waits for the first output.
///
/// A stream that reports an overload in place of output is asked for again, as the retry policy
/// says: no client has seen anything of it yet.
async fn open(
    services: &Arc<TurnServices>,
    call: &Call,
    credentials: &Arc<Credentials>,
) -> Result<Opening, Failure> {
    let mut tries = 0;
    loop {
        let (failure, pause) = match attempt(services, call, credentials).await {
            Ok(opening) => return Ok(opening),
            Err(AttemptError::Call(failure)) => return Err(failure),
            Err(AttemptError::Stream(failure)) => {
                let pause = pause(services, &failure, tries);
                (failure, pause)
            }
        };
        let Some(pause) = pause else { return Err(failure) };
        tracing::info!("the backend is overloaded, trying once more");
        tries += 1;
        call.live.retries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(pause).await;
    }
}

/// The pause after which a turn that failed in its stream is tried again, if it is.
fn pause(services: &TurnServices, failure: &Failure, tries: u32) -> Option<Duration> {
    let overload = matches!(failure.kind, FailureKind::Unavailable { .. });
    let wait = failure.retry_after().map(Duration::from_secs);
    services.state.client.retry_policy().after_overload(wait, tries).filter(|_| overload)
}

async fn attempt(
    services: &Arc<TurnServices>,
    call: &Call,
    credentials: &Arc<Credentials>,
) -> Result<Opening, AttemptError> {
    let state = &services.state;
    let opened = match state.client.send(&call.prepared, credentials).await {
        Ok(opened) => opened,
        Err(error) => {
            state.ledger.count_calls(1);
            if let Some(limits) = failure::limits(&error) {
                state.limits.record(limits.clone(), credentials, unix_now());
            }
            let failure =
                failure::with_address_hint(failure::from_upstream(error), state.client.route());
            let unreachable = failure.kind == FailureKind::Unreachable;
            state.faults.set(FaultKind::BackendUnreachable, unreachable);
            let route = state.client.route().name();
            let named = state.auth.name_account(failure, call.audience, route).await;
            return Err(AttemptError::Call(named));
        }
    };
    state.faults.set(FaultKind::BackendUnreachable, false);
    if let Some(limits) = opened.limits {
        state.limits.record(limits, credentials, unix_now());
    }
    call.live.retries.fetch_add(opened.retries, Ordering::Relaxed);
    state.ledger.count_calls(1 + opened.retries);
    state.models.note_etag(opened.models_etag.as_deref());
    let (events, held) = first_output(opened.events).await.map_err(AttemptError::Stream)?;
    let mut frames = held.iter().filter_map(|frame| frame.as_ref().ok());
    let withheld = frames.find_map(|frame| withheld::note(frame, services));
    let unreadable = opened.adjustments.contains(&Adjustment::ReasoningLeftOut);
    let reasoning_left_out = unreadable || withheld.is_some();
    let notices = opened.adjustments.into_iter().map(failure::notice).chain(withheld).collect();
    let meta = ResponseMeta { forwarded: opened.limit_headers, notices, reasoning_left_out };
    Ok(Opening { held, events, meta })
}

/// Reads up to the first output; a failure in its place is given as one.
async fn first_output(mut events: Events) -> Result<(Events, HeldFrames), Failure> {
    let (mut held, mut size) = (HeldFrames::new(), 0);
    loop {
        let frame = frame(events.next().await)?;
        // Its events repeat the whole request, and are read when they are encoded.
        if Event::is_handshake(&frame).map_err(unreadable)? {
            size += frame.data().len() + FRAME;
            if size > MAX_HELD {
                return Err(no_output());
            }
            // It may be minutes until the output comes, so nothing but the event itself is kept.
            held.push_back(Ok(frame.detached()));
            continue;
        }
        match parse(&frame)?.body {
            Body::Failed(response) => return Err(failed(response.error.unwrap_or_default())),
            Body::Error(error) => return Err(failed(*error)),
            _ => {}
        }
        held.push_back(Ok(frame));
        take_arrived(&mut events, &mut held).await;
        return Ok((events, held));
    }
}

/// Takes what has arrived together with the first output, so that it leaves in one write with the
/// head: a short answer as a whole.
///
/// The backend's connection hands over one piece a turn, and so gets some turns for it, as do those
/// tasks that are ready; nothing is waited for.
async fn take_arrived(events: &mut Events, held: &mut HeldFrames) {
    let (mut turns, mut size) = (0, 0);
    std::future::poll_fn(|cx| {
        let before = held.len();
        while size < MAX_TAKEN
            && let Poll::Ready(next) = events.poll_frame(cx)
        {
            let Some(next) = next else { return Poll::Ready(()) };
            size += next.as_ref().map_or(0, |frame| frame.data().len());
            held.push_back(next.map_err(failure::from_upstream));
        }
        turns += 1;
        let more = turns == 1 || held.len() > before;
        if !more || turns == TURNS || size >= MAX_TAKEN {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A backend that sends one beginning after the other.
fn no_output() -> Failure {
    let message =
        format!("the backend sent {} MiB of events and no output", MAX_HELD / 1024 / 1024);
    Failure::new(FailureKind::Failed, message).with_code("upstream_answer_too_large")
}

fn failed(error: ApiError) -> Failure {
    let wait = error.wait(unix_now());
    Failure::from_api(error, None, wait).with_remedy(&remedies::BY_CODE)
}

fn frame(next: Option<Result<Frame, chatmock_upstream::Error>>) -> Result<Frame, Failure> {
    match next {
        Some(frame) => frame.map_err(failure::from_upstream),
        None => Err(Failure::incomplete()),
    }
}

/// Reads an event.
///
/// # Errors
/// When it is not of the shape that its kind demands.
pub(crate) fn parse(frame: &Frame) -> Result<Event<'_>, Failure> {
    Event::parse(frame).map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    let message = format!("the backend sent an event that cannot be read: {error}");
    Failure::new(FailureKind::Failed, message).with_code("upstream_unexpected")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chatmock_upstream::Limits;
    use futures::SinkExt;
    use futures::channel::mpsc;

    use super::*;

    /// Events of pieces of which each is handed over in a turn of its own, as hyper does.
    fn handed_over(pieces: &'static [&'static str]) -> Events {
        let (mut sender, receiver) = mpsc::channel(0);
        tokio::spawn(async move {
            for piece in pieces {
                sender.send(Ok(Bytes::from_static(piece.as_bytes()))).await.unwrap();
            }
            // The connection stays open after them.
            std::future::pending::<()>().await;
        });
        Events::new(receiver, &Limits::default())
    }

    #[tokio::test]
    async fn what_arrived_with_the_first_output_is_taken_and_nothing_is_waited_for() {
        let events = handed_over(&[
            "data: {\"type\":\"response.created\"}\n\n",
            "data: {\"type\":\"a\"}\n\ndata: {\"type\":\"b\"}\n\n",
            "data: {\"type\":\"c\"}\n\n",
        ]);
        let (_, held) = first_output(events).await.unwrap();
        let texts: Vec<_> =
            held.iter().map(|frame| frame.as_ref().unwrap().text().to_owned()).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert_eq!(texts[3], r#"{"type":"c"}"#);
    }

    #[tokio::test]
    async fn a_handshake_without_end_fails_before_it_fills_the_memory() {
        let progress = Bytes::from(format!(
            "data: {{\"type\":\"response.in_progress\",\"response\":{{\"id\":\"{}\"}}}}\n\n",
            "x".repeat(1024 * 1024)
        ));
        let endless = futures::stream::repeat_with(move || Ok(progress.clone()));
        let Err(failure) = first_output(Events::new(endless, &Limits::default())).await else {
            panic!("an answer without output was opened");
        };
        assert_eq!(
            (failure.status(), failure.code.as_deref()),
            (502, Some("upstream_answer_too_large"))
        );
    }

    #[tokio::test]
    async fn a_failure_that_arrived_with_the_first_output_is_told_after_it() {
        let pieces = [Ok(Bytes::from_static(b"data: {\"type\":\"a\"}\n\n"))];
        let cut = Err(chatmock_upstream::Error::Stalled { limit: Duration::ZERO });
        let body = futures::stream::iter(pieces.into_iter().chain([cut]));
        let events = Events::new(body, &Limits::default());
        let (mut events, held) = first_output(events).await.unwrap();
        assert!(matches!(held.iter().collect::<Vec<_>>()[..], [Ok(_), Err(_)]), "{held:?}");
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn what_is_held_back_lets_go_of_what_was_read_with_it() {
        let created = r#"{"type":"response.created","response":{"id":"resp_1"}}"#;
        let delta = r#"{"type":"response.output_text.delta","output_index":0,"delta":"a"}"#;
        let read = [created, delta].map(|data| Bytes::from(format!("data: {data}\n\n")));
        let arriving = futures::stream::iter(read.clone().map(Ok));
        let (_, held) = first_output(Events::new(arriving, &Limits::default())).await.unwrap();
        let held: Vec<_> = held.iter().map(|frame| frame.as_ref().unwrap().text()).collect();
        assert_eq!(held, [created, delta]);
        assert!(read[0].is_unique());
    }
}
