//! Events that a socket makes itself: errors, and the answers to steering and interrupting.

use bytes::{BufMut, Bytes, BytesMut};
use chatmock_protocol::json::RawValue;
use chatmock_translate::Failure;
use chatmock_translate::openai::responses::ErrorMessage;
use serde::Serialize;

use crate::state::responses::Lane;

#[derive(Serialize)]
struct SteerFailed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    error: Reason<'a>,
    steer: Steered<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Reason<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Steered<'a> {
    input: &'a RawValue,
    previous_response_id: &'a RawValue,
}

#[derive(Serialize)]
struct Interrupted<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    response_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Reason<'a>>,
}

/// An `error` event.
pub(super) fn error(failure: &Failure, lane: &Lane) -> Bytes {
    written(&ErrorMessage::new(failure, lane.as_deref()))
}

/// The answer to steering, which the backend's HTTP does not offer: the input is given back whole, and the answer that
/// runs goes on. A general `error` would end it for every client.
pub(super) fn steering_refused(previous_response_id: &RawValue, input: &RawValue) -> Bytes {
    let message = "an answer cannot be steered here: send the input with the next response.create";
    written(&SteerFailed {
        kind: "response.steer.failed",
        sequence_number: 0,
        error: Reason { kind: "invalid_request_error", code: "steering_not_supported", message },
        steer: Steered { input, previous_response_id },
        stream_id: None,
    })
}

/// The answer to an interruption, of which `response.incomplete` is the effect.
pub(super) fn interrupted(response_id: &str, lane: &Lane, found: bool) -> Bytes {
    let (kind, error) = match found {
        true => ("response.interrupt.accepted", None),
        false => {
            let message = "no answer of this id is under way on this connection";
            let reason =
                Reason { kind: "invalid_request_error", code: "response_not_active", message };
            ("response.interrupt.failed", Some(reason))
        }
    };
    tagged(written(&Interrupted { kind, response_id, error }), lane, None)
}

/// A message with the name of its lane, and with headers where the transport has none of its own.
pub(super) fn tagged(message: Bytes, lane: &Lane, notices: Option<&str>) -> Bytes {
    if lane.is_none() && notices.is_none() {
        return message;
    }
    let Some(body) = message.trim_ascii_end().strip_suffix(b"}") else { return message };
    let mut tagged = BytesMut::with_capacity(body.len() + 64);
    tagged.put_slice(body);
    if let Some(lane) = lane {
        put_member(&mut tagged, "stream_id", &**lane);
    }
    if let Some(notices) = notices {
        put_member(&mut tagged, "headers", &Headers { notices });
    }
    tagged.put_u8(b'}');
    tagged.freeze()
}

#[derive(Serialize)]
struct Headers<'a> {
    #[serde(rename = "x-chatmock-notices")]
    notices: &'a str,
}

fn put_member<T: Serialize + ?Sized>(object: &mut BytesMut, name: &str, value: &T) {
    object.put_slice(b",\"");
    object.put_slice(name.as_bytes());
    object.put_slice(b"\":");
    object.put_slice(&written(value));
}

/// Writes a value of strings and numbers, which always can be written.
fn written<T: Serialize + ?Sized>(value: &T) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_message_is_tagged_with_its_lane_and_its_notices_and_else_left_as_it_is() {
        let message = Bytes::from_static(b"{\"type\":\"a\"} \n");
        let lane = Some(Arc::from("main"));
        assert_eq!(tagged(message.clone(), &None, None), message);
        assert_eq!(tagged(message.clone(), &lane, None), r#"{"type":"a","stream_id":"main"}"#);
        let both = tagged(message, &lane, Some("seed=ignored"));
        let whole =
            r#"{"type":"a","stream_id":"main","headers":{"x-chatmock-notices":"seed=ignored"}}"#;
        assert_eq!(both, whole);
    }
}
