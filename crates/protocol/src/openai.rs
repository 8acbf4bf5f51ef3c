//! OpenAI's API, as its clients speak it.

pub mod chat;
pub mod completions;
pub mod embeddings;
pub mod error;
pub mod images;
pub mod models;
