//! The error object of OpenAI's API.

use serde::Serialize;

/// `{"error": {…}}`, the body of every refused request and of the last event of a broken stream.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// The error.
    pub error: ErrorObject<'a>,
}

/// The error.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorObject<'a> {
    /// A message for a person.
    pub message: &'a str,
    /// The class, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Path of the member that caused it.
    pub param: Option<&'a str>,
    /// A code for programs.
    pub code: Option<&'a str>,
}
