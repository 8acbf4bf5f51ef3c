//! The Responses API over a WebSocket: requests come as messages, and answers leave as one message an event.
//!
//! Every request takes the one pipeline, under another framing; nothing here reads an event of the backend. One task
//! drives a socket: it reads, polls the answers that run, and writes, so that a client which does not read slows the
//! backend down, and pings are answered while an answer is written.

mod clock;
mod events;
mod lanes;
mod request;
mod running;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chatmock_translate::{Draft, Failure, FailureKind};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::HeaderMap;
use tokio::time::Instant;

use self::clock::{Clock, Due, StopWatch, Stopping};
use self::lanes::Lanes;
use self::request::{ClientMessage, Create};
use super::TurnServices;
use crate::http::api_keys::Caller;
use crate::http::memory_budget::HeldBody;
use crate::http::notes::RequestNotes;
use crate::http::websocket::{Close, Gone, Incoming, WebSocket};
use crate::settings::SocketSettings;
use crate::state::responses::{ConnectionMemory, Lane, StoredResponse};
use crate::tasks;

/// Messages longer than this, in bytes, are taken apart on a blocking thread.
const HUGE: usize = 1024 * 1024;

/// The most messages that wait to be written before no further one is read.
const MAX_OUTBOX: usize = 64;

/// The messages that are read or written before other tasks have their turn.
const TURN: usize = 64;

/// The parts of a server that sockets use.
pub(crate) struct SocketServices {
    pub(crate) turns: Arc<TurnServices>,
    pub(crate) times: SocketSettings,
    /// The time for which a message may arrive in any case, and the bytes that come of it in a second after that.
    pub(crate) pace: (Duration, usize),
    /// Logs a request's body, where that was asked for.
    pub(crate) log_body: Option<fn(&str, &[u8])>,
}

/// Whom a socket serves.
pub(crate) struct SocketClient {
    pub(crate) caller: Caller,
    /// What the log says about the handshake.
    pub(crate) notes: Arc<RequestNotes>,
    /// The headers of the handshake that turns look at.
    pub(crate) headers: HeaderMap,
    /// The model that the path names.
    pub(crate) model: Option<String>,
}

/// The place of a turn on its socket.
#[derive(Clone)]
pub(crate) struct SocketTurn {
    memory: Arc<ConnectionMemory>,
    lane: Lane,
    /// True if the turn generates nothing and only prepares others.
    warm_up: bool,
    pub(super) handle: Arc<TurnHandle>,
}

impl SocketTurn {
    /// Gives the answer that a draft continues, if this connection keeps it.
    pub(super) fn kept(&self, draft: &Draft<'_>) -> Option<Arc<StoredResponse>> {
        self.memory.find(draft.storage.previous_response_id.as_deref()?)
    }

    pub(super) fn is_warm_up(&self) -> bool {
        self.warm_up
    }

    /// Notes that the turn is complete; `kept` is its answer, where nobody else keeps it.
    pub(super) fn finished(&self, id: &str, kept: Option<StoredResponse>) {
        self.memory.finished(&self.lane, id, kept);
    }
}

/// The link between a socket and one of its answers.
#[derive(Debug, Default)]
pub(super) struct TurnHandle {
    interrupted: AtomicBool,
    failed: AtomicBool,
}

impl TurnHandle {
    fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// Returns whether the client wants no more of the answer.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Notes that the answer ended with a failure.
    pub(super) fn note_failure(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed) && !self.is_interrupted()
    }
}

/// Serves a socket to its end.
pub(crate) fn serve(
    services: Arc<SocketServices>,
    client: SocketClient,
    wire: WebSocket,
) -> BoxFuture<'static, ()> {
    let store = &services.turns.state.connection_responses;
    let mut socket = Socket {
        lanes: Lanes::new(ConnectionMemory::new(store)),
        clock: Clock::new(&services),
        stop: StopWatch::of(&services.turns),
        services,
        client,
        wire,
        outbox: VecDeque::new(),
        parsing: None,
        stopping: Stopping::No,
        finish: None,
    };
    std::future::poll_fn(move |cx| socket.poll(cx)).boxed()
}

/// A long message that is taken apart.
type Parsing = BoxFuture<'static, Result<(ClientMessage, HeldBody), Failure>>;

/// A socket and what goes on on it.
struct Socket {
    services: Arc<SocketServices>,
    client: SocketClient,
    wire: WebSocket,
    lanes: Lanes,
    /// Messages of no running answer, which go first.
    outbox: VecDeque<Bytes>,
    parsing: Option<Parsing>,
    clock: Clock,
    stop: StopWatch,
    stopping: Stopping,
    /// How the socket is closed once nothing is under way.
    finish: Option<Close>,
}

impl Socket {
    /// Does what can be done; ready once the connection may be dropped.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURN {
            if self.wire.is_closing() {
                return self.wire.poll_closed(cx);
            }
            self.watch(cx);
            let read = self.read(cx);
            self.start();
            let Ok(wrote) = self.write(cx) else { return Poll::Ready(()) };
            if self.wire.is_closing() {
                continue;
            }
            if let Some(close) = self.finish
                && self.outbox.is_empty()
                && self.parsing.is_none()
                && self.lanes.are_idle()
            {
                self.wire.begin_close(Some(close));
                continue;
            }
            if !(read || wrote) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Looks at the clock, and whether the server stops.
    fn watch(&mut self, cx: &mut Context<'_>) {
        let stopping = self.stop.poll(&self.services.turns, cx);
        if stopping != self.stopping {
            self.stopping = stopping;
            self.lanes.refuse_waiting(&stopping_failure(), &mut self.outbox);
            self.finish = Some(Close::Away("the server is stopping"));
        }
        if stopping == Stopping::Now {
            self.lanes.refuse_opening(&stopping_failure(), &mut self.outbox);
            self.finish = Some(Close::Restart);
        }
        let is_busy = !(self.lanes.are_idle() && self.outbox.is_empty() && self.parsing.is_none());
        if self.wire.gives_way(is_busy, cx) {
            self.wire.begin_close(Some(Close::Place));
        }
        while let Some(due) = self.clock.poll(cx, &mut self.wire, !self.lanes.are_idle()) {
            match due {
                Due::Ping => drop(self.wire.ping()),
                Due::Gone => self.wire.begin_close(None),
                Due::Close(close) => self.wire.begin_close(Some(close)),
            }
        }
    }

