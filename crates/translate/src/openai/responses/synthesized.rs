//! Synthesized events: a terminal event whose output is filled, and the end of a broken stream.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use chatmock_protocol::json::{RawObject, RawValue, raw};
use chatmock_protocol::sse::Frame;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};

/// The kind of a response's failed end.
pub(super) const FAILED: &str = "response.failed";

/// The kind of an item's end.
pub(super) const ITEM_DONE: &str = "response.output_item.done";

/// The kind of a response's end by a cap or filter.
pub(super) const INCOMPLETE: &str = "response.incomplete";

/// The event of a complete response.
pub(super) const COMPLETED: &str = "response.completed";

/// The kind of an error outside a response.
pub(super) const ERROR: &str = "error";

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    item: &'a RawValue,
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    response: &'a RawValue,
}

#[derive(Deserialize)]
struct Numbered {
    sequence_number: u64,
}

#[derive(Serialize)]
pub(super) struct ResponseError<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
}

/// An `error` event in its flat shape.
#[derive(Serialize)]
pub(super) struct ErrorEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    /// The same as an object, in which Open Responses has it.
    error: ErrorPayload<'a>,
}

#[derive(Serialize)]
struct ErrorPayload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
}

/// An event that holds a response.
#[derive(Serialize)]
pub(super) struct ResponseEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: &'a RawValue,
}

/// A text part of a finished message.
#[derive(Serialize)]
pub(super) struct OutputText<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    annotations: [(); 0],
    logprobs: [(); 0],
}

impl<'a> OutputText<'a> {
    /// A part without annotations.
    pub(super) fn new(text: &'a str) -> Self {
        Self { kind: "output_text", text, annotations: [], logprobs: [] }
    }
}

/// `response.output_item.done`.
#[derive(Serialize)]
pub(super) struct ItemDone<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    output_index: usize,
    item: &'a RawValue,
}

impl<'a> ItemDone<'a> {
    /// The end of an item.
    pub(super) fn new(output_index: usize, item: &'a RawValue, sequence_number: u64) -> Self {
        Self { kind: ITEM_DONE, sequence_number, output_index, item }
    }
}

/// `response.output_text.done` and `response.content_part.done`, which carry the same text.
#[derive(Serialize)]
pub(super) struct PartDone<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) sequence_number: u64,
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    pub(super) content_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<OutputText<'a>>,
}

#[derive(Serialize)]
struct IncompleteDetails {
    reason: &'static str,
}

/// Token counts of an answer that was cut here.
#[derive(Serialize)]
struct CutUsage {
    input_tokens: u64,
    input_tokens_details: CachedTokens,
    output_tokens: u64,
    output_tokens_details: ReasoningTokens,
    total_tokens: u64,
}

#[derive(Serialize)]
struct CachedTokens {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct ReasoningTokens {
    reasoning_tokens: u64,
}

/// The end of a response that is cut here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// True for a cap on its tokens, false for a stop sequence.
    pub(super) over_cap: bool,
    /// The tokens of its text.
    pub(super) tokens: u64,
    /// The time since the request.
    pub(super) after: Duration,
}

/// The response as it was created, ended by a cap on its tokens or before a stop sequence.
///
/// The call is cancelled at the cut, so the backend's counts never come: output tokens are those
/// counted here, and input tokens are 0, since parsers demand a number.
pub(super) fn cut(
    created: &Frame,
    items: &BTreeMap<usize, Frame>,
    cut: Cut,
) -> Option<Box<RawValue>> {
    let Cut { over_cap, tokens, after } = cut;
    let mut response: RawObject<'_> = serde_json::from_str(response(created)?.get()).ok()?;
    if over_cap {
        let details = IncompleteDetails { reason: "max_output_tokens" };
        response.set("status", "incomplete").ok()?;
        response.set("incomplete_details", &details).ok()?;
    } else {
        response.set("status", "completed").ok()?;
        let begun = response.get("created_at").and_then(|at| at.get().parse::<u64>().ok());
        if let Some(begun) = begun {
            response.set("completed_at", &(begun + after.as_secs())).ok()?;
        }
    }
    response.set("output", &outputs(items)).ok()?;
    let usage = CutUsage {
        input_tokens: 0,
        input_tokens_details: CachedTokens { cached_tokens: 0, cache_write_tokens: 0 },
        output_tokens: tokens,
        output_tokens_details: ReasoningTokens { reasoning_tokens: 0 },
        total_tokens: tokens,
    };
    response.set("usage", &usage).ok()?;
    raw(&response).ok()
}

/// An event of a kind that holds a response.
pub(super) fn event<'a>(
    kind: &'static str,
    response: &'a RawValue,
    sequence_number: u64,
) -> ResponseEvent<'a> {
    ResponseEvent { kind, sequence_number, response }
}

