//! Ollama's two dialects: chat, and an answer to a single prompt.

mod chat;
mod family;
mod generate;
mod history;
mod lines;
mod request;

pub use chat::OllamaChat;
pub use family::Ollama;
pub use generate::OllamaGenerate;
pub use lines::{Lines, timestamp};

pub use request::model_name;

use crate::chain::Chain;
use crate::reply::Collector;
use crate::text_only::TextOnly;

/// The chain of a streamed reply.
pub type Streamed = Chain<TextOnly<Lines>>;

/// The chain of a whole reply.
pub type Whole = Chain<TextOnly<Collector>>;

#[cfg(test)]
mod tests;
