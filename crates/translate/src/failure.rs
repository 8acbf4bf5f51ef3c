//! Failures, before the family of the API words them for the client.

use std::borrow::Cow;

use chatmock_protocol::json::ReadError;
use chatmock_protocol::responses::ApiError;

use crate::remedies::Remedies;

/// The kinds of failures, by what a client can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The request is wrong.
    BadRequest,
    /// The body is too large.
    TooLarge,
    /// Nothing has that name.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// No one is signed in, or the backend no longer takes the sign-in.
    SignedOut,
    /// The caller or the account may not do this.
    Forbidden,
    /// A limit is reached.
    RateLimited {
        /// Seconds to wait, where they are known.
        retry_after: Option<u64>,
    },
    /// The backend refused with this status.
    Rejected(u16),
    /// The backend has no capacity just now, or this server is stopping.
    Unavailable {
        /// Seconds to wait, where they are known.
        retry_after: Option<u64>,
    },
    /// The backend broke off or answered nonsense.
    Failed,
    /// The backend could not be reached.
    Unreachable,
    /// The backend did not answer in time.
    TimedOut,
    /// This program is at fault.
    Internal,
}

/// A failure: its kind, and words for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Failure {
    /// The kind, by what a client can do about it.
    pub kind: FailureKind,
    /// Words for a person.
    pub message: String,
    /// A word for programs, such as `context_length_exceeded`.
    pub code: Option<Cow<'static, str>>,
    /// Path of the request member at fault.
    pub param: Option<String>,
    /// The backend's own class of the error, kept where it gave one.
    pub class: Option<Box<str>>,
    /// The id of the request, for the APIs that name it in the error.
    // Boxed, so that results stay small.
    pub request_id: Option<Box<String>>,
}

impl Failure {
    /// Makes a failure of a kind, with words for a person.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: brief(message.into()),
            code: None,
            param: None,
            class: None,
            request_id: None,
        }
    }

    /// Makes a failure of the request member at `param`.
    #[must_use]
    pub fn param(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(brief(param.into())), ..Self::new(FailureKind::BadRequest, message) }
    }

    /// Makes a failure of what did not fit in the value at `path`.
    pub(crate) fn within(path: &str, fault: ReadError) -> Self {
        let path = match fault.path.as_str() {
            "" => path.to_owned(),
            inner if inner.starts_with('[') => format!("{path}{inner}"),
            inner => format!("{path}.{inner}"),
        };
        Self::from(ReadError { path, ..fault })
    }

    /// Adds to the message what a person can do, where the embedder has words for the code.
    #[must_use]
    pub fn with_remedy(self, remedies: &Remedies) -> Self {
        let Some(remedy) = self.code.as_deref().and_then(|code| remedies.find(code)) else {
            return self;
        };
        let message = brief(format!("{}; {remedy}", self.message.trim_end_matches('.')));
        Self { message, ..self }
    }

    /// Adds the id of the request.
    #[must_use]
    pub fn with_request_id(self, id: &str) -> Self {
        Self { request_id: Some(Box::new(id.to_owned())), ..self }
    }

    /// Adds a word for programs.
    #[must_use]
    pub fn with_code(self, code: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// A stream that ended before its terminal event: an incomplete answer is never called whole.
    #[must_use]
    pub fn incomplete() -> Self {
        Self::new(FailureKind::Failed, "the backend's stream ended before the answer was complete")
            .with_code("upstream_incomplete")
    }

    /// An answer of which its client wants no more, which is no fault of anyone.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(FailureKind::BadRequest, "the client interrupted the answer")
            .with_code(INTERRUPTED)
    }

    /// Returns whether the client itself ended the answer.
    #[must_use]
    pub(crate) fn is_interruption(&self) -> bool {
        self.code.as_deref() == Some(INTERRUPTED)
    }

    /// Names what a backend error means, from its status, code and class.
    ///
    /// `status` is that of the answer, or `None` for an error inside a stream; `retry_after` is in
    /// seconds. The message is the backend's own; see [`Self::with_remedy`].
    #[must_use]
    pub fn from_api(error: ApiError, status: Option<u16>, retry_after: Option<u64>) -> Self {
        let retry_after = retry_after.or_else(|| error.relative_wait());
        let named_kind = || {
            let words = [error.code.as_deref(), error.kind.as_deref()];
            words.into_iter().flatten().find_map(|word| of_word(word, retry_after))
        };
        let kind = match status {
            Some(429) => FailureKind::RateLimited { retry_after },
            Some(401) => FailureKind::SignedOut,
            Some(status @ 400..=499) => rejected(status),
            status => named_kind().unwrap_or_else(|| of_status(status, retry_after)),
        };
        let message = error.message.unwrap_or_else(|| match status {
            Some(status) => format!("the backend answered {status} without saying why"),
            None => "the backend reported a failure without saying why".to_owned(),
        });
        Self {
            code: error.code.map(Cow::Owned),
            param: error.param.map(brief),
            class: error.kind.map(String::into_boxed_str),
            ..Self::new(kind, message)
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            FailureKind::BadRequest => 400,
            FailureKind::TooLarge => 413,
            FailureKind::NotFound => 404,
            FailureKind::MethodNotAllowed => 405,
            FailureKind::SignedOut => 401,
            FailureKind::Forbidden => 403,
            FailureKind::RateLimited { .. } => 429,
            FailureKind::Rejected(status) => status,
            FailureKind::Unavailable { .. } => 503,
            FailureKind::Failed | FailureKind::Unreachable => 502,
            FailureKind::TimedOut => 504,
            FailureKind::Internal => 500,
        }
    }

    /// Seconds to wait before another try, where they are known.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self.kind {
            FailureKind::RateLimited { retry_after } | FailureKind::Unavailable { retry_after } => {
                retry_after
            }
            _ => None,
        }
    }
}

