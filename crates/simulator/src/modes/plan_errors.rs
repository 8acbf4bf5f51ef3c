//! The modes that fail as the plan's backend and the public API do, each with its code.

use super::{Mode, ModeContext, half_a_message};
use crate::backend::ErrorStyle;
use crate::error_response::ErrorResponse;
use crate::json::object;
use crate::script::Script;

/// The message when a plan, or the share of a program in it, is used up.
const LIMIT: &str = "The ChatGPT user has reached their Subscription Sharing usage limit.";

/// An error: its mode, status, `error.type`, `error.code`, `error.param` (empty for none) and
/// message.
struct Row(Mode, u16, &'static str, &'static str, &'static str, &'static str);

const INVALID: &str = "invalid_request_error";

const ROWS: [Row; 12] = [
    Row(
        Mode::PlanNotEligible,
        403,
        INVALID,
        "subscription_sharing_user_not_eligible",
        "",
        "The user's plan or workspace is not eligible for Subscription Sharing.",
    ),
    Row(Mode::PlanLimit, 429, INVALID, "subscription_sharing_usage_limit_exceeded", "", LIMIT),
    Row(
        Mode::PlanUsageUnavailable,
        503,
        "server_error",
        "subscription_sharing_usage_unavailable",
        "",
        "The usage of the plan could not be checked.",
    ),
    Row(
        Mode::PlanUserUnavailable,
        503,
        "server_error",
        "subscription_sharing_user_unavailable",
        "",
        "The user is temporarily unavailable.",
    ),
    Row(
        Mode::PlanUnsupported,
        400,
        INVALID,
        "subscription_sharing_unsupported_capability",
        "tools[0].type",
        "User subscription sharing does not support this tool.",
    ),
    Row(
        Mode::PlanScope,
        403,
        INVALID,
        "chatpass_v2_scope_not_authorized",
        "",
        "The grant does not authorize this request.",
    ),
    Row(
        Mode::PlanContext,
        403,
        INVALID,
        "chatpass_v2_invalid_authorization_context",
        "",
        "The authorization context is not valid.",
    ),
    Row(
        Mode::Quota,
        429,
        "insufficient_quota",
        "insufficient_quota",
        "",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Row(
        Mode::ApiRateLimit,
        429,
        "requests",
        "rate_limit_exceeded",
        "",
        "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. Please try \
         again in 20s.",
    ),
    Row(
        Mode::NoSuchModel,
        404,
        INVALID,
        "model_not_found",
        "",
        "The model does not exist or you do not have access to it.",
    ),
    Row(
        Mode::ContextLength,
        400,
        INVALID,
        "context_length_exceeded",
        "input",
        "Your input exceeds the context window of this model. Please adjust your input and try \
         again.",
    ),
    Row(
        Mode::ServerError,
        500,
        "server_error",
        "server_error",
        "",
        "The server had an error while processing your request. Sorry about that!",
    ),
];

/// Returns the script of a mode, if it is one of these.
pub(super) fn script(mode: Mode, context: &ModeContext<'_>) -> Option<Script> {
    match mode {
        Mode::PlanLimitLate => {
            let mut composer = context.begin();
            half_a_message(&mut composer, "This much was");
            let code = "subscription_sharing_usage_limit_exceeded";
            Some(composer.fail(object! {"code": code, "message": LIMIT}))
        }
        Mode::PlanWrongRoute => {
            Some(Script::refusal(&ErrorStyle::SubscriptionSharing.not_found("")))
        }
        Mode::PlanInvalidUser | Mode::PlanInvalidUserOnce => {
            Some(Script::refusal(&ErrorResponse::invalid_user()))
        }
        Mode::PlanDetail => {
            Some(Script::refusal(&ErrorResponse::detail(403, "This region is not permitted.")))
        }
        mode => ROWS.iter().find(|row| row.0 == mode).map(Row::script),
    }
}

impl Row {
    fn script(&self) -> Script {
        let Self(mode, status, kind, code, param, message) = self;
        let param = Some(*param).filter(|param| !param.is_empty());
        let error = object! {"message": *message, "type": *kind, "param": param, "code": *code};
        let script =
            Script::refusal(&ErrorResponse { status: *status, body: object! {"error": error} });
        match mode {
            Mode::ApiRateLimit => script
                .with_header("retry-after", "20")
                .with_header("x-ratelimit-remaining-requests", "0")
                .with_header("x-ratelimit-reset-requests", "20s"),
            _ => script,
        }
    }
}
