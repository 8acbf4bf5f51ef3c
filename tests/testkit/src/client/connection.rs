//! A connection, and the received bytes that have not been taken yet.

use std::io::{self, Error, ErrorKind};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

use super::{Reply, Request, with_deadline};

/// The size of one read, in bytes.
const READ: usize = 64 * 1024;

/// One connection. Every step has the deadline of [`with_deadline`].
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports.
    pub async fn open(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::over(with_deadline(TcpStream::connect(address)).await??)
    }

    /// Takes a stream that the test connected itself, for example with a small window.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new() })
    }

    /// Connects and writes, and leaves the answer to be read.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports.
    pub async fn begin(address: impl ToSocketAddrs, bytes: &[u8]) -> io::Result<Self> {
        let mut connection = Self::open(address).await?;
        connection.write(bytes).await?;
        Ok(connection)
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports, as where the other side has closed.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        with_deadline(self.stream.write_all(bytes)).await?
    }

    /// Sends a request and reads the answer; a body that broke off is in it, and not whole.
    ///
    /// # Errors
    ///
    /// Those of [`Self::write`], [`Self::head`] and [`Self::body`].
    pub async fn send(&mut self, request: &Request) -> io::Result<Reply> {
        self.write(&request.bytes()).await?;
        let head = self.head().await?;
        if request.is_head() { Ok(Reply { whole: true, ..head }) } else { self.body(head).await }
    }

    /// Writes a prepared request and reads its answer, which has to be whole.
    ///
    /// # Errors
    ///
    /// Those of [`Self::write`], [`Self::head`] and [`Self::body`], and
    /// [`ErrorKind::UnexpectedEof`] where the body breaks off.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.write(request).await?;
        let head = self.head().await?;
        let reply = self.body(head).await?;
        if reply.whole { Ok(reply) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads the head of an answer; interim answers are skipped.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports, an early end, and a head that is no HTTP.
    pub async fn head(&mut self) -> io::Result<Reply> {
        loop {
            let head = self.until(b"\r\n\r\n").await?;
            let reply = parsed(&head).ok_or_else(|| invalid("a head that is no HTTP", &head))?;
            if !(100..200).contains(&reply.status) || reply.status == 101 {
                return Ok(reply);
            }
        }
    }

    /// Reads the body that belongs to a head, up to its end or to where it breaks off.
    ///
    /// # Errors
    ///
    /// A deadline that has passed, and framing that is no HTTP.
    pub async fn body(&mut self, mut head: Reply) -> io::Result<Reply> {
        if head.header("transfer-encoding").is_some() {
            let mut body = BytesMut::new();
            head.whole = self.chunked(&mut body).await?;
            head.body = body.freeze();
            return Ok(head);
        }
        let Some(length) = head.header("content-length") else {
            // Without either header, the end of the connection is the end of the body.
            head.whole = true;
            let empty = matches!(head.status, 101 | 204 | 304);
            head.body = if empty { Bytes::new() } else { self.rest().await? };
            return Ok(head);
        };
        let length = length.parse().map_err(|_| invalid("a length", length.as_bytes()))?;
        head.whole = self.at_least(length).await?;
        head.body = self.buffer.split_to(length.min(self.buffer.len())).freeze();
        Ok(head)
    }

    /// Reads every answer until the connection ends; the first has no body if `bodiless`.
    ///
    /// # Errors
    ///
    /// Those of [`Self::head`] and [`Self::body`], and a head that the end of the connection cut off.
    pub async fn replies(&mut self, mut bodiless: bool) -> io::Result<Vec<Reply>> {
        let mut replies = Vec::new();
        loop {
            let head = match self.head().await {
                Ok(head) => head,
                Err(error) if is_end(&error) && self.buffer.is_empty() => return Ok(replies),
                Err(error) if is_end(&error) => return Err(invalid("no answer", &self.buffer)),
                Err(error) => return Err(error),
            };
            let bodiless = std::mem::take(&mut bodiless);
            let reply =
                if bodiless { Reply { whole: true, ..head } } else { self.body(head).await? };
            replies.push(reply);
        }
    }

    /// Reads one chunk; `None` is the last one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnexpectedEof`] where the connection ends before the last chunk, and whatever
    /// the socket reports.
    pub async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        let size = self.chunk_size().await?;
        while self.buffer.len() < size + 2 {
            self.fill().await?;
        }
        let piece = self.buffer.split_to(size).freeze();
        self.buffer.advance(2);
        Ok((size > 0).then_some(piece))
    }

    /// Reads chunks until they contain a text; returns all that came.
    ///
    /// # Errors
    ///
    /// Those of [`Self::chunk`], and an answer that ends without the text.
    pub async fn chunks_until(&mut self, text: &str) -> io::Result<String> {
        let mut read = String::new();
        while !read.contains(text) {
            let piece = self.chunk().await?;
            let piece = piece.ok_or_else(|| invalid("an end before the text", read.as_bytes()))?;
            read.push_str(&String::from_utf8_lossy(&piece));
        }
        Ok(read)
    }

    /// Reads one line with its CRLF.
    ///
    /// # Errors
    ///
    /// Whatever the socket reports, and an early end.
    pub async fn line(&mut self) -> io::Result<Bytes> {
        self.until(b"\r\n").await
    }

    /// Reads everything up to the end of the connection; a reset is such an end.
    ///
    /// # Errors
    ///
    /// A deadline that has passed.
    pub async fn rest(&mut self) -> io::Result<Bytes> {
        loop {
            match self.fill().await {
                Ok(()) => {}
                Err(error) if is_end(&error) => return Ok(self.buffer.split().freeze()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads so many bytes; an earlier end is an error.
    pub(super) async fn take(&mut self, length: usize) -> io::Result<Bytes> {
        match self.at_least(length).await? {
            true => Ok(self.buffer.split_to(length).freeze()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Returns whether the other side is known here to have closed; received bytes are kept.
    pub fn is_closed(&mut self) -> bool {
        match self.stream.try_read_buf(&mut self.buffer) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Writes a few bytes at each interval until the other side closes; drops what is received.
    pub async fn drip(&mut self, bytes: &[u8], interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
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

    /// Reads chunks to the last one; `false` where the connection ends before, with what came.
    async fn chunked(&mut self, body: &mut BytesMut) -> io::Result<bool> {
        loop {
            let size = match self.chunk_size().await {
                Ok(size) => size,
                Err(error) if is_end(&error) => break,
                Err(error) => return Err(error),
            };
            let whole = self.at_least(size + 2).await?;
            body.extend_from_slice(&self.buffer.split_to(size.min(self.buffer.len())));
            if !whole {
                break;
            }
            self.buffer.advance(2);
            if size == 0 {
                return Ok(true);
            }
        }
        self.buffer.clear();
        Ok(false)
    }

    async fn chunk_size(&mut self) -> io::Result<usize> {
        let line = self.until(b"\r\n").await?;
        let size = std::str::from_utf8(&line).ok();
        let size = size.and_then(|size| usize::from_str_radix(size.trim_end(), 16).ok());
        size.ok_or_else(|| invalid("a chunk's size", &line))
    }

    /// Reads until so many bytes are in the buffer; `false` where the connection ends before.
    async fn at_least(&mut self, length: usize) -> io::Result<bool> {
        while self.buffer.len() < length {
            match self.fill().await {
                Ok(()) => {}
                Err(error) if is_end(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    async fn until(&mut self, mark: &[u8]) -> io::Result<Bytes> {
        loop {
            let found = self.buffer.windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                return Ok(self.buffer.split_to(at + mark.len()).freeze());
            }
            self.fill().await?;
        }
    }

    /// Reads more; the end of the connection is an error.
    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ);
        match with_deadline(self.stream.read_buf(&mut self.buffer)).await?? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Returns whether an error is the end of a connection, in good order or not.
fn is_end(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::InvalidData)
}

fn invalid(what: &str, bytes: &[u8]) -> Error {
    Error::new(ErrorKind::InvalidData, format!("{what}: {}", String::from_utf8_lossy(bytes)))
}

/// Status and headers of a head.
fn parsed(head: &[u8]) -> Option<Reply> {
    let mut lines = std::str::from_utf8(head).ok()?.trim_end().split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<Option<_>>()?;
    Some(Reply { status, headers, ..Reply::default() })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A connection to a server that says these bytes and closes.
    async fn connection(bytes: &'static [u8]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(bytes).await.unwrap();
        });
        Connection::open(address).await.unwrap()
    }

    async fn read(bytes: &'static [u8]) -> Reply {
        let mut connection = connection(bytes).await;
        let head = connection.head().await.unwrap();
        connection.body(head).await.unwrap()
    }

    #[tokio::test]
    async fn a_whole_body_is_distinguished_from_a_broken_one() {
        for (bytes, body, whole) in [
            (&b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"[..], "ok", true),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", "ok", false),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                "ok",
                true,
            ),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", "ok", false),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nok", "ok", false),
            (b"HTTP/1.0 200 OK\r\n\r\nok", "ok", true),
        ] {
            let reply = read(bytes).await;
            assert_eq!((reply.text().as_str(), reply.whole), (body, whole), "{reply:?}");
        }
    }

    #[tokio::test]
    async fn interim_answers_are_skipped_and_a_switch_of_protocols_is_not() {
        let reply = read(b"HTTP/1.1 103 Early Hints\r\na: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n").await;
        assert_eq!((reply.status, reply.headers.len()), (204, 0));
        assert_eq!(read(b"HTTP/1.1 101 Switching\r\n\r\nframes").await.status, 101);
    }

    #[tokio::test]
    async fn every_answer_is_read_until_the_connection_ends() {
        let mut head_first = connection(
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\
              HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno",
        )
        .await;
        let replies = head_first.replies(true).await.unwrap();
        let read: Vec<_> = replies.iter().map(|reply| (reply.status, reply.text())).collect();
        assert_eq!(read, [(200, String::new()), (404, "no".to_owned())]);
        assert!(connection(b"").await.replies(false).await.unwrap().is_empty());
        connection(b"HTTP/1.1 2").await.replies(false).await.unwrap_err();
    }

    #[tokio::test]
    async fn what_is_no_http_is_an_error() {
        for bytes in [&b"HTTP/1.1 many\r\n\r\n"[..], b"hello\r\n\r\n"] {
            let error = connection(bytes).await.head().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
        let error = connection(b"HTTP/1.1 200").await.head().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
