//! The byte stream of a connection, with faults that an HTTP library does not produce by itself.
//!
//! hyper always ends a response correctly, and that is what a test of broken responses must avoid.
//! So the faults are made below hyper, where bytes are written. That needs no change of hyper, at
//! the price of knowing how it ends a chunk.

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

/// The number of bytes of the last write that a cut withholds: the line end of a chunk and one byte of its
/// data.
const WITHHELD_BYTES: usize = 3;

/// The faults that one connection will produce.
#[derive(Debug, Default)]
pub(crate) struct ConnectionFaults {
    cut: AtomicBool,
    preface: Mutex<Bytes>,
}

impl ConnectionFaults {
    /// Closes the connection inside the next write.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Writes these bytes before the next write.
    pub(crate) fn preface(&self, bytes: Bytes) {
        *lock(&self.preface) = bytes;
    }
}

/// A connection that produces faults.
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
        // hyper calls again with the remaining bytes, fewer each time, until the error above.
        Pin::new(&mut self.stream).poll_write(context, part)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
