//! The answer without a stream: the same script, collapsed to one JSON body.
//!
//! A script is composed as a stream even if the client wants none, so that both forms of an answer
//! cannot differ and every mode works for both.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::object;
use crate::script::{Script, Step};

/// The part of a body that is sent before it breaks off.
const PARTIAL_BODY: &str = "{\"id\":\"resp_";

/// The statuses of failures by their code; any other is a 500.
const STATUSES: [(&str, u16); 4] = [
    ("context_length_exceeded", 400),
    ("rate_limit_exceeded", 429),
    ("insufficient_quota", 429),
    ("server_is_overloaded", 503),
];

/// The parts of an event that are needed here.
#[derive(Deserialize)]
struct Event<'e> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    response: Option<&'e RawValue>,
}

/// Returns the terminal response of a stream, as text.
pub(crate) fn terminal_response(script: &Script) -> Option<String> {
    let ended = |kind: &str| matches!(kind, "response.completed" | "response.incomplete");
    events(script).find(|event| ended(&event.kind))?.response.map(|text| text.get().to_owned())
}

/// Collapses a stream to one body. Pauses and faults stay; a stream without an end breaks off.
pub(crate) fn collapse(script: Script) -> Script {
    if !script.is_stream() {
        return script;
    }
    let (status, body) = match (terminal_response(&script), failure(&script)) {
        (Some(response), _) => (script.status, response),
        (None, Some((status, body))) => (status, body),
        (None, None) => (script.status, PARTIAL_BODY.to_owned()),
    };
    let broken = body == PARTIAL_BODY;
    let body = Step::Raw(Bytes::from(body));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for step in script.steps {
        match step {
            Step::Wait(_) => before.push(step),
            Step::Stall | Step::Cut(_) if broken => after.push(step),
            _ => {}
        }
    }
    before.push(body);
    before.extend(after);
    let mut whole = Script { status, steps: before, ..script };
    whole.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    whole.with_header("content-type", "application/json")
}

/// Returns the status and the body of a stream that failed.
fn failure(script: &Script) -> Option<(u16, String)> {
    let failed = script.steps.iter().find_map(|step| {
        let Step::Event(text) = step else { return None };
        let event: Value = serde_json::from_str(text).ok()?;
        match event["type"].as_str()? {
            "response.failed" => Some(event["response"]["error"].clone()),
            "error" if event["error"].is_object() => Some(event["error"].clone()),
            "error" => Some(event),
            _ => None,
        }
    })?;
    let code = failed["code"].as_str().unwrap_or("server_error");
    let status =
        STATUSES.iter().find(|(known, _)| *known == code).map_or(500, |(_, status)| *status);
    let kind = if status == 500 { "server_error" } else { "invalid_request_error" };
    let message = failed["message"].as_str().unwrap_or("The server had an error.");
    let error = object! {"message": message, "type": kind, "param": Value::Null, "code": code};
    Some((status, object! {"error": error}.text()))
}

fn events(script: &Script) -> impl Iterator<Item = Event<'_>> {
    script.steps.iter().filter_map(|step| match step {
        Step::Event(text) => serde_json::from_str(text).ok(),
        _ => None,
    })
}
