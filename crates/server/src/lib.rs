//! The HTTP server: guard, routes, and the one pipeline that serves every dialect's turns.

mod api;
mod app;
mod clock;
mod failure;
mod fault_injection;
mod http;
mod panics;
mod serve;
mod service;
mod settings;
mod state;
mod tasks;
mod tokenizer;
mod turn;

pub use crate::http::api_keys::ApiKey;
pub use crate::http::sanitize;
pub use serve::{Served, Server, ServerError};
pub use settings::{
    Access, HostName, HttpSettings, KeySettings, ModelSettings, OLLAMA_VERSION, Origin, Settings,
    SignInSettings,
};
pub use state::credentials::{Account, KeeperCredentials};
pub use state::limits::{StoredLimits, stored_limits};
pub use state::responses::{StoreError, StoreSettings};
pub use tokenizer::tokenizer;

pub use chatmock_auth as auth;
pub use chatmock_protocol as protocol;
pub use chatmock_translate as translate;
pub use chatmock_upstream as upstream;
