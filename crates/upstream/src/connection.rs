//! The HTTP client behind all calls.

use std::sync::Arc;
use std::time::Duration;

use reqwest::ClientBuilder;
use rustls::crypto::ring;

use crate::config::{Config, Proxy};
use crate::error::Error;
use crate::route::Endpoints;

/// HTTP/2 flow-control window of one stream: how many of its bytes may be buffered unread.
///
/// All turns share one HTTP/2 connection. A client that stops reading fills the window of its
/// stream, and with the default windows a few such clients would fill the connection's too and stop
/// every other turn. So the connection's window holds 128 full streams. The price is memory: up to
/// 32 MiB of unread bytes in the worst case. hyper's adaptive window stays off, since it would
/// override both values.
const STREAM_WINDOW: u32 = 256 * 1024;

/// HTTP/2 flow-control window of a connection: 128 streams' worth.
const CONNECTION_WINDOW: u32 = 128 * STREAM_WINDOW;

/// The time for which an unused connection is kept: less than the 60 s after which servers commonly close
/// one.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// The interval at which an HTTP/2 connection is pinged. A connection that died, say while the machine was
/// suspended, is noticed within this time and [`PING_TIMEOUT`].
const PING_INTERVAL: Duration = Duration::from_secs(15);

const PING_TIMEOUT: Duration = Duration::from_secs(20);

const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Builds the client: no redirects, no total time limit, no cookies, no compression.
///
/// reqwest would send a request's body again to wherever a 307 or 308 points, so a redirect is
/// reported as an error and not followed.
///
/// # Errors
/// [`Error::Settings`] when the proxy's address is not valid or the TLS roots cannot be read.
pub(crate) fn build(config: &Config, endpoints: &Endpoints) -> Result<reqwest::Client, Error> {
    // An error means that the process already has a provider, which is as good.
    let _ = ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(config.limits.connect)
        .tcp_nodelay(true)
        .pool_idle_timeout(POOL_IDLE)
        .http2_adaptive_window(false)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true);
    let builder = match &config.proxy {
        _ if endpoints.loopback => builder.no_proxy(),
        Proxy::Environment => builder,
        Proxy::Off => builder.no_proxy(),
        Proxy::At(address) => {
            // The address may hold a password, so neither it nor the parser's error is repeated.
            let proxy = reqwest::Proxy::all(address)
                .map_err(|_| Error::settings("the proxy's address is not a valid URL"))?;
            builder.proxy(proxy)
        }
    };
    let builder = if endpoints.plain { without_roots(builder)? } else { builder };
    builder.build().map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Error::settings(format!("the HTTP client cannot be set up: {}", cause.unwrap_or_default()))
    })
}

/// Builds TLS without the system's certificates. A backend that is called in plain HTTP needs none,
/// and a machine or container without any must still be able to call itself.
fn without_roots(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::settings(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(tls))
}
