//! The issuer's token endpoint: one renewal call and what its answers mean.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::tokens::Grant;

const CALL_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const MAX_REPLY: usize = 1 << 20;
const ORIGINATOR: HeaderName = HeaderName::from_static("originator");

/// The token endpoint of one issuer, with the client that calls it.
#[derive(Debug)]
pub struct Endpoint {
    client: Client,
    token: Url,
    client_id: String,
}

/// Why a renewal is made; the issuer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The access token ends within minutes, or has ended.
    ProactiveExpiry,
    /// The access token does not say when it ends, and the last renewal is days ago.
    Scheduled,
    /// The backend refused the access token.
    UnauthorizedRecovery,
}

/// Why a sign-in cannot be renewed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// `refresh_token_expired`.
    #[error("its refresh token has expired")]
    Expired,
    /// `refresh_token_reused`.
    #[error("its refresh token was already used, perhaps by another program")]
    Reused,
    /// `refresh_token_invalidated`.
    #[error("its refresh token was withdrawn")]
    Invalidated,
    /// `invalid_grant` with status 400.
    #[error("its refresh token is not accepted")]
    InvalidGrant,
    /// Status 401 with no such code.
    #[error("the sign-in service refused it")]
    Unauthorized,
    /// There was nothing to send.
    #[error("it has no refresh token")]
    NoRefreshToken,
    /// The renewed tokens belong to someone else, and were thrown away.
    #[error("the sign-in service answered for another account")]
    OtherAccount,
}

/// How a renewal call went wrong. No part of the reply is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The issuer is neither an `https` address nor `http` on this machine.
    #[error("the issuer must be an https address, or http on a loopback address")]
    Issuer,
    /// Originator or user agent cannot stand in a header.
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
    Refused(Refusal),
    /// No whole answer within the time limit.
    #[error("the sign-in service did not answer")]
    Unreachable(#[source] reqwest::Error),
    /// An answer that settles nothing.
    #[error("the sign-in service answered with status {0}")]
    Status(u16),
    /// A success whose body is no grant, or is too large.
    #[error("the sign-in service sent an unreadable answer")]
    Unreadable,
}

/// What an [`Endpoint`] is made from; a named struct because all of it is text.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSettings<'a> {
    /// The issuer's address, without `/oauth/token`.
    pub issuer: &'a str,
    /// The OAuth client the tokens were issued to.
    pub client_id: &'a str,
    /// The program's name, for the `originator` header.
    pub originator: &'a str,
    /// The `user-agent` header.
    pub user_agent: &'a str,
}

impl Endpoint {
    /// Makes the client, which takes some milliseconds: once per program.
    pub fn new(settings: EndpointSettings<'_>) -> Result<Self, EndpointError> {
        let (token, local) = token_address(settings.issuer)?;
        let header = |text| HeaderValue::from_str(text).map_err(|_| EndpointError::Identity);
        let headers = HeaderMap::from_iter([
            (ORIGINATOR, header(settings.originator)?),
            (USER_AGENT, header(settings.user_agent)?),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        // Another part of the program may have installed one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would carry the refresh token along to wherever it points.
        let mut builder = Client::builder()
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT);
        if local {
            builder = builder.no_proxy();
        }
        if token.scheme() == "http" {
            builder = without_roots(builder)?;
        }
        let client = builder.build().map_err(EndpointError::Client)?;
        Ok(Self { client, token, client_id: settings.client_id.to_owned() })
    }

    /// Spends a refresh token.
    pub async fn renew(&self, token: &Secret, reason: Reason) -> Result<Grant, EndpointError> {
        let call = Renewal {
            client_id: &self.client_id,
            grant_type: "refresh_token",
            refresh_reason: reason,
            refresh_token: token,
        };
        let body = serde_json::to_vec(&call).map_err(|_| EndpointError::Unreadable)?;
        let reply = self.client.post(self.token.clone()).body(body).send().await;
        let reply = reply.map_err(unreachable)?;
        let status = reply.status();
        let body = whole(reply).await;
        if !status.is_success() {
            // A refusal's body only refines it, so one that breaks off does not hide the status.
            return Err(classify(status, &body.unwrap_or_default()));
        }
        serde_json::from_slice(&body?).map_err(|_| EndpointError::Unreadable)
    }
}

/// Leaves the system's certificates unread: a machine without any can still call itself.
fn without_roots(builder: ClientBuilder) -> Result<ClientBuilder, EndpointError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(EndpointError::Tls)?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(tls))
}

