//! Attempts: upstream calls up to their first output, held back and retried while no client has seen any.
//!
//! The head of a reply is held back until the first output: a failure in place of output then still gets a
//! status, and an overload can be tried again, which is not possible once a client has read a 200. The price is
//! that a client sees the head late; so after ten seconds a stream's head is sent alone.

mod first_output;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chatmock_auth::FaultKind;
use chatmock_protocol::responses::Event;
use chatmock_protocol::sse::Frame;
use chatmock_translate::{Failure, FailureKind, Finish, Notice};
use chatmock_upstream::{Adjustment, Client, Credentials, Events, NextSocket, Prepared};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue};

use self::first_output::{HeldFrames, first_output};
use super::{TurnServices, withheld};
use crate::clock::unix_now;
use crate::failure;
use crate::http::fair_places::Place;
use crate::state::credentials::Audience;
use crate::state::ledger::LiveTurn;
use crate::state::responses::Owner;

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
    /// What is needed to open a socket for the turn after this one, until it is known that one comes.
    next_socket: Option<Box<NextSocket>>,
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
            let Opening { held, events, meta, next_socket } =
                open(&services, &call, &credentials).await?;
            let Call { place, claimant, .. } = call;
            let withheld = meta.reasoning_left_out;
            Ok(Attempt { held, events, meta, withheld, credentials, next_socket, place, claimant })
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

    /// Opens a socket for the next turn, where that is of use: the answer calls a tool.
    pub(crate) fn open_next_socket(&mut self, client: &Client) {
        if let Self::Running(attempt) = self
            && let Some(next) = attempt.next_socket.take()
        {
            client.open_ahead(*next);
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
    next_socket: Option<Box<NextSocket>>,
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
    Ok(Opening { held, events, meta, next_socket: opened.next_socket })
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
