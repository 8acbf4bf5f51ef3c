//! Errors of calls to the issuer, and the meaning of its refusals.

use reqwest::StatusCode;
use serde::Deserialize;

use super::words::ServiceWords;
use crate::auth_profile::AuthProfile;
use crate::issuer::InvalidIssuer;
use crate::refresh_refusal::RefreshRefusal;

/// Why a call to the issuer failed. No part of the reply is in the message but [`ServiceWords`], which
/// hold no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The issuer is neither an `https` address nor `http` on this machine.
    #[error(transparent)]
    Issuer(#[from] InvalidIssuer),
    /// No sign-ins can be made for a route of this name.
    #[error("this version knows no such route: codex or plan")]
    UnknownRoute,
    /// A sign-in was begun without a registration where every installation has one.
    #[error("this route needs a registration of the installation")]
    NoRegistration,
    /// The issuer's description of itself cannot be right.
    #[error("the sign-in service describes itself wrongly: {0}")]
    Discovery(&'static str),
    /// Originator or user agent cannot be sent in a header.
    #[error("originator and user agent must be plain header text")]
    Identity,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
    /// The TLS settings could not be made.
    #[error("the TLS settings could not be made")]
    Tls(#[source] rustls::Error),
    /// For good: the person must sign in again.
    #[error("the sign-in cannot be renewed: {0}")]
    Refused(RefreshRefusal),
    /// No whole answer within the time limit.
    #[error("the sign-in service did not answer")]
    Unreachable(#[source] reqwest::Error),
    /// No answer within the lease of a renewal.
    #[error("the sign-in service did not answer within the lease of the renewal")]
    TooSlow,
    /// An answer that settles nothing.
    #[error("the sign-in service answered with status {0}")]
    Status(u16),
    /// A code that buys no tokens: used, too old, or of another attempt.
    #[error("the sign-in service did not accept the code ({0}){1}: start the sign-in again")]
    NotRedeemed(CodeRefusal, ServiceWords),
    /// Device sign-in is not offered by this issuer, or not to this person.
    #[error("device sign-in is not enabled here{0}: sign in with the browser instead")]
    NoDeviceSignIn(ServiceWords),
    /// A success whose body is no grant, or is too large.
    #[error("the sign-in service sent an unreadable answer")]
    Unreadable,
}

/// Why a code was not accepted, where the issuer's error code is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeRefusal {
    /// `invalid_grant`.
    #[error("it is unknown, used or too old")]
    InvalidGrant,
    /// `invalid_client` or `unauthorized_client`.
    #[error("this client is not allowed")]
    Client,
    /// Anything else with this status.
    #[error("status {0}")]
    Status(u16),
}

/// Sorts the refusal of a code.
pub(super) fn not_redeemed(status: StatusCode, body: &[u8]) -> EndpointError {
    let refusal = match error_code(body).as_deref() {
        _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return EndpointError::Status(status.as_u16());
        }
        Some("invalid_grant") => CodeRefusal::InvalidGrant,
        Some("invalid_client" | "unauthorized_client") => CodeRefusal::Client,
        _ => CodeRefusal::Status(status.as_u16()),
    };
    EndpointError::NotRedeemed(refusal, ServiceWords::read(body))
}

/// Sorts the refusal of a refresh.
pub(super) fn classify(profile: &AuthProfile, status: StatusCode, body: &[u8]) -> EndpointError {
    let code = error_code(body).unwrap_or_default();
    match profile.refusal(&code, status.as_u16()) {
        Some(refusal) => EndpointError::Refused(refusal),
        None if status == StatusCode::UNAUTHORIZED => {
            EndpointError::Refused(RefreshRefusal::Unauthorized)
        }
        None => EndpointError::Status(status.as_u16()),
    }
}

/// Finds the code where issuers put it: `error.code`, `error` itself, or `code`.
pub(crate) fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        error: Option<serde_json::Value>,
        code: Option<serde_json::Value>,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let error = body.error.as_ref();
    error
        .and_then(|error| error.get("code"))
        .and_then(text)
        .or_else(|| error.and_then(text))
        .or_else(|| body.code.as_ref().and_then(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_falls_into_its_class() {
        for (status, body, expected) in [
            (400, r#"{"error":{"code":"refresh_token_reused"}}"#, Some(RefreshRefusal::Reused)),
            (403, r#"{"error":{"code":"refresh_token_expired"}}"#, Some(RefreshRefusal::Expired)),
            (500, r#"{"code":"refresh_token_invalidated"}"#, Some(RefreshRefusal::Invalidated)),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"x"}"#,
                Some(RefreshRefusal::InvalidGrant),
            ),
            (401, r#"{"error":"invalid_grant"}"#, Some(RefreshRefusal::Unauthorized)),
            (401, "<html>", Some(RefreshRefusal::Unauthorized)),
            (401, r#"{"error":"refresh_token_reused"}"#, Some(RefreshRefusal::Reused)),
            (403, r#"{"error":"invalid_grant"}"#, None),
            (400, r#"{"error":{"message":"invalid_grant"}}"#, None),
            (400, r#"{"error":null,"code":5}"#, None),
            (429, "{}", None),
            (500, "", None),
            (307, "", None),
        ] {
            let codex = crate::sign_in_route::SignInRoute::CODEX.profile().unwrap();
            let got = classify(codex, StatusCode::from_u16(status).unwrap(), body.as_bytes());
            match (got, expected) {
                (EndpointError::Refused(got), Some(expected)) => {
                    assert_eq!(got, expected, "{body}")
                }
                (EndpointError::Status(got), None) => assert_eq!(got, status, "{body}"),
                (got, expected) => panic!("{status} {body}: {got:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn every_end_of_the_plan_route_is_one_whatever_its_status() {
        let plan = crate::sign_in_route::SignInRoute::PLAN.profile().unwrap();
        for code in [
            "invalid_grant",
            "invalid_refresh_token",
            "token_expired",
            "refresh_token_expired",
            "refresh_token_invalidated",
            "refresh_token_reused",
        ] {
            for status in [400, 401, 403] {
                let body = format!(r#"{{"error":"{code}"}}"#);
                let got = classify(plan, StatusCode::from_u16(status).unwrap(), body.as_bytes());
                assert!(
                    matches!(got, EndpointError::Refused(refusal) if refusal != RefreshRefusal::Unauthorized),
                    "{status} {code}: {got:?}"
                );
            }
        }
        let busy = classify(plan, StatusCode::SERVICE_UNAVAILABLE, br#"{"error":"server_error"}"#);
        assert!(matches!(busy, EndpointError::Status(503)));
    }

    #[test]
    fn the_code_is_looked_up_in_order() {
        assert_eq!(error_code(br#"{"error":{"code":"a"},"code":"b"}"#).as_deref(), Some("a"));
        assert_eq!(error_code(br#"{"error":"a","code":"b"}"#).as_deref(), Some("a"));
        assert_eq!(error_code(br#"{"error":{"code":null},"code":"b"}"#).as_deref(), Some("b"));
    }
}
