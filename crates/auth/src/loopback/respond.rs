//! The answer to one request: who may ask, for which path, and the page it gets.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, HOST, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};

use super::page::Page;
use crate::login::{CALLBACK_PATH, CallbackVerdict, LoginAttempt, LoginOutcome, QUERY_LIMIT};

/// The longest wait for the end of the sign-in: a person may be asked something in the terminal
/// meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// Answers a request. Its body is never read.
pub(super) async fn respond(
    attempt: &LoginAttempt,
    request: &Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, page) = match rejection(request) {
        Some(refused) => refused,
        None => offer(attempt, request.uri().query().unwrap_or_default()).await,
    };
    let mut response = page.response(status);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET"));
    }
    Ok(response)
}

/// Refuses a request without a look at its query, which can still be used afterwards.
fn rejection(request: &Request<Incoming>) -> Option<(StatusCode, Page)> {
    let uri = request.uri();
    if !names_this_machine(request.headers()) || uri.authority().is_some() {
        return Some((StatusCode::FORBIDDEN, Page::Refused));
    }
    if uri.path() != CALLBACK_PATH {
        return Some((StatusCode::NOT_FOUND, Page::Nothing));
    }
    if request.method() != Method::GET {
        return Some((StatusCode::METHOD_NOT_ALLOWED, Page::Refused));
    }
    if uri.query().is_some_and(|query| query.len() > QUERY_LIMIT) {
        return Some((StatusCode::URI_TOO_LONG, Page::NotThisOne));
    }
    is_prefetch(request.headers()).then_some((StatusCode::BAD_REQUEST, Page::NotThisOne))
}

/// A name that points here may be anyone's: a page elsewhere could reach us by it.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_loopback = |text: &str| text.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match bare {
        Some(v6) => v6.contains(':') && is_loopback(v6),
        None => name.eq_ignore_ascii_case("localhost") || !name.contains(':') && is_loopback(name),
    }
}

/// Returns whether the browser only looks ahead; the code in the address can be used once.
fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        headers.get_all(*name).iter().any(|value| {
            let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
            ["prefetch", "prerender", "preview"].iter().any(|word| value.contains(word))
        })
    })
}

async fn offer(attempt: &LoginAttempt, query: &str) -> (StatusCode, Page) {
    match attempt.offer(query) {
        CallbackVerdict::Unexpected(_) => (StatusCode::BAD_REQUEST, Page::NotThisOne),
        CallbackVerdict::Repeated => (StatusCode::GONE, Page::Over),
        CallbackVerdict::Accepted => {
            let outcome = tokio::time::timeout(PATIENCE, attempt.outcome()).await;
            (
                StatusCode::OK,
                match outcome.ok().flatten() {
                    Some(LoginOutcome::SignedIn) => Page::SignedIn,
                    Some(LoginOutcome::NotSignedIn) => Page::NotSignedIn,
                    None => Page::SeeTerminal,
                },
            )
        }
    }
}
