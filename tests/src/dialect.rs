//! The dialects as a client sees them: what it asks, and what it takes for a complete answer.

use serde_json::{Value, json};

use crate::client::{Reply, post};

/// One inbound API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Responses,
    Completions,
    Ollama,
}

impl Dialect {
    /// Every dialect that streams in a way of its own.
    pub(crate) const ALL: [Self; 4] =
        [Self::Chat, Self::Responses, Self::Completions, Self::Ollama];

    /// The bytes of a request with one text.
    pub(crate) fn request(self, text: &str, stream: bool) -> Vec<u8> {
        self.request_with("", text, stream)
    }

    /// The bytes of a request with header lines of one's own.
    pub(crate) fn request_with(self, headers: &str, text: &str, stream: bool) -> Vec<u8> {
        let mut body = json!({"model": "gpt-5.5", "stream": stream});
        let (name, value) = match self {
            Self::Chat | Self::Ollama => ("messages", json!([{"role": "user", "content": text}])),
            Self::Responses => ("input", json!(text)),
            Self::Completions => ("prompt", json!(text)),
        };
        body[name] = value;
        if self == Self::Responses {
            // Kept responses are memory that is meant to grow.
            body["store"] = json!(false);
        }
        post(self.path(), headers, &body.to_string())
    }

    /// Whether a client would take a reply for a complete answer.
    pub(crate) fn is_complete(self, reply: &Reply, stream: bool) -> bool {
        if !stream {
            return reply.head.status == 200;
        }
        match self {
            Self::Chat | Self::Completions => {
                let reason = |event: &Value| !event["choices"][0]["finish_reason"].is_null();
                reply.body.contains("[DONE]") || objects(&reply.body).any(|event| reason(&event))
            }
            Self::Responses => objects(&reply.body).any(|event| {
                event["type"] == "response.completed" || event["response"]["status"] == "completed"
            }),
            Self::Ollama => objects(&reply.body).any(|line| line["done"] == true),
        }
    }

    /// Whether a reply says that something failed.
    pub(crate) fn tells_of_a_failure(reply: &Reply) -> bool {
        let signs = ["\"error\":{", "\"error\":\"", "\"type\":\"error\""];
        signs.iter().any(|sign| reply.body.contains(sign))
    }

    fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Completions => "/v1/completions",
            Self::Ollama => "/api/chat",
        }
    }
}

/// The JSON of every event or line of a stream.
fn objects(body: &str) -> impl Iterator<Item = Value> {
    let texts = body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    texts.filter_map(|text| serde_json::from_str(text).ok())
}
