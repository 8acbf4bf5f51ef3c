//! Messages whose text has begun and whose finished item has not come.

use std::collections::BTreeMap;

use bytes::Bytes;
use chatmock_protocol::json::{Members, raw};
use chatmock_protocol::sse::Frame;

use super::made::{self, ItemDone, OutputText};

/// The text so far of every open message, by output index.
#[derive(Debug, Default)]
pub(super) struct Partials(BTreeMap<usize, Partial>);

/// One open message.
#[derive(Debug)]
pub(super) struct Partial {
    /// `response.output_item.added`.
    added: Frame,
    /// The text so far of each part, by content index.
    pub(super) parts: BTreeMap<usize, String>,
}

impl Partials {
    /// A message has begun.
    pub(super) fn begin(&mut self, index: usize, added: &Frame) {
        let partial = Partial { added: added.clone(), parts: BTreeMap::new() };
        self.0.insert(index, partial);
    }

    /// Its text goes on.
    pub(super) fn text(&mut self, index: usize, content_index: usize, text: &str) {
        if let Some(partial) = self.0.get_mut(&index) {
            partial.parts.entry(content_index).or_default().push_str(text);
        }
    }

    /// Its finished item has come.
    pub(super) fn done(&mut self, index: usize) {
        self.0.remove(&index);
    }

    /// The open messages that have text.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Partial)> {
        let spoken = self.0.iter().filter(|(_, partial)| !partial.parts.is_empty());
        spoken.map(|(index, partial)| (*index, partial))
    }
}

impl Partial {
    /// The message's id, where the backend gave one.
    pub(super) fn id(&self) -> Option<String> {
        let item = made::item(&self.added)?;
        let members: Members<'_> = serde_json::from_str(item.get()).ok()?;
        members.text("id").map(|id| id.into_owned())
    }

    /// A `response.output_item.done` of the message as far as it came.
    pub(super) fn item_done(&self, output_index: usize, sequence_number: u64) -> Option<Frame> {
        let mut item: Members<'_> = serde_json::from_str(made::item(&self.added)?.get()).ok()?;
        let content: Vec<OutputText<'_>> =
            self.parts.values().map(|text| OutputText::new(text)).collect();
        item.set("status", "incomplete").ok()?;
        item.set("content", &content).ok()?;
        let item = raw(&item).ok()?;
        let event = ItemDone::new(output_index, &item, sequence_number);
        Some(Frame::new(Bytes::from(serde_json::to_vec(&event).ok()?)))
    }
}
