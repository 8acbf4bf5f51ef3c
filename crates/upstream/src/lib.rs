//! A Responses backend as a client sees it: one prepared request out, owned events back.
//!
//! The crate knows no sign-in: whoever embeds it brings a [`CredentialSource`].
//!
//! ```no_run
//! # async fn run(source: std::sync::Arc<dyn chatmock_upstream::CredentialSource>)
//! # -> Result<(), chatmock_upstream::Error> {
//! use chatmock_upstream::{Client, Config};
//!
//! let client = Client::new(Config::default(), source)?;
//! let credentials = client.credentials().await?;
//! let body = br#"{"model":"gpt-6-sol","input":[{"role":"user","content":"hello"}]}"#;
//! let Ok(request) = chatmock_protocol::json::read(body) else { return Ok(()) };
//! let prepared = client.prepare(request, &credentials, None)?;
//! let mut opened = client.send(&prepared, &credentials).await?;
//! while let Some(frame) = opened.events.next().await {
//!     let _data = frame?.text().len();
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod change;
mod client;
mod connection;
mod credentials;
mod error;
mod events;
mod identity;
mod kept;
mod loops;
mod models;
mod namespace;
mod prepare;
pub mod rate_limits;
mod residency;
mod retry;
mod retry_after;
mod route;
mod session;
#[cfg(test)]
mod testing;
mod turn_state;
mod typed;
mod usage;

pub use change::Change;
pub use client::{Client, Config, Limits, Opened};
pub use connection::Proxy;
pub use credentials::{CredentialError, CredentialSource, Credentials, Fixed};
pub use error::{Error, Refusal, TlsFault};
pub use events::Events;
pub use identity::{CLIENT_VERSION, Identity};
pub use models::ModelList;
pub use prepare::{Prepared, prepare};
pub use retry::back_off;
pub use route::{Profile, Route, UnknownRoute};
pub use session::SessionId;
