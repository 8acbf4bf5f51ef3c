//! Tests of Ollama's dialects: requests lowered, lines and whole replies worded.

mod chat;
mod errors;
mod figures;
mod generate;
mod history;
mod lines;

use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::policy::Policy;
use crate::reasoning_style::ReasoningStyle;
use crate::tests::support::{Settled, settled};

use super::{OllamaChat, OllamaGenerate};

/// Settles a body without a summary, so that `reasoning` holds only what was asked.
fn plain<D: Dialect>(body: &Value) -> Result<Settled<D::Own>, Failure> {
    let policy = Policy { reasoning_style: ReasoningStyle::None, ..Policy::default() };
    settled::<D>(&body.to_string(), &policy)
}

fn extended(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Settles a chat request of these messages, with more members.
fn with(messages: &Value, more: &Value) -> Settled {
    let body = extended(json!({"model": "gpt-6-sol", "messages": messages}), more);
    plain::<OllamaChat>(&body).unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

/// Settles a chat request of one message, with more members.
fn hi(more: &Value) -> Settled {
    with(&json!([{"role": "user", "content": "hi"}]), more)
}

/// The failure of a chat request of one message, with more members.
fn refused(more: &Value) -> Failure {
    let messages = json!([{"role": "user", "content": "hi"}]);
    plain::<OllamaChat>(&extended(json!({"model": "m", "messages": messages}), more)).unwrap_err()
}

/// Settles a generate request, with more members.
fn asked(prompt: &str, more: &Value) -> Settled {
    let body = extended(json!({"model": "gpt-6-sol", "prompt": prompt}), more);
    plain::<OllamaGenerate>(&body).unwrap_or_else(|failure| panic!("{body}: {failure:?}"))
}

fn said(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" { "output_text" } else { "input_text" };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}
