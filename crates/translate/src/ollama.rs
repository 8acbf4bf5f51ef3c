//! Ollama's two dialects: chat, and an answer to a single prompt.

mod chat;
mod error;
mod generate;
mod history;
mod lines;
mod request;

pub use chat::OllamaChat;
pub use error::error_body;
pub use generate::OllamaGenerate;
pub use lines::{Lines, timestamp};

pub use request::model_name;

use crate::bounds::Bounded;
use crate::plain::Plain;
use crate::reading::Reading;
use crate::reply::Collector;
use crate::thinking::Styled;

/// The chain of a streamed reply.
pub type Streamed = Reading<Bounded<Styled<Plain<Lines>>>>;

/// The chain of a whole reply.
pub type Whole = Reading<Bounded<Styled<Plain<Collector>>>>;

#[cfg(test)]
mod tests;
