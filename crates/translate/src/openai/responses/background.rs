//! The events and objects of an answer that is made without its client.
//!
//! Such an answer has an id before the backend gives one, and events before the backend sends any. So those of the
//! backend are numbered anew, after the two with which it begins here.

use bytes::Bytes;
use chatmock_protocol::json::{RawObject, RawValue, members, raw};
use serde::Deserialize;

use super::synthesized::{self, ERROR, FAILED, ResponseError, failure_code};
use crate::failure::{Failure, FailureKind};

/// The kind of the event by which a response is there.
const CREATED: &str = "response.created";

/// The kind of the event by which a response waits.
const QUEUED: &str = "response.queued";

/// What an event of the pipeline is to the answer.
#[derive(Debug)]
pub enum Continued {
    /// An event that follows the others.
    Event {
        /// Its kind.
        kind: String,
        /// The event, numbered.
        event: Bytes,
        /// The response as it is now, where the event says so.
        response: Option<Box<RawValue>>,
    },
    /// Nothing that has not been said.
    Nothing,
    /// An error outside of the response, which ends it.
    Failed(Failure),
}

/// The members of an event that are looked at.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Words {
    code: Option<String>,
    message: Option<String>,
}

/// The events with which an answer begins that waits: what it is, as [`Dialect::queued`](crate::Dialect::queued) has it.
///
/// # Errors
/// When it cannot be written.
pub fn begun(queued: &RawValue) -> Result<[(&'static str, Bytes); 2], serde_json::Error> {
    let event = |kind, number| {
        let event = serde_json::to_vec(&synthesized::event(kind, queued, number))?;
        Ok((kind, Bytes::from(event)))
    };
    Ok([event(CREATED, 0)?, event(QUEUED, 1)?])
}

/// Reads a message of the pipeline's, which becomes event `number`.
///
/// # Errors
/// When it is no event.
pub fn continued(message: &[u8], number: u64) -> Result<Continued, serde_json::Error> {
    let head: Head<'_> = serde_json::from_slice(message)?;
    match &*head.kind {
        CREATED => Ok(Continued::Nothing),
        ERROR => {
            let words =
                head.error.and_then(|error| serde_json::from_str::<Words>(error.get()).ok());
            let (code, message) =
                words.map(|words| (words.code, words.message)).unwrap_or_default();
            let message = message.unwrap_or_else(|| "the answer broke off".to_owned());
            let failure = Failure::new(FailureKind::Internal, message);
            Ok(Continued::Failed(Failure { code: code.map(Into::into), ..failure }))
        }
        _ => {
            let response = head.response.map(ToOwned::to_owned);
            let mut event: RawObject<'_> = serde_json::from_slice(message)?;
            event.set("sequence_number", &number)?;
            let event = serde_json::to_vec(&event)?.into();
            Ok(Continued::Event { kind: head.kind, event, response })
        }
    }
}

/// The end of an answer that did not come to one by itself: the response, and its last event.
///
/// # Errors
/// When the response is no object.
pub fn ended(
    response: &RawValue,
    failure: Option<&Failure>,
    number: u64,
) -> Result<(Box<RawValue>, Bytes), serde_json::Error> {
    let mut ended: RawObject<'_> = serde_json::from_str(response.get())?;
    match failure {
        Some(failure) => {
            ended.set("status", "failed")?;
            let (code, message) = failure_code(failure);
            ended.set("error", &ResponseError { code, message: &message })?;
        }
        None => ended.set("status", "cancelled")?,
    }
    let ended = raw(&ended)?;
    let event = serde_json::to_vec(&synthesized::event(FAILED, &ended, number))?;
    Ok((ended, event.into()))
}

/// Returns whether a response has not come to its end.
#[must_use]
pub fn is_open(response: &str) -> bool {
    let status = members(response).find(|(name, _)| *name == "status");
    status.is_some_and(|(_, status)| matches!(status, r#""queued""# | r#""in_progress""#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_its_client_begins_here_and_goes_on_in_one_count() {
        let queued: &RawValue = serde_json::from_str(r#"{"id":"r","status":"queued"}"#).unwrap();
        let [(kind, created), (_, waits)] = begun(queued).unwrap();
        assert_eq!(kind, CREATED);
        assert!(created.starts_with(br#"{"type":"response.created","sequence_number":0,"#));
        assert!(waits.starts_with(br#"{"type":"response.queued","sequence_number":1,"#));
        assert!(matches!(continued(&created, 2).unwrap(), Continued::Nothing));
        let delta = br#"{"type":"response.output_text.delta","sequence_number":7,"delta":"\u00e9","n":1E2}"#;
        let Continued::Event { kind, event, response } = continued(delta, 2).unwrap() else {
            panic!()
        };
        let expected =
            r#"{"type":"response.output_text.delta","sequence_number":2,"delta":"\u00e9","n":1E2}"#;
        assert_eq!(
            (&*kind, event, response.is_none()),
            ("response.output_text.delta", Bytes::from(expected), true)
        );
        let error = br#"{"type":"error","status":429,"error":{"code":"a","message":"m"}}"#;
        let Continued::Failed(failure) = continued(error, 2).unwrap() else { panic!() };
        assert_eq!((failure.code.as_deref(), &*failure.message), (Some("a"), "m"));
    }

    #[test]
    fn an_end_by_others_says_why() {
        let open: &RawValue =
            serde_json::from_str(r#"{"id":"r","status":"in_progress","error":null}"#).unwrap();
        assert!(is_open(open.get()));
        let failure =
            Failure::new(FailureKind::Internal, "the server stopped").with_code("server_stopping");
        let (failed, event) = ended(open, Some(&failure), 5).unwrap();
        let expected = r#"{"id":"r","status":"failed","error":{"code":"server_error","message":"the server stopped (server_stopping)"}}"#;
        assert_eq!(failed.get(), expected);
        assert!(!is_open(failed.get()));
        assert_eq!(
            event,
            format!(r#"{{"type":"response.failed","sequence_number":5,"response":{expected}}}"#)
        );
        let (cancelled, _) = ended(open, None, 5).unwrap();
        assert_eq!(cancelled.get(), r#"{"id":"r","status":"cancelled","error":null}"#);
    }
}
