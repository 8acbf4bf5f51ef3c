//! OpenAI's family: the error object that all of its endpoints share.

pub mod chat;
pub mod compaction;
pub mod completions;
mod either_body;
pub mod images;
pub mod responses;
pub mod stored_chat;

use chatmock_protocol::openai::error::{ErrorBody, ErrorObject};

use crate::failure::{Failure, FailureKind};
use crate::family::Family;

pub use chat::{Chat, ChatShape};
pub use compaction::Compaction;
pub use completions::{Completions, CompletionsShape};
pub use either_body::OpenAiBody;
pub use images::{ImageEdit, ImageGeneration};
pub use responses::{Responses, ResponsesShape};

/// Chat completions, completions and the Responses API.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi;

impl Family for OpenAi {
    type Error<'f> = ErrorBody<'f>;

    fn error(failure: &Failure) -> ErrorBody<'_> {
        // The backend's own class is kept where it gave one, since clients of this API know it.
        let kind = failure.class.as_deref().unwrap_or_else(|| class(failure.kind));
        ErrorBody {
            error: ErrorObject {
                message: &failure.message,
                kind,
                param: failure.param.as_deref(),
                code: failure.code.as_deref(),
            },
        }
    }

    fn status(failure: &Failure) -> u16 {
        failure.status()
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
