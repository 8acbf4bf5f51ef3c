//! The payload of an event, parsed member by member.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::RawStr;
use crate::responses::api_error::ApiError;
use crate::responses::item::OutputItem;
use crate::responses::response::Response;

/// The kind of reasoning text in a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A summary made for people.
    Summary,
    /// The model's own text, as open-weight models return it.
    Raw,
}

/// The payload of an event, with the members that some consumer needs.
///
/// Large payloads that come once in a response are boxed, so that the thousands of others stay
/// small.
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
    /// Events for the backend's own client: limits, metadata, timing, keep-alive.
    Private,
    /// Everything else: `done` copies of text, parts, progress of tools, unknown kinds.
    Other,
}

impl<'a> Body<'a> {
    /// Parses the payload of an event of this kind.
    pub(super) fn read(kind: &str, text: &'a str) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            "response.output_text.delta" => {
                let Delta { output_index, content_index, delta, .. } = serde_json::from_str(text)?;
                Self::Text { output_index, content_index, delta }
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                let Delta { output_index, delta, .. } = serde_json::from_str(text)?;
                Self::Arguments { output_index, delta }
            }
            "response.reasoning_summary_text.delta" => {
                let Delta { output_index, summary_index, delta, .. } = serde_json::from_str(text)?;
                Self::Reasoning {
                    output_index,
                    part: summary_index,
                    channel: Channel::Summary,
                    delta,
                }
            }
            "response.reasoning_text.delta" => {
                let Delta { output_index, content_index, delta, .. } = serde_json::from_str(text)?;
                Self::Reasoning { output_index, part: content_index, channel: Channel::Raw, delta }
            }
            "response.refusal.delta" => {
                let Delta { output_index, delta, .. } = serde_json::from_str(text)?;
                Self::Refusal { output_index, delta }
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
                let ArgumentsDone { output_index, arguments } = serde_json::from_str(text)?;
                Self::ArgumentsDone { output_index, arguments }
            }
            "response.output_text.annotation.added" => {
                let Annotation { output_index, annotation } = serde_json::from_str(text)?;
                Self::Annotation { output_index, annotation }
            }
            "response.output_item.added" => {
                let Item { output_index, item } = serde_json::from_str(text)?;
                Self::ItemAdded { output_index, item }
            }
            "response.output_item.done" => {
                let Item { output_index, item } = serde_json::from_str(text)?;
                Self::ItemDone { output_index, item }
            }
            _ => return life_cycle(kind, text),
        })
    }
}

/// Parses the payload of an event about the response as a whole, or of a kind that has none.
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

/// Returns whether a kind is meant for the backend's own client.
pub(super) fn is_private(kind: &str) -> bool {
    matches!(kind, "keepalive" | "response.metadata" | "response.safety_buffering")
        || kind.starts_with("codex.")
        || kind.starts_with("responsesapi.")
}

/// Parses both shapes of an `error` event: members at the top, or under `error`.
fn api_error(text: &str) -> Result<ApiError, serde_json::Error> {
    let whole: &RawValue = serde_json::from_str(text)?;
    let nested = serde_json::from_str::<Nested<'_>>(text)?.error.and_then(ApiError::read);
    Ok(nested.or_else(|| ApiError::read(whole)).map_or_else(ApiError::default, |mut error| {
        // At the top, `type` is the kind of the event and not a class of errors.
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
