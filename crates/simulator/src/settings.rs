//! The settings of a simulator.

use std::time::Duration;

use crate::backend::Bases;
use crate::cassettes::Cassettes;

/// The settings of a simulator. The default is the strict and immediate backend that tests want.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// The time between the deltas of a composed stream, so that a demonstration is visible.
    pub pace: Duration,
    /// True if requests that name a [`Fast`](crate::Fast) answer get it without any check.
    pub fast: bool,
    /// Recordings that answer in place of the simulated model.
    pub cassettes: Option<Cassettes>,
    /// True to speak TLS only: HTTP/2 or HTTP/1.1, as the client prefers.
    #[cfg(feature = "tls")]
    pub tls: bool,
    /// True to reject a request without `instructions`.
    pub require_instructions: bool,
    /// True if the terminal event repeats the output items. The real backend usually leaves them
    /// out.
    pub fill_output: bool,
    /// True to hide models from clients older than their `minimal_client_version`.
    pub gate_versions: bool,
    /// True if `/oauth/authorize` redirects the browser at once, without showing a page.
    pub approve_sign_in: bool,
    /// True to reject encrypted reasoning that was not made here for this account.
    pub verify_reasoning: bool,
    /// The number of credits with which an account's windows can be begun anew.
    pub reset_credits: u64,
    /// The place where the data of the accounts must stay.
    pub residency: Residency,
    /// Which backends are served, and below which paths.
    pub bases: Bases,
    /// The access tokens that the plan's backend accepts.
    pub plan_tokens: Vec<String>,
    /// The keys that the public API accepts.
    pub api_keys: Vec<String>,
    /// True if the public API behaves like Azure's, which also accepts the key in the header
    /// `api-key`.
    pub azure: bool,
    /// True if the public API lists its models. If not, it answers 404, as some compatible servers
    /// do.
    pub api_lists_models: bool,
    /// The number of polls that find a device code pending before it is approved.
    pub device_pending: u32,
    /// The seconds between two polls that a device code announces.
    pub device_interval: u32,
    /// The lifetime of an access token.
    pub token_life: Duration,
    /// The lifetime of an access token of the plan route.
    pub plan_token_life: Duration,
    /// The time for which a new sign-in of the plan route may not be renewed.
    pub plan_refresh_after: Duration,
    /// The time before the token endpoint answers.
    pub token_delay: Duration,
    /// True if using a refresh token twice ends the whole session.
    pub revoke_on_reuse: bool,
    /// True if the Codex and the plan's backend serve their sockets, too.
    pub sockets: bool,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// The number of requests that are kept for [`Simulator::requests`](crate::Simulator::requests).
    pub keep_requests: usize,
}

/// The residency of an account's data, as `wham/accounts/check` reports it; `NO_CONSTRAINT` for
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residency {
    /// The origin that replaces the backend's, `workspace_backend_origin`.
    pub origin: String,
    /// The value that calls must send as `x-openai-account-routing-override`, such as `us`.
    pub routing: String,
}

impl Default for Residency {
    fn default() -> Self {
        let free = || "NO_CONSTRAINT".to_owned();
        Self { origin: free(), routing: free() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            pace: Duration::ZERO,
            fast: false,
            cassettes: None,
            #[cfg(feature = "tls")]
            tls: false,
            require_instructions: true,
            fill_output: false,
            gate_versions: false,
            verify_reasoning: false,
            reset_credits: 0,
            residency: Residency::default(),
            bases: Bases::default(),
            plan_tokens: vec!["plan-simulated".to_owned()],
            api_keys: vec!["sk-simulated".to_owned()],
            azure: false,
            api_lists_models: true,
            approve_sign_in: true,
            device_pending: 1,
            device_interval: 1,
            token_life: Duration::from_secs(864_000),
            plan_token_life: Duration::from_secs(3600),
            plan_refresh_after: Duration::ZERO,
            token_delay: Duration::ZERO,
            revoke_on_reuse: false,
            sockets: true,
            max_body: 64 << 20,
            keep_requests: 1024,
        }
    }
}
