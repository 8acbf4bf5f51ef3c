//! Transcripts: a request's input, split into items, with a hash of all that comes before each answer.

use std::fmt::Write;

use chatmock_protocol::json::{self, RawStr, RawValue, Text};
use chatmock_protocol::responses::Request;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The members of a request that come before its conversation in what the model reads.
const PREAMBLE: [&str; 3] = ["model", "instructions", "tools"];

/// The input of a request.
pub(super) struct Transcript<'r> {
    preamble: Sha256,
    items: Vec<&'r str>,
}

/// The items of one answer of the model within a transcript.
pub(super) struct Answer<'r> {
    /// The position of the first.
    pub(super) start: usize,
    /// The calls, in order.
    pub(super) calls: Vec<Call<'r>>,
    /// True if the client sent reasoning itself.
    pub(super) has_reasoning: bool,
}

/// A call of a tool within an answer.
pub(super) struct Call<'r> {
    /// Its position among the items.
    pub(super) at: usize,
    pub(super) id: Text<'r>,
    pub(super) name: Text<'r>,
    /// Arguments, or freeform input.
    pub(super) arguments: Option<RawStr<'r>>,
}

/// Reasoning to be put before the item at a position.
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) item: Box<RawValue>,
}

/// The members of an item that say whose it is.
#[derive(Deserialize)]
struct Item<'r> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Text<'r>>,
    #[serde(borrow, default)]
    role: Option<Text<'r>>,
    #[serde(borrow, default)]
    call_id: Option<Text<'r>>,
    #[serde(borrow, default)]
    name: Option<Text<'r>>,
    #[serde(borrow, default)]
    arguments: Option<RawStr<'r>>,
    #[serde(borrow, default)]
    input: Option<RawStr<'r>>,
}

impl<'r> Transcript<'r> {
    /// Splits a request's input; `None` where it is no list.
    pub(super) fn read(request: &'r Request<'_>) -> Option<Self> {
        let input = request.get("input")?.get();
        let items: Vec<&str> = input.starts_with('[').then(|| json::items(input).collect())?;
        let mut preamble = Sha256::new();
        for member in PREAMBLE {
            add(&mut preamble, request.get(member).map_or("", RawValue::get));
        }
        Some(Self { preamble, items })
    }

    /// Shows each answer of the model, with the hash of everything before it; returns the hash of everything.
    pub(super) fn answers(&self, mut show: impl FnMut(String, &Answer<'r>)) -> String {
        let mut hash = self.preamble.clone();
        let mut answer: Option<(Sha256, Answer<'r>)> = None;
        for (at, text) in self.items.iter().enumerate() {
            let item = serde_json::from_str::<Item<'_>>(text).ok();
            match item.filter(Item::is_of_the_model) {
                Some(item) => {
                    let begin = || (hash.clone(), Answer::at(at));
                    answer.get_or_insert_with(begin).1.add(at, item);
                }
                None => {
                    if let Some((before, answer)) = answer.take() {
                        show(hex(before), &answer);
                    }
                }
            }
            add(&mut hash, text);
        }
        hex(hash)
    }

    /// The input with reasoning at its places, which are in order; `None` where there is none.
    pub(super) fn with(&self, places: &[Place]) -> Option<Box<RawValue>> {
        if places.is_empty() {
            return None;
        }
        let (mut list, mut places) = (String::from("["), places.iter().peekable());
        let mut write = |text: &str| {
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(text);
        };
        for (at, text) in self.items.iter().enumerate() {
            while let Some(place) = places.next_if(|place| place.at <= at) {
                write(place.item.get());
            }
            write(text);
        }
        list.push(']');
        RawValue::from_string(list).ok()
    }
}

impl Item<'_> {
    fn is_of_the_model(&self) -> bool {
        match self.kind.as_deref() {
            None | Some("message") => self.role.as_deref() == Some("assistant"),
            Some(kind) => !kind.ends_with("_output"),
        }
    }
}

impl<'r> Answer<'r> {
    fn at(start: usize) -> Self {
        Self { start, calls: Vec::new(), has_reasoning: false }
    }

    fn add(&mut self, at: usize, item: Item<'r>) {
        match item.kind.as_deref() {
            Some("reasoning") => self.has_reasoning = true,
            Some("function_call" | "custom_tool_call") => {
                let (Some(id), Some(name)) = (item.call_id, item.name) else { return };
                let arguments = item.arguments.or(item.input);
                self.calls.push(Call { at, id, name, arguments });
            }
            _ => {}
        }
    }
}

/// Adds a text with its length, so that no two lists of texts give the same bytes.
fn add(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

fn hex(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
