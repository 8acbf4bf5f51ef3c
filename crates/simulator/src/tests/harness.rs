//! The harness: a simulator, a person who is signed in, and their calls.

use chatmock_testkit::client::{self, Connection, Request};
use serde_json::{Value, json};

use crate::{Claims, Endpoint, Settings, Simulator, Tokens};

pub(super) const RESPONSES: &str = "POST /backend-api/codex/responses";

/// An answer, with readers for these tests.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The header lines, names in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Whether the body is complete.
    pub(super) complete: bool,
}

impl From<client::Reply> for Reply {
    fn from(reply: client::Reply) -> Self {
        let lines = reply.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let (head, body) = (lines.collect(), reply.body.to_vec());
        Self { status: reply.status, head, body, complete: reply.whole }
    }
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
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

    /// Returns the events of one kind.
    pub(super) fn of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// Returns all text deltas, joined.
    pub(super) fn said(&self) -> String {
        let deltas = self.of("response.output_text.delta");
        deltas.iter().filter_map(|event| event["delta"].as_str()).collect()
    }

    pub(super) fn last_kind(&self) -> String {
        let last = self.events().pop().unwrap_or_default();
        last["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// A simulator and a person who is signed in.
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

    /// Sends a model call.
    pub(super) async fn ask(&self, body: &Value) -> Reply {
        self.call(RESPONSES, &self.headers(), &body.to_string()).await
    }

    /// Sends a model call to another backend, with its own token or key.
    pub(super) async fn ask_with(&self, endpoint: Endpoint, secret: &str, body: &Value) -> Reply {
        self.call(endpoint.name(), &bearer(secret), &body.to_string()).await
    }

    /// Sends a model call with one user message.
    pub(super) async fn say(&self, text: &str) -> Reply {
        self.ask(&question(text)).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call(&format!("GET {path}"), &self.headers(), "").await
    }

    /// Sends a POST without a token.
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
        let mut connection = self.send(request, headers, body).await;
        let head = connection.head().await.unwrap();
        connection.body(head).await.unwrap().into()
    }

    /// Sends a request; the caller reads the answer.
    pub(super) async fn send(
        &self,
        request: &str,
        headers: &[(String, String)],
        body: impl AsRef<[u8]>,
    ) -> Connection {
        let (method, target) = request.split_once(' ').unwrap();
        let request = Request::new(method, target).body(body.as_ref()).with("host", "simulator");
        let request = request.with("connection", "close");
        let with = |request: Request, (name, value): &(String, String)| request.with(name, value);
        let bytes = headers.iter().fold(request, with).bytes();
        Connection::begin(self.simulator.address(), &bytes).await.unwrap()
    }
}

/// Returns the headers of a JSON call with a bearer token.
pub(super) fn bearer(secret: &str) -> Vec<(String, String)> {
    [("authorization", format!("Bearer {secret}")), ("content-type", "application/json".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// Returns a valid request with one user message.
pub(super) fn question(text: &str) -> Value {
    json!({
        "model": "gpt-5.5", "stream": true, "store": false, "instructions": "Answer briefly.",
        "input": [{"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": text}]}],
    })
}

/// Returns a function tool with a city and a number of days.
pub(super) fn weather_tool() -> Value {
    json!({"type": "function", "name": "get_weather", "description": "Weather", "strict": false,
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}})
}
