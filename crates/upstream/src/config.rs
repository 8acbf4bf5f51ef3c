//! The settings of a client: which backend, under which name, within which limits.

use std::time::Duration;

use crate::identity::Identity;
use crate::retry::RetryPolicy;
use crate::route::UpstreamRoute;

/// What a [`Client`](crate::Client) is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which backend is called.
    pub route: UpstreamRoute,
    /// Under which name.
    pub identity: Identity,
    /// How long and how large things may be.
    pub limits: Limits,
    /// Which failures are tried again.
    pub retry: RetryPolicy,
    /// Through which proxy.
    pub proxy: Proxy,
    /// From how many bytes on a request's body is compressed, where the backend reads that.
    pub compress_above: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            route: UpstreamRoute::codex(),
            identity: Identity::default(),
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            proxy: Proxy::default(),
            compress_above: None,
        }
    }
}

/// How long things may take and how large they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a connection, name look-up and TLS included: 10 s.
    pub connect: Duration,
    /// From the start of a call to the head of its answer: 120 s.
    pub header: Duration,
    /// Between two arrivals of bytes in a stream: 300 s, as with the real client.
    pub idle: Duration,
    /// For a list (models, usage) as a whole: 30 s.
    pub list: Duration,
    /// Bytes of one event: 64 MiB.
    pub frame: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            header: Duration::from_secs(120),
            idle: Duration::from_secs(300),
            list: Duration::from_secs(30),
            frame: 64 * 1024 * 1024,
        }
    }
}

/// Which proxy leads to the backend. A backend on a loopback address is always called directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// What the environment says: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` and the system's settings.
    #[default]
    Environment,
    /// None.
    Off,
    /// The proxy at this address: `http://`, `https://`, `socks5://` or `socks5h://`.
    At(String),
}
