//! The state of a turn on a socket: it comes in an event, and goes back in the request, since the handshake's headers
//! are of whichever turn opened the socket.

use std::borrow::Cow;

use bytes::Bytes;
use chatmock_protocol::json::members;
use reqwest::header::HeaderValue;
use serde::Deserialize;

use crate::session::SessionId;
use crate::turn_state::{HEADER, TurnStates};

/// The member of a request that holds such facts.
const METADATA: &str = "client_metadata";

/// What is needed to remember the state that an answer brings.
pub(crate) struct FrameState {
    pub(crate) states: TurnStates,
    pub(crate) session: SessionId,
    pub(crate) body: Bytes,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    headers: std::collections::BTreeMap<String, serde_json::Value>,
}

impl FrameState {
    /// Remembers the state that an event holds, if it does.
    pub(super) fn note(&self, event: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(event) else { return };
        let state = event.headers.get(HEADER).and_then(serde_json::Value::as_str);
        if let Some(state) = state.and_then(|state| HeaderValue::from_str(state).ok()) {
            self.states.keep(&self.session, &self.body, &state);
        }
    }
}

/// Returns a request with the state of its turn, unless its client has put one there.
pub(crate) fn with_state<'b>(body: &'b str, state: Option<&HeaderValue>) -> Cow<'b, str> {
    let found = members(body).find(|(name, _)| *name == METADATA);
    let (Some(state), Some((_, metadata))) = (state.and_then(|s| s.to_str().ok()), found) else {
        return body.into();
    };
    if !metadata.starts_with('{') || members(metadata).any(|(name, _)| name == HEADER) {
        return body.into();
    }
    let Some(at) = offset(body, metadata) else { return body.into() };
    let comma = if members(metadata).next().is_some() { "," } else { "" };
    let state = serde_json::to_string(state).unwrap_or_default();
    let (before, after) = body.split_at(at + 1);
    format!("{before}\"{HEADER}\":{state}{comma}{after}").into()
}

/// The place of a part in a text.
fn offset(text: &str, part: &str) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    text.is_char_boundary(at + 1).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_turn_goes_into_its_request_and_comes_out_of_an_event() {
        let state = HeaderValue::from_static("turn-1");
        let body = r#"{"input":["client_metadata"],"client_metadata":{"a":"b"},"z":1}"#;
        let sent = with_state(body, Some(&state));
        let expected = r#"{"input":["client_metadata"],"client_metadata":{"x-codex-turn-state":"turn-1","a":"b"},"z":1}"#;
        assert_eq!(sent, expected);
        assert_eq!(with_state(expected, Some(&HeaderValue::from_static("other"))), expected);
        assert_eq!(with_state(body, None), body);
        assert_eq!(with_state(r#"{"input":[]}"#, Some(&state)), r#"{"input":[]}"#);
        assert_eq!(
            with_state(r#"{"client_metadata":{}}"#, Some(&state)),
            r#"{"client_metadata":{"x-codex-turn-state":"turn-1"}}"#
        );
        let (states, session) = (TurnStates::default(), SessionId::named("s").unwrap());
        let body = Bytes::from(r#"{"input":[{"role":"user","content":"a"}]}"#);
        let frame =
            FrameState { states: states.clone(), session: session.clone(), body: body.clone() };
        frame.note(
            br#"{"type":"codex.response.metadata","headers":{"x-codex-turn-state":"turn-2"}}"#,
        );
        assert_eq!(states.find(&session, &body).unwrap(), "turn-2");
    }
}
