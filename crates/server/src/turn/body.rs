//! A streamed reply: the client's reads pull the backend's events through the encoders.

mod coalesce;
mod shutdown;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chatmock_translate::{Dialect, Failure, FailureKind, Frames, Framing, Shape};
use futures::FutureExt;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use self::coalesce::Pause;
use self::shutdown::CutOff;
use crate::app::App;
use crate::clock::Moment;
use crate::http::access_log::{Outcome, Record};
use crate::panics;
use crate::turn::choice::{self, Branch};
use crate::turn::store_on_complete::Ticket;

/// A comment that says only that the connection lives.
const HEARTBEAT: &str = ": keep-alive\n\n";

/// The most that waits for more to come with it, in bytes.
const MOST_GATHERED: usize = 16 * 1024;

/// What comes so soon after a piece may have arrived together with it.
const SOON: Duration = Duration::from_millis(1);

/// The body of a streamed reply.
///
/// There is no task and no channel; a client that leaves drops the body and with it the calls.
pub(crate) struct TurnBody<D: Dialect> {
    branches: Vec<Branch<D::Encoder>>,
    shape: Arc<Shape>,
    app: Arc<App>,
    frames: Frames,
    ticket: Option<Ticket>,
    record: Record,
    heartbeat: Option<Heartbeat>,
    cut_off: CutOff,
    /// When an event last came, and when a piece was last given out, since the request arrived.
    at: Duration,
    given_at: Option<Duration>,
    /// The wait for what has arrived together with what is there.
    pause: Pause,
    /// A panic that a test has asked for.
    panics: bool,
    over: bool,
}

impl<D: Dialect> TurnBody<D> {
    /// Begins a reply of these branches.
    pub(crate) fn new(
        app: &Arc<App>,
        branches: Vec<Branch<D::Encoder>>,
        (shape, ticket): (Arc<Shape>, Option<Ticket>),
        record: Record,
    ) -> Self {
        let heartbeat = app.http.heartbeat;
        Self {
            branches,
            shape,
            app: Arc::clone(app),
            frames: Frames::default(),
            ticket,
            record,
            heartbeat: (D::FRAMING == Framing::Sse).then(|| Heartbeat::new(heartbeat)),
            cut_off: CutOff::of(app),
            at: Duration::ZERO,
            given_at: None,
            pause: Pause::default(),
            panics: false,
            over: false,
        }
    }

    /// Makes the body panic, where `fault` says so; see [`crate::fault_injection`].
    pub(crate) fn with_fault(mut self, fault: bool) -> Self {
        self.panics = fault;
        self
    }

    /// Writes what there is; ready once the reply is over.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        assert!(!self.panics, "forced by the request");
        let mut moment = Moment::since(self.record.arrived);
        let place = (&self.app, &mut moment);
        let advanced = choice::advance(&mut self.branches, cx, place, &mut self.frames);
        self.at = moment.known().unwrap_or(self.at);
        match advanced {
            Ok(true) => self.complete(),
            Err(failure) => self.break_off(&failure),
            Ok(false) if self.cut_off.is_over(&self.app, cx) => {
                let message = "the server is stopping and has no more time for this answer";
                let kind = FailureKind::Unavailable { retry_after: None };
                self.break_off(&Failure::new(kind, message).with_code("server_stopping"));
            }
            Ok(false) => {
                self.beat(cx);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Whether to wait a moment for what has arrived together with what is there: over HTTP/1.1 the
    /// backend's connection hands over one chunk a turn, also of many that it has read at once, and
    /// turns cost far less than writes. What comes first, or after a silence, is given out at once.
    fn gathers(&mut self, cx: &mut Context<'_>) -> bool {
        if self.frames.is_empty() || self.frames.len() >= MOST_GATHERED {
            return false;
        }
        let soon = self.given_at.is_some_and(|given| self.at.saturating_sub(given) < SOON);
        (soon || self.pause.is_begun()) && self.pause.poll(cx).is_pending()
    }

    fn complete(&mut self) {
        self.over = true;
        let figures = choice::figures(&self.branches);
        let outputs = choice::outputs(std::mem::take(&mut self.branches));
        if let Some(ticket) = self.ticket.take() {
            ticket.keep::<D::Encoder>(&self.app, &outputs);
        }
        D::tail(Ok(&outputs), &self.shape, &mut self.frames);
        self.record.write(Outcome::Complete, figures);
    }

    /// Ends with a failure: of one choice, which has told it, or of all.
    fn break_off(&mut self, failure: &Failure) {
        self.over = true;
        let figures = choice::figures(&self.branches);
        for branch in &mut self.branches {
            branch.fail(failure, &mut self.frames);
        }
        self.branches.clear();
        D::tail(Err(failure), &self.shape, &mut self.frames);
        self.record.write(Outcome::Broken(failure), figures);
    }

    /// Ends after a panic, which may have left the encoders in any state: if they panic once more,
    /// they get no word.
    fn break_off_after_panic(&mut self) {
        let failure = panics::caught(&self.app.panics);
        if catch_unwind(AssertUnwindSafe(|| self.break_off(&failure))).is_err() {
            self.branches.clear();
            self.over = true;
        }
    }

    /// Writes a comment after a long silence, so that nothing between takes the connection for dead.
    fn beat(&mut self, cx: &mut Context<'_>) {
        let Some(heartbeat) = &mut self.heartbeat else { return };
        if !self.frames.is_empty() {
            heartbeat.last = self.record.arrived + self.at;
        } else if heartbeat.poll_due(cx).is_ready() {
            self.frames.text(HEARTBEAT);
        }
    }
}

impl<D: Dialect> Body for TurnBody<D> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let filled = match catch_unwind(AssertUnwindSafe(|| this.fill(cx))) {
            Ok(filled) => filled,
            Err(_) => {
                this.break_off_after_panic();
                Poll::Ready(())
            }
        };
        if filled.is_pending() && this.gathers(cx) {
            return Poll::Pending;
        }
        match this.frames.take() {
            Some(bytes) => {
                this.given_at = Some(this.at);
                this.pause.stop();
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            None => {
                ready!(filled);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.frames.is_empty()
    }
}

impl<D: Dialect> Drop for TurnBody<D> {
    fn drop(&mut self) {
        if !self.over {
            self.record.write(Outcome::Left, choice::figures(&self.branches));
        }
    }
}

/// Measures silence. The timer is not moved with each write: it looks when it fires.
struct Heartbeat {
    every: Duration,
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Heartbeat {
    fn new(every: Duration) -> Self {
        Self { every, last: Instant::now(), timer: Box::pin(tokio::time::sleep(every)) }
    }

    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.poll_unpin(cx).is_ready() {
            let due = self.last + self.every;
            let now = Instant::now();
            if now >= due {
                self.last = now;
                self.timer.as_mut().reset(now + self.every);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}
