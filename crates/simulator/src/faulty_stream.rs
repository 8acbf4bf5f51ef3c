//! A connection's byte stream, with faults that an HTTP library would not commit by itself.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::sync::lock;

/// How many bytes of the last write a cut keeps back: the line end of a chunk and one byte of it.
const WITHHELD_BYTES: usize = 3;

/// The faults asked of one connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionFaults {
    cut: AtomicBool,
    preface: Mutex<Bytes>,
}

impl ConnectionFaults {
    /// Closes the connection inside what is written next.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Writes these bytes before what is written next.
    pub(crate) fn preface(&self, bytes: Bytes) {
        *lock(&self.preface) = bytes;
    }
}

/// A connection that commits the faults asked of it.
#[derive(Debug)]
pub(crate) struct FaultyStream<S> {
    stream: TokioIo<S>,
    faults: Arc<ConnectionFaults>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FaultyStream<S> {
    pub(crate) fn new(stream: S, faults: Arc<ConnectionFaults>) -> Self {
        Self { stream: TokioIo::new(stream), faults }
    }

    fn write_preface(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut preface = lock(&self.faults.preface);
        while !preface.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &preface))?;
            preface.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Read for FaultyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for FaultyStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.write_preface(context))?;
        if !self.faults.cut.load(Ordering::Acquire) {
            return Pin::new(&mut self.stream).poll_write(context, buffer);
        }
        let part = &buffer[..buffer.len().saturating_sub(WITHHELD_BYTES)];
        if part.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        // What remains comes back here, shorter each time, and ends as the error above.
        Pin::new(&mut self.stream).poll_write(context, part)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
