//! The link between a connection's bytes and its requests: each has to know how far the other is.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::task::AtomicWaker;
use http::header::CONNECTION;
use http::{HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::framing::{BodyLength, RequestBytes};
use super::upgrade::Continuation;
use crate::http::response::{HttpResponse, ResponseBody};

/// Nothing has come yet.
const FRESH: u8 = 0;
/// Nothing of a next request has come.
const IDLE: u8 = 1;
/// The head of a request is on its way in.
const HEAD: u8 = 2;
/// The same, of one that began to come before the answer to the last one ended; its time begins now.
const AHEAD: u8 = 3;
/// A request is being answered.
const BUSY: u8 = 4;
/// It is a WebSocket on which nothing is under way.
const IDLE_SOCKET: u8 = 5;

/// The time after which a head that is still on its way in is taken for one that will not end.
const SLOW_HEAD: Duration = Duration::from_secs(2);

/// The thing that a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Its first byte.
    FirstByte,
    /// A next request.
    Request,
    /// The rest of a head, whose time begins now if it is `anew`.
    Head { anew: bool },
    /// An answer.
    Answer,
}

/// The phase of a connection: idle, reading a head, or answering.
#[derive(Debug)]
pub(crate) struct ConnectionPhase {
    phase: AtomicU8,
    /// When a next request began to be waited for, in microseconds after `start`.
    since: AtomicU64,
    start: Instant,
    /// The connection ends with the rest of a request unread.
    unread: AtomicBool,
    /// It is to close while it waits, since others have no place.
    gives_way: AtomicBool,
    waker: AtomicWaker,
    /// It is no longer one of HTTP.
    upgraded: AtomicBool,
    continuation: Continuation,
    wire: Mutex<Wire>,
}

/// The request that is read or answered, as it is on the wire.
#[derive(Debug)]
struct Wire {
    bytes: RequestBytes,
    body: BodyLength,
}

impl ConnectionPhase {
    /// Makes the phase of a connection that has just come in; `start` is the same for all connections.
    pub(super) fn new(start: Instant) -> Self {
        let wire = Wire { bytes: RequestBytes::default(), body: BodyLength::Exact(0) };
        let phase = Self {
            phase: AtomicU8::new(FRESH),
            since: AtomicU64::new(0),
            start,
            unread: AtomicBool::new(false),
            gives_way: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            upgraded: AtomicBool::new(false),
            continuation: Continuation::default(),
            wire: Mutex::new(wire),
        };
        phase.note_time();
        phase
    }

    /// Notes that a request has begun to be answered.
    pub(crate) fn begin_answer(&self, body: BodyLength) {
        self.wire().body = body;
        self.gives_way.store(false, Ordering::Relaxed);
        self.set(BUSY);
    }

    /// Notes that the reply which is under way ends what is spoken here of HTTP; other limits hold from then on.
    pub(super) fn upgrade(&self, next: BoxFuture<'static, ()>) {
        self.upgraded.store(true, Ordering::Relaxed);
        self.continuation.put(next);
    }

    /// Notes whether anything is under way on the socket that it has become.
    pub(super) fn note_socket(&self, is_busy: bool) {
        let (from, to) = if is_busy { (IDLE_SOCKET, BUSY) } else { (BUSY, IDLE_SOCKET) };
        if self.get() == from {
            self.gives_way.store(false, Ordering::Relaxed);
            self.note_time();
            self.set(to);
        }
    }

    /// Takes what the connection goes on with after that reply.
    pub(crate) fn take_continuation(&self) -> Option<BoxFuture<'static, ()>> {
        self.continuation.take()
    }

    /// Notes when a reply has ended, which is when its body is done with.
    pub(crate) fn track(self: &Arc<Self>, reply: HttpResponse) -> Response<TrackedBody> {
        let closes = reply.headers().get(CONNECTION) == Some(&HeaderValue::from_static("close"));
        self.unread.fetch_or(closes, Ordering::Relaxed);
        reply.map(|body| TrackedBody { body, _end: End(Arc::clone(self)) })
    }

    /// Notes bytes that came; returns whether they begin a request.
    pub(super) fn bytes_arrived(&self, bytes: &[u8]) -> bool {
        let phase = self.get();
        let begins = matches!(phase, FRESH | IDLE);
        let mut wire = self.wire();
        if begins {
            wire.bytes = RequestBytes::default();
        }
        wire.bytes.arrived(bytes, phase != BUSY);
        if begins {
            self.note_time();
            self.set(HEAD);
        }
        begins
    }

    /// Returns what it waits for.
    pub(super) fn waiting(&self) -> Waiting {
        match self.get() {
            FRESH => Waiting::FirstByte,
            IDLE => Waiting::Request,
            HEAD => Waiting::Head { anew: false },
            AHEAD => {
                self.set(HEAD);
                Waiting::Head { anew: true }
            }
            _ => Waiting::Answer,
        }
    }

    /// Returns whether the rest of a request may still be coming that nobody wants.
    pub(super) fn has_unread_rest(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Returns how long it has waited, if another may have its place: idle ones first, then idle sockets, then those
    /// whose head does not end.
    pub(super) fn expendable(&self) -> Option<(u8, u64)> {
        let since = self.since.load(Ordering::Relaxed);
        match self.get() {
            FRESH | IDLE => Some((0, since)),
            IDLE_SOCKET => Some((1, since)),
            HEAD | AHEAD => {
                let age = self.now().saturating_sub(since);
                (u128::from(age) >= SLOW_HEAD.as_micros()).then_some((2, since))
            }
            _ => None,
        }
    }

    /// Asks it to close, unless a request is there by now.
    pub(super) fn give_way(&self) {
        self.gives_way.store(true, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Returns whether it is to close now; `waker` is woken when that changes.
    pub(super) fn is_to_close(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        self.gives_way.load(Ordering::Relaxed)
    }

    /// Notes the end of an answer, and whether the next request has begun to come.
    fn end_answer(&self) {
        if self.upgraded.load(Ordering::Relaxed) {
            return;
        }
        let begun = {
            let mut wire = self.wire();
            let begun = wire.bytes.exceed(wire.body);
            wire.bytes.next();
            begun
        };
        self.note_time();
        self.set(if begun { AHEAD } else { IDLE });
    }

    fn note_time(&self) {
        self.since.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn get(&self) -> u8 {
        self.phase.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct End(Arc<ConnectionPhase>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end_answer();
    }
}

/// A reply's body, whose end is noted.
pub(crate) struct TrackedBody {
    body: ResponseBody,
    _end: End,
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = <ResponseBody as Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
