//! A WebSocket whose every frame a test can write and read as it is on the wire.

use std::io::{self, Error, ErrorKind};

use bytes::{Buf, Bytes};
use serde_json::Value;

use super::{Connection, Reply, Request};

/// The opcode of a frame that goes on with a message.
pub const CONTINUATION: u8 = 0x0;
/// The opcode of a text.
pub const TEXT: u8 = 0x1;
/// The opcode of a binary message.
pub const BINARY: u8 = 0x2;
/// The opcode of a close.
pub const CLOSE: u8 = 0x8;
/// The opcode of a ping.
pub const PING: u8 = 0x9;
/// The opcode of a pong.
pub const PONG: u8 = 0xa;

/// The bit that says a frame is the last of its message.
pub const FIN: u8 = 0x80;

/// A frame of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The first byte: [`FIN`], reserved bits and opcode.
    pub first: u8,
    /// The payload.
    pub payload: Bytes,
}

impl Frame {
    /// The code of a close frame; `None` where it has none.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        self.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }
}

/// A WebSocket to a server. Every step has the deadline of [`super::with_deadline`].
#[derive(Debug)]
pub struct WebSocket {
    connection: Connection,
}

/// The request of a handshake.
#[must_use]
pub fn handshake(path: &str) -> Request {
    Request::get(path)
        .with("connection", "Upgrade")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

impl WebSocket {
    /// Connects and shakes hands; the error is the answer where that is no 101.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports, as an error of its own.
    pub async fn open(
        address: impl tokio::net::ToSocketAddrs,
        request: &Request,
    ) -> io::Result<Result<Self, Reply>> {
        let mut connection = Connection::begin(address, &request.bytes()).await?;
        let head = connection.head().await?;
        if head.status == 101 {
            assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
            return Ok(Ok(Self { connection }));
        }
        Ok(Err(connection.body(head).await?))
    }

    /// Takes a connection that the test opened and shook hands on itself.
    #[must_use]
    pub fn over(connection: Connection) -> Self {
        Self { connection }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.write(bytes).await
    }

    /// Sends a frame, masked as a client has to.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        self.write(&masked(first, payload)).await
    }

    /// Sends a message of JSON.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports.
    pub async fn send(&mut self, message: &Value) -> io::Result<()> {
        self.frame(FIN | TEXT, message.to_string().as_bytes()).await
    }

    /// Reads the next frame, of whichever kind.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports, and an early end.
    pub async fn next(&mut self) -> io::Result<Frame> {
        let mut head = self.connection.take(2).await?;
        let (first, length) = (head.get_u8(), head.get_u8());
        assert_eq!(length & 0x80, 0, "a server does not mask");
        let length = match length {
            126 => usize::from(self.connection.take(2).await?.get_u16()),
            127 => usize::try_from(self.connection.take(8).await?.get_u64()).unwrap(),
            length => length.into(),
        };
        Ok(Frame { first, payload: self.connection.take(length).await? })
    }

    /// Reads the next message of JSON; pings are answered on the way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ConnectionAborted`] with the code where the server closes, and those of [`Self::next`].
    pub async fn event(&mut self) -> io::Result<Value> {
        loop {
            let frame = self.next().await?;
            match frame.first {
                first if first == FIN | TEXT => {
                    return Ok(serde_json::from_slice(&frame.payload).unwrap());
                }
                first if first == FIN | PING => self.frame(FIN | PONG, &frame.payload).await?,
                first if first == FIN | PONG => {}
                first if first == FIN | CLOSE => {
                    let code = format!("closed with {:?}", frame.close_code());
                    return Err(Error::new(ErrorKind::ConnectionAborted, code));
                }
                first => panic!("a frame {first:#x}"),
            }
        }
    }

    /// Reads the events of one answer, its terminal one included.
    ///
    /// # Errors
    ///
    /// Those of [`Self::event`].
    pub async fn answer(&mut self) -> io::Result<Vec<Value>> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await?;
            let last = is_terminal(&event);
            events.push(event);
            if last {
                return Ok(events);
            }
        }
    }

    /// Asks and reads the answer.
    ///
    /// # Errors
    ///
    /// Those of [`Self::send`] and [`Self::answer`].
    pub async fn ask(&mut self, message: &Value) -> io::Result<Vec<Value>> {
        self.send(message).await?;
        self.answer().await
    }

    /// Reads up to the close frame and returns its code; the end of the connection without one is `None`.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Ok(frame) if frame.first == FIN | CLOSE => return frame.close_code(),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Reads whatever comes until the connection ends.
    ///
    /// # Errors
    ///
    /// A deadline that has passed.
    pub async fn rest(&mut self) -> io::Result<Bytes> {
        self.connection.rest().await
    }
}

/// Returns whether an event is the last one of its answer.
#[must_use]
pub fn is_terminal(event: &Value) -> bool {
    let kind = event["type"].as_str().unwrap();
    matches!(kind, "response.completed" | "response.failed" | "response.incomplete" | "error")
}

/// The bytes of a masked frame.
#[must_use]
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
