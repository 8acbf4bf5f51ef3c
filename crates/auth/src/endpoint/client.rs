//! The HTTP client of the issuer, and which issuers it may call.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, ClientBuilder, Response, Url, redirect};
use zeroize::Zeroizing;

use super::error::EndpointError;

/// The longest a call may take, a renewal or an exchange included.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const MAX_REPLY: usize = 1 << 20;
const ORIGINATOR: HeaderName = HeaderName::from_static("originator");

/// An issuer's address.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    base: String,
    url: Url,
    /// Whether it is on this machine.
    local: bool,
}

impl Issuer {
    /// Takes an `https` address, or `http` on this machine, without query or user.
    pub(crate) fn parse(issuer: &str) -> Result<Self, EndpointError> {
        let base = issuer.trim_end_matches('/').to_owned();
        let url = Url::parse(&base).map_err(|_| EndpointError::Issuer)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let plain = url.username().is_empty() && url.password().is_none();
        let plain = plain && url.query().is_none() && url.fragment().is_none();
        match url.scheme() {
            "https" if plain => Ok(Self { base, url, local }),
            "http" if plain && local => Ok(Self { base, url, local }),
            _ => Err(EndpointError::Issuer),
        }
    }

    /// The address as it was given, without a slash at its end.
    pub(crate) fn as_str(&self) -> &str {
        &self.base
    }

    /// A place below it.
    pub(crate) fn at(&self, path: &str) -> Result<Url, EndpointError> {
        Url::parse(&format!("{}{path}", self.base)).map_err(|_| EndpointError::Issuer)
    }

    /// Says whether a place is on the same host and port, reached in the same way.
    pub(crate) fn holds(&self, place: &Url) -> bool {
        self.url.origin() == place.origin()
    }

    /// Takes an address that the issuer gives: `https`, or on this machine where it is, too.
    pub(crate) fn names(&self, place: &str) -> Option<Url> {
        let told = Self::parse(place).ok()?;
        (told.url.scheme() == "https" || (told.local && self.local)).then_some(told.url)
    }

    /// Makes a client with these headers on every call.
    pub(super) fn client(&self, headers: HeaderMap) -> Result<Client, EndpointError> {
        client(&self.url, self.local, headers)
    }
}

/// The headers that say who calls.
pub(super) fn identity(originator: &str, user_agent: &str) -> Result<HeaderMap, EndpointError> {
    let header = |text| HeaderValue::from_str(text).map_err(|_| EndpointError::Identity);
    Ok(HeaderMap::from_iter([
        (ORIGINATOR, header(originator)?),
        (USER_AGENT, header(user_agent)?),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]))
}

/// Makes a client for one address; takes some milliseconds.
pub(crate) fn client(url: &Url, local: bool, headers: HeaderMap) -> Result<Client, EndpointError> {
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
    if url.scheme() == "http" {
        builder = without_roots(builder)?;
    }
    builder.build().map_err(EndpointError::Client)
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

/// Takes the address out of an error: it may carry what is not for a log.
pub(super) fn unreachable(error: reqwest::Error) -> EndpointError {
    EndpointError::Unreachable(error.without_url())
}

/// Reads a body up to the cap.
pub(super) async fn whole(mut reply: Response) -> Result<Zeroizing<Vec<u8>>, EndpointError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = reply.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_REPLY {
            return Err(EndpointError::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback_issuers_are_taken() {
        for good in [
            "https://auth.openai.com",
            "https://auth.example.org/base/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            assert!(Issuer::parse(good).is_ok(), "{good}");
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
            assert!(Issuer::parse(bad).is_err(), "{bad}");
        }
    }
}