/// A text delta with other text in it.
pub(super) fn with_delta(frame: &Frame, delta: &str) -> Option<Box<RawValue>> {
    let mut members: RawObject<'_> = serde_json::from_str(frame.text()).ok()?;
    members.set("delta", delta).ok()?;
    raw(&members).ok()
}

/// The item of an event.
pub(super) fn item(frame: &Frame) -> Option<&RawValue> {
    serde_json::from_str::<Item<'_>>(frame.text()).ok().map(|event| event.item)
}

/// The response of an event.
pub(super) fn response(frame: &Frame) -> Option<&RawValue> {
    serde_json::from_str::<Whole<'_>>(frame.text()).ok().map(|event| event.response)
}

/// The response of an event with its finished items as `output`.
pub(super) fn with_output(frame: &Frame, items: &BTreeMap<usize, Frame>) -> Option<Box<RawValue>> {
    let mut members: RawObject<'_> = serde_json::from_str(response(frame)?.get()).ok()?;
    members.set("output", &outputs(items)).ok()?;
    raw(&members).ok()
}

/// The event of `frame` with another response in it.
pub(super) fn with_response(frame: &Frame, response: &RawValue) -> Option<Box<RawValue>> {
    let mut members: RawObject<'_> = serde_json::from_str(frame.text()).ok()?;
    members.set("response", response).ok()?;
    raw(&members).ok()
}

/// The words that the API knows for the failure of a response.
const CODES: [&str; 20] = [
    "server_error",
    "rate_limit_exceeded",
    "invalid_prompt",
    "data_residency_mismatch",
    "bio_policy",
    "vector_store_timeout",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "invalid_image_mode",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "image_file_not_found",
];

/// The nearest of the API's words for a failure, and a message that has the failure's own word.
pub(super) fn failure_code(failure: &Failure) -> (&'static str, Cow<'_, str>) {
    let own = failure.code.as_deref();
    if let Some(known) = CODES.into_iter().find(|code| own == Some(code)) {
        return (known, Cow::Borrowed(&failure.message));
    }
    let code = match failure.kind {
        FailureKind::RateLimited { .. } => "rate_limit_exceeded",
        _ => "server_error",
    };
    let message = match own {
        Some(own) => Cow::Owned(format!("{} ({own})", failure.message)),
        None => Cow::Borrowed(&*failure.message),
    };
    (code, message)
}

/// A `response.failed` made of the response as it was created.
pub(super) fn failed(
    created: &Frame,
    items: &BTreeMap<usize, Frame>,
    failure: &Failure,
    sequence_number: u64,
) -> Option<Box<RawValue>> {
    let mut response: RawObject<'_> = serde_json::from_str(response(created)?.get()).ok()?;
    let (code, message) = failure_code(failure);
    response.set("status", "failed").ok()?;
    // What failed is not kept, unless its client asks for it later.
    if response.get("background").map(RawValue::get) != Some("true") {
        response.set("store", &false).ok()?;
    }
    response.set("error", &ResponseError { code, message: &message }).ok()?;
    response.set("output", &outputs(items)).ok()?;
    let response = raw(&response).ok()?;
    raw(&event(FAILED, &response, sequence_number)).ok()
}

/// A `response.incomplete` made of the response as it was created and the items that are complete: its client wants no
/// more of it.
pub(super) fn interrupted(
    created: &Frame,
    items: &BTreeMap<usize, Frame>,
    _: &Failure,
    sequence_number: u64,
) -> Option<Box<RawValue>> {
    let mut response: RawObject<'_> = serde_json::from_str(response(created)?.get()).ok()?;
    response.set("status", "incomplete").ok()?;
    response.set("incomplete_details", &IncompleteDetails { reason: "interrupted" }).ok()?;
    response.set("output", &outputs(items)).ok()?;
    let response = raw(&response).ok()?;
    raw(&event(INCOMPLETE, &response, sequence_number)).ok()
}

/// An `error` event for a stream that broke before the response was created.
pub(super) fn error(failure: &Failure, sequence_number: u64) -> ErrorEvent<'_> {
    ErrorEvent {
        kind: ERROR,
        sequence_number,
        code: failure.code.as_deref(),
        message: &failure.message,
        param: failure.param.as_deref(),
        error: ErrorPayload {
            kind: "server_error",
            code: failure.code.as_deref(),
            message: &failure.message,
            param: failure.param.as_deref(),
        },
    }
}

/// The `sequence_number` of an event.
pub(super) fn sequence_number(frame: &Frame) -> Option<u64> {
    serde_json::from_str::<Numbered>(frame.text()).ok().map(|event| event.sequence_number)
}

fn outputs(items: &BTreeMap<usize, Frame>) -> Vec<&RawValue> {
    items.values().filter_map(item).collect()
}
