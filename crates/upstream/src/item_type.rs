//! The `type` and `name` of an item, a tool or a choice, read without the rest of it.

use chatmock_protocol::json::{RawValue, Text};
use serde::Deserialize;

/// The members by which an object says what it is.
#[derive(Deserialize)]
pub(crate) struct ItemType<'b> {
    #[serde(borrow, rename = "type", default)]
    pub(crate) kind: Option<Text<'b>>,
    #[serde(borrow, default)]
    pub(crate) name: Option<Text<'b>>,
}

impl ItemType<'_> {
    /// Reads the type of an object; `None` for a value that is not an object.
    pub(crate) fn of(value: &RawValue) -> Option<ItemType<'_>> {
        serde_json::from_str(value.get()).ok()
    }

    /// Returns whether the type is one of `kinds`.
    pub(crate) fn is(&self, kinds: &[&str]) -> bool {
        self.kind.as_deref().is_some_and(|kind| kinds.contains(&kind))
    }
}
