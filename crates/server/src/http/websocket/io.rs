//! The bytes of an upgraded connection, counted while they wait for the end of their message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chatmock_protocol::websocket::FrameWatch;
use chatmock_translate::Failure;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::http::memory_budget::Reservation;

/// The bytes of a message that are not counted: thousands of idle sockets should not ask for a lock at each ping.
const UNCOUNTED: usize = 16 * 1024;

/// The size of a message over which the buffers that it left are given back, in bytes.
const LARGE: u64 = 64 * 1024;

/// An upgraded connection.
#[derive(Debug)]
pub(crate) struct CountedIo {
    /// `None` once it has been taken.
    io: Option<TokioIo<Upgraded>>,
    reservation: Reservation,
    uncounted: usize,
    /// When the first byte came of a message that is not complete.
    since: Option<Instant>,
    /// Why no more bytes are taken.
    pub(super) refused: Option<Failure>,
    watch: FrameWatch,
    /// The most that was written at once.
    written: usize,
}

impl CountedIo {
    pub(super) fn new(io: TokioIo<Upgraded>, reservation: Reservation) -> Self {
        Self::of(Some(io), reservation)
    }

    fn of(io: Option<TokioIo<Upgraded>>, reservation: Reservation) -> Self {
        let (watch, written) = (FrameWatch::default(), 0);
        Self { io, reservation, uncounted: 0, since: None, refused: None, watch, written }
    }

    /// Takes the connection out where its messages have left the buffers around it large, and none of them is on its
    /// way in: the library never gives them back.
    pub(super) fn take_grown(&mut self) -> Option<Self> {
        let is_grown = self.watch.largest() > LARGE || self.written as u64 > LARGE;
        if !is_grown || !self.watch.is_between_messages() || self.refused.is_some() {
            return None;
        }
        Some(Self::of(self.io.take(), self.reservation.another()))
    }

    fn io(&mut self) -> io::Result<Pin<&mut TokioIo<Upgraded>>> {
        self.io.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Gives what was reserved for the message that has just become complete.
    pub(super) fn take_reservation(&mut self) -> Reservation {
        (self.uncounted, self.since) = (0, None);
        let next = self.reservation.another();
        std::mem::replace(&mut self.reservation, next)
    }

    /// Forgets the few bytes of a control frame that came between messages.
    pub(super) fn forget_control_frame(&mut self) {
        if self.uncounted < 512 {
            (self.uncounted, self.since) = (0, None);
        }
    }

    /// When the first byte came of the message that is on its way in, and how many bytes of it came.
    pub(super) fn partial(&self) -> Option<(Instant, usize)> {
        self.since.map(|since| (since, self.reservation.bytes() + self.uncounted))
    }

    /// Reads what nobody wants.
    pub(super) fn poll_unread(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io()?.poll_read(cx, buffer)
    }

    fn count(&mut self, bytes: usize) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.since.get_or_insert_with(Instant::now);
        self.uncounted += bytes;
        if self.uncounted <= UNCOUNTED {
            return Ok(());
        }
        match self.reservation.grow(self.uncounted) {
            Ok(()) => self.uncounted = 0,
            Err(refused) => {
                self.refused = Some(refused);
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        Ok(())
    }
}

impl AsyncRead for CountedIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(this.io()?.poll_read(cx, buffer))?;
        this.watch.feed(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(this.count(buffer.filled().len() - before))
    }
}

impl AsyncWrite for CountedIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.written = this.written.max(bytes.len());
        this.io()?.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io()?.poll_shutdown(cx)
    }
}
