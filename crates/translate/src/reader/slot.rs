//! The state of one output item while its events arrive.

use chatmock_protocol::json::{RawObject, RawValue};

use crate::delta::Annotation;

/// The state of one output item.
#[derive(Debug)]
pub(super) enum Slot {
    /// A message.
    Message(Message),
    /// Reasoning.
    Reasoning(Reasoning),
    /// A tool call.
    Call {
        /// Position among the reply's calls.
        index: usize,
        /// Bytes of the arguments that were written.
        sent: usize,
        /// True if its end is still to come.
        open: bool,
    },
    /// A generated image.
    Image {
        /// True if it was written.
        sent: bool,
    },
    /// A kind that no dialect words.
    Other,
}

/// The progress of a message.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// True if it is commentary that is not to be shown.
    pub(super) hidden: bool,
    /// Bytes of text that have arrived.
    pub(super) text: usize,
    /// Bytes of refusal that were written.
    pub(super) refusal: usize,
    /// Annotations that were written.
    pub(super) annotations: usize,
    /// Characters of the reply's text before this message.
    pub(super) base: u64,
    /// True if text was written whose end is still to come.
    pub(super) open: bool,
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

/// Reads an annotation; `base` is where its message begins in the reply's text.
pub(super) fn annotation(raw: &RawValue, base: u64) -> Annotation<'_> {
    citation(raw, base).unwrap_or(Annotation::Other(raw))
}

fn citation(raw: &RawValue, base: u64) -> Option<Annotation<'_>> {
    let members: RawObject<'_> = serde_json::from_str(raw.get()).ok()?;
    let place = |name: &str| members.get(name)?.get().parse::<u64>().ok();
    if members.text("type")? != "url_citation" {
        return None;
    }
    Some(Annotation::Citation {
        start: base + place("start_index")?,
        end: base + place("end_index")?,
        url: members.text("url")?.into_owned(),
        title: members.text("title").unwrap_or_default().into_owned(),
    })
}
