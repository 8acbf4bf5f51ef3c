//! Ollama's API, as its clients speak it: one file per endpoint.

pub mod chat;
pub mod error;
pub mod generate;
pub mod ps;
pub mod pull;
pub mod show;
pub mod tags;
pub mod version;
