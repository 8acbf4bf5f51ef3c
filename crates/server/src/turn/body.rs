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
use chatmock_translate::{Dialect, Failure, FailureKind, Framing, Out, Shape};
use futures::FutureExt;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use self::coalesce::Coalescer;
use self::shutdown::ShutdownWatch;
use super::choice::{self, Choice};
use super::record::{Outcome, TurnRecord};
use super::socket::TurnHandle;
use super::store_on_complete::StoreOnComplete;
use super::{TurnContext, TurnServices};
use crate::clock::LazyElapsed;
use crate::state::responses::Arrivals;

/// The most that waits for more to come with it, in bytes.
const MAX_GATHERED: usize = 16 * 1024;

/// Two pieces closer than this may have arrived together.
const SOON: Duration = Duration::from_millis(1);

/// The parts that a streamed reply is made of.
pub(super) struct TurnParts<D: Dialect> {
    pub(super) choices: Vec<Choice<D::Encoder>>,
    pub(super) shape: Arc<Shape<D::Own>>,
    pub(super) store_on_complete: Option<StoreOnComplete>,
    /// The framing of the stream's messages: the dialect's way, unless the transport has its own.
    pub(super) framing: Framing,
    /// The link to the socket that the turn came over.
    pub(super) handle: Option<Arc<TurnHandle>>,
}

/// The body of a streamed reply.
///
/// There is no task and no channel; a client that leaves drops the body and with it the calls.
pub(super) struct TurnBody<D: Dialect> {
    choices: Vec<Choice<D::Encoder>>,
    shape: Arc<Shape<D::Own>>,
    services: Arc<TurnServices>,
    out: Out,
    store_on_complete: Option<StoreOnComplete>,
    record: TurnRecord,
    heartbeat: Option<Heartbeat>,
    shutdown: ShutdownWatch,
    /// When a piece was last given out, since the request arrived.
    given_at: Option<Duration>,
    /// The wait for further output that arrived together with the output at hand.
    coalescer: Coalescer,
    handle: Option<Arc<TurnHandle>>,
    /// What the last pieces wait for: whoever goes on from the answer, at any server, finds it.
    arrivals: Arrivals,
    /// A panic that a test has asked for.
    panics: bool,
    over: bool,
}

impl<D: Dialect> TurnBody<D> {
    /// Begins a reply.
    pub(super) fn new(
        services: &Arc<TurnServices>,
        parts: TurnParts<D>,
        record: TurnRecord,
    ) -> Self {
        let TurnParts { choices, shape, store_on_complete, framing, handle } = parts;
        let heartbeat = services.heartbeat;
        Self {
            choices,
            shape,
            services: Arc::clone(services),
            out: Out::new(framing),
            store_on_complete,
            record,
            heartbeat: (framing == Framing::Sse).then(|| Heartbeat::new(heartbeat)),
            shutdown: ShutdownWatch::of(services),
            given_at: None,
            coalescer: Coalescer::default(),
            handle,
            arrivals: Arrivals::default(),
            panics: false,
            over: false,
        }
    }

    /// Makes the body panic when it is polled, for tests.
    pub(super) fn with_panic(mut self, panics: bool) -> Self {
        self.panics = panics;
        self
    }

