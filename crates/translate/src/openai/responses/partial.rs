//! Messages whose text has begun and whose completed item has not come.

use std::collections::BTreeMap;

use bytes::Bytes;
use chatmock_protocol::json::{RawObject, raw};
use chatmock_protocol::sse::Frame;

use super::synthesized::{self, ItemDone, OutputText};
use crate::delta::Piece;

/// The position of a part of a message in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartIndex {
    pub(super) output_index: usize,
    pub(super) content_index: usize,
}

/// The text so far of every open message, by output index.
#[derive(Debug, Default)]
pub(super) struct Partials(BTreeMap<usize, Partial>);

/// One open message.
#[derive(Debug)]
pub(super) struct Partial {
    /// `response.output_item.added`.
    added: Frame,
    /// The text so far of each part, in order of content index, as written between the quotes of
    /// JSON. There is nearly always one, so that it is found sooner than in a tree.
    parts: Vec<(usize, String)>,
}

impl Partials {
    /// A message has begun.
    pub(super) fn begin(&mut self, index: usize, added: &Frame) {
        let partial = Partial { added: added.clone(), parts: Vec::new() };
        self.0.insert(index, partial);
    }

    /// Appends to the text of a part.
    pub(super) fn push(&mut self, part: PartIndex, piece: Piece<'_>) {
        match piece.raw() {
            Some(raw) => self.push_raw(part, raw),
            None => {
                // Text always serialises.
                let written = serde_json::to_string(piece.text()).unwrap_or_default();
                let inside = written.get(1..written.len().saturating_sub(1));
                self.push_raw(part, inside.unwrap_or_default());
            }
        }
    }

    /// Appends text as it is written in JSON; its escapes are read only if an end is synthesized.
    pub(super) fn push_raw(&mut self, part: PartIndex, raw: &str) {
        let PartIndex { output_index, content_index } = part;
        let Some(Partial { parts, .. }) = self.0.get_mut(&output_index) else { return };
        match parts.iter_mut().find(|(part, _)| *part == content_index) {
            Some((_, text)) => text.push_str(raw),
            None if raw.is_empty() => {}
            None => {
                let place = parts.partition_point(|(part, _)| *part < content_index);
                parts.insert(place, (content_index, raw.to_owned()));
            }
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
        let item = synthesized::item(&self.added)?;
        let members: RawObject<'_> = serde_json::from_str(item.get()).ok()?;
        members.text("id").map(|id| id.into_owned())
    }

    /// The text so far of each part, by content index.
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, String)> {
        // Each piece was read as JSON, so their sum can be.
        let text = |raw: &str| serde_json::from_str(&format!("\"{raw}\"")).unwrap_or_default();
        self.parts.iter().map(move |(index, raw)| (*index, text(raw)))
    }

    /// A `response.output_item.done` of the message as far as it came.
    pub(super) fn item_done(
        &self,
        output_index: usize,
        sequence_number: u64,
        status: &str,
    ) -> Option<Frame> {
        let mut item: RawObject<'_> =
            serde_json::from_str(synthesized::item(&self.added)?.get()).ok()?;
        let texts: Vec<String> = self.texts().map(|(_, text)| text).collect();
        let content: Vec<OutputText<'_>> = texts.iter().map(|text| OutputText::new(text)).collect();
        item.set("status", status).ok()?;
        item.set("content", &content).ok()?;
        let item = raw(&item).ok()?;
        let event = ItemDone::new(output_index, &item, sequence_number);
        Some(Frame::new(Bytes::from(serde_json::to_vec(&event).ok()?)))
    }
}
