//! The modes that fail explicitly, with error events and error statuses.

use serde_json::{Value, json};

use super::{Mode, ModeContext, half_a_message};
use crate::default_answer;
use crate::error_response::ErrorResponse;
use crate::json::{Json, members, object};
use crate::script::Script;

const PAGE_BYTES: usize = 5 << 20;
const OVERLOADED: &str = "Our servers are currently overloaded. Please try again later.";

/// Returns the script of a mode, if it is one of these.
pub(super) fn script(mode: Mode, context: &ModeContext<'_>) -> Option<Script> {
    in_the_stream(mode, context).or_else(|| by_status(mode, context))
}

fn in_the_stream(mode: Mode, context: &ModeContext<'_>) -> Option<Script> {
    let error = |code: &str, message: &str| object! {"code": code, "message": message};
    let mut composer = context.begin();
    let script = match mode {
        Mode::FailBefore => composer.fail(error("server_error", "The model failed at once.")),
        Mode::FailAfter => {
            half_a_message(&mut composer, "This will not");
            composer.fail(error("server_error", "The model failed half way."))
        }
        Mode::FailNull => composer.fail(Json::Leaf(Value::Null)),
        Mode::FailRate => {
            let message = "Rate limit reached. Please try again in 11.054s.";
            composer.fail(error("rate_limit_exceeded", message))
        }
        Mode::FailContext => {
            let message = "Your input exceeds the context window of this model.";
            composer.fail(error("context_length_exceeded", message))
        }
        Mode::ErrorFlat => {
            let message = "The server had an error.";
            let members =
                members! {"code": "server_error", "message": message, "param": Value::Null};
            composer.emit("error", members);
            composer.stop()
        }
        Mode::ErrorNested => {
            let error = object! {
                "type": "server_error", "code": "server_error",
                "message": "The server had an error.", "param": Value::Null,
            };
            composer.emit("error", members! {"error": error});
            composer.stop()
        }
        Mode::Overloaded => {
            let error = object! {
                "type": "service_unavailable_error", "code": "server_is_overloaded",
                "message": OVERLOADED, "param": Value::Null,
            };
            composer.emit("error", members! {"error": error.clone()});
            composer.fail(error)
        }
        Mode::OverloadedAfter => {
            half_a_message(&mut composer, "This will not");
            composer.fail(error("server_is_overloaded", OVERLOADED))
        }
        _ => return None,
    };
    Some(script)
}

fn by_status(mode: Mode, context: &ModeContext<'_>) -> Option<Script> {
    let script = match mode {
        Mode::UnverifiedReasoning => unverified_reasoning(context),
        Mode::UnauthorizedOnce | Mode::Unauthorized => {
            Script::json(401, &json!({"detail": "Unauthorized"}))
                .with_header("x-openai-authorization-error", "invalid_token")
        }
        Mode::Deactivated => {
            Script::json(402, &json!({"detail": {"code": "deactivated_workspace"}}))
        }
        Mode::UsageLimit => usage_limit(context),
        Mode::RateLimit => Script::json(
            429,
            &json!({"error": {
            "type": "rate_limit_exceeded", "code": "rate_limit_exceeded",
            "message": "Rate limit reached for requests. Please try again in 2s."}}),
        )
        .with_header("retry-after", "2"),
        Mode::NotIncluded => Script::json(
            403,
            &json!({"error": {"type": "usage_not_included",
            "message": "To use Codex with your ChatGPT plan, upgrade."}}),
        ),
        Mode::Unavailable => Script::json(
            503,
            &json!({"error": {
            "type": "service_unavailable_error", "code": "server_is_overloaded",
            "message": OVERLOADED, "param": null}}),
        ),
        _ => return pages(mode),
    };
    Some(script)
}

fn unverified_reasoning(context: &ModeContext<'_>) -> Script {
    let sealed = context.request.input().iter().find_map(|item| item["encrypted_content"].as_str());
    let Some(sealed) = sealed else { return default_answer::answer(context.request, context.meta) };
    Script::refusal(&ErrorResponse::unverified_reasoning(sealed))
}

fn usage_limit(context: &ModeContext<'_>) -> Script {
    const LEFT: i64 = 21_000;
    let body = json!({"error": {
        "type": "usage_limit_reached", "message": "The usage limit has been reached",
        "plan_type": "plus", "resets_at": context.meta.created_at + LEFT,
        "resets_in_seconds": LEFT, "eligible_promo": null}});
    Script::json(429, &body)
        .with_header("x-codex-primary-used-percent", "100")
        .with_header("x-codex-primary-reset-after-seconds", &LEFT.to_string())
        .with_header("x-codex-rate-limit-reached-type", "rate_limit_reached")
}

fn pages(mode: Mode) -> Option<Script> {
    let html = "text/html; charset=UTF-8";
    let script = match mode {
        Mode::Html500 => {
            let mut page = "<!DOCTYPE html><html><body><h1>Internal error</h1>".to_owned();
            page.extend(std::iter::repeat_n('x', PAGE_BYTES - page.len()));
            Script::body(500, html, page)
        }
        Mode::Html403 => {
            let page = "<!DOCTYPE html><html><head><title>Just a moment...</title></head>\
                        <body>Enable JavaScript and cookies to continue</body></html>";
            Script::body(403, html, page).with_header("cf-mitigated", "challenge")
        }
        Mode::Html200 => {
            Script::body(200, html, "<!DOCTYPE html><html><body>Welcome</body></html>")
        }
        Mode::Empty404 => {
            let mut script = Script::body(404, "text/plain", "");
            script.headers.clear();
            script
        }
        Mode::Redirect => {
            Script::body(307, "text/plain", "").with_header("location", "http://127.0.0.1:9/other")
        }
        _ => return None,
    };
    Some(script)
}
