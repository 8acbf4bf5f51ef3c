//! Stream events: the kind, phase and payload of each, read once for every consumer.

mod body;
mod delta;

use std::borrow::Cow;

use serde::Deserialize;

use crate::json::Text;
use crate::sse::Frame;

use body::is_private;
use delta::DeltaEvent;

pub use body::{Body, Channel};

/// Where in a response an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before any output: may be held back, and the turn may still be tried again.
    Handshake,
    /// Output, or something that belongs to it.
    Output,
    /// The response's last event.
    End,
}

/// One event, borrowed from its frame.
#[derive(Debug)]
pub struct Event<'a> {
    /// The `type`, such as `response.output_text.delta`.
    pub kind: Cow<'a, str>,
    /// What the event says.
    pub body: Body<'a>,
    /// The `sequence_number`, where it was met on the way; it is not looked for.
    pub sequence_number: Option<u64>,
}

impl<'a> Event<'a> {
    /// Reads the event of a frame.
    ///
    /// # Errors
    /// When the data is not JSON of the shape that its `type` demands. `[DONE]` and other text
    /// that is no JSON object is not an error but [`Body::Private`], since this API has no such
    /// event and some servers send it all the same.
    pub fn parse(frame: &'a Frame) -> Result<Self, serde_json::Error> {
        match delta::read(frame.data()) {
            Some(DeltaEvent { kind, body, sequence_number }) => {
                Ok(Self { kind: Cow::Borrowed(kind), body, sequence_number })
            }
            None => Self::parse_typed(frame.text()),
        }
    }

    /// Reads any event, its members one by one.
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

    /// Whether the event of a frame is one of [`Phase::Handshake`]. Its kind alone tells: what the
    /// event holds is not read, and may turn out to be unreadable.
    ///
    /// # Errors
    /// When a kind is not found at its usual place and the data is not JSON.
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

    /// Where in the response this event stands.
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

/// The kind without a parse where it leads, as it always does on this backend.
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
