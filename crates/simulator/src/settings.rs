//! Settings: what differs between one simulator and another.

use std::time::Duration;

use crate::backend::Bases;

/// How a simulator behaves. The default is the strict, immediate backend that tests want.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Time between the deltas of a composed stream, so that a demonstration is visible.
    pub pace: Duration,
    /// Whether requests that name a [`Fast`](crate::Fast) answer get it without any check.
    pub fast: bool,
    /// Whether it speaks TLS alone, HTTP/2 or HTTP/1.1 as the client prefers.
    #[cfg(feature = "tls")]
    pub tls: bool,
    /// Whether a request without `instructions` is refused.
    pub require_instructions: bool,
    /// Whether the terminal event repeats the output items. The backend usually leaves them out.
    pub fill_output: bool,
    /// Whether models are withheld from clients older than their `minimal_client_version`.
    pub gate_versions: bool,
    /// Whether `/oauth/authorize` sends the browser back at once, without asking.
    pub approve_sign_in: bool,
    /// Whether encrypted reasoning is refused unless it was sealed here and for this account.
    pub verify_reasoning: bool,
    /// Where the accounts' data must stay.
    pub residency: Residency,
    /// Which backends are served, and where.
    pub bases: Bases,
    /// The access tokens that the plan's backend takes.
    pub plan_tokens: Vec<String>,
    /// The keys that the public API takes.
    pub api_keys: Vec<String>,
    /// Whether the public API behaves as Azure's, whose key also comes in the header `api-key`.
    pub azure: bool,
    /// Whether the public API lists its models; 404 otherwise, as some that are like it answer.
    pub api_lists_models: bool,
    /// How often a device code is pending before it is approved.
    pub device_pending: u32,
    /// The seconds between two polls that a device code announces.
    pub device_interval: u32,
    /// The life of an access token.
    pub token_life: Duration,
    /// The life of an access token of the plan route.
    pub plan_token_life: Duration,
    /// How long after it was issued a sign-in of the plan route may not be renewed.
    pub plan_refresh_after: Duration,
    /// Time before the token endpoint answers.
    pub token_delay: Duration,
    /// Whether using a spent refresh token signs the whole session out.
    pub revoke_on_reuse: bool,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// How many requests are kept for [`Simulator::requests`](crate::Simulator::requests).
    pub keep_requests: usize,
}

/// What `wham/accounts/check` tells of an account's place; `NO_CONSTRAINT` for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residency {
    /// The origin that takes the backend's place, `workspace_backend_origin`.
    pub origin: String,
    /// What calls are to carry as `x-openai-account-routing-override`, such as `us`.
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
            #[cfg(feature = "tls")]
            tls: false,
            require_instructions: true,
            fill_output: false,
            gate_versions: false,
            verify_reasoning: false,
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
            max_body: 64 << 20,
            keep_requests: 1024,
        }
    }
}
