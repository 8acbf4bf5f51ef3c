//! Streams, read strictly: frames of server-sent events, and lines.

use chatmock_testkit::client::Reply;
use serde_json::Value;

/// One server-sent event: its name, if it has one, and its JSON.
pub(super) struct Event {
    pub(super) name: Option<String>,
    pub(super) data: Value,
}

/// Reads the events of a stream; returns them, and whether `[DONE]` came last.
pub(super) fn events(reply: &Reply) -> Result<(Vec<Event>, bool), String> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| "the stream is not UTF-8")?;
    let text = text.replace("\r\n", "\n");
    if !text.ends_with("\n\n") {
        return Err("the stream does not end with the end of an event".to_owned());
    }
    let (mut events, mut done) = (Vec::new(), false);
    for frame in text.split("\n\n").filter(|frame| !frame.trim().is_empty()) {
        if let Some(event) = event(frame, done)? {
            done |= event.data.is_null();
            events.extend(Some(event).filter(|event| !event.data.is_null()));
        }
    }
    Ok((events, done))
}

/// Reads one frame; `[DONE]` becomes an event of `null`, a comment none.
fn event(frame: &str, done: bool) -> Result<Option<Event>, String> {
    let (mut name, mut data) = (None, Vec::new());
    for line in frame.lines() {
        match line.split_once(':') {
            Some(("", _)) => {}
            Some(("data", value)) => data.push(value.strip_prefix(' ').unwrap_or(value)),
            Some(("event", value)) => name = Some(value.trim().to_owned()),
            Some(("id" | "retry", _)) => {}
            _ => return Err(format!("{line:?} is no line of an event")),
        }
    }
    if data.is_empty() {
        return Ok(None);
    }
    if done {
        return Err("something follows [DONE]".to_owned());
    }
    let data = data.join("\n");
    if data == "[DONE]" {
        return Ok(Some(Event { name, data: Value::Null }));
    }
    let value = serde_json::from_str(&data).map_err(|_| format!("{data:?} is no JSON"))?;
    Ok(Some(Event { name, data: value }))
}

/// Reads a stream of lines.
pub(super) fn lines(reply: &Reply) -> Result<Vec<Value>, String> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| "the stream is not UTF-8")?;
    let read = |line: &str| serde_json::from_str(line).map_err(|_| format!("{line:?} is no JSON"));
    text.lines().filter(|line| !line.is_empty()).map(read).collect()
}
