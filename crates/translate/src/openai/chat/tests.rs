//! Tests of the chat dialect: requests lowered, replies worded.

mod choices;
mod errors;
mod failures;
mod history;
mod messages;
mod options;
mod replies;
mod styles;
mod tools;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::openai::chat::ChatShape;
use crate::policy::Policy;
use crate::reasoning_style::ReasoningStyle;
use crate::tests::support::{Settled, settled};

use super::Chat;

/// Settles a body without a summary, so that `reasoning` holds only what was asked.
fn plain(body: &Value) -> Result<Settled<ChatShape>, Failure> {
    let policy = Policy { reasoning_style: ReasoningStyle::None, ..Policy::default() };
    settled::<Chat>(&body.to_string(), &policy)
}

/// Settles a request of these messages, with more members.
fn with(messages: &Value, more: &Value) -> Settled<ChatShape> {
    let mut body = json!({"model": "gpt-6-sol", "messages": messages});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plain(&body).unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

/// Settles a request of one message, with more members.
fn hi(more: &Value) -> Settled<ChatShape> {
    with(&json!([{"role": "user", "content": "hi"}]), more)
}

/// The input that these messages lower to.
fn input(messages: &Value) -> Value {
    with(messages, &json!({})).body["input"].clone()
}

/// The failure of a request of one message, with more members.
fn refused(more: &Value) -> Failure {
    let mut body = json!({"model": "gpt-6-sol", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    plain(&body).unwrap_err()
}

fn said(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" { "output_text" } else { "input_text" };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}
