//! A tiny HTTP client that shows what is on the wire.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Claims, Endpoint, Settings, Simulator, Tokens};

pub(super) const RESPONSES: &str = "POST /backend-api/codex/responses";

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Whether the body reached its announced end.
    pub(super) complete: bool,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(super) fn events(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The events of one kind.
    pub(super) fn of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// All text deltas together.
    pub(super) fn said(&self) -> String {
        let deltas = self.of("response.output_text.delta");
        deltas.iter().filter_map(|event| event["delta"].as_str()).collect()
    }

    pub(super) fn last_kind(&self) -> String {
        let last = self.events().pop().unwrap_or_default();
        last["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// A simulator and somebody who is signed in.
pub(super) struct Harness {
    pub(super) simulator: Simulator,
    pub(super) tokens: Tokens,
}

impl Harness {
    pub(super) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let simulator = Simulator::start(settings).await.unwrap();
        let tokens = simulator.tokens(Claims::default());
        Self { simulator, tokens }
    }

    pub(super) fn headers(&self) -> Vec<(String, String)> {
        [
            ("authorization", format!("Bearer {}", self.tokens.access_token)),
            ("chatgpt-account-id", self.tokens.account_id.clone()),
            ("content-type", "application/json".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// A model call.
    pub(super) async fn ask(&self, body: &Value) -> Reply {
        self.call(RESPONSES, &self.headers(), &body.to_string()).await
    }

    /// A model call of another backend, with a token or key of its own.
    pub(super) async fn ask_with(&self, endpoint: Endpoint, secret: &str, body: &Value) -> Reply {
        self.call(endpoint.name(), &bearer(secret), &body.to_string()).await
    }

    /// A model call with one user message.
    pub(super) async fn say(&self, text: &str) -> Reply {
        self.ask(&question(text)).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call(&format!("GET {path}"), &self.headers(), "").await
    }

    /// A POST without anybody signed in.
    pub(super) async fn post(&self, path: &str, media_type: &str, body: &str) -> Reply {
        let headers = [("content-type".to_owned(), media_type.to_owned())];
        self.call(&format!("POST {path}"), &headers, body).await
    }

    pub(super) async fn call(
        &self,
        request: &str,
        headers: &[(String, String)],
        body: impl AsRef<[u8]>,
    ) -> Reply {
        let mut stream = self.send(request, headers, body).await;
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
        parse(&bytes)
    }

    /// Sends a request and leaves the answer to be read.
    pub(super) async fn send(
        &self,
        request: &str,
        headers: &[(String, String)],
        body: impl AsRef<[u8]>,
    ) -> TcpStream {
        let body = body.as_ref();
        let mut text = format!("{request} HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut stream = TcpStream::connect(self.simulator.address()).await.unwrap();
        stream.write_all(&[text.as_bytes(), body].concat()).await.unwrap();
        stream
    }
}

/// The headers of a JSON call with a bearer token.
pub(super) fn bearer(secret: &str) -> Vec<(String, String)> {
    [("authorization", format!("Bearer {secret}")), ("content-type", "application/json".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// A good request with one user message.
pub(super) fn question(text: &str) -> Value {
    json!({
        "model": "gpt-5.5", "stream": true, "store": false, "instructions": "Answer briefly.",
        "input": [{"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": text}]}],
    })
}

/// A function tool with a city and a number of days.
pub(super) fn weather_tool() -> Value {
    json!({"type": "function", "name": "get_weather", "description": "Weather", "strict": false,
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}})
}

fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let rest = &bytes[end + 4..];
    let mut reply = Reply { status, head, body: rest.to_vec(), complete: true };
    if status == 103 {
        return parse(rest);
    }
    if reply.header("transfer-encoding") == Some("chunked") {
        (reply.body, reply.complete) = dechunk(rest);
    }
    reply
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, true);
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(&rest[..rest.len().min(size)]);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
    (body, false)
}
