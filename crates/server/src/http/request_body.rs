//! Request bodies: read whole, within limits of size, of progress and of memory for all together.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chatmock_translate::{Failure, FailureKind};
use chatmock_upstream::MappedBuffer;
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use crate::http::api_keys::Caller;
use crate::http::decompress::{ContentCoding, Decoder};
use crate::http::memory_budget::{HeldBody, MemoryBudget, Reservation};
use crate::settings::HttpSettings;

/// The most of an oversized body that is read to its end, in bytes: a client that is still writing
/// does not see an answer, so a refusal is only readable once it has finished.
const DRAIN: usize = 64 * 1024 * 1024;

/// The progress that renews the deadline, in bytes: a byte now and then would hold a connection for ever.
const PROGRESS: usize = 1024;

/// The windows in which the pace of a body is measured.
const WINDOWS: u32 = 3;

/// Reads the request bodies of a server.
///
/// A body is read whole before anything looks at it: a request is one JSON value, and where it is wrong
/// decides the answer's status. That costs memory while a slow client sends, so all bodies
/// together have a budget, and each has to make progress.
#[derive(Clone, Debug)]
pub(crate) struct BodyReader {
    budget: Arc<MemoryBudget>,
    limit: usize,
    patience: Duration,
    /// The least that comes in a second on average, in bytes.
    rate: usize,
    linger: Duration,
}

impl BodyReader {
    /// Creates a reader with the limits of these settings.
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        Self {
            budget: MemoryBudget::from_settings(settings),
            limit: settings.sizes.max_body,
            patience: settings.timeouts.body_progress,
            rate: settings.timeouts.body_rate,
            linger: settings.timeouts.linger,
        }
    }

    /// Returns the bytes that all bodies hold, and the most that they may.
    pub(crate) fn held(&self) -> (usize, usize) {
        self.budget.use_and_limit()
    }

    /// Reads a body and decodes it.
    ///
    /// # Errors
    /// 413 over the limit, 408 without progress or too slowly, 503 when all bodies together or those of
    /// the caller are too large, 400 when the connection breaks or the coding is wrong.
    pub(crate) async fn read(
        &self,
        body: Incoming,
        headers: &HeaderMap,
        caller: &Caller,
    ) -> Result<HeldBody, Failure> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.limit {
            self.discard(body, headers).await;
            return Err(too_large(self.limit));
        }
        let mut incoming = IncomingBody::new(self, body, caller);
        let (mut read, mut reservation) = (BodyBuffer::Empty, self.budget.reservation(caller));
        while let Some(next) = incoming.next().await? {
            if let Err(refused) = self.reserve(&mut reservation, read.len(), next.len()) {
                drop((read, reservation));
                drain(&mut incoming.body, self.linger).await;
                return Err(refused);
            }
            read = read.append(next, announced).map_err(|_| no_memory())?;
        }
        let body = HeldBody { bytes: read.freeze(), reservation };
        let decoder = Decoder { limit: self.limit };
        decoder.decode(body, ContentCoding::of(headers)?).await
    }

    /// Begins to hold bytes of a caller, with none.
    pub(crate) fn reservation(&self, caller: &Caller) -> Reservation {
        self.budget.reservation(caller)
    }

    /// The longest that what is sent may make no progress, and the least that comes of it in a second.
    pub(crate) fn pace(&self) -> (Duration, usize) {
        (self.patience, self.rate)
    }

    /// The largest body, in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
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
    Large(MappedBuffer),
}

impl BodyBuffer {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len(),
            Self::Joined(bytes) => bytes.len(),
            Self::Large(bytes) => bytes.len(),
        }
    }

    /// Fails where the system gives no memory.
    fn append(self, next: Bytes, announced: usize) -> io::Result<Self> {
        let mut joined = match self {
            Self::Empty => return Ok(Self::One(next)),
            Self::One(first) => {
                let capacity = announced.min(MappedBuffer::LEAST).max(first.len() + next.len());
                let mut joined = BytesMut::with_capacity(capacity);
                joined.extend_from_slice(&first);
                joined
            }
            Self::Joined(joined) => joined,
            Self::Large(mut large) => {
                large.append(&next)?;
                return Ok(Self::Large(large));
            }
        };
        let length = joined.len() + next.len();
        if length > joined.capacity() && length > MappedBuffer::LEAST {
            // The rest of the announced length is reserved at once. Doubling would copy everything
            // again and again. The announcement is not believed earlier, because a client could then
            // reserve memory with a header.
            let mut large = MappedBuffer::with_capacity(announced.max(2 * length))?;
            large.append(&joined)?;
            large.append(&next)?;
            return Ok(Self::Large(large));
        }
        joined.extend_from_slice(&next);
        Ok(Self::Joined(joined))
    }

    fn freeze(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Joined(bytes) => bytes.freeze(),
            Self::Large(bytes) => bytes.freeze(),
        }
    }
}

/// A body on its way in, and the time by which it has to have moved on.
struct IncomingBody<'r> {
    reader: &'r BodyReader,
    caller: &'r Caller,
    body: Incoming,
    deadline: Instant,
    /// Bytes that arrived since the deadline was set.
    progress: usize,
    pace: Pace,
}

impl<'r> IncomingBody<'r> {
    fn new(reader: &'r BodyReader, body: Incoming, caller: &'r Caller) -> Self {
        let now = Instant::now();
        let pace = Pace::new(now, reader.patience / WINDOWS, reader.budget.refusals(caller));
        Self { reader, caller, body, deadline: now + reader.patience, progress: 0, pace }
    }

