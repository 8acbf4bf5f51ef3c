//! Stream events: the kind, phase and payload of each, read once for every consumer.

mod delta;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::item::OutputItem;
use super::{ApiError, Response};
use crate::json::{RawStr, Text};
use crate::sse::Frame;

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

/// Which kind of reasoning text a delta carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A summary made for people.
    Summary,
    /// The model's own text, as open-weight models give it.
    Raw,
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

/// The payload of an event, as far as a consumer needs it.
///
/// What comes once in a response is boxed, so that the thousands of others are small.
#[derive(Debug)]
pub enum Body<'a> {
    /// `response.created`.
    Created(Box<Response<'a>>),
    /// `response.in_progress`, `response.queued`.
    Progress,
    /// `response.output_item.added`: an item has begun.
    ItemAdded {
        /// Position in the output.
        output_index: usize,
        /// The item, its parts still empty.
        item: OutputItem<'a>,
    },
    /// `response.output_item.done`: the authoritative copy of an item.
    ItemDone {
        /// Position in the output.
        output_index: usize,
        /// The finished item.
        item: OutputItem<'a>,
    },
    /// `response.output_text.delta`.
    Text {
        /// Position in the output.
        output_index: usize,
        /// Position in the message.
        content_index: usize,
        /// The next piece of text.
        delta: RawStr<'a>,
    },
    /// `response.refusal.delta`.
    Refusal {
        /// Position in the output.
        output_index: usize,
        /// The next piece of the refusal.
        delta: RawStr<'a>,
    },
    /// `response.output_text.annotation.added`.
    Annotation {
        /// Position in the output.
        output_index: usize,
        /// The annotation object.
        annotation: &'a RawValue,
    },
    /// `response.reasoning_summary_text.delta`, `response.reasoning_text.delta`.
    Reasoning {
        /// Position in the output.
        output_index: usize,
        /// Position of the part in the reasoning item.
        part: usize,
        /// Summary or raw text.
        channel: Channel,
        /// The next piece of text.
        delta: RawStr<'a>,
    },
    /// `response.function_call_arguments.delta`, `response.custom_tool_call_input.delta`.
    Arguments {
        /// Position in the output.
        output_index: usize,
        /// The next piece of the arguments.
        delta: RawStr<'a>,
    },
    /// `response.function_call_arguments.done`, `response.custom_tool_call_input.done`.
    ArgumentsDone {
        /// Position in the output.
        output_index: usize,
        /// The whole arguments.
        arguments: RawStr<'a>,
    },
    /// `response.completed`, or `response.done`.
    Completed(Box<Response<'a>>),
    /// `response.incomplete`.
    Incomplete(Box<Response<'a>>),
    /// `response.failed`.
    Failed(Box<Response<'a>>),
    /// `error`, in either of its two shapes.
    Error(Box<ApiError>),
    /// Meant for the backend's own client: limits, metadata, timing, keep-alive.
    Private,
    /// Everything else: `done` copies of text, parts, tool progress, kinds not known here.
    Other,
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
            Some(event) => Ok(event),
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
        let body = body(&kind, text)?;
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
struct Kind<'a> {
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
    Ok(serde_json::from_str::<Kind<'_>>(text)?.kind.unwrap_or_default().0)
}

fn body<'a>(kind: &str, text: &'a str) -> Result<Body<'a>, serde_json::Error> {
    Ok(match kind {
        "response.output_text.delta" => {
            let Delta { output_index, content_index, delta, .. } = serde_json::from_str(text)?;
            Body::Text { output_index, content_index, delta }
        }
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            let Delta { output_index, delta, .. } = serde_json::from_str(text)?;
            Body::Arguments { output_index, delta }
        }
        "response.reasoning_summary_text.delta" => {
            let Delta { output_index, summary_index, delta, .. } = serde_json::from_str(text)?;
            Body::Reasoning { output_index, part: summary_index, channel: Channel::Summary, delta }
        }
        "response.reasoning_text.delta" => {
            let Delta { output_index, content_index, delta, .. } = serde_json::from_str(text)?;
            Body::Reasoning { output_index, part: content_index, channel: Channel::Raw, delta }
        }
        "response.refusal.delta" => {
            let Delta { output_index, delta, .. } = serde_json::from_str(text)?;
            Body::Refusal { output_index, delta }
        }
        "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
            let ArgumentsDone { output_index, arguments } = serde_json::from_str(text)?;
            Body::ArgumentsDone { output_index, arguments }
        }
        "response.output_text.annotation.added" => {
            let Annotation { output_index, annotation } = serde_json::from_str(text)?;
            Body::Annotation { output_index, annotation }
        }
        "response.output_item.added" => {
            let Item { output_index, item } = serde_json::from_str(text)?;
            Body::ItemAdded { output_index, item }
        }
        "response.output_item.done" => {
            let Item { output_index, item } = serde_json::from_str(text)?;
            Body::ItemDone { output_index, item }
        }
        _ => return life_cycle(kind, text),
    })
}

fn life_cycle<'a>(kind: &str, text: &'a str) -> Result<Body<'a>, serde_json::Error> {
    let response = || Ok(Box::new(serde_json::from_str::<Whole<'a>>(text)?.response));
    Ok(match kind {
        "response.created" => Body::Created(response()?),
        "response.in_progress" | "response.queued" => Body::Progress,
        "response.completed" | "response.done" => Body::Completed(response()?),
        "response.incomplete" => Body::Incomplete(response()?),
        "response.failed" => Body::Failed(response()?),
        "error" => Body::Error(Box::new(api_error(text)?)),
        _ if is_private(kind) => Body::Private,
        _ => Body::Other,
    })
}

/// Whether events of a kind are meant for the backend's own client.
fn is_private(kind: &str) -> bool {
    matches!(kind, "keepalive" | "response.metadata" | "response.safety_buffering")
        || kind.starts_with("codex.")
        || kind.starts_with("responsesapi.")
}

/// Reads both shapes of an `error` event: members at the top, or under `error`.
fn api_error(text: &str) -> Result<ApiError, serde_json::Error> {
    let whole: &RawValue = serde_json::from_str(text)?;
    let nested = serde_json::from_str::<Nested<'_>>(text)?.error.and_then(ApiError::read);
    Ok(nested.or_else(|| ApiError::read(whole)).map_or_else(ApiError::default, |mut error| {
        // At the top, `type` names the event and not a class of errors.
        if error.kind.as_deref() == Some("error") {
            error.kind = None;
        }
        error
    }))
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(default)]
    output_index: usize,
    #[serde(default)]
    content_index: usize,
    #[serde(default)]
    summary_index: usize,
    #[serde(borrow)]
    delta: RawStr<'a>,
}

#[derive(Deserialize)]
struct ArgumentsDone<'a> {
    #[serde(default)]
    output_index: usize,
    #[serde(borrow, alias = "input")]
    arguments: RawStr<'a>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(default)]
    output_index: usize,
    #[serde(borrow)]
    annotation: &'a RawValue,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default)]
    output_index: usize,
    #[serde(borrow)]
    item: OutputItem<'a>,
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    response: Response<'a>,
}

#[derive(Deserialize)]
struct Nested<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests;
