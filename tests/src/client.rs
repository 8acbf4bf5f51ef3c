//! A small HTTP/1.1 client over one connection, which tells a whole answer from a broken one.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;

use crate::BoxError;

/// The longest that anything may take that is no measure of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is read at once, in bytes.
const READ: usize = 64 * 1024;

/// Waits for what is to happen, and not for ever.
pub(crate) async fn soon<F: Future>(what: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(PATIENCE, what).await
}

/// The bytes of a POST of JSON, with header lines of one's own.
pub(crate) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// A head, as far as it matters here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    chunked: bool,
    length: usize,
    /// Whether the server closes afterwards.
    pub(crate) closes: bool,
}

/// An answer that came to its announced end.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) head: Head,
    pub(crate) body: String,
}

/// A connection, and what of its bytes has not been taken yet.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, BoxError> {
        let stream = soon(TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new() })
    }

    /// Opens a connection and sends a request on it.
    pub(crate) async fn begin(address: SocketAddr, request: &[u8]) -> Result<Self, BoxError> {
        let mut wire = Self::open(address).await?;
        wire.write(request).await?;
        Ok(wire)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        Ok(soon(self.stream.write_all(bytes)).await??)
    }

    /// Sends a request and reads its whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Reply, BoxError> {
        self.write(request).await?;
        let head = self.head().await?;
        Ok(Reply { head, body: self.body(head).await? })
    }

    /// Reads an answer's head.
    pub(crate) async fn head(&mut self) -> Result<Head, BoxError> {
        let text = std::str::from_utf8(&self.until(b"\r\n\r\n").await?)?.to_ascii_lowercase();
        let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut head = Head { status, ..Head::default() };
        for line in text.lines() {
            match line.split_once(": ") {
                Some(("content-length", length)) => head.length = length.parse()?,
                Some(("transfer-encoding", _)) => head.chunked = true,
                Some(("connection", "close")) => head.closes = true,
                _ => {}
            }
        }
        Ok(head)
    }

    /// Reads the body that belongs to a head.
    pub(crate) async fn body(&mut self, head: Head) -> Result<String, BoxError> {
        let mut body = Vec::new();
        if head.chunked {
            while let Some(piece) = self.chunk().await? {
                body.extend(piece);
            }
        } else {
            while self.buffer.len() < head.length {
                self.fill().await?;
            }
            body.extend(self.buffer.split_to(head.length));
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Reads one chunk; `None` is the end in good order.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, BoxError> {
        let line = self.until(b"\r\n").await?;
        let size = usize::from_str_radix(std::str::from_utf8(&line)?.trim_end(), 16)?;
        while self.buffer.len() < size + 2 {
            self.fill().await?;
        }
        let piece = self.buffer.split_to(size).freeze();
        self.buffer.advance(2);
        Ok((size > 0).then_some(piece))
    }

    /// Reads chunks until one holds a text.
    pub(crate) async fn chunks_until(&mut self, text: &str) -> Result<(), BoxError> {
        loop {
            let piece = self.chunk().await?.ok_or("the answer ended too early")?;
            if String::from_utf8_lossy(&piece).contains(text) {
                return Ok(());
            }
        }
    }

    /// Writes a few bytes again and again, until the other side closes.
    pub(crate) async fn drip(&mut self, bytes: &[u8], pause: Duration) {
        let mut ticks = tokio::time::interval(pause);
        let mut read = [0; 1024];
        loop {
            tokio::select! {
                count = self.stream.read(&mut read) => {
                    if count.is_ok_and(|count| count > 0) {
                        continue;
                    }
                    return;
                }
                _ = ticks.tick() => {
                    if self.stream.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn until(&mut self, mark: &[u8]) -> Result<Bytes, BoxError> {
        loop {
            let found = self.buffer.windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                return Ok(self.buffer.split_to(at + mark.len()).freeze());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), BoxError> {
        self.buffer.reserve(READ);
        match soon(self.stream.read_buf(&mut self.buffer)).await?? {
            0 => Err("the connection ended too early".into()),
            _ => Ok(()),
        }
    }
}
