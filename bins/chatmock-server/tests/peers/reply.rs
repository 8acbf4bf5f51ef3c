//! An answer over HTTP, taken apart.

use serde_json::Value;

/// An answer that came to its announced end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// Takes the whole text of an answer apart.
    pub(crate) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
        let body = if chunked { joined(body.as_bytes()) } else { body.to_owned() };
        Self { status, body }
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

/// Joins the chunks of a body; the last must be there.
fn joined(mut rest: &[u8]) -> String {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        let start = end + 2;
        if size == 0 {
            return String::from_utf8(body).unwrap();
        }
        body.extend(&rest[start..start + size]);
        rest = &rest[start + size + 2..];
    }
}
