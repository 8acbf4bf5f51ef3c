//! The HTTP server: guard, routes, and the one pipeline that serves every dialect's turns.

mod api;
mod app;
mod clock;
mod error;
mod failure;
mod fault_injection;
mod http;
mod limit_words;
mod log_members;
mod panics;
mod remedies;
mod serve;
mod service;
mod settings;
mod state;
mod tasks;
mod tokenizer;
mod turn;
pub mod wrap;

pub use crate::http::api_keys::KeySwitch;
pub use crate::http::connection::Listener;
pub use crate::http::sanitize;
pub use error::{ServerError, StoreError};
pub use log_members::log_members;
pub use serve::{Explainer, Refused, Served, Server, turn_endpoints};
pub use settings::{
    Access, AdminSettings, AdmissionSettings, ApiKey, BackgroundLimits, Budget, CompanionServer,
    CompanionSettings, EndedTurn, GuardRule, HostName, HttpSettings, KeySettings, LogControl,
    LogLevel, ModelSettings, OLLAMA_VERSION, Origin, RecordSettings, RuleFault, Settings,
    SignInSettings, SizeLimits, SocketSettings, StoreSettings, StreamSettings, Timeouts,
    TraceHeaders, TurnLimits, TurnObserver,
};
pub use state::credentials::{Account, KeeperCredentials};
pub use state::ledger::{UsageBy, UsageQuery, UsageReport, stored_usage, usage_since};
pub use state::limits::{StoredLimits, stored_limits};
pub use tokenizer::tokenizer;
pub use turn::Explanation;

pub use chatmock_auth as auth;
pub use chatmock_protocol as protocol;
pub use chatmock_translate as translate;
pub use chatmock_upstream as upstream;
