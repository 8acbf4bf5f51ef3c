//! Ollama's API, as its clients speak it: one file per endpoint, and `shared` for what two of them
//! have in common.

pub mod account;
pub mod chat;
pub mod embed;
pub mod error;
pub mod generate;
pub mod ps;
pub mod pull;
pub mod shared;
pub mod show;
pub mod tags;
pub mod version;
