//! The events that a WebSocket has in place of what HTTP says with a status or without a call.

use bytes::Bytes;
use chatmock_protocol::json::RawObject;
use chatmock_protocol::openai::error::ErrorObject;
use chatmock_protocol::responses::Request;
use serde::Serialize;

use super::synthesized::ERROR;
use crate::failure::Failure;
use crate::family::Family;
use crate::openai::OpenAi;

/// An `error` event as the public socket has it: with the status that HTTP would have given, without which clients wait
/// on.
#[derive(Debug, Serialize)]
pub struct ErrorMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_id: Option<&'a str>,
    error: WithHeaders<'a>,
    /// For clients that read them outside of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
}

#[derive(Debug, Serialize)]
struct WithHeaders<'a> {
    #[serde(flatten)]
    error: ErrorObject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
}

#[derive(Clone, Debug, Serialize)]
struct Headers {
    #[serde(rename = "retry-after")]
    retry_after: String,
}

impl<'a> ErrorMessage<'a> {
    /// Words a failure, of the lane `stream_id` where it is one's.
    #[must_use]
    pub fn new(failure: &'a Failure, stream_id: Option<&'a str>) -> Self {
        let headers = failure.retry_after().map(|wait| Headers { retry_after: wait.to_string() });
        let error = WithHeaders { error: OpenAi::error(failure).error, headers: headers.clone() };
        Self { kind: ERROR, status: OpenAi::status(failure), stream_id, error, headers }
    }
}

/// Members of a request that its response repeats.
const REPEATED: [&str; 15] = [
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
];

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: &'a RawObject<'a>,
}

#[derive(Default, Serialize)]
struct Usage {
    input_tokens: u64,
    input_tokens_details: Cached,
    output_tokens: u64,
    output_tokens_details: Reasoned,
    total_tokens: u64,
}

#[derive(Default, Serialize)]
struct Cached {
    cached_tokens: u64,
}

#[derive(Default, Serialize)]
struct Reasoned {
    reasoning_tokens: u64,
}

/// The events of a turn that generates nothing: it only names what later turns go on from. Nothing was asked of the
/// backend, so there are no tokens either.
///
/// `created` is in seconds of the Unix epoch.
///
/// # Errors
/// When a member of the request cannot be written.
pub fn warm_up(
    request: &Request<'_>,
    id: &str,
    created: u64,
) -> Result<[Bytes; 3], serde_json::Error> {
    let mut response = RawObject::default();
    response.set("id", id)?;
    response.set("object", "response")?;
    response.set("created_at", &created)?;
    response.set("status", "in_progress")?;
    response.set("background", &false)?;
    response.set("error", &None::<()>)?;
    response.set("incomplete_details", &None::<()>)?;
    response.set("parallel_tool_calls", &true)?;
    response.set("tool_choice", "auto")?;
    response.set("tools", &[(); 0])?;
    for name in REPEATED {
        if let Some(value) = request.present(name) {
            response.set(name, value)?;
        }
    }
    response.set("output", &[(); 0])?;
    response.set("usage", &None::<()>)?;
    let created = event("response.created", 0, &response)?;
    let in_progress = event("response.in_progress", 1, &response)?;
    response.set("status", "completed")?;
    response.set("usage", &Usage::default())?;
    Ok([created, in_progress, event("response.completed", 2, &response)?])
}

fn event(
    kind: &'static str,
    sequence_number: u64,
    response: &RawObject<'_>,
) -> Result<Bytes, serde_json::Error> {
    serde_json::to_vec(&Event { kind, sequence_number, response }).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::json::read_text;
    use chatmock_protocol::responses::Event;
    use chatmock_protocol::responses::event::Body;
    use chatmock_protocol::sse::Frame;

    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn an_error_says_its_status_and_how_long_to_wait() {
        let kind = FailureKind::RateLimited { retry_after: Some(7) };
        let failure = Failure::new(kind, "slow down").with_code("rate_limit_exceeded");
        let written = serde_json::to_string(&ErrorMessage::new(&failure, Some("b"))).unwrap();
        let expected = r#"{"type":"error","status":429,"stream_id":"b","error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded","headers":{"retry-after":"7"}},"headers":{"retry-after":"7"}}"#;
        assert_eq!(written, expected);
        let plain = Failure::param("a", "wrong");
        let written = serde_json::to_string(&ErrorMessage::new(&plain, None)).unwrap();
        let expected = r#"{"type":"error","status":400,"error":{"message":"wrong","type":"invalid_request_error","param":"a","code":null}}"#;
        assert_eq!(written, expected);
    }

    #[test]
    fn a_warm_up_is_a_whole_response_without_output() {
        let request: Request<'_> =
            read_text(r#"{"model":"m","input":[1],"tools":[{"a":1E2}],"stream":true}"#).unwrap();
        let [created, _, completed] = warm_up(&request, "resp_1", 7).unwrap();
        let (created, completed) = (Frame::new(created), Frame::new(completed));
        assert!(matches!(Event::parse(&created).unwrap().body, Body::Created(_)));
        assert!(matches!(Event::parse(&completed).unwrap().body, Body::Completed(_)));
        for member in [r#""tools":[{"a":1E2}]"#, r#""output":[]"#, r#""output_tokens":0"#] {
            assert!(completed.text().contains(member), "{}", completed.text());
        }
        assert!(!completed.text().contains("input\""), "{}", completed.text());
    }
}
