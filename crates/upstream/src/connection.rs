//! The HTTP clients behind all calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{ClientBuilder, Request, Response};
use rustls::crypto::ring;

use crate::address::Site;
use crate::config::{Config, Proxy};
use crate::error::{self, Error};
use crate::reuse;

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

/// The client that keeps connections, and one that makes a connection for each call.
#[derive(Clone)]
pub(crate) struct Connections {
    kept: reqwest::Client,
    /// Made when it is first needed, since that takes milliseconds and may never be.
    fresh: Arc<OnceLock<reqwest::Client>>,
    /// Speaks HTTP/1.1 alone, in which a connection can become a socket; made when it is first needed.
    upgrading: Arc<OnceLock<reqwest::Client>>,
    settings: Arc<(Config, Site)>,
    /// The calls so far that met a kept connection which the backend had closed.
    stale: Arc<AtomicU64>,
}

impl Connections {
    /// Makes no connection yet.
    ///
    /// # Errors
    /// [`Error::Settings`] when the proxy's address is not valid or the TLS roots cannot be read.
    pub(crate) fn new(config: &Config, site: Site) -> Result<Self, Error> {
        Ok(Self {
            kept: build(config, site, None, Versions::Best)?,
            fresh: Arc::default(),
            upgrading: Arc::default(),
            settings: Arc::new((config.clone(), site)),
            stale: Arc::default(),
        })
    }

    /// Returns the same with no kept connection yet, for calls from another runtime.
    ///
    /// # Errors
    /// As [`Connections::new`].
    pub(crate) fn apart(&self) -> Result<Self, Error> {
        let (config, site) = &*self.settings;
        Ok(Self { kept: build(config, *site, None, Versions::Best)?, ..self.clone() })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// The other side may have closed a kept connection at the moment in which the request was written to it. Then
    /// the request is sent once more on a new connection, which is never repeated so: there, the
    /// other side may have worked on it.
    pub(crate) async fn head<F>(&self, request: F, limit: Duration) -> Result<Response, Error>
    where
        F: Fn() -> Request,
    {
        let kept = head_within(limit, self.kept.execute(request()));
        match reuse::watch(kept).await {
            (Err(Error::Broken(error)), true) if !error::is_stream_reset(&error) => {
                let fresh = self.after_stale()?;
                head_within(limit, fresh.execute(request())).await
            }
            (result, _) => result,
        }
    }

    /// Returns the client of calls that follow one whose kept connection had been closed, and counts them.
    fn after_stale(&self) -> Result<&reqwest::Client, Error> {
        let stale = self.stale.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(stale, "the backend closed a kept connection, calling again on a new one");
        if let Some(fresh) = self.fresh.get() {
            return Ok(fresh);
        }
        let (config, site) = &*self.settings;
        let fresh = build(config, *site, Some(0), Versions::Best)?;
        Ok(self.fresh.get_or_init(|| fresh))
    }

    /// Returns the client whose connections become sockets.
    pub(crate) fn upgrading(&self) -> Result<&reqwest::Client, Error> {
        if let Some(upgrading) = self.upgrading.get() {
            return Ok(upgrading);
        }
        let (config, site) = &*self.settings;
        let upgrading = build(config, *site, Some(0), Versions::Http1)?;
        Ok(self.upgrading.get_or_init(|| upgrading))
    }
}

async fn head_within(
    limit: Duration,
    call: impl Future<Output = Result<Response, reqwest::Error>>,
) -> Result<Response, Error> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) if error.is_timeout() && !error.is_connect() => {
            Err(Error::HeaderTimeout { limit })
        }
        Ok(Err(error)) => Err(Error::before_head(error)),
        Err(_) => Err(Error::HeaderTimeout { limit }),
    }
}

/// The versions of HTTP that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Versions {
    /// The best that both sides have.
    Best,
    /// 1.1 alone.
    Http1,
}

/// Builds a client: no redirects, no total time limit, no cookies, no compression.
///
/// At most `kept` unused connections are kept; `None` is no limit. reqwest would send a request's body again to
/// wherever a 307 or 308 points, so a redirect is reported as an error and not followed.
///
/// # Errors
/// [`Error::Settings`] when the proxy's address is not valid or the TLS roots cannot be read.
fn build(
    config: &Config,
    site: Site,
    kept: Option<usize>,
    versions: Versions,
) -> Result<reqwest::Client, Error> {
    // An error means that the process already has a provider, which is as good.
    let _ = ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(config.limits.connect)
        .tcp_nodelay(true)
        .connector_layer(reuse::layer())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(kept.unwrap_or(usize::MAX))
        .http2_adaptive_window(false)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true);
    let builder = match &config.proxy {
        _ if site.is_loopback => builder.no_proxy(),
        Proxy::Environment => builder,
        Proxy::Off => builder.no_proxy(),
        Proxy::At(address) => {
            // The address may hold a password, so neither it nor the parser's error is repeated.
            let proxy = reqwest::Proxy::all(address)
                .map_err(|_| Error::settings("the proxy's address is not a valid URL"))?;
            builder.proxy(proxy)
        }
    };
    let builder = if site.is_plain { without_roots(builder)? } else { builder };
    let builder = if versions == Versions::Http1 { builder.http1_only() } else { builder };
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