    /// Reads what has come; returns whether there may be more.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..TURN {
            if self.outbox.len() >= MAX_OUTBOX || self.wire.is_closing() {
                return false;
            }
            if let Some(parsing) = &mut self.parsing {
                let Poll::Ready(parsed) = parsing.poll_unpin(cx) else { return false };
                self.parsing = None;
                self.take(parsed);
                continue;
            }
            let Poll::Ready(incoming) = self.wire.poll_incoming(cx) else { return false };
            match incoming {
                Incoming::Text(text) if text.bytes.len() > HUGE => {
                    let parse = move || Ok((ClientMessage::read(&text.bytes)?, text));
                    self.parsing = Some(tasks::compute(parse).boxed());
                }
                Incoming::Text(text) => {
                    let parsed = ClientMessage::read(&text.bytes);
                    self.take(parsed.map(|message| (message, text)));
                }
                Incoming::Binary => {
                    let message = "requests are text messages; a binary one is not read";
                    let failure = Failure::new(FailureKind::BadRequest, message);
                    self.refuse(&failure.with_code("invalid_message"), &None);
                }
                Incoming::Fault(close, failure) => {
                    tracing::debug!(?close, "a WebSocket's client broke the protocol");
                    self.lanes.abandon();
                    if let Some(failure) = failure
                        && let Ok(true) = self.may_write(cx)
                    {
                        let _ = self.wire.send(events::error(&failure, &None));
                    }
                    self.wire.begin_close(Some(close));
                }
                Incoming::Closed => {
                    self.lanes.abandon();
                    self.wire.begin_close(None);
                }
            }
        }
        true
    }

    /// Takes a message of the client.
    fn take(&mut self, parsed: Result<(ClientMessage, HeldBody), Failure>) {
        let (message, body) = match parsed {
            Ok(parsed) => parsed,
            Err(failure) => return self.refuse(&failure, &None),
        };
        let lane = match self.lanes.lane(message.stream_id.as_deref()) {
            Ok(lane) => lane,
            Err(refused) => {
                let (failure, lane) = *refused;
                return self.refuse(&failure, &lane);
            }
        };
        match message.kind {
            request::Kind::Create(create) => match self.admit(&create) {
                Ok(()) => {
                    self.clock.note_activity();
                    self.lanes.enqueue(lane, create, body.reservation);
                }
                Err(failure) => self.refuse(&failure, &lane),
            },
            request::Kind::Steer(steer) => self.outbox.push_back(steer.refused()),
            request::Kind::Interrupt(id) => self.outbox.push_back(self.lanes.interrupt(&id)),
            request::Kind::Processed => {}
            request::Kind::Unknown(failure) => self.refuse(&failure, &lane),
        }
    }

    /// Refuses a request that is not even planned.
    fn admit(&mut self, create: &Create) -> Result<(), Failure> {
        create.check()?;
        if self.stopping != Stopping::No {
            return Err(stopping_failure());
        }
        if self.clock.is_old() {
            self.finish.get_or_insert(Close::Away("the connection has reached its age"));
            let message =
                "this connection has reached the longest life that one may have: open another";
            let failure = Failure::new(FailureKind::BadRequest, message);
            return Err(failure.with_code("websocket_connection_limit_reached"));
        }
        self.lanes.check_waiting()
    }

    fn refuse(&mut self, failure: &Failure, lane: &Lane) {
        tracing::debug!(code = ?failure.code, param = ?failure.param, "refused a message");
        self.outbox.push_back(events::error(failure, lane));
    }

    /// Begins the answers that may begin.
    fn start(&mut self) {
        while let Some(next) = self.lanes.next_to_start() {
            self.lanes.run(running::open(&self.services, &self.client, next));
        }
    }

    fn may_write(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        match self.wire.poll_ready(cx) {
            Poll::Ready(ready) => ready.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// Writes what there is; returns whether anything was written, or an answer ended.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        let mut wrote = false;
        if self.wire.is_closing() {
            return Ok(false);
        }
        for _ in 0..TURN {
            if !self.may_write(cx)? {
                break;
            }
            let before = self.lanes.count();
            let next = self.outbox.pop_front().or_else(|| self.lanes.poll_message(cx));
            if self.lanes.count() < before {
                self.clock.note_activity();
                wrote = true;
            }
            let Some(message) = next else { break };
            self.wire.send(message)?;
            wrote = true;
        }
        match self.wire.poll_flush(cx) {
            Poll::Ready(flushed) => flushed?,
            Poll::Pending => {}
        }
        Ok(wrote)
    }
}

fn stopping_failure() -> Failure {
    let kind = FailureKind::Unavailable { retry_after: None };
    Failure::new(kind, "the server is stopping").with_code("server_stopping")
}

/// A request that waits for its turn.
struct Waiting {
    lane: Lane,
    create: Create,
    reservation: crate::http::memory_budget::Reservation,
    memory: Arc<ConnectionMemory>,
    arrived: Instant,
}
