//! Turns over a WebSocket: one kept connection for a conversation, on which only what is new is sent.
//!
//! The backend's prompt cache follows the connection, and a long loop of tools spends much of its time on sending the
//! same conversation again. HTTP stays the reference: whatever a socket does not do before its first event is sent as a
//! POST, so a socket is never worse; and after the first event nothing is sent again.

mod answer;
mod chain;
mod handshake;
mod io;
mod keeper;
mod pool;
mod state;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::responses::ApiError;
use futures::{SinkExt, StreamExt};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

pub(crate) use self::answer::{Finish, SocketAnswer};
pub(crate) use self::chain::{Chain, SentRequest};
pub(crate) use self::handshake::{Handshake, accepted_key, headers as handshake_headers};
pub(crate) use self::io::{WatchedIo, opened};
pub(crate) use self::pool::{Key, Login, Place, SocketPool, Taken, Way};
pub(crate) use self::state::{FrameState, with_state};
use crate::config::Transport;
use crate::error::Error;
use crate::response;

/// A socket to the backend.
pub(crate) type Socket = WebSocketStream<WatchedIo>;

/// The largest request on a socket, in bytes: at 16 MiB the backend closes without an event, and a POST of the same goes
/// through. The message has a few words more than the request, and the state of its turn, which has at most 8 KiB before
/// its escapes.
const MAX_MESSAGE: usize = 16 * 1024 * 1024 - 20 * 1024;

/// The time that a socket has to take a request.
const SENDING: Duration = Duration::from_secs(30);

/// Error codes after which the same conversation is asked for whole, as a POST: they say that the connection, and not
/// the request, is at fault.
const OF_THE_CONNECTION: [&str; 4] = [
    "previous_response_not_found",
    "websocket_connection_limit_reached",
    "invalid_api_key",
    "token_expired",
];

/// Returns the message that sends a whole request.
pub(crate) fn message(body: &str) -> Bytes {
    chain::message(body, None)
}

/// Returns whether a request may go over a socket at all.
pub(crate) fn fits(body: &Bytes) -> bool {
    body.len() < MAX_MESSAGE
}

/// What came of a request on a socket.
pub(crate) enum Begun {
    /// Its first event, after those of the connection.
    Events(Vec<Bytes>),
    /// Nothing, and nothing was spent: it was not taken, or the backend says that the connection is at fault.
    Nothing,
    /// The socket was closed, so that nobody knows whether it is being answered.
    Closed,
}

/// Hands a request to a socket and waits for its first event.
///
/// # Errors
/// The backend's refusal.
pub(crate) async fn begin(
    socket: &mut Socket,
    frame: Bytes,
    limit: Duration,
) -> Result<Begun, Error> {
    let Ok(text) = tokio_tungstenite::tungstenite::Utf8Bytes::try_from(frame) else {
        return Ok(Begun::Nothing);
    };
    if !matches!(timeout(SENDING, socket.send(Message::Text(text))).await, Ok(Ok(()))) {
        return Ok(Begun::Nothing);
    }
    let (mut events, until) = (Vec::new(), Instant::now() + limit);
    loop {
        let Ok(next) = tokio::time::timeout_at(until, socket.next()).await else {
            return Err(Error::HeaderTimeout { limit });
        };
        let text = match next {
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(Some(close)))) if is_refusal(close.code) => {
                return Ok(Begun::Nothing);
            }
            _ => return Ok(Begun::Closed),
        };
        match Head::of(&text) {
            Head::OfConnection => events.push(text),
            Head::Failed if is_of_the_connection(&text) => return Ok(Begun::Nothing),
            Head::Error => return refused(&text).map_or(Ok(Begun::Nothing), Err),
            Head::Event | Head::Failed => {
                events.push(text);
                return Ok(Begun::Events(events));
            }
        }
    }
}

/// Returns whether a close frame says that the message before it was not taken: it is too large, the sign-in is none
/// any more, or there is no room.
fn is_refusal(code: CloseCode) -> bool {
    matches!(code, CloseCode::Size | CloseCode::Policy | CloseCode::Again)
}

/// What an event is before the first one of an answer.
enum Head {
    /// It reports on the account or the connection.
    OfConnection,
    Error,
    /// The answer has failed before anything else of it came.
    Failed,
    Event,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'a, str>,
}

