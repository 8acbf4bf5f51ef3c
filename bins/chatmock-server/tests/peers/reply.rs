//! An HTTP answer, with readers for its parts.

use chatmock_testkit::blocking::Connection;
use chatmock_testkit::client;
use serde_json::Value;

/// An answer that is complete.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// Reads the answer of a connection.
    pub(crate) fn of(mut connection: Connection) -> Self {
        Self::from(&connection.reply().unwrap())
    }

    /// Parses an answer, which must be complete.
    pub(crate) fn from(reply: &client::Reply) -> Self {
        assert!(reply.whole, "{reply:?}");
        Self { status: reply.status, body: reply.text() }
    }

    /// Returns the body of a successful answer.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the error of an answer with this status.
    pub(crate) fn error(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        let mut body: Value = serde_json::from_str(&self.body).unwrap();
        body["error"].take()
    }

    /// Returns the data of a stream's events, without `[DONE]`.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.body);
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let data = data.filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    /// Returns the lines of an Ollama stream.
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Joins the texts at one place of several values.
pub(crate) fn text(values: &[Value], place: &str) -> String {
    values.iter().filter_map(|value| value.pointer(place)?.as_str()).collect()
}
