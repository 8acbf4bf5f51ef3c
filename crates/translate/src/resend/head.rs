//! The members of an item that decide if it fits, read without the rest of it.

use std::borrow::Cow;

use chatmock_protocol::json::{Text, members};

use crate::pairing::Link;
use crate::tool_names::MAX_CHARS;

/// The beginnings of ids that the backend takes, by the type of the item; other types have any id.
const PREFIXES: [(&str, &[&str]); 13] = [
    ("message", &["msg_"]),
    ("reasoning", &["rs_"]),
    ("function_call", &["fc_"]),
    ("function_call_output", &["fc_", "fco_"]),
    ("custom_tool_call", &["ctc_"]),
    ("custom_tool_call_output", &["ctc_", "ctco_"]),
    ("web_search_call", &["ws_"]),
    ("tool_search_call", &["tsc_"]),
    ("tool_search_output", &["tsc_", "tso_"]),
    ("local_shell_call", &["lsh_"]),
    ("compaction", &["cmp_"]),
    ("agent_message", &["amsg_"]),
    ("image_generation_call", &["ig_"]),
];

/// The head of an item.
#[derive(Debug, Default)]
pub(super) struct Head<'i> {
    /// The item's type; a message may leave it out.
    kind: Cow<'i, str>,
    pub(super) id: Option<Cow<'i, str>>,
    /// The id that joins call and result; empty for other items.
    pub(super) call_id: Cow<'i, str>,
    pub(super) name: Cow<'i, str>,
    role: Cow<'i, str>,
    /// True for reasoning with what only the backend can read.
    pub(super) encrypted: bool,
    /// True for an item with parts.
    pub(super) content: bool,
}

impl<'i> Head<'i> {
    /// Reads the head of an item; that of a value of another kind is empty.
    pub(super) fn of(item: &'i str) -> Self {
        let mut head = Self::default();
        for (name, value) in members(item) {
            match name {
                "type" => head.kind = text(value).unwrap_or_default(),
                "id" => head.id = text(value),
                "call_id" => head.call_id = text(value).unwrap_or_default(),
                "name" => head.name = text(value).unwrap_or_default(),
                "role" => head.role = text(value).unwrap_or_default(),
                "content" => head.content = value.starts_with('[') && value.len() > 2,
                "encrypted_content" => head.encrypted = value.starts_with('"') && value.len() > 2,
                _ => {}
            }
        }
        if head.kind.is_empty() && !head.role.is_empty() {
            head.kind = Cow::Borrowed("message");
        }
        head
    }

    /// The type of an item; empty where it says none, or has escapes in it, which no known type has.
    pub(super) fn kind_of(item: &str) -> &str {
        let kind = members(item).find(|(name, _)| *name == "type").map_or("", |(_, value)| value);
        kind.strip_prefix('"').and_then(|kind| kind.strip_suffix('"')).unwrap_or_default()
    }

    /// Returns whether it is a reference to a kept item.
    pub(super) fn is_reference(&self) -> bool {
        self.kind == "item_reference"
    }

    pub(super) fn is_reasoning(&self) -> bool {
        self.kind == "reasoning"
    }

    /// Returns whether it is a call of a client's tool.
    pub(super) fn is_call(&self) -> bool {
        matches!(&*self.kind, "function_call" | "custom_tool_call")
    }

    /// Returns whether the backend takes the item's id.
    pub(super) fn has_fitting_id(&self) -> bool {
        let Some(id) = &self.id else { return true };
        let prefixes = PREFIXES.iter().find(|(kind, _)| *kind == self.kind);
        let fits = |(_, prefixes): &(&str, &[&str])| prefixes.iter().any(|p| id.starts_with(p));
        id.chars().count() <= MAX_CHARS && prefixes.is_none_or(fits)
    }

    /// The part that the item has in a pair; one that is left out has none.
    pub(super) fn link(&self, left_out: bool) -> Link<'_> {
        let id = &*self.call_id;
        match &*self.kind {
            _ if left_out => Link::Other,
            "function_call" | "local_shell_call" => Link::Call { id, custom: false },
            "custom_tool_call" => Link::Call { id, custom: true },
            "function_call_output" | "custom_tool_call_output" => Link::Result { id },
            "message" if self.role != "assistant" => Link::Turn,
            _ => Link::Other,
        }
    }

    /// The type of a result whose call is of the other kind of tool.
    pub(super) fn other_kind(&self, custom: bool) -> Option<&'static str> {
        match (&*self.kind, custom) {
            ("function_call_output", true) => Some("custom_tool_call_output"),
            ("custom_tool_call_output", false) => Some("function_call_output"),
            _ => None,
        }
    }
}

/// The content of a string; `None` for another value.
fn text(value: &str) -> Option<Cow<'_, str>> {
    let inside = value.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str::<Text<'_>>(value).ok().map(|text| text.0)
}
