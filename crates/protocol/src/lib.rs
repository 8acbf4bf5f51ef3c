#![doc = include_str!("../README.md")]

pub mod anthropic;
#[cfg(feature = "cassettes")]
pub mod cassette;
pub mod codex;
pub mod effort;
pub mod json;
pub mod ollama;
pub mod openai;
pub mod responses;
pub mod sse;
pub mod tier;
pub mod websocket;

pub use json::{RawObject, RawValue};
