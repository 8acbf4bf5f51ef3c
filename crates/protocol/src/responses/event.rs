//! Stream events: the kind, phase and payload of each, read once for every consumer.
//!
//! Events are read by hand-written dispatch on the leading `type`, with a small struct for each
//! kind that someone needs. serde's own `tag` was tried and took 739 ns against 198 ns for an
//! event, since it buffers the whole object before it knows the kind; it also cannot keep raw
//! values. Delta events, which fill a stream, have a faster path of their own in `delta`; it
//! accepts only the backend's usual spelling, and a property test compares it with the general
//! path.

mod body;
mod delta;

use std::borrow::Cow;

use serde::Deserialize;

use crate::json::Text;
use crate::sse::Frame;

use body::is_private;
use delta::DeltaEvent;

pub use body::{Body, Channel};

/// The part of a response to which an event belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before any output: events may be held back, and the turn may still be retried.
    Handshake,
    /// Output, or something about it.
    Output,
    /// The response's last event.
    End,
}

/// One event, borrowed from its frame.
#[derive(Debug)]
pub struct Event<'a> {
    /// The `type`, such as `response.output_text.delta`.
    pub kind: Cow<'a, str>,
    /// The payload.
    pub body: Body<'a>,
    /// The `sequence_number`, if it was found on the way: only the fast path for deltas reads it.
    pub sequence_number: Option<u64>,
}

impl<'a> Event<'a> {
    /// Parses the event of a frame.
    ///
    /// # Errors
    /// When the data is not JSON of the shape that its `type` requires. `[DONE]` and other text
    /// that is not an object is no error but [`Body::Private`]: this API has no such event, but
    /// some servers send it.
    pub fn parse(frame: &'a Frame) -> Result<Self, serde_json::Error> {
        match delta::read(frame.data()) {
            Some(DeltaEvent { kind, body, sequence_number }) => {
                Ok(Self { kind: Cow::Borrowed(kind), body, sequence_number })
            }
            None => Self::parse_typed(frame.text()),
        }
    }

    /// Parses an event of any kind, member by member.
    fn parse_typed(text: &'a str) -> Result<Self, serde_json::Error> {
        if !is_object(text) {
            return Ok(Self {
                kind: Cow::Borrowed(""),
                body: Body::Private,
                sequence_number: None,
            });
        }
        let kind = kind(text)?;
        let body = Body::read(&kind, text)?;
        Ok(Self { kind, body, sequence_number: None })
    }

    /// Returns whether the event of a frame belongs to [`Phase::Handshake`], by its kind alone. The payload
    /// is not parsed, since it repeats the whole request and will be parsed later; it may be
    /// invalid.
    ///
    /// # Errors
    /// When the kind is not in its usual place and the data is not JSON.
    pub fn is_handshake(frame: &Frame) -> Result<bool, serde_json::Error> {
        let text = frame.text();
        if !is_object(text) {
            return Ok(true);
        }
        let kind = kind(text)?;
        let begins =
            matches!(&*kind, "response.created" | "response.in_progress" | "response.queued");
        Ok(begins || is_private(&kind))
    }

    /// The part of the response to which this event belongs.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &self.body {
            Body::Created(_) | Body::Progress | Body::Private => Phase::Handshake,
            Body::Completed(_) | Body::Incomplete(_) | Body::Failed(_) | Body::Error(_) => {
                Phase::End
            }
            _ => Phase::Output,
        }
    }
}

fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

#[derive(Deserialize)]
struct KindOnly<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Text<'a>>,
}

/// Returns the kind, without parsing where it comes first, as it always does on this backend.
fn kind(text: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    if let Some(rest) = text.strip_prefix("{\"type\":\"")
        && let Some((kind, _)) = rest.split_once('"')
        && !kind.contains('\\')
    {
        return Ok(Cow::Borrowed(kind));
    }
    Ok(serde_json::from_str::<KindOnly<'_>>(text)?.kind.unwrap_or_default().0)
}

#[cfg(test)]
mod tests;
