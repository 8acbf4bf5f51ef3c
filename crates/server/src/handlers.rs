//! Handlers of everything that is not a turn.

pub(crate) mod models;
pub(crate) mod ollama;
pub(crate) mod responses;
pub(crate) mod status;
