//! The Codex backend's own endpoints and events, next to the Responses API.

pub mod accounts;
pub mod items;
pub mod limits;
pub mod models;
pub mod reset_credits;
pub mod usage;
