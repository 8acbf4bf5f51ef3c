//! The HTTP server: guard, routes, and the one pipeline that serves every dialect's turns.

mod account;
mod app;
mod beside;
mod body;
mod branch;
mod budget;
mod catalog;
mod connections;
mod decode;
mod failure;
mod faults;
mod guard;
mod handlers;
mod keys;
mod limits;
mod moment;
mod opening;
mod panics;
mod pipeline;
mod record;
mod refusals;
mod reply;
mod route;
mod serve;
mod service;
mod settings;
mod store;
mod tasks;
mod ticket;
mod tokenizer;
mod turn_body;
mod untrusted;

pub use account::{Account, KeeperCredentials};
pub use guard::{HostName, Origin};
pub use keys::ApiKey;
pub use limits::{StoredLimits, stored_limits};
pub use serve::{Served, Server, ServerError};
pub use settings::{
    Access, HttpSettings, KeySettings, ModelSettings, OLLAMA_VERSION, Settings, SignInSettings,
};
pub use store::{StoreError, StoreSettings};
pub use tokenizer::tokenizer;

pub use chatmock_auth as auth;
pub use chatmock_protocol as protocol;
pub use chatmock_translate as translate;
pub use chatmock_upstream as upstream;
