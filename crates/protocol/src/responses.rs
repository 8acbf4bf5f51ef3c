//! The Responses API, as the Codex backend speaks it.

mod api_error;
pub mod event;
pub mod item;
mod params;
mod response;
pub mod tool;
mod usage;

use serde::Serialize;

use crate::json::RawObject;

pub use api_error::ApiError;
pub use event::{Event, Phase};
pub use item::{ContentPart, InputItem, OutputItem};
pub use params::{GENERIC_PARAMS, OPENAI_PARAMS};
pub use response::Response;
pub use tool::{Tool, ToolChoice};
pub use usage::Usage;

/// A request body. Members that are neither read nor changed are sent on as they came.
pub type Request<'b> = RawObject<'b>;

/// The `reasoning` member of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reasoning<'a> {
    /// A word of [`crate::effort::Effort`], or a number as configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<&'a str>,
    /// `auto`, `concise` or `detailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<&'a str>,
}

#[cfg(test)]
mod tests;
