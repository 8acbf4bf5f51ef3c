//! Failures: the only place that matches on another crate's errors.

use chatmock_protocol::codex::limits::Snapshot;
use chatmock_protocol::responses::ApiError;
use chatmock_translate::{Failure, FailureKind, Notice, NoticeKind};
use chatmock_upstream::{Adjustment, Client, CredentialError, Error, ErrorResponse, UpstreamRoute};

use crate::remedies::{self, CompanionWords};

/// The code of every failure that a sign-in fixes.
const SIGN_IN: &str = "sign_in_required";

/// Says what an error of the upstream means to a client.
pub(crate) fn from_upstream(error: Error) -> Failure {
    let message = error.to_string();
    let failed = |kind, code: &'static str| Failure::new(kind, message.clone()).with_code(code);
    let (failed_kind, unreachable) = (FailureKind::Failed, FailureKind::Unreachable);
    match error {
        Error::Refused(refusal) => from_refusal(*refusal),
        Error::Credentials(CredentialError::Unavailable(_)) => {
            failed(FailureKind::Unavailable { retry_after: None }, "sign_in_unavailable")
        }
        Error::Credentials(_) => failed(FailureKind::SignedOut, SIGN_IN),
        Error::Request { param, message } => Failure::param(param, format!("{param} {message}")),
        Error::Dns(_) => failed(unreachable, "upstream_dns"),
        Error::Tls { .. } => failed(unreachable, "upstream_tls"),
        Error::Proxy(_) => failed(unreachable, "proxy_error"),
        Error::ConnectRefused(_) => failed(unreachable, "upstream_refused"),
        Error::ConnectTimeout(_) => failed(FailureKind::TimedOut, "upstream_connect_timeout"),
        Error::Connect(_) => failed(unreachable, "upstream_unreachable"),
        Error::Broken(_) | Error::SocketClosed => failed(unreachable, "upstream_disconnected"),
        Error::HeaderTimeout { .. } => failed(FailureKind::TimedOut, "upstream_timeout"),
        Error::Stalled { .. } => failed(FailureKind::TimedOut, "upstream_stalled"),
        Error::Cut(_) => failed(failed_kind, "upstream_incomplete"),
        Error::FrameTooLarge(_) => failed(failed_kind, "upstream_event_too_large"),
        Error::Challenge { .. } => failed(failed_kind, "upstream_challenge"),
        Error::Unexpected { .. } | Error::Malformed { .. } => {
            failed(failed_kind, "upstream_unexpected")
        }
        _ => failed(FailureKind::Internal, "upstream_error"),
    }
}

/// Keeps what the backend said; a page that says nothing becomes a plain bad gateway.
fn from_refusal(refusal: ErrorResponse) -> Failure {
    let silent = refusal.error == ApiError::default();
    let mut failure = Failure::from_api(refusal.error, Some(refusal.status), refusal.retry_after)
        .with_remedy(&remedies::BY_CODE);
    if silent && matches!(failure.kind, FailureKind::Rejected(500..)) {
        failure.kind = FailureKind::Failed;
    }
    if failure.kind == FailureKind::SignedOut {
        failure.code.get_or_insert_with(|| SIGN_IN.into());
    }
    let remedy = refusal.hint.and_then(remedies::for_hint);
    if let Some(remedy) = remedy.filter(|remedy| !failure.message.contains(remedy)) {
        failure.message = format!("{}; {remedy}", failure.message);
    }
    failure
}

/// Names the setting of an address that could not be reached, where a person set it, and else the backend's host;
/// an address that a person set is not a client's to know.
pub(crate) fn with_address_hint(mut failure: Failure, route: &UpstreamRoute) -> Failure {
    if !matches!(failure.kind, FailureKind::Unreachable | FailureKind::TimedOut) {
        return failure;
    }
    let host = route.host_and_port().map(|(host, _)| host).unwrap_or_default();
    failure.message = match failure.code.as_deref() {
        _ if route.has_custom_base() && failure.kind == FailureKind::TimedOut => return failure,
        _ if route.has_custom_base() => format!("{}; {}", failure.message, remedies::ADDRESS),
        Some("upstream_dns") => format!("{host} cannot be found: is this machine online?"),
        _ => format!("{} ({host})", failure.message),
    };
    failure
}

/// Says what an error of a server beside the backend means, and whose it is; its status is kept.
pub(crate) fn from_companion(error: Error, words: CompanionWords) -> Failure {
    let CompanionWords { name, url, key } = words;
    let server = format!("the {name} server");
    let mut failure = match error {
        Error::Refused(refusal) => {
            let (status, said) = (refusal.status, refusal.error.message.is_some());
            let mut failure = Failure::from_api(refusal.error, Some(status), refusal.retry_after);
            failure.message = match said {
                true => format!("{server} ({url}) says: {}", failure.message),
                false => failure.message.replace("the backend", &server),
            };
            failure
        }
        error => {
            let mut failure = from_upstream(error);
            let code = match failure.kind {
                FailureKind::Unreachable => "unreachable",
                FailureKind::TimedOut => "timeout",
                _ => "unexpected",
            };
            failure.message = failure.message.replace("the backend", &server);
            failure.with_code(format!("{name}_{code}"))
        }
    };
    match failure.kind {
        // Nobody's sign-in here is wrong, and so nobody is asked for one.
        FailureKind::SignedOut => {
            failure.kind = FailureKind::Rejected(401);
            failure.message = format!("{}; check {key}", failure.message);
        }
        FailureKind::Unreachable => {
            failure.message = format!("{}; is {url} right?", failure.message);
        }
        _ => {}
    }
    failure
}

/// A request that has been here already, because of this setting.
pub(crate) fn via_loop(setting: &str) -> Failure {
    let message =
        format!("this request has come back to the server that sent it: {setting} leads here");
    Failure::new(FailureKind::BadRequest, message).with_code("loop_detected")
}

/// Says which client version asked, where a newer one may have the model, and what helps.
///
/// The list of the codex route depends on that version, and the backend refuses models that need a newer one.
pub(crate) fn with_version(mut failure: Failure, client: &Client) -> Failure {
    let unlisted = failure.code.as_deref() == Some("model_not_found");
    let too_old = failure.message.contains("newer version of Codex");
    if !client.route().lists_codex_models() || !(unlisted || too_old) {
        return failure;
    }
    let version = client.version();
    let words = failure.message.trim_end_matches('.').to_owned();
    let alias =
        if unlisted { "; --alias NAME=MODEL gives a name to a model of the list" } else { "" };
    failure.message = format!(
        "{words} (asked as Codex {version}: --client-version VERSION asks as a newer one, \
         --client-version latest as the newest found here{alias})"
    );
    failure
}

/// Returns the notice for a difference between the answer and the request.
pub(crate) fn notice(change: Adjustment) -> Notice {
    let changed =
        |field: &'static str, detail: String| Notice::new(field, NoticeKind::Changed, detail);
    match change {
        Adjustment::ReasoningLeftOut => {
            changed("input", "reasoning that the backend could not read was left out".to_owned())
        }
        Adjustment::OtherModel { served } => changed("model", format!("{served} answers")),
        _ => changed("answer", "part of the answer differs from the request".to_owned()),
    }
}

/// The limits that came with a refusal.
pub(crate) fn limits(error: &Error) -> Option<&Snapshot> {
    match error {
        Error::Refused(refusal) => refusal.limits.as_ref(),
        _ => None,
    }
}