    /// Writes what there is; ready once the reply is over.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        assert!(!self.panics, "forced by the request");
        let elapsed = LazyElapsed::since(self.record.arrived);
        let mut turn = TurnContext { services: &self.services, elapsed };
        let advanced = choice::advance(&mut self.choices, cx, &mut turn, &mut self.out);
        match advanced {
            Ok(true) => self.complete(),
            Err(failure) => self.abort(&failure),
            Ok(false) if self.handle.as_ref().is_some_and(|handle| handle.is_interrupted()) => {
                self.abort(&Failure::interrupted());
            }
            Ok(false) if self.shutdown.is_over(&self.services, cx) => {
                let message = "the server is stopping and has no more time for this answer";
                let kind = FailureKind::Unavailable { retry_after: None };
                self.abort(&Failure::new(kind, message).with_code("server_stopping"));
            }
            Ok(false) => {
                self.beat(cx);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Returns whether to wait briefly for output that arrived together with the output at hand:
    /// over HTTP/1.1 the backend's connection hands over one chunk a turn, also of many that it has
    /// read at once, and turns cost far less than writes. What comes first, or after a silence, is
    /// given out at once.
    fn coalesces(&mut self, cx: &mut Context<'_>) -> bool {
        if self.out.frames.is_empty() || self.out.frames.len() >= MAX_GATHERED {
            return false;
        }
        let soon = self.given_at.is_some_and(|given| self.out.at.saturating_sub(given) < SOON);
        (soon || self.coalescer.is_begun()) && self.coalescer.poll(cx).is_pending()
    }

    /// Takes what there is to give out: all of it, or one message, where those are sent one by one.
    fn take(&mut self) -> Option<Bytes> {
        match self.out.frames.framing() {
            Framing::Message => self.out.frames.take_message(),
            Framing::Sse | Framing::Ndjson => self.out.frames.take(),
        }
    }

    /// Gives out what there is.
    fn give(&mut self) -> Option<Result<Frame<Bytes>, Infallible>> {
        let bytes = self.take()?;
        let pause = self.given_at.map(|given| self.out.at.saturating_sub(given));
        self.record.piece(bytes.len(), pause);
        self.given_at = Some(self.out.at);
        self.coalescer.stop();
        Some(Ok(Frame::data(bytes)))
    }

    fn complete(&mut self) {
        self.over = true;
        let metrics = choice::metrics(&self.choices);
        self.arrivals = choice::take_arrivals(&mut self.choices);
        let outputs = choice::outputs(std::mem::take(&mut self.choices));
        if let Some(store_on_complete) = self.store_on_complete.take() {
            let reply = D::kept(&outputs, &self.shape);
            self.arrivals.add(store_on_complete.store(&self.services.state.responses, reply));
        }
        D::tail(Ok(&outputs), &self.shape, &mut self.out);
        self.record.write(Outcome::Complete, metrics);
    }

    /// Ends with a failure: of one choice, which has reported it, or of all.
    fn abort(&mut self, failure: &Failure) {
        self.over = true;
        if let Some(handle) = &self.handle {
            handle.note_failure();
        }
        let metrics = choice::metrics(&self.choices);
        for choice in &mut self.choices {
            choice.fail(failure, &mut self.out);
        }
        self.choices.clear();
        let named = failure.clone().with_request_id(&self.record.request_id);
        D::tail(Err(&named), &self.shape, &mut self.out);
        self.record.write(Outcome::Broken(failure), metrics);
    }

    /// Ends after a panic, which may have left the encoders in any state: if they panic once more,
    /// they get no word.
    fn abort_after_panic(&mut self) {
        let failure = self.services.panics.caught();
        if catch_unwind(AssertUnwindSafe(|| self.abort(&failure))).is_err() {
            self.choices.clear();
            self.over = true;
        }
    }

    /// Writes a sign of life after a long silence, so that nothing between takes the connection for dead.
    fn beat(&mut self, cx: &mut Context<'_>) {
        let Some(heartbeat) = &mut self.heartbeat else { return };
        if !self.out.frames.is_empty() {
            heartbeat.last = self.record.arrived + self.out.at;
        } else if heartbeat.poll_due(cx).is_ready() {
            D::keep_alive(&self.shape, &mut self.out);
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
        ready!(this.arrivals.poll(cx));
        if let Some(message) = this.out.frames.take_message() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        if this.over {
            // What waited for its record, and then the end.
            return Poll::Ready(this.give());
        }
        let filled = match catch_unwind(AssertUnwindSafe(|| this.fill(cx))) {
            Ok(filled) => filled,
            Err(_) => {
                this.abort_after_panic();
                Poll::Ready(())
            }
        };
        ready!(this.arrivals.poll(cx));
        if filled.is_pending() && this.coalesces(cx) {
            return Poll::Pending;
        }
        match this.give() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => {
                ready!(filled);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.arrivals.is_empty() && self.out.frames.is_empty()
    }
}

impl<D: Dialect> Drop for TurnBody<D> {
    fn drop(&mut self) {
        if !self.over {
            let metrics = choice::metrics(&self.choices);
            self.record.write(Outcome::Left, metrics);
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
