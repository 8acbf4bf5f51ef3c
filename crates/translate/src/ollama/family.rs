//! Ollama's family: its errors are one text.

use std::borrow::Cow;

use chatmock_protocol::ollama::error::ErrorBody;

use crate::failure::{Failure, FailureKind};
use crate::family::Family;

/// Ollama's API.
#[derive(Clone, Copy, Debug)]
pub struct Ollama;

impl Family for Ollama {
    type Error<'f> = ErrorBody<'f>;

    fn error(failure: &Failure) -> ErrorBody<'_> {
        // This API has no member for the parameter at fault, so the text begins with it.
        let message = failure.message.as_str();
        // Its clients look for these words, to fetch a model that is missing.
        if failure.kind == FailureKind::NotFound && !message.contains("not found") {
            return ErrorBody { error: Cow::Owned(format!("not found: {message}")) };
        }
        let param = failure.param.as_deref().filter(|param| !message.contains(param));
        ErrorBody {
            error: match param {
                Some(param) => Cow::Owned(format!("{param}: {message}")),
                None => Cow::Borrowed(message),
            },
        }
    }

    fn status(failure: &Failure) -> u16 {
        failure.status()
    }
}
