//! Pure conversion between OpenAI dialects and the Responses API.
//!
//! Nothing here reads a clock, a random source, a file, the environment or a socket. A request is
//! read and lowered by a [`Dialect`], completed by [`settle`], and goes upstream as
//! [`protocol::responses::Request`]; the backend's events come back through an [`Encoder`] as the
//! dialect's own bytes, streamed or whole.
//!
//! [`protocol::responses::Request`]: chatmock_protocol::responses::Request

mod backend;
pub mod catalog;
mod chain;
mod content;
mod conversation;
pub mod delta;
pub mod dialect;
mod dialect_list;
pub mod draft;
mod encoder;
mod end;
mod failure;
mod family;
mod field_path;
mod format;
mod frames;
mod gathered;
pub mod notice;
pub mod ollama;
pub mod openai;
pub mod policy;
pub mod reader;
pub mod reasoning_style;
mod remedies;
pub mod reply;
mod schema;
mod schema_root;
mod settle;
mod shape;
pub mod stop;
mod template;
pub mod text_only;
pub mod tokens;
mod tool_list;
mod tool_names;
mod tools;

#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use catalog::Catalog;
pub use dialect::Dialect;
pub use draft::{Draft, Drafted};
pub use encoder::Encoder;
pub use end::{End, Finish, Step};
pub use failure::{Failure, FailureKind};
pub use family::Family;
pub use frames::{Frames, Framing, Out};
pub use notice::{Notice, NoticeKind};
pub use ollama::{Ollama, OllamaChat, OllamaGenerate};
pub use openai::{Chat, Completions, OpenAi, Responses};
pub use policy::Policy;
pub use remedies::Remedies;
pub use settle::{Turn, settle, unknown_model};
pub use shape::Shape;

/// Compiles and runs the example in the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
