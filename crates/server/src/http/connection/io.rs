//! A connection's bytes, with the limits of time that HTTP itself does not keep: a head that does
//! not come or not end, an answer that is not read, and the rest of a request that was refused.
//!
//! The limits are kept here and not around the handler, because a handler sees neither: hyper reads the
//! head before it calls one and writes after it has returned.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::phase::{ConnectionPhase, Waiting};
use super::stream::Stream;
use crate::settings::HttpSettings;

/// The most that is read of what nobody wants, in bytes.
const MAX_UNREAD: usize = 64 * 1024 * 1024;

/// The bytes that a client has to take in a second while bytes wait for it.
const READ_RATE: u64 = 8 * 1024;

/// A connection's stream.
#[derive(Debug)]
pub(crate) struct ConnectionIo {
    stream: Stream,
    phase: Arc<ConnectionPhase>,
    head: LazyTimer,
    reader: SlowReader,
    linger: LazyTimer,
    unread: usize,
    shut: bool,
}

impl ConnectionIo {
    /// Puts a stream under the limits.
    pub(crate) fn new(
        stream: Stream,
        phase: Arc<ConnectionPhase>,
        settings: &HttpSettings,
    ) -> Self {
        Self {
            stream,
            phase,
            head: LazyTimer::new(settings.timeouts.head),
            reader: SlowReader::new(settings.timeouts.write_progress),
            linger: LazyTimer::new(settings.timeouts.linger),
            unread: 0,
            shut: false,
        }
    }

    fn stream(&mut self) -> Pin<&mut Stream> {
        Pin::new(&mut self.stream)
    }

    /// Waits for bytes, as long as this may take; the end of a connection that gives way is like that of a client
    /// which has closed it.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waiting = self.phase.waiting();
        if waiting == Waiting::Answer {
            self.head.stop();
            return Poll::Pending;
        }
        if self.phase.is_to_close(cx.waker()) {
            return Poll::Ready(Ok(()));
        }
        let what = match waiting {
            Waiting::FirstByte => "no request comes",
            Waiting::Head { anew } => {
                if anew {
                    self.head.start();
                }
                "the head of a request does not end"
            }
            _ => {
                self.head.stop();
                return Poll::Pending;
            }
        };
        ready!(self.head.poll(cx));
        Poll::Ready(Err(timed_out(what)))
    }

    /// Returns the result of a write; one that waits for too long fails, which drops the answer.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            let is_kept_up = self.reader.took(written.as_ref().copied().unwrap_or_default());
            return Poll::Ready(if is_kept_up { written } else { Err(does_not_read()) });
        }
        ready!(self.reader.poll_late(cx));
        Poll::Ready(Err(does_not_read()))
    }

    /// Reads for a while what nobody wants: a connection that is closed before would break under a
    /// client that still writes, and with it the answer.
    fn read_unread(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 8 * 1024];
        while self.unread < MAX_UNREAD {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.unread += buffer.filled().len();
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(self.linger.poll(cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ConnectionIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Poll::Ready(read) = this.stream().poll_read(cx, buffer) {
            let arrived = &buffer.filled()[before..];
            if !arrived.is_empty() && this.phase.bytes_arrived(arrived) {
                this.head.start();
            }
            return Poll::Ready(read);
        }
        this.wait(cx)
    }
}

impl AsyncWrite for ConnectionIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream().poll_write(cx, bytes);
        this.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream().poll_write_vectored(cx, pieces);
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            ready!(this.stream().poll_shutdown(cx))?;
            this.shut = true;
        }
        if this.phase.has_unread_rest() { this.read_unread(cx) } else { Poll::Ready(Ok(())) }
    }
}

fn does_not_read() -> io::Error {
    timed_out("the client does not read")
}

fn timed_out(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// The time by which a client is behind with the bytes that wait for it.
///
/// A limit on the time without progress alone is kept with a few bytes now and then, while the answer holds its place.
/// So time in which bytes wait adds up, and what the client takes makes up for some of it.
#[derive(Debug)]
struct SlowReader {
    limit: Duration,
    behind: Duration,
    /// The time at which bytes began to wait.
    since: Option<Instant>,
    late: LazyTimer,
}

impl SlowReader {
    fn new(limit: Duration) -> Self {
        Self { limit, behind: Duration::ZERO, since: None, late: LazyTimer::new(limit) }
    }

    /// Notes what the client took; returns whether it is within its time.
    fn took(&mut self, bytes: usize) -> bool {
        let Some(since) = self.since.take() else {
            if self.behind > Duration::ZERO {
                self.make_up(bytes);
            }
            return true;
        };
        self.late.stop();
        self.behind += since.elapsed();
        self.make_up(bytes);
        self.behind < self.limit
    }

    fn make_up(&mut self, bytes: usize) {
        let worth = Duration::from_micros(bytes as u64 * 1_000_000 / READ_RATE);
        self.behind = self.behind.saturating_sub(worth);
    }

    /// Ready when the client is too far behind.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.late.limit = self.limit.saturating_sub(self.behind);
        }
        self.late.poll(cx)
    }
}

/// A limit of time that is only measured while there is something to wait for.
#[derive(Debug)]
struct LazyTimer {
    limit: Duration,
    deadline: Option<Instant>,
    /// Made only once it is waited for, which most requests and answers never are.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl LazyTimer {
    fn new(limit: Duration) -> Self {
        Self { limit, deadline: None, sleep: None }
    }

    fn start(&mut self) {
        self.deadline = Some(Instant::now() + self.limit);
        self.sleep = None;
    }

    fn stop(&mut self) {
        (self.deadline, self.sleep) = (None, None);
    }

    /// Ready when the time is over that began with `start`, or else with the first call.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + limit);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Returns how long a client stays that takes so many bytes after each pause; at most an hour.
    async fn stays(bytes: usize, pause: Duration) -> Duration {
        let (began, mut reader) = (Instant::now(), SlowReader::new(LIMIT));
        while began.elapsed() < 60 * LIMIT {
            let late = poll_fn(|cx| reader.poll_late(cx));
            let in_time = tokio::time::timeout(pause, late).await.is_err() && reader.took(bytes);
            if !in_time {
                break;
            }
        }
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_little_now_and_then_is_left_as_one_that_takes_nothing() {
        let seconds = Duration::from_secs;
        assert_eq!(stays(0, seconds(100)).await, LIMIT);
        assert!(stays(4096, seconds(20)).await < seconds(65));
        assert!(stays(64 * 1024, seconds(55)).await < seconds(75));
        assert!(stays(1000, seconds(1)).await < seconds(75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_keeps_up_slowly_stays() {
        for pause in [1, 10, 50] {
            let taken = READ_RATE as usize * pause + 1;
            let pause = Duration::from_secs(pause as u64);
            assert!(stays(taken, pause).await >= 60 * LIMIT, "{pause:?}");
        }
    }
}
