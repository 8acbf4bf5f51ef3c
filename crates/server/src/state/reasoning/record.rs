//! Records: what the model thought in its answers to one request, and before which calls.

use std::borrow::Cow;

use bytes::Bytes;
use chatmock_protocol::json::{RawStr, RawString, RawValue, raw};
use chatmock_protocol::responses::OutputItem;
use chatmock_protocol::responses::item::{InputItem, OutputKind, SummaryPart};
use serde::{Deserialize, Serialize};

use super::transcript::{Answer, Call, Place};

/// The most answers to one request that are remembered: choices, or the same question of several agents.
const ANSWERS: usize = 8;

/// The answers to one request, the oldest first.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct Record {
    answers: Vec<Thought>,
}

/// What was thought in one answer.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Thought {
    calls: Vec<KeptCall>,
    reasoning: Vec<KeptReasoning>,
    /// Reasoning that no other item has followed yet.
    #[serde(skip)]
    pending: Vec<Box<RawValue>>,
    /// True once there was an item that is neither reasoning nor a call.
    #[serde(skip)]
    has_text: bool,
}

/// A call, by which an answer is recognised.
#[derive(Deserialize, Serialize)]
struct KeptCall {
    id: String,
    name: String,
    arguments: String,
}

/// A reasoning item and its place.
#[derive(Deserialize, Serialize)]
struct KeptReasoning {
    /// The number of the call that it comes before; `None` at the beginning of the answer.
    before: Option<usize>,
    item: Box<RawValue>,
}

impl Record {
    /// Reads a record; one of another shape holds nothing.
    pub(super) fn read(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// Adds an answer, in place of the oldest where there would be too many.
    pub(super) fn with(mut self, thought: Thought) -> Self {
        self.answers.push(thought);
        let over = self.answers.len().saturating_sub(ANSWERS);
        self.answers.drain(..over);
        self
    }

    pub(super) fn to_bytes(&self) -> Option<Bytes> {
        serde_json::to_vec(self).ok().map(Bytes::from)
    }

    /// Gives the places of what was thought in an answer; none where the client sent reasoning itself, or where the answer
    /// is not there with all of its calls.
    pub(super) fn place(self, answer: &Answer<'_>, places: &mut Vec<Place>) {
        let same = |thought: &Thought| thought.is_of(answer);
        let Some(thought) = self.answers.into_iter().rev().find(same) else { return };
        for KeptReasoning { before, item } in thought.reasoning {
            let call = before.and_then(|number| answer.calls.get(number));
            places.push(Place { at: call.map_or(answer.start, |call| call.at), item });
        }
    }
}

impl Thought {
    /// Takes note of a finished item of the answer.
    pub(crate) fn note(&mut self, item: &OutputItem<'_>) {
        match &item.kind {
            OutputKind::Reasoning { id, encrypted_content: Some(encrypted), summary, .. } => {
                let id = id.as_deref().map(Into::into);
                self.pending.extend(reasoning(id, summary, *encrypted));
            }
            OutputKind::Reasoning { .. } => {}
            OutputKind::Call { call_id, name, arguments, .. } => {
                let before = (!self.calls.is_empty() || self.has_text).then_some(self.calls.len());
                self.place(before);
                let arguments = arguments.map(RawStr::to_text);
                self.calls.push(KeptCall {
                    id: call_id.to_string(),
                    name: name.to_string(),
                    arguments: arguments.unwrap_or_default(),
                });
            }
            OutputKind::Message { .. } if !self.has_text && self.calls.is_empty() => {
                self.has_text = true;
                self.place(None);
            }
            // Clients do not send back what followed this reasoning, or have no place for it within an answer.
            _ => {
                self.has_text = true;
                self.pending.clear();
            }
        }
    }

    fn place(&mut self, before: Option<usize>) {
        let placed = self.pending.drain(..).map(|item| KeptReasoning { before, item });
        self.reasoning.extend(placed);
    }

    pub(super) fn is_worth_keeping(&self) -> bool {
        !self.calls.is_empty() && !self.reasoning.is_empty()
    }

    /// Whether this was thought in an answer: all of its calls are there, and no others. They are compared by their
    /// ids, or by what they call where a client gave them ids of its own, as clients of Ollama do.
    fn is_of(&self, answer: &Answer<'_>) -> bool {
        self.calls.len() == answer.calls.len()
            && self.calls.iter().zip(&answer.calls).all(|(kept, call)| kept.is(call))
    }
}

impl KeptCall {
    fn is(&self, call: &Call<'_>) -> bool {
        if *call.id == *self.id {
            return true;
        }
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let arguments = call.arguments.map(RawStr::to_text).unwrap_or_default();
        *call.name == *self.name
            && (arguments == self.arguments
                || parsed(&arguments).is_some_and(|given| Some(given) == parsed(&self.arguments)))
    }
}

/// Writes a reasoning item as the backend takes it back.
fn reasoning(
    id: Option<Cow<'_, str>>,
    summary: &[RawStr<'_>],
    encrypted: RawStr<'_>,
) -> Option<Box<RawValue>> {
    let owned = |text: &RawStr<'_>| RawString::from(text.to_text());
    let part = |text| SummaryPart::SummaryText { text: owned(text) };
    let item = InputItem::Reasoning {
        id,
        summary: summary.iter().map(part).collect(),
        encrypted_content: Some(owned(&encrypted)),
    };
    raw(&item).ok()
}
