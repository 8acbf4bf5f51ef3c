//! Scripts: the answer of the simulator to one request, step by step.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::error_response::ErrorResponse;

/// One step of a response body.
#[derive(Clone, Debug)]
pub enum Step {
    /// An event, given as the JSON text of its data. Its `type` becomes the `event:` line.
    Event(String),
    /// Bytes as they are.
    Raw(Bytes),
    /// The same bytes several times, without holding them all in memory.
    Repeat(Bytes, u64),
    /// A pause that lets the previous steps leave as a write of their own.
    Flush,
    /// Silence for this time.
    Wait(Duration),
    /// Silence without end.
    Stall,
    /// The first bytes of a chunk, inside which the connection closes.
    Cut(Bytes),
}

impl Step {
    /// Returns the step for an event given as a value. Its members are sorted by name; pass the
    /// text to [`Step::Event`] if their order matters.
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
    /// True to add the headers that the backend sends with every answer (limits, request id,
    /// model), except those in `headers`.
    pub default_headers: bool,
    /// The names of default headers to leave out.
    pub omitted_headers: Vec<String>,
    /// Bytes written before the head, such as an interim 103 response.
    pub preface: Bytes,
    /// The time before the head is sent.
    pub delay: Duration,
    /// The body.
    pub steps: Vec<Step>,
}

impl Script {
    /// Returns a stream of server-sent events with status 200.
    pub fn stream(steps: Vec<Step>) -> Self {
        Self::answer(200, "text/event-stream; charset=utf-8", steps)
    }

    /// Returns a stream of events, each given as JSON text.
    pub fn events<T: Into<String>>(events: impl IntoIterator<Item = T>) -> Self {
        Self::stream(events.into_iter().map(|text| Step::Event(text.into())).collect())
    }

    /// Returns an answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::answer(status, "application/json", vec![Step::Raw(body.to_string().into())])
    }

    /// Returns an answer with a body of any other type.
    pub fn body(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self::answer(status, media_type, vec![Step::Raw(body.into())])
    }

    /// Returns the answer for an error.
    pub(crate) fn refusal(refusal: &ErrorResponse) -> Self {
        Self::body(refusal.status, "application/json", refusal.body.text())
    }

    /// Adds a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves out all default headers.
    pub(crate) fn without_default_headers(mut self) -> Self {
        self.default_headers = false;
        self
    }

    /// Leaves out one of the default headers.
    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.omitted_headers.push(name.to_owned());
        self
    }

    /// Delays the head.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds a step at the end.
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
