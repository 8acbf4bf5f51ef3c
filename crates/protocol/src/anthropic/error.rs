//! The error object, which is the body of a failed request and the last event of a broken stream.

use std::borrow::Cow;

use serde::Serialize;

/// An error body.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// Always `error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The error.
    pub error: ErrorObject<'a>,
    /// The request's id, as in the header `request-id`.
    pub request_id: Option<&'a str>,
}

/// The error in the body.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorObject<'a> {
    /// Its class, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Words for a person; of a request's fault they begin with its path.
    pub message: Cow<'a, str>,
    /// Words for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<ErrorDetails<'a>>,
}

/// What programs are told of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorDetails<'a> {
    /// A word, such as `thread_unsupported_request`.
    pub error_code: &'a str,
    /// The members that are not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<[&'a str; 1]>,
}
