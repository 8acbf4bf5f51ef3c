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

/// A connection's stream.
#[derive(Debug)]
pub(crate) struct ConnectionIo {
    stream: Stream,
    phase: Arc<ConnectionPhase>,
    head: LazyTimer,
    write: LazyTimer,
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
            write: LazyTimer::new(settings.timeouts.write_progress),
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
        if written.is_ready() {
            self.write.stop();
            return written;
        }
        ready!(self.write.poll(cx));
        Poll::Ready(Err(timed_out("the client does not read")))
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

fn timed_out(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
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
