//! One WebSocket: its messages in both directions, and its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chatmock_translate::Failure;
use futures::{FutureExt, Sink, Stream};
use tokio::io::{AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::io::CountedIo;
use crate::http::connection::UpgradeSlot;
use crate::http::memory_budget::HeldBody;

/// The read buffer, which every socket has while it is idle.
const READ_BUFFER: usize = 4 * 1024;

/// The bytes that gather before they are written, where no flush comes first.
const WRITE_BUFFER: usize = 16 * 1024;

/// The time that a client has to answer a close frame.
const CLOSING: Duration = Duration::from_secs(1);

/// The same of a client whose place another connection needs.
const MAKING_PLACE: Duration = Duration::from_millis(5);

/// The most bytes that are read of what comes after a close frame.
const MAX_UNREAD: usize = 64 * 1024 * 1024;

/// The reason for which a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// The server stops, or the socket is idle or old.
    Away(&'static str),
    /// The socket is idle, and another connection needs its place.
    Place,
    /// The server has no more time.
    Restart,
    /// A frame breaks the protocol.
    Protocol,
    /// A text is no UTF-8.
    Utf8,
    /// A message is larger than the limit.
    TooBig,
    /// A message stopped arriving.
    TooSlow,
    /// There is no memory for a message now.
    Again,
}

impl Close {
    fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::Away(reason) => (CloseCode::Away, reason),
            Self::Place => (CloseCode::Away, "another connection needs the place"),
            Self::Restart => (CloseCode::Restart, "the server is stopping"),
            Self::Protocol => (CloseCode::Protocol, "that is no frame of a WebSocket client"),
            Self::Utf8 => (CloseCode::Invalid, "the text is not UTF-8"),
            Self::TooBig => (CloseCode::Size, "the message is larger than the limit (--max-body)"),
            Self::TooSlow => (CloseCode::Policy, "the message arrives too slowly"),
            Self::Again => (CloseCode::Again, "too many large requests at once"),
        };
        CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
    }
}

/// What has come.
pub(crate) enum Incoming {
    /// A text message.
    Text(HeldBody),
    /// A message that is no text.
    Binary,
    /// A fault, after which nothing more is read; where there is a failure, it is told before the close.
    Fault(Close, Option<Failure>),
    /// The client has closed, or is gone.
    Closed,
}

/// A WebSocket of a client.
pub(crate) struct WebSocket {
    stream: WebSocketStream<CountedIo>,
    config: WebSocketConfig,
    /// Nothing that has come waits to be taken.
    drained: bool,
    /// Anything came since that was last asked.
    heard: bool,
    close: Option<Closing>,
    /// Its place among the connections.
    place: UpgradeSlot,
}

/// A socket whose end has begun.
struct Closing {
    frame: Option<CloseFrame>,
    /// True once the close frame has been handed over.
    sent: bool,
    timer: Pin<Box<Sleep>>,
    unread: usize,
}

