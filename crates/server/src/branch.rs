//! Branches: one running answer each, from the backend's events to a dialect's output.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chatmock_protocol::responses::event::{Body, Phase};
use chatmock_protocol::responses::{ApiError, Event};
use chatmock_protocol::sse::Frame;
use chatmock_translate::dialect::{End, Finish};
use chatmock_translate::{Encoder, Failure, FailureKind, Frames};
use chatmock_upstream::Events;
use tokio::time::Instant;

use crate::app::App;
use crate::failure;
use crate::reply::unix_now;

/// The most that is written before the client is given a turn to read, in bytes.
const FULL: usize = 64 * 1024;

/// How long handshake events are held back, so that a failure behind them still gets a status.
const HOLD: Duration = Duration::from_secs(10);

/// An answer whose first output has arrived, or that has waited long enough for it.
pub(crate) struct Opening {
    held: VecDeque<Frame>,
    events: Option<Events>,
    at_once: Option<Finish>,
}

impl Opening {
    /// An answer for which nothing is asked of the backend.
    pub(crate) fn at_once(finish: Finish) -> Self {
        Self { held: VecDeque::new(), events: None, at_once: Some(finish) }
    }

    /// Reads up to the first output; a failure in its place is given as one.
    pub(crate) async fn hold(mut events: Events) -> Result<Self, Failure> {
        let mut held = VecDeque::new();
        let deadline = Instant::now() + HOLD;
        while let Ok(next) = tokio::time::timeout_at(deadline, events.next()).await {
            let frame = frame(next)?;
            let event = parse(&frame)?;
            let phase = event.phase();
            match event.body {
                Body::Failed(response) => return Err(failed(response.error.unwrap_or_default())),
                Body::Error(error) => return Err(failed(error)),
                _ => {}
            }
            held.push_back(frame);
            if phase != Phase::Handshake {
                break;
            }
        }
        Ok(Self { held, events: Some(events), at_once: None })
    }

    /// Goes on with an encoder.
    pub(crate) fn branch<E: Encoder>(self, encoder: E) -> Branch<E> {
        Branch {
            held: self.held,
            events: self.events,
            at_once: self.at_once,
            encoder: Some(encoder),
            output: None,
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

fn parse(frame: &Frame) -> Result<Event<'_>, Failure> {
    Event::parse(frame).map_err(|error| {
        let message = format!("the backend sent an event that cannot be read: {error}");
        Failure::new(FailureKind::Failed, message).with_code("upstream_unexpected")
    })
}

/// One choice of a reply.
pub(crate) struct Branch<E: Encoder> {
    held: VecDeque<Frame>,
    events: Option<Events>,
    at_once: Option<Finish>,
    encoder: Option<E>,
    output: Option<E::Output>,
}

/// How far a branch has come.
pub(crate) enum Progress {
    /// More may come.
    Open,
    /// The buffer is full; there may be more at once.
    Full,
    /// The choice has ended.
    Ended,
}

impl<E: Encoder> Branch<E> {
    /// Feeds everything that has arrived to the encoder.
    pub(crate) fn advance(
        &mut self,
        cx: &mut Context<'_>,
        (app, at): (&Arc<App>, Duration),
        frames: &mut Frames,
    ) -> Result<Progress, Failure> {
        if let Some(finish) = self.at_once.take() {
            let end = End::new(finish);
            self.output = self.encoder.take().map(|encoder| encoder.finish(end, at, frames));
        }
        while let Some(encoder) = self.encoder.as_mut() {
            if frames.len() >= FULL {
                return Ok(Progress::Full);
            }
            let next = match self.held.pop_front() {
                Some(frame) => Ok(frame),
                None => match self.events.as_mut().map(|events| events.poll_frame(cx)) {
                    Some(Poll::Pending) => return Ok(Progress::Open),
                    Some(Poll::Ready(next)) => frame(next),
                    None => Err(Failure::incomplete()),
                },
            };
            let step = next.and_then(|frame| step(encoder, &frame, (app, at), frames));
            match step {
                Ok(Flow::On) => {}
                Ok(Flow::End { end, whole }) => {
                    self.output = self.encoder.take().map(|e| e.finish(end, at, frames));
                    let events = self.events.take().filter(|_| whole);
                    if let Some(events) = events {
                        app.tasks.drain(events, cx);
                    }
                }
                Err(failure) => {
                    if let Some(encoder) = self.encoder.take() {
                        encoder.fail(&failure, frames);
                    }
                    return Err(failure);
                }
            }
        }
        Ok(Progress::Ended)
    }

    /// What the encoder handed back at its end.
    pub(crate) fn into_output(self) -> Option<E::Output> {
        self.output
    }
}

enum Flow {
    On,
    End {
        end: End,
        /// The backend ended the answer; else it was cut here, and the backend is let go.
        whole: bool,
    },
}

fn step<E: Encoder>(
    encoder: &mut E,
    frame: &Frame,
    (app, at): (&Arc<App>, Duration),
    frames: &mut Frames,
) -> Result<Flow, Failure> {
    let event = parse(frame)?;
    if event.kind == "codex.rate_limits" {
        app.limits.keep_event(frame, unix_now());
    }
    match encoder.event(frame, &event, at, frames) {
        ControlFlow::Continue(()) => Ok(Flow::On),
        ControlFlow::Break(Ok(end)) => Ok(Flow::End { end, whole: event.phase() == Phase::End }),
        ControlFlow::Break(Err(failure)) => Err(failure),
    }
}
