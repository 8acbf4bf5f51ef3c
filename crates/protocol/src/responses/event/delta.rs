//! The fast path for delta events, which fill a stream: one pass, no serde.
//!
//! It accepts the backend's plain spelling, with known members in any order and no white space, and
//! returns `None` for everything else, which the general path then parses. So it may be as strict
//! as is convenient, and is correct as long as both paths agree on what it accepts: property tests
//! and a fuzz target compare them.

use super::body::{Body, Channel};
use crate::json::RawStr;

/// A parsed delta event.
pub(super) struct DeltaEvent<'a> {
    pub(super) kind: &'static str,
    pub(super) body: Body<'a>,
    pub(super) sequence_number: Option<u64>,
}

/// The kinds of events that carry a piece of text.
#[derive(Clone, Copy)]
enum DeltaKind {
    Text,
    Refusal,
    FunctionArguments,
    CustomInput,
    SummaryText,
    ReasoningText,
}

impl DeltaKind {
    /// Parses a kind and its closing quote; returns the rest after that.
    fn read(rest: &[u8]) -> Option<(Self, &[u8])> {
        // The kind is guessed from the first letters in which the names differ, then compared.
        let kind = match rest.get("response.".len()..)? {
            [b'o', ..] => Self::Text,
            [b'f', ..] => Self::FunctionArguments,
            [b'c', ..] => Self::CustomInput,
            [b'r', b'e', b'f', ..] => Self::Refusal,
            reasoning => match reasoning.get("reasoning_".len())? {
                b's' => Self::SummaryText,
                _ => Self::ReasoningText,
            },
        };
        let rest = rest.strip_prefix(kind.name().as_bytes())?.strip_prefix(b"\"")?;
        Some((kind, rest))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "response.output_text.delta",
            Self::Refusal => "response.refusal.delta",
            Self::FunctionArguments => "response.function_call_arguments.delta",
            Self::CustomInput => "response.custom_tool_call_input.delta",
            Self::SummaryText => "response.reasoning_summary_text.delta",
            Self::ReasoningText => "response.reasoning_text.delta",
        }
    }
}

/// The members of a delta event that are needed.
#[derive(Default)]
struct DeltaFields<'a> {
    kind: Option<DeltaKind>,
    output_index: Option<usize>,
    content_index: Option<usize>,
    summary_index: Option<usize>,
    delta: Option<RawStr<'a>>,
    sequence_number: Option<u64>,
}

/// Parses a delta event in the backend's plain spelling; returns `None` for any other data.
pub(super) fn read(data: &[u8]) -> Option<DeltaEvent<'_>> {
    let mut fields = DeltaFields::default();
    let mut rest = data.strip_prefix(b"{\"")?;
    loop {
        rest = match fields.member(rest)? {
            [b',', b'"', rest @ ..] => rest,
            [b'}'] => return fields.event(),
            _ => return None,
        };
    }
}

impl<'a> DeltaFields<'a> {
    /// Parses the member whose name begins `rest`; returns the rest after its value.
    fn member(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match rest {
            [b't', ..] => {
                let (kind, rest) = DeltaKind::read(rest.strip_prefix(b"type\":\"")?)?;
                set_once(&mut self.kind, kind)?;
                Some(rest)
            }
            [b'd', ..] => {
                let (delta, rest) = RawStr::read_prefix(rest.strip_prefix(b"delta\":\"")?)?;
                set_once(&mut self.delta, delta)?;
                Some(rest)
            }
            [b'o', b'u', ..] => {
                index(rest.strip_prefix(b"output_index\":")?, &mut self.output_index)
            }
            [b'c', b'o', ..] => {
                index(rest.strip_prefix(b"content_index\":")?, &mut self.content_index)
            }
            [b's', b'u', ..] => {
                index(rest.strip_prefix(b"summary_index\":")?, &mut self.summary_index)
            }
            [b's', ..] => {
                let (number, rest) = number(rest.strip_prefix(b"sequence_number\":")?)?;
                set_once(&mut self.sequence_number, number)?;
                Some(rest)
            }
            _ => skip_member(rest),
        }
    }

    /// Builds the event, if it had a kind and a delta.
    fn event(self) -> Option<DeltaEvent<'a>> {
        let (kind, delta) = (self.kind?, self.delta?);
        let output_index = self.output_index.unwrap_or(0);
        let content_index = self.content_index.unwrap_or(0);
        let summary_index = self.summary_index.unwrap_or(0);
        let body = match kind {
            DeltaKind::Text => Body::Text { output_index, content_index, delta },
            DeltaKind::Refusal => Body::Refusal { output_index, delta },
            DeltaKind::FunctionArguments | DeltaKind::CustomInput => {
                Body::Arguments { output_index, delta }
            }
            DeltaKind::SummaryText => {
                let (part, channel) = (summary_index, Channel::Summary);
                Body::Reasoning { output_index, part, channel, delta }
            }
            DeltaKind::ReasoningText => {
                let (part, channel) = (content_index, Channel::Raw);
                Body::Reasoning { output_index, part, channel, delta }
            }
        };
        Some(DeltaEvent { kind: kind.name(), body, sequence_number: self.sequence_number })
    }
}

/// Skips a member that no consumer needs, even if it occurs twice.
fn skip_member(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'i', ..] => RawStr::skip(rest.strip_prefix(b"item_id\":\"")?),
        [b'o', ..] => RawStr::skip(rest.strip_prefix(b"obfuscation\":\"")?),
        [b'l', ..] => rest.strip_prefix(b"logprobs\":[]"),
        [b'c', ..] => RawStr::skip(rest.strip_prefix(b"call_id\":\"")?),
        _ => None,
    }
}

/// Stores a value; `None` where there is one already, so that the general path refuses the event.
fn set_once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// Parses an index into `slot`; returns the rest after it.
fn index<'a>(rest: &'a [u8], slot: &mut Option<usize>) -> Option<&'a [u8]> {
    let (number, rest) = number(rest)?;
    set_once(slot, usize::try_from(number).ok()?)?;
    Some(rest)
}

/// The number of digits that fit `u64` whichever they are.
const DIGITS: usize = 19;

/// Parses an integer; returns the rest after it, from which the caller sees whether it was
/// complete.
fn number(rest: &[u8]) -> Option<(u64, &[u8])> {
    let (mut number, mut after, mut length) = (0_u64, rest, 0);
    while let [digit @ b'0'..=b'9', more @ ..] = after {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        (after, length) = (more, length + 1);
    }
    let whole = (1..=DIGITS).contains(&length) && (length == 1 || rest.first() != Some(&b'0'));
    whole.then_some((number, after))
}

#[cfg(test)]
mod tests;
