//! Wire types of the Responses, OpenAI and Codex APIs, and SSE framing: no IO, no clock.

pub mod codex;
pub mod effort;
pub mod json;
pub mod ollama;
pub mod openai;
pub mod responses;
pub mod sse;
pub mod tier;

pub use json::{RawObject, RawValue};
