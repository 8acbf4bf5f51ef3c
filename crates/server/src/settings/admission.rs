//! The rules for who may send requests.

use super::{ApiKey, HostName, Origin};

/// The rules for who may send requests.
#[derive(Clone, Debug)]
pub struct AdmissionSettings {
    /// Hosts that a request may be for, in addition to `localhost`, loopback addresses and, where
    /// another machine can connect, the address that it connected to.
    pub hosts: Vec<HostName>,
    /// Origins of web pages that may send requests; those of all others are refused.
    pub origins: Vec<Origin>,
    /// Keys, one of which each request must carry; without any, everyone who can connect is admitted.
    pub keys: Vec<ApiKey>,
    /// True if requests of other machines that came through a proxy are admitted without any key.
    pub unauthenticated: bool,
    /// The number of requests with a wrong key that are answered with 401 in a second; more get 429.
    pub wrong_keys: u32,
    /// True if `GET /metrics` is answered without a key.
    pub metrics_open: bool,
    /// True if the page at `/ui` is served, and requests of that page are accepted.
    pub ui: bool,
    /// True if requests below `/explain` are explained in place of being sent.
    pub explain: bool,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            origins: Vec::new(),
            keys: Vec::new(),
            unauthenticated: false,
            wrong_keys: 50,
            metrics_open: false,
            ui: true,
            explain: false,
        }
    }
}
