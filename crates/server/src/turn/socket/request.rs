//! Messages of a client: which kind one is, and the request that it holds.

use bytes::{BufMut, Bytes, BytesMut};
use chatmock_protocol::json::{self, RawValue};
use chatmock_translate::{Failure, FailureKind};
use serde::Deserialize;

use super::events;

/// The members of a frame that are the transport's: what is left is the body of the same request over HTTP.
const TRANSPORT: [&str; 4] = ["type", "stream_id", "generate", "stream"];

/// A message of a client.
pub(super) struct ClientMessage {
    /// The lane that it names, as it was written.
    pub(super) stream_id: Option<Box<RawValue>>,
    pub(super) kind: Kind,
}

/// What a message asks for.
pub(super) enum Kind {
    Create(Create),
    Steer(Steer),
    /// No more is wanted of the answer with this id.
    Interrupt(String),
    /// The client has read an answer, of which nothing follows.
    Processed,
    Unknown(Failure),
}

/// A request for an answer.
pub(super) struct Create {
    /// The request as it is sent over HTTP.
    pub(super) body: Bytes,
    /// True if the request generates nothing.
    pub(super) warm_up: bool,
    /// The answer that it continues.
    pub(super) previous: Option<String>,
    background: bool,
}

/// A wish to steer an answer.
pub(super) struct Steer {
    previous_response_id: Box<RawValue>,
    input: Box<RawValue>,
}

/// The members of all kinds of messages that are looked at here.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    stream_id: Option<&'a RawValue>,
    #[serde(borrow)]
    generate: Option<&'a RawValue>,
    #[serde(borrow)]
    background: Option<&'a RawValue>,
    #[serde(borrow)]
    previous_response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_cache_options: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct CacheOptions {
    #[serde(default)]
    prewarm: bool,
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is no JSON object, which cannot be tied to any lane.
    pub(super) fn read(text: &[u8]) -> Result<Self, Failure> {
        let unreadable = |message: String| {
            Failure::new(FailureKind::BadRequest, format!("invalid JSON message: {message}"))
                .with_code("invalid_json")
        };
        let text = std::str::from_utf8(text).map_err(|error| unreadable(error.to_string()))?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(unreadable("a message is a JSON object".to_owned()));
        }
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        let stream_id = envelope.stream_id.map(ToOwned::to_owned);
        Ok(Self { stream_id, kind: envelope.kind(text) })
    }
}

impl Envelope<'_> {
    fn kind(&self, text: &str) -> Kind {
        let Some(kind) = self.kind.and_then(string) else {
            return Kind::Unknown(Failure::param("type", "type is required and is a string"));
        };
        match kind.as_str() {
            "response.create" => self.create(text).map_or_else(Kind::Unknown, Kind::Create),
            "response.steer" => Kind::Steer(Steer {
                previous_response_id: owned(self.previous_response_id),
                input: owned(self.input),
            }),
            "response.interrupt" => match self.response_id.and_then(string) {
                Some(id) => Kind::Interrupt(id),
                None => {
                    let message = "response_id is required and is a string";
                    Kind::Unknown(Failure::param("response_id", message))
                }
            },
            "response.processed" => Kind::Processed,
            other => {
                let shown: String = other.chars().take(64).collect();
                let message = format!(
                    "{shown:?} is no type of message here: there are response.create, response.steer and response.interrupt"
                );
                Kind::Unknown(Failure::param("type", message).with_code("unknown_message_type"))
            }
        }
    }

    fn create(&self, text: &str) -> Result<Create, Failure> {
        let generate = boolean("generate", self.generate)?.unwrap_or(true);
        let options = self.prompt_cache_options.map(RawValue::get);
        let options: CacheOptions =
            options.and_then(|o| serde_json::from_str(o).ok()).unwrap_or_default();
        Ok(Create {
            body: body(text),
            warm_up: !generate || options.prewarm,
            previous: self.previous_response_id.and_then(string),
            background: boolean("background", self.background)?.unwrap_or(false),
        })
    }
}

impl Create {
    /// Refuses what this transport does not have.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.background {
            let message =
                "a background response is asked for over HTTP: POST the same request to this path";
            return Err(Failure::param("background", message).with_code("unsupported_parameter"));
        }
        Ok(())
    }
}

impl Steer {
    /// The answer: the input is given back.
    pub(super) fn refused(&self) -> Bytes {
        events::steering_refused(&self.previous_response_id, &self.input)
    }
}

/// The body of the same request over HTTP, always one for a stream.
fn body(text: &str) -> Bytes {
    let mut body = BytesMut::with_capacity(text.len() + 16);
    body.put_slice(b"{\"stream\":true");
    for (name, value) in json::members(text).filter(|(name, _)| !TRANSPORT.contains(name)) {
        body.put_slice(b",\"");
        body.put_slice(name.as_bytes());
        body.put_slice(b"\":");
        body.put_slice(value.as_bytes());
    }
    body.put_u8(b'}');
    body.freeze()
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn owned(value: Option<&RawValue>) -> Box<RawValue> {
    value.unwrap_or(RawValue::NULL).to_owned()
}

fn boolean(name: &'static str, value: Option<&RawValue>) -> Result<Option<bool>, Failure> {
    match value.map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Failure::param(name, format!("{name} must be true or false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Create {
        match ClientMessage::read(text.as_bytes()).unwrap().kind {
            Kind::Create(create) => create,
            _ => panic!("no request: {text}"),
        }
    }

    #[test]
    fn a_request_is_the_body_of_http_without_what_is_the_transports() {
        let read = create(
            r#" {"type":"response.create","model":"m", "input" : [ {"a":1E2} ],"stream":false,
                "stream_id":"b","generate":true,"previous_response_id":"resp_1"} "#,
        );
        let body =
            r#"{"stream":true,"model":"m","input":[ {"a":1E2} ],"previous_response_id":"resp_1"}"#;
        assert_eq!(read.body, body);
        assert_eq!((read.warm_up, read.previous.as_deref()), (false, Some("resp_1")));
    }

    #[test]
    fn nothing_is_generated_where_that_is_said_or_only_a_cache_is_warmed() {
        for (members, warm_up) in [
            (r#""generate":false"#, true),
            (r#""generate":true,"prompt_cache_options":{"prewarm":true}"#, true),
            (r#""generate":null"#, false),
            (r#""prompt_cache_options":{"other":1}"#, false),
        ] {
            let read = create(&format!(r#"{{"type":"response.create",{members}}}"#));
            assert_eq!(read.warm_up, warm_up, "{members}");
        }
    }

    #[test]
    fn what_is_no_request_is_named() {
        for (text, param) in [
            (r#"{"type":"response.create","generate":1}"#, "generate"),
            (r#"{"type":"response.append"}"#, "type"),
            (r#"{"type":7}"#, "type"),
            ("{}", "type"),
            (r#"{"type":"response.interrupt"}"#, "response_id"),
        ] {
            match ClientMessage::read(text.as_bytes()).unwrap().kind {
                Kind::Unknown(failure) => {
                    assert_eq!((failure.status(), failure.param.as_deref()), (400, Some(param)));
                }
                _ => panic!("{text} is known"),
            }
        }
        for text in ["", "[]", "hello", "{\"type\":", "{\"type\":\"a\",\"type\":\"b\"}"] {
            assert_eq!(ClientMessage::read(text.as_bytes()).err().unwrap().status(), 400, "{text}");
        }
    }
}
