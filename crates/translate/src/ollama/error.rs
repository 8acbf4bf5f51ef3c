//! A failure as Ollama's API words it.

use std::borrow::Cow;

use chatmock_protocol::ollama::error::ErrorBody;

use crate::failure::Failure;

/// Words a failure; this API has no member for the place, so the words begin with it.
#[must_use]
pub fn error_body(failure: &Failure) -> ErrorBody<'_> {
    let message = failure.message.as_str();
    let place = failure.param.as_deref().filter(|place| !message.contains(place));
    ErrorBody {
        error: match place {
            Some(place) => Cow::Owned(format!("{place}: {message}")),
            None => Cow::Borrowed(message),
        },
    }
}
