//! The bytes of a socket to the backend, and its buffers, which do not stay as large as its largest message.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chatmock_protocol::websocket::FrameWatch;
use futures::FutureExt;
use reqwest::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::Socket;

/// The size of a message over which the buffers that it left are given back, in bytes.
const LARGE: u64 = 64 * 1024;

/// An upgraded connection, watched for the ends of messages.
pub(crate) struct WatchedIo {
    /// `None` once it has been taken.
    io: Option<Upgraded>,
    watch: FrameWatch,
    config: WebSocketConfig,
    /// The most that was written at once.
    written: usize,
}

/// Makes a socket of a connection.
pub(crate) async fn opened(io: Upgraded, config: WebSocketConfig) -> Socket {
    let io = WatchedIo { io: Some(io), watch: FrameWatch::default(), config, written: 0 };
    WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await
}

/// Gives the buffers of an idle socket back, where a large message has left them large: the library never does. It is
/// done between two messages alone, when the buffers are empty; returns whether it was.
///
/// Nothing may wait to be read or written: the last poll for a message was pending, and what was sent is flushed.
pub(super) fn shrink(socket: &mut Socket) -> bool {
    let io = socket.get_mut();
    let is_grown = io.watch.largest() > LARGE || io.written as u64 > LARGE;
    if !is_grown || !io.watch.is_between_messages() {
        return false;
    }
    let (config, watch) = (io.config, FrameWatch::default());
    let io = WatchedIo { io: io.io.take(), watch, config, written: 0 };
    // It waits for nothing.
    let made = WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).now_or_never();
    if let Some(made) = made {
        *socket = made;
    }
    true
}

impl WatchedIo {
    fn io(&mut self) -> io::Result<Pin<&mut Upgraded>> {
        self.io.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for WatchedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.io()?.poll_read(cx, buffer))?;
        self.watch.feed(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written = self.written.max(bytes.len());
        self.io()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_shutdown(cx)
    }
}
