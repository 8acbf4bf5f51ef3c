//! Opening answers: sent, held back until the first output, tried again while no one has seen any.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chatmock_protocol::responses::event::{Body, Phase};
use chatmock_protocol::responses::{ApiError, Event};
use chatmock_protocol::sse::Frame;
use chatmock_translate::dialect::Finish;
use chatmock_translate::{Failure, FailureKind, Notice};
use chatmock_upstream::{Credentials, Events, Prepared, back_off};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue};

use crate::app::App;
use crate::failure;
use crate::reply::unix_now;

/// The longest wait that the backend may ask for and get, in seconds.
const LONGEST_WAIT: u64 = 5;

/// What an answer's head tells a client.
#[derive(Default)]
pub(crate) struct Told {
    /// The backend's headers about limits.
    pub(crate) forwarded: Vec<(HeaderName, HeaderValue)>,
    /// What became otherwise than asked.
    pub(crate) notices: Vec<Notice>,
}

/// An answer whose first output has arrived.
pub(crate) struct Opening {
    /// What was held back: the handshake and the first output.
    held: VecDeque<Frame>,
    /// What comes after it.
    pub(crate) events: Events,
    told: Told,
    /// Whose answer it is.
    credentials: Arc<Credentials>,
}

/// Where a choice's events come from.
pub(crate) enum Source {
    /// The answer is still being opened.
    Opening(BoxFuture<'static, Result<Opening, Failure>>),
    /// The answer runs.
    Running(Box<Opening>),
    /// Nothing is asked of the backend.
    AtOnce(Finish),
    /// There is nothing more to come.
    Over,
}

/// What a source gives.
pub(crate) enum Next {
    /// An event.
    Frame(Frame),
    /// The end of a reply for which nothing was asked.
    AtOnce(Finish),
}

impl Source {
    /// Begins to open an answer.
    pub(crate) fn open(
        app: &Arc<App>,
        prepared: &Prepared,
        credentials: &Arc<Credentials>,
    ) -> Self {
        let (app, prepared) = (Arc::clone(app), prepared.clone());
        let credentials = Arc::clone(credentials);
        Self::Opening(async move { open(&app, &prepared, &credentials).await }.boxed())
    }

    /// Ready once the answer has been opened.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if let Self::Opening(opening) = self {
            match ready!(opening.poll_unpin(cx)) {
                Ok(opening) => *self = Self::Running(Box::new(opening)),
                Err(failure) => {
                    *self = Self::Over;
                    return Poll::Ready(Err(failure));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The next event.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, Failure>> {
        if let Err(failure) = ready!(self.poll_open(cx)) {
            return Poll::Ready(Err(failure));
        }
        match self {
            Self::Running(opening) => match opening.held.pop_front() {
                Some(frame) => Poll::Ready(Ok(Next::Frame(frame))),
                None => opening.events.poll_frame(cx).map(|next| frame(next).map(Next::Frame)),
            },
            Self::AtOnce(finish) => Poll::Ready(Ok(Next::AtOnce(*finish))),
            Self::Opening(_) | Self::Over => Poll::Ready(Err(Failure::incomplete())),
        }
    }

    /// Whose answer it is, while it runs.
    pub(crate) fn credentials(&self) -> Option<&Arc<Credentials>> {
        match self {
            Self::Running(opening) => Some(&opening.credentials),
            _ => None,
        }
    }

    /// Takes what the answer's head tells, once it is known.
    pub(crate) fn take_told(&mut self) -> Option<Told> {
        match self {
            Self::Running(opening) => Some(std::mem::take(&mut opening.told)),
            _ => None,
        }
    }
}

/// Waits until every answer has been opened, or for `limit`: a failure within it still gets its
/// status.
///
/// # Errors
/// The first failure.
pub(crate) async fn hold(sources: &mut [Source], limit: Option<Duration>) -> Result<(), Failure> {
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

/// Why an answer was not opened.
enum Unopened {
    /// The call failed; what may be tried again of that has been.
    Call(Failure),
    /// A stream began and told a failure in place of output.
    Stream(Failure),
}

/// Sends the request and waits for the first output; an overload told in its place is no one's
/// loss yet, so the request is sent once more.
async fn open(
    app: &Arc<App>,
    prepared: &Prepared,
    credentials: &Arc<Credentials>,
) -> Result<Opening, Failure> {
    match attempt(app, prepared, credentials).await {
        Ok(opening) => return Ok(opening),
        Err(Unopened::Stream(failure)) if is_overload(&failure) => {
            tracing::info!("the backend is overloaded, trying once more");
        }
        Err(Unopened::Call(failure) | Unopened::Stream(failure)) => return Err(failure),
    }
    tokio::time::sleep(back_off(0)).await;
    attempt(app, prepared, credentials).await.map_err(|unopened| match unopened {
        Unopened::Call(failure) | Unopened::Stream(failure) => failure,
    })
}

fn is_overload(failure: &Failure) -> bool {
    let wait = failure.retry_after().unwrap_or(0);
    matches!(failure.kind, FailureKind::Unavailable { .. }) && wait <= LONGEST_WAIT
}

async fn attempt(
    app: &Arc<App>,
    prepared: &Prepared,
    credentials: &Arc<Credentials>,
) -> Result<Opening, Unopened> {
    let opened = match app.client.send(prepared, credentials).await {
        Ok(opened) => opened,
        Err(error) => {
            if let Some(limits) = failure::limits(&error) {
                app.limits.keep(limits.clone(), credentials, unix_now());
            }
            let failure = failure::placed(failure::of_upstream(error), app.client.route());
            return Err(Unopened::Call(app.holder.named_in(failure).await));
        }
    };
    if let Some(limits) = opened.limits {
        app.limits.keep(limits, credentials, unix_now());
    }
    app.models.seen(opened.models_etag.as_deref());
    let (events, held) = first_output(opened.events).await.map_err(Unopened::Stream)?;
    let credentials = Arc::clone(credentials);
    let notices = opened.changes.into_iter().map(failure::notice).collect();
    let told = Told { forwarded: opened.forwarded, notices };
    Ok(Opening { held, events, told, credentials })
}

/// Reads up to the first output; a failure in its place is given as one.
async fn first_output(mut events: Events) -> Result<(Events, VecDeque<Frame>), Failure> {
    let mut held = VecDeque::new();
    loop {
        let frame = frame(events.next().await)?;
        let event = parse(&frame)?;
        let phase = event.phase();
        match event.body {
            Body::Failed(response) => return Err(failed(response.error.unwrap_or_default())),
            Body::Error(error) => return Err(failed(*error)),
            _ => {}
        }
        held.push_back(frame);
        if phase != Phase::Handshake {
            return Ok((events, held));
        }
    }
}

fn failed(error: ApiError) -> Failure {
    let wait = error.wait(unix_now());
    Failure::from_api(error, None, wait)
}

fn frame(next: Option<Result<Frame, chatmock_upstream::Error>>) -> Result<Frame, Failure> {
    match next {
        Some(frame) => frame.map_err(failure::of_upstream),
        None => Err(Failure::incomplete()),
    }
}

/// Reads an event.
///
/// # Errors
/// When it is not of the shape that its kind demands.
pub(crate) fn parse(frame: &Frame) -> Result<Event<'_>, Failure> {
    Event::parse(frame).map_err(|error| {
        let message = format!("the backend sent an event that cannot be read: {error}");
        Failure::new(FailureKind::Failed, message).with_code("upstream_unexpected")
    })
}
