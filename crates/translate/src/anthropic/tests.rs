//! Tests of the messages dialect: requests lowered, replies worded.

mod blocks;
mod errors;
mod history;
mod options;
mod replies;
mod tools;

use serde_json::{Value, json};

use super::{Messages, MessagesShape, ShownThinking};
use crate::failure::Failure;
use crate::policy::Policy;
use crate::tests::support::{self, Settled, settled};

fn plain(body: &Value) -> Result<Settled<MessagesShape>, Failure> {
    settled::<Messages>(&body.to_string(), &Policy::default())
}

/// Settles a request of these messages, with more members.
fn with(messages: &Value, more: &Value) -> Settled<MessagesShape> {
    plain(&body(messages, more)).unwrap_or_else(|failure| panic!("{messages}: {failure:?}"))
}

fn body(messages: &Value, more: &Value) -> Value {
    let mut body = json!({"model": "gpt-6-sol", "max_tokens": 32_000, "messages": messages});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Settles a request of one message, with more members.
fn hi(more: &Value) -> Settled<MessagesShape> {
    with(&json!([{"role": "user", "content": "hi"}]), more)
}

/// The input that these messages lower to.
fn input(messages: &Value) -> Value {
    with(messages, &json!({})).body["input"].clone()
}

/// The failure of a request of one message, with more members.
fn refused(more: &Value) -> Failure {
    plain(&body(&json!([{"role": "user", "content": "hi"}]), more)).unwrap_err()
}

fn said(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" { "output_text" } else { "input_text" };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}

/// A shape that shows reasoning.
fn thinking() -> crate::Shape<MessagesShape> {
    let own = MessagesShape { thinking: ShownThinking::Text, ..MessagesShape::default() };
    crate::Shape { own, ..support::shape() }
}
