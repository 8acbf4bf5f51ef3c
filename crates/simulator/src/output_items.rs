//! The output items: their shapes, and the pieces of text that become deltas.

use crate::json::{Json, Members, members, object};

/// A call of a client's tool.
#[derive(Clone, Debug)]
pub(crate) struct ToolCall {
    /// The id that the output refers to.
    pub(crate) call_id: String,
    /// The tool's name.
    pub(crate) name: String,
    /// The namespace of the tool.
    pub(crate) namespace: Option<String>,
    /// The arguments as JSON text, or the input of a custom tool.
    pub(crate) text: String,
    /// True if the tool is a custom one.
    pub(crate) custom: bool,
}

impl ToolCall {
    fn kind(&self) -> &'static str {
        if self.custom { "custom_tool_call" } else { "function_call" }
    }

    /// Returns the item, with the arguments so far.
    pub(crate) fn item(&self, id: &str, text: &str, status: &str) -> Json {
        let mut members = members! {
            "type": self.kind(), "id": id, "call_id": &self.call_id, "name": &self.name,
        };
        if let Some(namespace) = &self.namespace {
            members.push(("namespace", namespace.into()));
        }
        members.push((if self.custom { "input" } else { "arguments" }, text.into()));
        members.push(("status", status.into()));
        Json::Object(members)
    }
}

/// An output item that has begun.
#[derive(Clone, Debug)]
pub(crate) struct OpenItem {
    /// Its index in the output.
    pub(crate) index: usize,
    /// Its id.
    pub(crate) id: String,
    /// The phase of a message, empty for none.
    pub(crate) phase: &'static str,
}

/// A call of a tool that runs on the server.
pub(crate) struct HostedCall<'a> {
    /// The item's `type`.
    pub(crate) kind: &'a str,
    /// The prefix of its id.
    pub(crate) prefix: &'a str,
    /// The progress events, by the last word of their kind.
    pub(crate) stages: Vec<(&'a str, Members)>,
    /// The members of the item that has begun, after its status.
    pub(crate) begun: Members,
    /// The members of the finished item after its status.
    pub(crate) result: Members,
}

/// Returns the position of a message's only part.
pub(crate) fn part_position(open: &OpenItem) -> Members {
    members! {"item_id": &open.id, "output_index": open.index, "content_index": 0_u64}
}

/// Returns the members with one more.
pub(crate) fn with_member(members: &Members, name: &'static str, value: Json) -> Members {
    let mut members = members.clone();
    members.push((name, value));
    members
}

/// Returns a message item.
pub(crate) fn message(id: &str, status: &str, phase: &str, content: Vec<Json>) -> Json {
    let mut item = members! {"type": "message", "id": id, "role": "assistant", "status": status};
    if !phase.is_empty() {
        item.push(("phase", phase.into()));
    }
    item.push(("content", content.into()));
    Json::Object(item)
}

/// Returns a text part of a message.
pub(crate) fn output_text(text: &str, annotations: Vec<Json>) -> Json {
    let logprobs = Vec::<Json>::new();
    object! {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs}
}

/// Splits a text as deltas would be: after spaces, and inside long words between characters.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    const MAX_CHARS: usize = 8;
    let mut pieces = Vec::new();
    let (mut start, mut chars) = (0, 0);
    for (at, letter) in text.char_indices() {
        if chars == MAX_CHARS {
            pieces.push(&text[start..at]);
            (start, chars) = (at, 0);
        }
        chars += 1;
        if letter == ' ' {
            let end = at + letter.len_utf8();
            pieces.push(&text[start..end]);
            (start, chars) = (end, 0);
        }
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}
