//! What runs: built once, shared by every connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use chatmock_translate::Policy;
use chatmock_upstream::Client;
use tokio::sync::watch;

use crate::http::connection::Connections;
use crate::http::guard::Guard;
use crate::http::log_limiter::LogLimiter;
use crate::http::memory_budget::MemoryBudget;
use crate::settings::HttpSettings;
use crate::state::credentials::UpstreamAuth;
use crate::state::limits::LastLimits;
use crate::state::models::Models;
use crate::state::responses::ResponseStore;
use crate::tasks::Tasks;

/// The running server's parts.
pub(crate) struct App {
    pub(crate) http: HttpSettings,
    pub(crate) guard: Guard,
    pub(crate) connections: Connections,
    pub(crate) budget: Arc<MemoryBudget>,
    pub(crate) policy: Policy,
    pub(crate) client: Client,
    pub(crate) holder: Arc<UpstreamAuth>,
    pub(crate) models: Arc<Models>,
    pub(crate) limits: Arc<LastLimits>,
    pub(crate) store: Arc<ResponseStore>,
    pub(crate) tasks: Tasks,
    /// The server has been told to stop.
    pub(crate) draining: AtomicBool,
    /// The time for open answers is over.
    pub(crate) cut_off: watch::Sender<bool>,
    pub(crate) log_limiter: Arc<LogLimiter>,
    /// Panics that were caught.
    pub(crate) panics: AtomicU64,
}