#[derive(Serialize)]
struct Renewal<'a> {
    client_id: &'a str,
    grant_type: &'static str,
    refresh_reason: Reason,
    refresh_token: &'a Secret,
}

fn unreachable(error: reqwest::Error) -> EndpointError {
    EndpointError::Unreachable(error.without_url())
}

async fn whole(mut reply: Response) -> Result<Zeroizing<Vec<u8>>, EndpointError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = reply.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_REPLY {
            return Err(EndpointError::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Gives the token endpoint's address and whether it is on this machine.
fn token_address(issuer: &str) -> Result<(Url, bool), EndpointError> {
    let text = format!("{}/oauth/token", issuer.trim_end_matches('/'));
    let url = Url::parse(&text).map_err(|_| EndpointError::Issuer)?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let plain = url.username().is_empty() && url.password().is_none();
    let plain = plain && url.query().is_none() && url.fragment().is_none();
    match url.scheme() {
        "https" if plain => Ok((url, local)),
        "http" if plain && local => Ok((url, local)),
        _ => Err(EndpointError::Issuer),
    }
}

fn classify(status: StatusCode, body: &[u8]) -> EndpointError {
    let refusal = match code(body).as_deref() {
        Some("refresh_token_expired") => Refusal::Expired,
        Some("refresh_token_reused") => Refusal::Reused,
        Some("refresh_token_invalidated") => Refusal::Invalidated,
        Some("invalid_grant") if status == StatusCode::BAD_REQUEST => Refusal::InvalidGrant,
        _ if status == StatusCode::UNAUTHORIZED => Refusal::Unauthorized,
        _ => return EndpointError::Status(status.as_u16()),
    };
    EndpointError::Refused(refusal)
}

/// Finds the code where issuers put it: `error.code`, `error` itself, or `code`.
fn code(body: &[u8]) -> Option<String> {
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
            (400, r#"{"error":{"code":"refresh_token_reused"}}"#, Some(Refusal::Reused)),
            (403, r#"{"error":{"code":"refresh_token_expired"}}"#, Some(Refusal::Expired)),
            (500, r#"{"code":"refresh_token_invalidated"}"#, Some(Refusal::Invalidated)),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"x"}"#,
                Some(Refusal::InvalidGrant),
            ),
            (401, r#"{"error":"invalid_grant"}"#, Some(Refusal::Unauthorized)),
            (401, "<html>", Some(Refusal::Unauthorized)),
            (401, r#"{"error":"refresh_token_reused"}"#, Some(Refusal::Reused)),
            (403, r#"{"error":"invalid_grant"}"#, None),
            (400, r#"{"error":{"message":"invalid_grant"}}"#, None),
            (400, r#"{"error":null,"code":5}"#, None),
            (429, "{}", None),
            (500, "", None),
            (307, "", None),
        ] {
            let got = classify(StatusCode::from_u16(status).unwrap(), body.as_bytes());
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
    fn the_code_is_looked_up_in_order() {
        assert_eq!(code(br#"{"error":{"code":"a"},"code":"b"}"#).as_deref(), Some("a"));
        assert_eq!(code(br#"{"error":"a","code":"b"}"#).as_deref(), Some("a"));
        assert_eq!(code(br#"{"error":{"code":null},"code":"b"}"#).as_deref(), Some("b"));
    }

    #[test]
    fn only_https_or_loopback_issuers_are_taken() {
        for good in [
            "https://auth.openai.com",
            "https://auth.example.org/base/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            assert!(token_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://auth.openai.com",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "https://user@auth.openai.com",
            "https://auth.openai.com?x=1",
            "https://auth.openai.com#x",
            "file:///etc",
            "auth.openai.com",
            "",
        ] {
            assert!(token_address(bad).is_err(), "{bad}");
        }
    }
}
