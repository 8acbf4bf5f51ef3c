//! A script: what the simulator answers to one request, step by step.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::error_response::ErrorResponse;

/// One step of a response body.
#[derive(Clone, Debug)]
pub enum Step {
    /// One event: the JSON text of its data. The `event:` line is its `type`.
    Event(String),
    /// Bytes as they are.
    Raw(Bytes),
    /// The same bytes a number of times, without holding them all at once.
    Repeat(Bytes, u64),
    /// A pause that lets what came before leave as a write of its own.
    Flush,
    /// Silence for a while.
    Wait(Duration),
    /// Silence for ever.
    Stall,
    /// The bytes begin as one more chunk, and the connection closes inside it.
    Cut(Bytes),
}

impl Step {
    /// The step for an event given as a value. Members come out in alphabetical order; write the
    /// text yourself where order matters.
    pub fn event(value: &Value) -> Self {
        Self::Event(value.to_string())
    }
}

/// An answer to one request.
#[derive(Clone, Debug)]
pub struct Script {
    /// The status code.
    pub status: u16,
    /// The response headers, in order; names may repeat.
    pub headers: Vec<(String, String)>,
    /// Whether the headers the backend sends with every answer (limits, request id, model) are
    /// added where `headers` does not name them.
    pub default_headers: bool,
    /// The names of those that are left out all the same.
    pub omitted_headers: Vec<String>,
    /// Bytes written before the head, such as an interim 103 response.
    pub preface: Bytes,
    /// Time before the head is sent.
    pub delay: Duration,
    /// The body.
    pub steps: Vec<Step>,
}

impl Script {
    /// A stream of server-sent events with status 200.
    pub fn stream(steps: Vec<Step>) -> Self {
        Self::answer(200, "text/event-stream; charset=utf-8", steps)
    }

    /// A stream of the given events, each the JSON text of one.
    pub fn events<T: Into<String>>(events: impl IntoIterator<Item = T>) -> Self {
        Self::stream(events.into_iter().map(|text| Step::Event(text.into())).collect())
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::answer(status, "application/json", vec![Step::Raw(body.to_string().into())])
    }

    /// A body of any other type.
    pub fn body(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::answer(status, media_type, vec![Step::Raw(body.into())])
    }

    /// A refusal.
    pub(crate) fn refusal(refusal: &ErrorResponse) -> Self {
        Self::body(refusal.status, "application/json", refusal.body.text())
    }

    /// This script with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// This script without the headers the backend sends with every answer.
    pub fn without_default_headers(mut self) -> Self {
        self.default_headers = false;
        self
    }

    /// This script without one of the headers the backend sends with every answer.
    pub fn without_header(mut self, name: &str) -> Self {
        self.omitted_headers.push(name.to_owned());
        self
    }

    /// This script with its head held back for a while.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// This script with one more step at the end.
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn answer(status: u16, media_type: &str, steps: Vec<Step>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            default_headers: true,
            omitted_headers: Vec::new(),
            preface: Bytes::new(),
            delay: Duration::ZERO,
            steps,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }
}
