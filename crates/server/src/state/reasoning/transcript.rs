//! Transcripts: a request's input, split into items, with a hash of all that comes before each answer.

use std::borrow::Cow;
use std::fmt::Write;

use chatmock_protocol::json::{self, RawStr, RawValue, Text};
use chatmock_protocol::responses::Request;
use ring::digest::{Context, SHA256};

/// The members of a request that come before its conversation in what the model reads.
const PREAMBLE: [&str; 3] = ["model", "instructions", "tools"];

/// The input of a request.
pub(super) struct Transcript<'r> {
    /// Every request that offers tools is hashed from its first byte to its last, by ring: it is nearly twice as fast as
    /// `sha2` on a processor without instructions for SHA-256. A hash that is no cryptographic one would be faster
    /// still, but whoever can make two histories with one name could have a thought put into the wrong one.
    preamble: Context,
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
#[derive(Default)]
struct Item<'r> {
    kind: Option<Text<'r>>,
    role: Option<Text<'r>>,
    call_id: Option<Text<'r>>,
    name: Option<Text<'r>>,
    arguments: Option<RawStr<'r>>,
    input: Option<RawStr<'r>>,
}

impl<'r> Transcript<'r> {
    /// Splits a request's input; `None` where it is no list.
    pub(super) fn read(request: &'r Request<'_>) -> Option<Self> {
        let input = request.get("input")?.get();
        let items: Vec<&str> = input.starts_with('[').then(|| json::items(input).collect())?;
        let mut preamble = Context::new(&SHA256);
        for member in PREAMBLE {
            add(&mut preamble, request.get(member).map_or("", RawValue::get));
        }
        Some(Self { preamble, items })
    }

    /// Shows each answer of the model to which reasoning may be put back, with the hash of everything before it; returns
    /// the hash of everything. Only reasoning before calls is kept, so other answers are skipped.
    pub(super) fn answers(&self, mut show: impl FnMut(String, &Answer<'r>)) -> String {
        let mut hash = self.preamble.clone();
        let mut answer: Option<(Context, Answer<'r>)> = None;
        for (at, text) in self.items.iter().enumerate() {
            match Item::read(text).filter(Item::is_of_the_model) {
                Some(item) => {
                    let begin = || (hash.clone(), Answer::at(at));
                    answer.get_or_insert_with(begin).1.add(at, item);
                }
                None => {
                    if let Some((before, answer)) =
                        answer.take().filter(|(_, found)| found.is_open())
                    {
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

impl<'r> Item<'r> {
    /// Reads an item; `None` where a member is not what it should be. The content of messages, which is nearly all of a
    /// conversation, is skipped and not parsed.
    fn read(text: &'r str) -> Option<Self> {
        let mut item = Self::default();
        for (name, value) in json::members(text) {
            match &*unescaped(name)? {
                "type" => item.kind = serde_json::from_str(value).ok()?,
                "role" => item.role = serde_json::from_str(value).ok()?,
                "call_id" => item.call_id = serde_json::from_str(value).ok()?,
                "name" => item.name = serde_json::from_str(value).ok()?,
                "arguments" => item.arguments = serde_json::from_str(value).ok()?,
                "input" => item.input = serde_json::from_str(value).ok()?,
                _ => {}
            }
        }
        Some(item)
    }

    fn is_of_the_model(&self) -> bool {
        match self.kind.as_deref() {
            None | Some("message") => self.role.as_deref() == Some("assistant"),
            Some(kind) => !kind.ends_with("_output"),
        }
    }
}

/// The name of a member, whose escapes the scan keeps.
fn unescaped(name: &str) -> Option<Cow<'_, str>> {
    if name.contains('\\') {
        return serde_json::from_str::<String>(&format!("\"{name}\"")).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(name))
}

impl<'r> Answer<'r> {
    /// Returns whether reasoning may be put back into this answer: it has calls, and the client sent none itself.
    fn is_open(&self) -> bool {
        !self.calls.is_empty() && !self.has_reasoning
    }

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
fn add(hash: &mut Context, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn hex(hash: Context) -> String {
    hash.finish().as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
