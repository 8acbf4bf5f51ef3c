//! An answer over HTTP, taken apart.

use chatmock_testkit::blocking::Connection;
use chatmock_testkit::client;
use serde_json::Value;

/// An answer that came to its announced end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// Reads the answer of a connection.
    pub(crate) fn of(mut connection: Connection) -> Self {
        Self::from(&connection.reply().unwrap())
    }

    /// Takes an answer, which must be whole.
    pub(crate) fn from(reply: &client::Reply) -> Self {
        assert!(reply.whole, "{reply:?}");
        Self { status: reply.status, body: reply.text() }
    }

    /// The body of a whole answer that is no failure.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// The error of an answer with a status.
    pub(crate) fn error(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        let mut body: Value = serde_json::from_str(&self.body).unwrap();
        body["error"].take()
    }

    /// The data of a stream's events, without `[DONE]`.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.body);
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let data = data.filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    /// The lines of a stream of Ollama's.
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The texts at one place of many values, joined.
pub(crate) fn text(values: &[Value], place: &str) -> String {
    values.iter().filter_map(|value| value.pointer(place)?.as_str()).collect()
}