    /// Returns the next piece of data; skips trailers.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let until = self.deadline.min(self.pace.window_ends);
            let frame = match tokio::time::timeout_at(until, self.body.frame()).await {
                Err(_) => {
                    self.look_at_the_clock()?;
                    continue;
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
                self.look_at_the_clock()?;
                return Ok(Some(data));
            }
        }
    }

    fn note_progress(&mut self, by: usize) {
        self.progress += by;
        self.pace.windows[0] += by;
        if self.progress >= PROGRESS {
            (self.progress, self.deadline) = (0, Instant::now() + self.reader.patience);
        }
    }

    /// Fails where the body makes no progress, or too little.
    fn look_at_the_clock(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if now >= self.deadline {
            let message = "the request body stopped arriving";
            return Err(Failure::new(FailureKind::Rejected(408), message));
        }
        if now < self.pace.window_ends {
            return Ok(());
        }
        let refusals = self.reader.budget.refusals(self.caller);
        if self.pace.is_too_slow(now, refusals, self.reader.rate) {
            let message = format!(
                "the request body arrives too slowly: less than {} bytes in a second",
                self.reader.rate
            );
            return Err(Failure::new(FailureKind::Rejected(408), message));
        }
        Ok(())
    }
}

/// The recent speed of a body, in windows of a third of the time that it may make no progress.
///
/// A limit on progress alone is kept with a few bytes now and then, for as long as one likes, while all that came
/// before them is held. So once the first three windows are over, the last three need an average; while others
/// are refused because too much is held, each window does.
struct Pace {
    /// The bytes of the last windows, the newest first.
    windows: [usize; WINDOWS as usize],
    /// The number of windows that are over.
    over: u32,
    window: Duration,
    window_ends: Instant,
    /// The number of times that bytes had been refused because of this body too when the window began.
    refusals: u64,
}

impl Pace {
    fn new(now: Instant, window: Duration, refusals: u64) -> Self {
        Self { windows: [0; 3], over: 0, window, window_ends: now + window, refusals }
    }

    /// Returns whether less than `rate` bytes came in a second, looked at when a window ends.
    fn is_too_slow(&mut self, now: Instant, refusals: u64, rate: usize) -> bool {
        if now < self.window_ends {
            return false;
        }
        // A window that nobody looked at for long is as long as that.
        let late = now - self.window_ends;
        let is_less =
            |bytes: usize, time: Duration| (bytes as f64) < rate as f64 * time.as_secs_f64();
        self.over += 1;
        let contended = refusals != self.refusals && is_less(self.windows[0], self.window + late);
        let sum = self.windows.iter().sum();
        let slow = self.over >= WINDOWS && is_less(sum, self.window * WINDOWS + late);
        self.windows.rotate_right(1);
        self.windows[0] = 0;
        (self.window_ends, self.refusals) = (now + self.window, refusals);
        contended || slow
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

fn no_memory() -> Failure {
    let kind = FailureKind::Unavailable { retry_after: Some(1) };
    Failure::new(kind, "there is no memory for the request body; try again in a second")
        .with_code("too_many_request_bytes")
}

fn too_large(limit: usize) -> Failure {
    let message =
        format!("the request body is larger than the limit of {limit} bytes (--max-body)");
    Failure::new(FailureKind::TooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);
    const RATE: usize = 100;

    /// How many windows a body lasts of which so many bytes come in each; at most 10.
    fn lasts(bytes: &[usize], refused_in: Option<usize>) -> usize {
        let begun = Instant::now();
        let mut pace = Pace::new(begun, WINDOW, 0);
        let mut refusals = 0;
        for number in 0..10 {
            pace.windows[0] += bytes.get(number).copied().unwrap_or_default();
            refusals += u64::from(refused_in == Some(number));
            let end = begun + WINDOW * u32::try_from(number + 1).unwrap();
            assert!(!pace.is_too_slow(end - Duration::from_millis(1), refusals, RATE));
            if pace.is_too_slow(end, refusals, RATE) {
                return number + 1;
            }
        }
        10
    }

    #[test]
    fn an_average_is_asked_for_once_the_first_windows_are_over() {
        assert_eq!(lasts(&[], None), 3);
        assert_eq!(lasts(&[1000; 10], None), 10);
        assert_eq!(lasts(&[999; 10], None), 3);
        assert_eq!(lasts(&[0, 0, 3000, 0, 0, 3000, 0, 0, 3000, 3000], None), 10);
    }

    #[test]
    fn what_came_long_ago_is_forgotten() {
        assert_eq!(lasts(&[1 << 26, 137, 137, 137], None), 4);
        assert_eq!(lasts(&[1 << 26, 1 << 26, 137, 137, 137], None), 5);
    }

    #[test]
    fn a_slow_body_ends_sooner_while_others_are_refused() {
        assert_eq!(lasts(&[1 << 26, 137], Some(1)), 2);
        assert_eq!(lasts(&[1 << 26, 1000, 1000], Some(1)), 4);
    }

    #[test]
    fn a_body_whose_windows_were_not_looked_at_is_not_slow_for_that() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun, WINDOW, 0);
        pace.windows[0] = 10_000;
        assert!(!pace.is_too_slow(begun + WINDOW * 10, 0, RATE));
        assert!(!pace.is_too_slow(begun + WINDOW * 11, 0, RATE));
    }
}
