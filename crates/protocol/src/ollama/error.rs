//! The error object of Ollama's API, on every endpoint and as the last line of a broken stream.

use std::borrow::Cow;

use serde::Serialize;

/// `{"error": "…"}`.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// A message for a person.
    pub error: Cow<'a, str>,
}