impl WebSocket {
    pub(super) async fn new(io: CountedIo, max_message: usize, place: UpgradeSlot) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            // A message is only handed over once those before it are written, so one at most waits here.
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        Self { stream, config, drained: false, heard: true, close: None, place }
    }

    /// Notes whether anything is under way; returns whether the socket is to make place for another connection.
    pub(crate) fn gives_way(&self, is_busy: bool, cx: &Context<'_>) -> bool {
        self.place.gives_way(is_busy, cx)
    }

    /// Returns whether anything came since this was last asked.
    pub(crate) fn was_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Returns whether the message that is on its way in comes too slowly: `patience` and the time that its bytes
    /// take at `rate` bytes a second are over.
    pub(crate) fn is_too_slow(&self, patience: Duration, rate: usize) -> bool {
        let Some((since, bytes)) = self.stream.get_ref().partial() else { return false };
        since.elapsed() > patience + Duration::from_secs((bytes / rate.max(1)) as u64)
    }

    /// The next message.
    pub(crate) fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            let next = Pin::new(&mut self.stream).poll_next(cx);
            self.drained = next.is_pending();
            let next = ready!(next);
            self.heard = true;
            return Poll::Ready(match next {
                Some(Ok(Message::Text(text))) => {
                    let reservation = self.stream.get_mut().take_reservation();
                    Incoming::Text(HeldBody { bytes: text.into(), reservation })
                }
                Some(Ok(Message::Binary(_))) => {
                    drop(self.stream.get_mut().take_reservation());
                    Incoming::Binary
                }
                // The library has queued the answer, where one is due.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    self.stream.get_mut().forget_control_frame();
                    continue;
                }
                Some(Ok(Message::Close(_))) | None => Incoming::Closed,
                Some(Err(error)) => self.fault(&error),
            });
        }
    }

    fn fault(&mut self, error: &Error) -> Incoming {
        match error {
            Error::Io(_) => match self.stream.get_mut().refused.take() {
                Some(failure) => Incoming::Fault(Close::Again, Some(failure)),
                None => Incoming::Closed,
            },
            Error::Capacity(_) => Incoming::Fault(Close::TooBig, None),
            Error::Utf8(_) => Incoming::Fault(Close::Utf8, None),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Incoming::Closed,
            _ => Incoming::Fault(Close::Protocol, None),
        }
    }

    /// Ready when a message may be handed over; an error says that the client is gone.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Pin::new(&mut self.stream).poll_ready(cx).map_err(|_| Gone)
    }

    /// Hands a text over.
    pub(crate) fn send(&mut self, text: Bytes) -> Result<(), Gone> {
        // What is written here is JSON; a text that is not UTF-8 comes from a backend that sent such bytes.
        let text = Utf8Bytes::try_from(text).map_err(|_| Gone)?;
        Pin::new(&mut self.stream).start_send(Message::Text(text)).map_err(|_| Gone)
    }

    /// Hands a ping over.
    pub(crate) fn ping(&mut self) -> Result<(), Gone> {
        Pin::new(&mut self.stream).start_send(Message::Ping(Bytes::new())).map_err(|_| Gone)
    }

    /// Writes what was handed over.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx)).map_err(|_| Gone)?;
        self.shrink(cx);
        Poll::Ready(Ok(()))
    }

    /// Gives large buffers back, once everything is written and nothing waits to be taken.
    fn shrink(&mut self, cx: &Context<'_>) {
        if !self.drained || self.close.is_some() {
            return;
        }
        let Some(io) = self.stream.get_mut().take_grown() else { return };
        // It waits for nothing.
        let config = Some(self.config);
        let made = WebSocketStream::from_raw_socket(io, Role::Server, config).now_or_never();
        if let Some(made) = made {
            (self.stream, self.drained) = (made, false);
        }
        cx.waker().wake_by_ref();
    }

    /// Returns whether the end has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.close.is_some()
    }

    /// Begins the end: `close` is told after all that was handed over before; `None` answers a client's own close.
    pub(crate) fn begin_close(&mut self, close: Option<Close>) {
        // Whoever needs the place has waited already.
        let limit = if close == Some(Close::Place) { MAKING_PLACE } else { CLOSING };
        let timer = Box::pin(tokio::time::sleep(limit));
        let frame = close.map(Close::frame);
        self.close.get_or_insert(Closing { sent: frame.is_none(), frame, timer, unread: 0 });
    }

    /// Ready once the connection may be dropped.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.close else { return Poll::Ready(()) };
        if closing.timer.poll_unpin(cx).is_ready() {
            return Poll::Ready(());
        }
        if !closing.sent {
            if ready!(Pin::new(&mut self.stream).poll_ready(cx)).is_err() {
                return Poll::Ready(());
            }
            closing.sent = true;
            let frame = Message::Close(closing.frame.take());
            if Pin::new(&mut self.stream).start_send(frame).is_err() {
                return Poll::Ready(());
            }
        }
        if ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_err() {
            return Poll::Ready(());
        }
        self.read_rest(cx)
    }

    /// Reads on until the client closes too: a connection that is closed while bytes wait in it is broken, and the
    /// close frame with it.
    fn read_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(next) = ready!(Pin::new(&mut self.stream).poll_next(cx)) {
            if next.is_err() {
                break;
            }
        }
        let Some(closing) = &mut self.close else { return Poll::Ready(()) };
        let io = self.stream.get_mut();
        if ready!(Pin::new(&mut *io).poll_shutdown(cx)).is_err() {
            return Poll::Ready(());
        }
        let mut bytes = [0; 8 * 1024];
        while closing.unread < MAX_UNREAD {
            let mut buffer = ReadBuf::new(&mut bytes);
            if ready!(io.poll_unread(cx, &mut buffer)).is_err() || buffer.filled().is_empty() {
                break;
            }
            closing.unread += buffer.filled().len();
        }
        Poll::Ready(())
    }
}

/// The client is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;
