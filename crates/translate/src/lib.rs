//! Pure conversion between OpenAI dialects and the Responses API.
//!
//! Nothing here reads a clock, a random source, a file, the environment or a socket. A request is
//! read and lowered by a [`Dialect`], completed by [`settle`], and goes upstream as
//! [`protocol::responses::Request`]; the backend's events come back through an [`Encoder`] as the
//! dialect's own bytes, streamed or whole.
//!
//! [`protocol::responses::Request`]: chatmock_protocol::responses::Request

mod asked;
pub mod backend;
pub mod bounds;
pub mod catalog;
pub mod chat;
pub mod completions;
mod content;
mod conversation;
pub mod delta;
pub mod dialect;
pub mod draft;
pub mod failure;
mod format;
pub mod frames;
mod names;
pub mod notice;
mod offer;
pub mod ollama;
mod place;
pub mod plain;
pub mod policy;
pub mod reader;
pub mod reading;
pub mod reply;
pub mod responses;
mod schema;
mod template;
pub mod thinking;
pub mod tokens;
mod tools;

#[cfg(test)]
mod everywhere;
#[cfg(test)]
mod testing;

pub use asked::Asked;
pub use backend::Backend;
pub use catalog::Catalog;
pub use chat::Chat;
pub use completions::Completions;
pub use dialect::{Dialect, Encoder, Framing, Shape};
pub use draft::Draft;
pub use failure::{Failure, FailureKind};
pub use frames::Frames;
pub use notice::{Notice, NoticeKind};
pub use ollama::{OllamaChat, OllamaGenerate};
pub use policy::{Policy, Turn, settle};
pub use responses::Responses;

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
