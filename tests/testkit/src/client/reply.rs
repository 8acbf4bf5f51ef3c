//! An answer, with what tests ask of it.

use bytes::Bytes;
use serde_json::Value;

/// An answer; one whose head alone was read has an empty body that is not whole.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body that arrived, without the framing of chunks.
    pub body: Bytes,
    /// Whether the body came to its announced end.
    pub whole: bool,
}

impl Reply {
    /// The first value of a header, in whichever case its name is given.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        headers.next().map(|(_, value)| value.as_str())
    }

    /// Returns whether the server closes the connection afterwards.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; anything else stops the test.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} and no JSON: {}", self.status, self.text()))
    }

    /// The JSON of every server-sent event, without `[DONE]`; anything else stops the test.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = |event: &str| {
            let lines = event.lines().filter_map(|line| line.strip_prefix("data: "));
            lines.collect::<Vec<_>>().join("\n")
        };
        let events = text.split("\n\n").map(data);
        let events = events.filter(|data| !(data.is_empty() || data == "[DONE]"));
        events.map(|data| parsed(&data)).collect()
    }

    /// The JSON of every line; anything else stops the test.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().map(parsed).collect()
    }

    /// The error of an OpenAI-shaped failure: status, `type`, `code` and `param`.
    #[must_use]
    pub fn error(&self) -> (u16, String, Value, Value) {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|words| !words.is_empty()), "{error}");
        let kind = error["type"].as_str().unwrap().to_owned();
        (self.status, kind, error["code"].clone(), error["param"].clone())
    }

    /// The message of a failure, in OpenAI's shape or in Ollama's.
    #[must_use]
    pub fn message(&self) -> String {
        let error = &self.json()["error"];
        error["message"].as_str().or(error.as_str()).unwrap().to_owned()
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}
