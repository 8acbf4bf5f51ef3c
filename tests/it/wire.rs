//! A small HTTP/1.1 client that shows every byte of an answer.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits for something that is to happen soon.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    let happened = tokio::time::timeout(LIMIT, what).await;
    happened.unwrap_or_else(|_| panic!("it did not happen in time"))
}

/// A request as it goes out.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { line: format!("{method} {path}"), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of JSON.
    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let request = Self::new("POST", path).with("content-type", "application/json");
        Self { body: body.into(), ..request }
    }

    /// This request with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The head with all it needs, and the body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name == wanted);
        let mut head = format!("{} HTTP/1.1\r\n", self.line);
        if !has("host") {
            head.push_str("host: 127.0.0.1\r\n");
        }
        if !(self.body.is_empty() || has("content-length") || has("transfer-encoding")) {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    fn is_head(&self) -> bool {
        self.line.starts_with("HEAD ")
    }
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its announced end.
    pub(crate) whole: bool,
}

impl Reply {
    /// The first value of a header; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} and no JSON: {}", self.status, self.text()))
    }

    /// The JSON of every event; `[DONE]` is none.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = |event: &str| {
            let lines = event.lines().filter_map(|line| line.strip_prefix("data: "));
            lines.collect::<Vec<_>>().join("\n")
        };
        let events = text.split("\n\n").map(data);
        let events = events.filter(|data| !(data.is_empty() || data == "[DONE]"));
        let json = |data: String| {
            serde_json::from_str(&data).unwrap_or_else(|_| panic!("an event is no JSON: {data}"))
        };
        events.map(json).collect()
    }

    /// The error of a refusal: status, `type`, `code` and `param`.
    pub(crate) fn error(&self) -> (u16, String, Value, Value) {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|words| !words.is_empty()), "{error}");
        let kind = error["type"].as_str().unwrap().to_owned();
        (self.status, kind, error["code"].clone(), error["param"].clone())
    }

    /// The error's words for a person.
    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// A connection, and what of its bytes has not been taken yet.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::of(soon(TcpStream::connect(address)).await.unwrap())
    }

    /// Takes a connection of one's own making.
    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Writes to a connection that may be closed; says whether it is not.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> bool {
        soon(self.stream.write_all(bytes)).await.is_ok()
    }

    /// Whether the other side has closed, as far as is known here; what came is kept.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.try_read_buf(&mut self.buffer) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    /// Sends a request and reads its whole answer.
    pub(crate) async fn send(&mut self, request: &Request) -> Reply {
        self.write(&request.bytes()).await;
        let head = self.head().await;
        if request.is_head() { Reply { whole: true, ..head } } else { self.body(head).await }
    }

    /// Reads an answer's head; interim answers are passed over.
    pub(crate) async fn head(&mut self) -> Reply {
        loop {
            let head = self.until(b"\r\n\r\n").await.unwrap_or_else(|| panic!("no answer came"));
            let head = String::from_utf8(head).unwrap();
            let mut lines = head.trim_end().split("\r\n");
            let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
            let header = |line: &str| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            };
            if status != 100 {
                return Reply { status, headers: lines.map(header).collect(), ..Reply::default() };
            }
        }
    }

    /// Reads the body that belongs to a head.
    pub(crate) async fn body(&mut self, mut head: Reply) -> Reply {
        if head.header("transfer-encoding").is_some() {
            while let Some(piece) = self.chunk().await {
                if piece.is_empty() {
                    head.whole = true;
                    break;
                }
                head.body.extend(piece);
            }
            return head;
        }
        let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < length && self.fill().await {}
        head.whole = self.buffer.len() >= length;
        head.body = self.buffer.drain(..length.min(self.buffer.len())).collect();
        head
    }

    /// Reads one chunk; an empty one is the end, `None` a connection that broke before it.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = String::from_utf8(self.until(b"\r\n").await?).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        while self.buffer.len() < size + 2 {
            if !self.fill().await {
                return None;
            }
        }
        let piece = self.buffer.drain(..size).collect();
        self.buffer.drain(..2);
        Some(piece)
    }

    /// Reads chunks until they hold a text; gives all that came.
    pub(crate) async fn chunks_until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            let piece = self.chunk().await.unwrap_or_else(|| panic!("broke after {read}"));
            assert!(!piece.is_empty(), "ended without {text:?}: {read}");
            read.push_str(&String::from_utf8_lossy(&piece));
        }
        read
    }

    /// Reads one line with its end.
    pub(crate) async fn line(&mut self) -> Vec<u8> {
        self.until(b"\r\n").await.unwrap_or_else(|| panic!("no line came"))
    }

    /// Everything up to the end of the connection, a reset included.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    async fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.buffer.windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                return Some(self.buffer.drain(..at + mark.len()).collect());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Reads more; `false` at the end.
    async fn fill(&mut self) -> bool {
        let read = soon(self.stream.read_buf(&mut self.buffer)).await;
        read.is_ok_and(|count| count > 0)
    }
}
