//! The HTTP client that calls an issuer.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, ClientBuilder, Response, Url, redirect};
use zeroize::Zeroizing;

use super::error::EndpointError;
use crate::issuer::is_local;

/// The longest a call may take, a refresh or an exchange included.
const CALL_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1 << 20;
const ORIGINATOR: HeaderName = HeaderName::from_static("originator");

/// Makes the headers that name the caller.
pub(super) fn identity(originator: &str, user_agent: &str) -> Result<HeaderMap, EndpointError> {
    let header = |text| HeaderValue::from_str(text).map_err(|_| EndpointError::Identity);
    Ok(HeaderMap::from_iter([
        (ORIGINATOR, header(originator)?),
        (USER_AGENT, header(user_agent)?),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]))
}

/// Makes a client for one address, with these headers on every call. Takes some milliseconds.
pub(crate) fn client(url: &Url, headers: HeaderMap) -> Result<Client, EndpointError> {
    // Another part of the program may have installed a provider already, which works as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A redirect would carry the refresh token along to wherever it points.
    let mut builder = Client::builder()
        .default_headers(headers)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(CALL_LIMIT);
    if is_local(url) {
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

/// Takes the address out of an error: it may carry what does not belong in a log.
pub(super) fn unreachable(error: reqwest::Error) -> EndpointError {
    EndpointError::Unreachable(error.without_url())
}

/// Reads a body whole, up to [`MAX_BODY`].
pub(super) async fn read_body(mut reply: Response) -> Result<Zeroizing<Vec<u8>>, EndpointError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = reply.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(EndpointError::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