impl Head {
    fn of(text: &[u8]) -> Self {
        let kind = serde_json::from_slice::<Kind<'_>>(text).map(|event| event.kind);
        match kind.as_deref() {
            Ok("error") => Self::Error,
            Ok("response.failed") => Self::Failed,
            Ok(kind)
                if kind.starts_with("codex.")
                    || kind == "keepalive"
                    || kind.starts_with("responsesapi.") =>
            {
                Self::OfConnection
            }
            _ => Self::Event,
        }
    }
}

#[derive(Deserialize)]
struct FailedEvent<'a> {
    #[serde(borrow)]
    response: FailedResponse<'a>,
}

#[derive(Deserialize)]
struct FailedResponse<'a> {
    #[serde(borrow)]
    error: &'a RawValue,
}

/// Returns whether a failed answer says that the connection is at fault.
fn is_of_the_connection(text: &[u8]) -> bool {
    let event = serde_json::from_slice::<FailedEvent<'_>>(text).ok();
    let error = event.and_then(|event| ApiError::read(event.response.error));
    let code = error.and_then(|error| error.code);
    code.is_some_and(|code| OF_THE_CONNECTION.contains(&&*code))
}

#[derive(Deserialize)]
struct ErrorEvent<'a> {
    #[serde(alias = "status_code")]
    status: Option<u16>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, serde_json::Value>,
}

/// Returns the refusal in an `error` event; `None` where the connection is at fault.
fn refused(text: &[u8]) -> Option<Error> {
    let event: ErrorEvent<'_> = serde_json::from_slice(text).ok()?;
    let error = event.error.and_then(ApiError::read);
    let error = error.or_else(|| ApiError::read(serde_json::from_slice(text).ok()?))?;
    let named = [error.code.as_deref(), error.kind.as_deref()];
    let lost =
        error.message.as_deref().is_some_and(|words| words.contains("`previous_response_id`"));
    if lost
        || event.status == Some(401)
        || named.iter().flatten().any(|word| OF_THE_CONNECTION.contains(word))
    {
        return None;
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &event.headers {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::try_from(value))
        {
            headers.append(name, value);
        }
    }
    let status = event.status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.filter(|status| status.is_client_error() || status.is_server_error());
    Some(response::refused(status.unwrap_or(StatusCode::BAD_GATEWAY), &headers, error))
}

impl Transport {
    /// Returns the sockets that this way of sending uses, if it uses any.
    pub(crate) fn pool(self) -> Option<Arc<SocketPool>> {
        match self {
            Self::Http => None,
            Self::Auto => Some(Arc::new(SocketPool::new(false))),
            Self::WebSocket => Some(Arc::new(SocketPool::new(true))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_in_every_shape_and_a_fault_of_the_connection_is_none() {
        let status = |text: &str| match refused(text.as_bytes()) {
            Some(Error::Refused(refused)) => Some((refused.status, refused.error.code)),
            _ => None,
        };
        let code = |code: &str| Some(code.to_owned());
        for (text, expected) in [
            (
                r#"{"type":"error","status":429,"error":{"type":"usage_limit_reached","message":"m"},"headers":{"x-codex-primary-used-percent":"100"}}"#,
                Some((429, None)),
            ),
            (
                r#"{"type":"error","status_code":503,"error":{"code":"server_is_overloaded","message":"m"}}"#,
                Some((503, code("server_is_overloaded"))),
            ),
            (r#"{"type":"error","code":"a","message":"m"}"#, Some((502, code("a")))),
            (
                r#"{"type":"error","status":400,"error":{"code":"previous_response_not_found","message":"m"}}"#,
                None,
            ),
            (
                r#"{"type":"error","status":400,"error":{"type":"invalid_request_error","message":"Invalid `previous_response_id`."}}"#,
                None,
            ),
            (
                r#"{"type":"error","status":400,"error":{"type":"websocket_connection_limit_reached","message":"m"}}"#,
                None,
            ),
            (r#"{"type":"error","status":401,"error":{"message":"m"}}"#, None),
        ] {
            assert_eq!(status(text), expected, "{text}");
        }
    }
}
