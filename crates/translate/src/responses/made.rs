//! Events that are made here: a terminal event whose output is filled, and the end of a broken stream.

use std::collections::BTreeMap;

use chatmock_protocol::json::{Members, RawValue, raw};
use chatmock_protocol::responses::Response;
use chatmock_protocol::sse::Frame;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The kind of a response's failed end.
pub(super) const FAILED: &str = "response.failed";

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
struct ResponseError<'a> {
    code: &'a str,
    message: &'a str,
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
}

#[derive(Serialize)]
struct FailedEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: &'a Members<'a>,
}

/// The response with its finished items as `output`.
pub(super) fn with_output(
    response: &Response<'_>,
    items: &BTreeMap<usize, Frame>,
) -> Option<Box<RawValue>> {
    let mut members: Members<'_> = serde_json::from_str(response.raw.get()).ok()?;
    members.set("output", &outputs(items)).ok()?;
    raw(&members).ok()
}

/// The event of `frame` with another response in it.
pub(super) fn with_response(frame: &Frame, response: &RawValue) -> Option<Box<RawValue>> {
    let mut members: Members<'_> = serde_json::from_str(frame.text()).ok()?;
    members.set("response", response).ok()?;
    raw(&members).ok()
}

/// A `response.failed` made of the response as it was created.
pub(super) fn failed(
    created: &Frame,
    items: &BTreeMap<usize, Frame>,
    failure: &Failure,
    sequence_number: u64,
) -> Option<Box<RawValue>> {
    let whole: Whole<'_> = serde_json::from_str(created.text()).ok()?;
    let mut response: Members<'_> = serde_json::from_str(whole.response.get()).ok()?;
    let code = failure.code.as_deref().unwrap_or("server_error");
    response.set("status", "failed").ok()?;
    response.set("error", &ResponseError { code, message: &failure.message }).ok()?;
    response.set("output", &outputs(items)).ok()?;
    raw(&FailedEvent { kind: FAILED, sequence_number, response: &response }).ok()
}

/// An `error` event for a stream that broke before the response was created.
pub(super) fn error(failure: &Failure, sequence_number: u64) -> ErrorEvent<'_> {
    ErrorEvent {
        kind: ERROR,
        sequence_number,
        code: failure.code.as_deref(),
        message: &failure.message,
        param: failure.param.as_deref(),
    }
}

/// The `sequence_number` of an event.
pub(super) fn sequence_number(frame: &Frame) -> Option<u64> {
    serde_json::from_str::<Numbered>(frame.text()).ok().map(|event| event.sequence_number)
}

fn outputs(items: &BTreeMap<usize, Frame>) -> Vec<&RawValue> {
    let item = |frame| serde_json::from_str::<Item<'_>>(Frame::text(frame)).ok();
    items.values().filter_map(item).map(|done| done.item).collect()
}
