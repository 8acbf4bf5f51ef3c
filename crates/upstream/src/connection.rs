//! The one HTTP client behind all calls.

use std::sync::Arc;
use std::time::Duration;

use reqwest::ClientBuilder;
use rustls::crypto::ring;

use crate::config::{Config, Proxy};
use crate::error::Error;
use crate::route::Endpoints;

/// How many bytes of one stream may be under way unread.
///
/// Together with [`CONNECTION_WINDOW`] it keeps readers that pause from stopping the others on
/// the same connection.
const STREAM_WINDOW: u32 = 256 * 1024;

/// How many unread bytes one connection takes: 128 streams' worth.
const CONNECTION_WINDOW: u32 = 128 * STREAM_WINDOW;

/// Below the 60 s after which servers commonly drop a silent connection.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// A connection that died, say over a suspend, is noticed within this and [`PING_TIMEOUT`].
const PING_INTERVAL: Duration = Duration::from_secs(15);

const PING_TIMEOUT: Duration = Duration::from_secs(20);

const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Builds the client: no redirects, no total time limit, no cookies, no compression.
///
/// # Errors
/// [`Error::Settings`] when the proxy's address is none or the TLS roots cannot be read.
pub(crate) fn build(config: &Config, endpoints: &Endpoints) -> Result<reqwest::Client, Error> {
    // An error says that the process has a provider already, which serves as well.
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
                .map_err(|_| Error::settings("the proxy's address is not one"))?;
            builder.proxy(proxy)
        }
    };
    let builder = if endpoints.plain { without_roots(builder)? } else { builder };
    builder.build().map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Error::settings(format!("no HTTP client: {}", cause.unwrap_or_default()))
    })
}

/// Leaves the system's certificates unread: a machine without any can still call itself.
fn without_roots(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::settings(format!("no TLS: {error}")))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(tls))
}
