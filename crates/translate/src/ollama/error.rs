//! A failure as Ollama's API words it.

use chatmock_protocol::ollama::error::ErrorBody;

use crate::failure::Failure;

/// Words a failure.
#[must_use]
pub fn error_body(failure: &Failure) -> ErrorBody<'_> {
    ErrorBody { error: &failure.message }
}
