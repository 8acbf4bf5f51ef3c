//! Anthropic's family: the error object that all of its endpoints share.

use std::borrow::Cow;

use chatmock_protocol::anthropic::error::{ErrorBody, ErrorDetails, ErrorObject};
use time::OffsetDateTime;

use super::MessagesShape;
use crate::failure::{Failure, FailureKind};
use crate::family::Family;
use crate::shape::Shape;

/// The code of a conversation that is to be kept, which is not done here.
pub(super) const NO_THREADS: &str = "thread_unsupported_request";

/// The code of a kept conversation that is to be continued.
pub(super) const NO_SUCH_THREAD: &str = "thread_not_found";

/// The backend's code of a request that is too long for the model.
const TOO_LONG: &str = "context_length_exceeded";

/// The backend's codes of a refusal that no other form of the request changes. Clients try a 400 again
/// in other forms, and each would be refused.
const REFUSED: [&str; 3] = ["invalid_prompt", "cyber_policy", "bio_policy"];

/// The backend's codes of a limit in money, which no waiting lifts.
const SPENT: [&str; 4] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
];

/// The backend's codes of a plan whose allowance is used up.
const PLAN_SPENT: [&str; 2] = ["usage_limit_reached", "subscription_sharing_usage_limit_exceeded"];

/// The longest wait, in seconds, for which clients are to try again by themselves.
const SHORT_WAIT: u64 = 60;

/// The status of an overload, which only this vendor has.
const OVERLOADED: u16 = 529;

/// Anthropic's API.
#[derive(Clone, Copy, Debug)]
pub struct Anthropic;

impl Anthropic {
    /// Returns whether another try makes no sense before a person has done something: clients are told so,
    /// or they would wait for hours, or try for minutes.
    #[must_use]
    pub fn is_final(failure: &Failure) -> bool {
        let is_spent = || failure.code.as_deref().is_some_and(|code| PLAN_SPENT.contains(&code));
        match failure.kind {
            FailureKind::SignedOut => true,
            FailureKind::RateLimited { retry_after: Some(wait) } => wait > SHORT_WAIT,
            FailureKind::RateLimited { retry_after: None } => is_spent(),
            _ => false,
        }
    }
}

impl Family for Anthropic {
    type Error<'f> = ErrorBody<'f>;

    fn error(failure: &Failure) -> ErrorBody<'_> {
        ErrorBody {
            kind: "error",
            error: ErrorObject {
                kind: class(failure),
                message: message(failure),
                details: failure.code.as_deref().map(|code| ErrorDetails {
                    error_code: code,
                    unsupported: (code == NO_THREADS).then_some(["thread"]),
                }),
            },
            request_id: failure.request_id.as_deref().map(String::as_str),
        }
    }

    fn status(failure: &Failure) -> u16 {
        match failure.kind {
            _ if is_refused(failure) => 403,
            FailureKind::Unavailable { .. } => OVERLOADED,
            FailureKind::RateLimited { .. } if is_spent(failure) => 402,
            FailureKind::Rejected(500..) => 502,
            _ => failure.status(),
        }
    }
}

fn is_refused(failure: &Failure) -> bool {
    failure.code.as_deref().is_some_and(|code| REFUSED.contains(&code))
}

fn is_spent(failure: &Failure) -> bool {
    failure.code.as_deref().is_some_and(|code| SPENT.contains(&code))
}

fn class(failure: &Failure) -> &'static str {
    match failure.kind {
        _ if is_refused(failure) => "permission_error",
        FailureKind::BadRequest | FailureKind::MethodNotAllowed => "invalid_request_error",
        FailureKind::TooLarge => "request_too_large",
        FailureKind::NotFound => "not_found_error",
        FailureKind::SignedOut => "authentication_error",
        FailureKind::Forbidden => "permission_error",
        FailureKind::RateLimited { .. } if is_spent(failure) => "billing_error",
        FailureKind::RateLimited { .. } => "rate_limit_error",
        FailureKind::Rejected(402) => "billing_error",
        FailureKind::Rejected(status) if status < 500 => "invalid_request_error",
        FailureKind::Unavailable { .. } => "overloaded_error",
        FailureKind::TimedOut => "timeout_error",
        FailureKind::Rejected(_)
        | FailureKind::Failed
        | FailureKind::Unreachable
        | FailureKind::Internal => "api_error",
    }
}

/// The words of a failure; those about a member begin with its path, its steps parted by dots.
fn message(failure: &Failure) -> Cow<'_, str> {
    let words = failure.message.as_str();
    let of_request = matches!(failure.kind, FailureKind::BadRequest | FailureKind::NotFound);
    let ours = failure.class.is_none() && of_request;
    let Some(param) = failure.param.as_deref().filter(|_| ours) else { return words.into() };
    let path = dotted(param);
    let words = words.strip_prefix("invalid value at ").unwrap_or(words);
    let words = words.strip_prefix(param).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(words);
    format!("{path}: {words}").into()
}

/// `messages[2].content[0]` as `messages.2.content.0`.
fn dotted(path: &str) -> String {
    path.replace('[', ".").replace(']', "")
}

/// Adds what only the turn knows: the numbers of a request that is too long, which clients read to
/// shorten the conversation, and the time at which a limit resets, since some show nothing else.
pub(super) fn with_facts(failure: Failure, shape: &Shape<MessagesShape>) -> Failure {
    match (failure.kind, shape.context_window) {
        (_, Some(window)) if failure.code.as_deref() == Some(TOO_LONG) => {
            let tokens = shape.own.input_tokens.max(window + 1);
            let message = format!("prompt is too long: {tokens} tokens > {window} maximum");
            Failure { kind: FailureKind::BadRequest, message, param: None, ..failure }
        }
        // A limit whose window is known has its time in the message already.
        (FailureKind::RateLimited { retry_after: Some(wait) }, _)
            if wait > SHORT_WAIT && !failure.message.contains(" free at ") =>
        {
            let words = failure.message.trim_end_matches('.');
            let message = format!("{words}; it resets {}", reset(shape.created, wait));
            Failure { message, ..failure }
        }
        _ => failure,
    }
}

/// Words when a wait is over, as `at 18:05 UTC (in 2 h 10 min)`.
fn reset(now: u64, wait: u64) -> String {
    let at = i64::try_from(now.saturating_add(wait)).ok();
    let at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let (minutes, at) = (wait.div_ceil(60), at.unwrap_or(OffsetDateTime::UNIX_EPOCH));
    let time = format!("{:02}:{:02} UTC", at.hour(), at.minute());
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("at {time} (in {minutes} min)"),
        (hours, minutes) => format!("at {time} (in {hours} h {minutes} min)"),
    }
}
