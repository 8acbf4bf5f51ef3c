//! The link between a connection's bytes and its requests: each has to know how far the other is.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};

use crate::http::response::{HttpResponse, ResponseBody};

/// Nothing of a next request has come.
const IDLE: u8 = 0;
/// The head of a request is on its way in.
const HEAD: u8 = 1;
/// A request is being answered.
const BUSY: u8 = 2;

/// The phase of a connection: idle, reading a head, or answering.
#[derive(Debug, Default)]
pub(crate) struct ConnectionPhase {
    phase: AtomicU8,
    /// The connection ends with the rest of a request unread.
    unread: AtomicBool,
}

impl ConnectionPhase {
    /// Notes that a request has begun to be answered.
    pub(crate) fn begin_answer(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// Notes when a reply has ended, which is when its body is done with.
    pub(crate) fn track(self: &Arc<Self>, reply: HttpResponse) -> Response<TrackedBody> {
        let closes = reply.headers().get(CONNECTION) == Some(&HeaderValue::from_static("close"));
        self.unread.fetch_or(closes, Ordering::Relaxed);
        reply.map(|body| TrackedBody { body, _end: End(Arc::clone(self)) })
    }

    /// Notes that bytes came; says whether they begin a request.
    pub(super) fn bytes_arrived(&self) -> bool {
        let (now, next) = (Ordering::Relaxed, Ordering::Relaxed);
        self.phase.compare_exchange(IDLE, HEAD, now, next).is_ok()
    }

    /// Whether the head of a request is on its way in.
    pub(super) fn is_head(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == HEAD
    }

    /// Whether the rest of a request may still be coming that nobody wants.
    pub(super) fn has_unread_rest(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }
}

struct End(Arc<ConnectionPhase>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.phase.store(IDLE, Ordering::Relaxed);
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
