//! `POST /admin/log-level`: more or less detail in the log, for an hour.

use std::borrow::Cow;

use chatmock_translate::{Failure, FailureKind};
use http::header::ORIGIN;
use serde::{Deserialize, Serialize};

use super::super::{Exchange, Handling};
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::settings::LogLevel;

#[derive(Deserialize)]
struct Wanted<'a> {
    #[serde(borrow)]
    level: Cow<'a, str>,
}

#[derive(Serialize)]
struct InForce {
    level: &'static str,
}

/// Changes the level of the log.
pub(super) fn set(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(changed(exchange))
}

/// # Errors
/// 404 where no key is set, since then everybody who can connect could do it; 403 from another machine and from a
/// web page; 400 for a level that there is not.
async fn changed(exchange: Exchange<'_>) -> Result<HttpResponse, Failure> {
    let Exchange { context, head, body, .. } = exchange;
    let log = context.services.state.log.as_ref().filter(|_| context.caller.label().is_some());
    let Some(log) = log else {
        context.services.bodies.discard(body, &head.headers).await;
        let message = "nothing is served at /admin/log-level while no key is set (--api-key-file)";
        return Err(Failure::new(FailureKind::NotFound, message).with_code("unknown_url"));
    };
    if !context.caller.is_local() || head.headers.contains_key(ORIGIN) {
        context.services.bodies.discard(body, &head.headers).await;
        let message = "the level of the log is changed by programs on this machine only";
        return Err(Failure::new(FailureKind::Forbidden, message).with_code("not_local"));
    }
    let body = context.services.bodies.read(body, &head.headers, context.caller).await?;
    let wanted: Option<Wanted<'_>> = serde_json::from_slice(&body.bytes).ok();
    let level = wanted.and_then(|wanted| LogLevel::named(&wanted.level));
    let wrong = || {
        let message = "level must be \"info\" or \"debug\", as in {\"level\": \"debug\"}";
        Failure::param("level", message).with_code("invalid_value")
    };
    log.set_level(level.ok_or_else(wrong)?);
    response::json(ReplyHeaders::default(), &InForce { level: log.level().as_str() })
}