/// The code of an answer that its client ended.
const INTERRUPTED: &str = "interrupted";

/// The longest text of a failure, in characters: some quote what a client or the backend sent.
const MAX_CHARS: usize = 512;

/// The text, cut to its first [`MAX_CHARS`] characters.
fn brief(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(end);
        text.push('\u{2026}');
    }
    text
}

/// Keeps a refusal's status where no kind says the same.
fn rejected(status: u16) -> FailureKind {
    match status {
        400 => FailureKind::BadRequest,
        403 => FailureKind::Forbidden,
        404 => FailureKind::NotFound,
        413 => FailureKind::TooLarge,
        other => FailureKind::Rejected(other),
    }
}

fn of_word(word: &str, retry_after: Option<u64>) -> Option<FailureKind> {
    Some(match word {
        "context_length_exceeded"
        | "invalid_prompt"
        | "cyber_policy"
        | "bio_policy"
        | "invalid_request_error"
        | "string_above_max_length"
        | "invalid_encrypted_content" => FailureKind::BadRequest,
        "usage_limit_reached"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "credit_balance_exhausted"
        | "organization_spend_limit_exceeded"
        | "organization_usage_limit_exceeded"
        | "project_spend_limit_exceeded"
        | "subscription_sharing_usage_limit_exceeded" => FailureKind::RateLimited { retry_after },
        "usage_not_included"
        | "subscription_sharing_user_not_eligible"
        | "subscription_sharing_route_not_supported"
        | "chatpass_v2_scope_not_authorized"
        | "chatpass_v2_invalid_authorization_context" => FailureKind::Forbidden,
        "server_is_overloaded"
        | "slow_down"
        | "flex_unavailable"
        | "service_unavailable_error"
        | "subscription_sharing_usage_unavailable"
        | "subscription_sharing_user_unavailable" => FailureKind::Unavailable { retry_after },
        "subscription_sharing_unsupported_capability" => FailureKind::BadRequest,
        "subscription_sharing_invalid_user" => FailureKind::SignedOut,
        "model_not_found" => FailureKind::NotFound,
        _ if word.starts_with("token_") => FailureKind::SignedOut,
        _ => return None,
    })
}

fn of_status(status: Option<u16>, retry_after: Option<u64>) -> FailureKind {
    match status {
        Some(503) => FailureKind::Unavailable { retry_after },
        Some(504) => FailureKind::TimedOut,
        Some(status @ 500..=599) => FailureKind::Rejected(status),
        _ => FailureKind::Failed,
    }
}

impl From<ReadError> for Failure {
    fn from(fault: ReadError) -> Self {
        let message = match fault.path.as_str() {
            "" => format!("invalid JSON body: {}", fault.message),
            path => format!("invalid value at {path}: {}", fault.message),
        };
        let param = (!fault.path.is_empty()).then_some(fault.path);
        Self { param, ..Self::new(FailureKind::BadRequest, message) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(FailureKind::Internal, format!("a value could not be written: {error}"))
    }
}
