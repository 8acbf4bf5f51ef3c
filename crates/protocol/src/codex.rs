//! The Codex backend's own endpoints and headers beside the Responses API.

pub mod accounts;
pub mod limits;
pub mod models;
pub mod usage;
