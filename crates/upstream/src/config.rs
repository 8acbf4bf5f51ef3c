//! The settings of a client: which backend, under which name, within which limits.

use std::sync::Arc;
use std::time::Duration;

use crate::identity::Identity;
use crate::recorder::Recorder;
use crate::retry::RetryPolicy;
use crate::route::UpstreamRoute;

/// The settings of a [`Client`](crate::Client).
#[derive(Clone, Debug)]
pub struct Config {
    /// The backend to call.
    pub route: UpstreamRoute,
    /// The name under which it is called.
    pub identity: Identity,
    /// Limits on time and size.
    pub limits: Limits,
    /// The policy for failures that are tried again.
    pub retry: RetryPolicy,
    /// The proxy to call through.
    pub proxy: Proxy,
    /// Request bodies of at least this many bytes are compressed, where the backend accepts that;
    /// `None` compresses none.
    pub compress_above: Option<usize>,
    /// The way in which turns are sent.
    pub transport: Transport,
    /// Keeps what goes over the wire.
    pub recorder: Option<Arc<dyn Recorder>>,
}

/// The way in which turns are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Each as a POST.
    #[default]
    Http,
    /// Over a socket from the second turn of a conversation on, where the backend has sockets; else as a POST.
    Auto,
    /// Over a socket from the first turn on, where the backend has sockets; else as a POST.
    WebSocket,
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
            transport: Transport::default(),
            recorder: None,
        }
    }
}

/// Limits on time and size.
///
/// There is no limit on a whole answer: a model may reason for many minutes while its stream is
/// alive, so only silence ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time to open a connection, including name resolution and TLS: 10 s.
    pub connect: Duration,
    /// Time from the start of a call to the head of its answer: 120 s.
    pub header: Duration,
    /// Time between two arrivals of bytes in a stream: 300 s, the limit of the real client.
    pub idle: Duration,
    /// Time for a list (models, usage) as a whole: 30 s.
    pub list: Duration,
    /// Size of one event in bytes: 64 MiB.
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

/// The proxy to call through. A backend on a loopback address is always called directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// The proxy of the environment: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` and the system's
    /// settings.
    #[default]
    Environment,
    /// No proxy.
    Off,
    /// The proxy at this address: `http://`, `https://`, `socks5://` or `socks5h://`.
    At(String),
}
