//! The error object of OpenAI's API.

use serde::Serialize;

/// `{"error": {…}}`, the body of every refused request and of a broken stream's last event.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// The error.
    pub error: ErrorObject<'a>,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorObject<'a> {
    /// Words for a person.
    pub message: &'a str,
    /// The class, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Path of the member at fault.
    pub param: Option<&'a str>,
    /// A word for programs.
    pub code: Option<&'a str>,
}
