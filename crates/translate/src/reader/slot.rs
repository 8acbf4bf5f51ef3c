//! The state of one output item while its events arrive.

use chatmock_protocol::json::{RawObject, RawValue};

use super::call::Call;
use super::message::Message;
use crate::delta::Annotation;

/// The state of one output item.
#[derive(Debug)]
pub(super) enum Slot {
    /// A message.
    Message(Message),
    /// Reasoning.
    Reasoning(Reasoning),
    /// A tool call.
    Call(Call),
    /// A generated image.
    Image {
        /// True if it was written.
        sent: bool,
    },
    /// A search of the web.
    Search {
        /// True if it was reported.
        reported: bool,
    },
    /// A kind that no dialect words.
    Other,
}

/// The progress of an item of reasoning.
#[derive(Debug, Default)]
pub(super) struct Reasoning {
    /// True if any of it was written.
    pub(super) written: bool,
    /// True if its end was written.
    pub(super) ended: bool,
}

impl Slot {
    /// Makes the slot of a message that is shown.
    pub(super) fn message() -> Self {
        Self::Message(Message::default())
    }

    /// Makes the slot of reasoning.
    pub(super) fn reasoning() -> Self {
        Self::Reasoning(Reasoning::default())
    }
}

/// Returns the part of `whole` after the first `sent` bytes.
pub(super) fn remainder(whole: &str, sent: usize) -> &str {
    whole.get(sent..).unwrap_or_default()
}

/// Reads an annotation; `place` gives the place in the reply's text of one in the message's.
pub(super) fn annotation(raw: &RawValue, place: impl Fn(u64) -> u64) -> Annotation<'_> {
    citation(raw, place).unwrap_or(Annotation::Other(raw))
}

fn citation(raw: &RawValue, moved: impl Fn(u64) -> u64) -> Option<Annotation<'_>> {
    let members: RawObject<'_> = serde_json::from_str(raw.get()).ok()?;
    let place = |name: &str| Some(moved(members.get(name)?.get().parse::<u64>().ok()?));
    if members.text("type")? != "url_citation" {
        return None;
    }
    Some(Annotation::Citation {
        start: place("start_index")?,
        end: place("end_index")?,
        url: members.text("url")?.into_owned(),
        title: members.text("title").unwrap_or_default().into_owned(),
    })
}
