//! A failure as OpenAI's API words it.

use chatmock_protocol::openai::error::{ErrorBody, ErrorObject};

use crate::failure::{Failure, FailureKind};

/// Words a failure; the backend's own class is kept where it gave one.
pub(crate) fn error_body(failure: &Failure) -> ErrorBody<'_> {
    ErrorBody {
        error: ErrorObject {
            message: &failure.message,
            kind: failure.class.as_deref().unwrap_or_else(|| class(failure.kind)),
            param: failure.param.as_deref(),
            code: failure.code.as_deref(),
        },
    }
}

fn class(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::BadRequest
        | FailureKind::TooLarge
        | FailureKind::NotFound
        | FailureKind::MethodNotAllowed => "invalid_request_error",
        FailureKind::SignedOut => "authentication_error",
        FailureKind::Forbidden => "permission_error",
        FailureKind::RateLimited { .. } => "rate_limit_error",
        FailureKind::Rejected(status) if status < 500 => "invalid_request_error",
        FailureKind::Unavailable { .. } => "service_unavailable_error",
        FailureKind::Rejected(_)
        | FailureKind::Failed
        | FailureKind::Unreachable
        | FailureKind::TimedOut
        | FailureKind::Internal => "server_error",
    }
}
