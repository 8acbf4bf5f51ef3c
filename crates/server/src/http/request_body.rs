//! Request bodies: read whole, within limits of size, of progress and of memory for all together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chatmock_translate::{Failure, FailureKind};
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use crate::http::decompress::{ContentCoding, Decoder};
use crate::http::memory_budget::{HeldBody, MemoryBudget, Reservation};
use crate::settings::HttpSettings;

/// The most of an oversized body that is read to its end, in bytes: a client that is still writing
/// does not see an answer, so a refusal is only readable once it has finished.
const DRAIN: usize = 64 * 1024 * 1024;

/// The most that is reserved on the word of a Content-Length alone, in bytes.
const RESERVE: usize = 1024 * 1024;

/// The progress that renews the deadline, in bytes: a byte now and then would hold a connection for ever.
const PROGRESS: usize = 1024;

/// Reads the request bodies of a server.
///
/// A body is read whole before anything looks at it: a request is one JSON value, and where it is wrong
/// decides the answer's status. That costs memory while a slow client sends, so all bodies
/// together have a budget, and each has to make progress.
#[derive(Debug)]
pub(crate) struct BodyReader {
    budget: Arc<MemoryBudget>,
    limit: usize,
    patience: Duration,
    linger: Duration,
}

impl BodyReader {
    /// Creates a reader with the limits of these settings.
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        Self {
            budget: MemoryBudget::from_settings(settings),
            limit: settings.sizes.max_body,
            patience: settings.timeouts.body_progress,
            linger: settings.timeouts.linger,
        }
    }

    /// Reads a body and decodes it.
    ///
    /// # Errors
    /// 413 over the limit, 408 without progress, 503 when all bodies together are too large, 400 when
    /// the connection breaks or the coding is wrong.
    pub(crate) async fn read(
        &self,
        body: Incoming,
        headers: &HeaderMap,
    ) -> Result<HeldBody, Failure> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.limit {
            self.discard(body, headers).await;
            return Err(too_large(self.limit));
        }
        let mut incoming = IncomingBody::new(body, self.patience);
        let (mut read, mut reservation) = (BodyBuffer::Empty, self.budget.reservation());
        while let Some(next) = incoming.next().await? {
            if let Err(refused) = self.reserve(&mut reservation, read.len(), next.len()) {
                drop((read, reservation));
                drain(&mut incoming.body, self.linger).await;
                return Err(refused);
            }
            read = read.append(next, announced);
        }
        let body = HeldBody { bytes: read.freeze(), reservation };
        let decoder = Decoder { budget: &self.budget, limit: self.limit };
        decoder.decode(body, ContentCoding::of(headers)?).await
    }

    /// Reads a body that is not wanted, so that the client gets to read why.
    ///
    /// A client that waits for `100 Continue` has sent nothing yet, so there is nothing to read.
    pub(crate) async fn discard(&self, mut body: Incoming, headers: &HeaderMap) {
        if !(body.is_end_stream() || headers.contains_key(EXPECT)) {
            drain(&mut body, self.linger).await;
        }
    }

    /// Reserves memory for a next piece.
    fn reserve(&self, all: &mut Reservation, read: usize, next: usize) -> Result<(), Failure> {
        if read.saturating_add(next) > self.limit {
            return Err(too_large(self.limit));
        }
        all.grow(next)
    }
}

/// One buffer, copied only when there are several pieces.
enum BodyBuffer {
    Empty,
    One(Bytes),
    Joined(BytesMut),
}

impl BodyBuffer {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len(),
            Self::Joined(bytes) => bytes.len(),
        }
    }

    fn append(self, next: Bytes, announced: usize) -> Self {
        let mut joined = match self {
            Self::Empty => return Self::One(next),
            Self::One(first) => {
                let capacity = announced.min(RESERVE).max(first.len() + next.len());
                let mut joined = BytesMut::with_capacity(capacity);
                joined.extend_from_slice(&first);
                joined
            }
            Self::Joined(joined) => joined,
        };
        if joined.capacity() - joined.len() < next.len() {
            // What has come is as much as a word was taken for; doubling would copy it all, often.
            joined.reserve(next.len().max(announced.saturating_sub(joined.len())));
        }
        joined.extend_from_slice(&next);
        Self::Joined(joined)
    }

    fn freeze(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Joined(bytes) => bytes.freeze(),
        }
    }
}

/// A body on its way in, and the time by which it has to have moved on.
struct IncomingBody {
    body: Incoming,
    patience: Duration,
    deadline: Instant,
    /// Bytes that arrived since the deadline was set.
    progress: usize,
}

impl IncomingBody {
    fn new(body: Incoming, patience: Duration) -> Self {
        Self { body, patience, deadline: Instant::now() + patience, progress: 0 }
    }

    /// Returns the next piece of data; skips trailers.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = match tokio::time::timeout_at(self.deadline, self.body.frame()).await {
                Err(_) => {
                    let message = "the request body stopped arriving";
                    return Err(Failure::new(FailureKind::Rejected(408), message));
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => {
                    let message = "the request body could not be read to its end";
                    return Err(Failure::new(FailureKind::BadRequest, message));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                self.note_progress(data.len());
                return Ok(Some(data));
            }
        }
    }

    fn note_progress(&mut self, by: usize) {
        self.progress += by;
        if self.progress >= PROGRESS {
            (self.progress, self.deadline) = (0, Instant::now() + self.patience);
        }
    }
}

/// Reads on for a while without keeping anything.
async fn drain(body: &mut Incoming, linger: Duration) {
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > DRAIN {
                return;
            }
        }
    };
    // The refusal goes out in any case.
    let _ = tokio::time::timeout(linger, rest).await;
}

fn too_large(limit: usize) -> Failure {
    let message =
        format!("the request body is larger than the limit of {limit} bytes (--max-body)");
    Failure::new(FailureKind::TooLarge, message)
}
