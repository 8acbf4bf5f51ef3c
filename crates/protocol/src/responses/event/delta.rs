//! Delta events read in one pass: the lines that fill a stream, as the backend writes them.

use super::body::{Body, Channel};
use crate::json::RawStr;

/// A delta event, read.
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
    /// Reads a kind up to its closing quote; gives what follows that.
    fn read(rest: &[u8]) -> Option<(Self, &[u8])> {
        // The first letters in which the names differ.
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

/// The members of such an event, as far as they are needed.
#[derive(Default)]
struct DeltaFields<'a> {
    kind: Option<DeltaKind>,
    output_index: Option<usize>,
    content_index: Option<usize>,
    summary_index: Option<usize>,
    delta: Option<RawStr<'a>>,
    sequence_number: Option<u64>,
}

/// Reads a delta event of plain shape: known members in any order, without white space.
///
/// All else is `None` and left to the typed reading, which gives the same for what is taken here.
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
    /// Takes the member whose name begins `rest`; gives what follows its value.
    fn member(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match rest {
            [b't', ..] => {
                let (kind, rest) = DeltaKind::read(rest.strip_prefix(b"type\":\"")?)?;
                once(&mut self.kind, kind)?;
                Some(rest)
            }
            [b'd', ..] => {
                let (delta, rest) = RawStr::read_prefix(rest.strip_prefix(b"delta\":\"")?)?;
                once(&mut self.delta, delta)?;
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
                once(&mut self.sequence_number, number)?;
                Some(rest)
            }
            _ => unneeded(rest),
        }
    }

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

/// Passes over a member that no one needs, also where it occurs twice.
fn unneeded(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'i', ..] => RawStr::skip(rest.strip_prefix(b"item_id\":\"")?),
        [b'o', ..] => RawStr::skip(rest.strip_prefix(b"obfuscation\":\"")?),
        [b'l', ..] => rest.strip_prefix(b"logprobs\":[]"),
        [b'c', ..] => RawStr::skip(rest.strip_prefix(b"call_id\":\"")?),
        _ => None,
    }
}

/// Keeps a value unless there is one: a second one is for the typed reading to refuse.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn index<'a>(rest: &'a [u8], slot: &mut Option<usize>) -> Option<&'a [u8]> {
    let (number, rest) = number(rest)?;
    once(slot, usize::try_from(number).ok()?)?;
    Some(rest)
}

/// The most digits that fit `u64` whatever they are.
const DIGITS: usize = 19;

/// Reads a whole number; what follows it shows whether that was all of it.
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
