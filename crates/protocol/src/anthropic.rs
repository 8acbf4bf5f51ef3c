//! Anthropic's API: messages, token counts, models and errors.

pub mod count_tokens;
pub mod error;
pub mod event;
pub mod models;
pub mod reply;
pub mod request;
