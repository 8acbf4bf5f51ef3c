//! A Responses backend as a client sees it: a prepared request is sent, owned events come back.
//!
//! The crate knows nothing of sign-ins: an embedder supplies tokens through a [`CredentialSource`].
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

mod address;
mod adjustment;
mod client;
mod companion;
mod config;
mod connection;
mod credentials;
mod error;
mod events;
mod identity;
mod item_type;
mod mapped;
mod namespace;
mod outgoing;
mod prepare;
mod public_file;
mod rate_limits;
mod recorder;
mod recording;
mod request_headers;
mod residency;
mod response;
mod retry;
mod retry_after;
mod reuse;
mod route;
mod session;
mod socket;
mod turn_state;
mod via;

pub use adjustment::Adjustment;
pub use client::{Client, ModelList, NextSocket, Opened};
pub use companion::{Companion, CompanionAnswer, CompanionApi, CompanionCall, CompanionConfig};
pub use config::{Config, Limits, Proxy, Transport};
pub use credentials::{CredentialError, CredentialSource, Credentials, FixedCredentials};
pub use error::{Error, ErrorResponse, Hint, TlsFault};
pub use events::Events;
pub use identity::{CLIENT_VERSION, Identity};
pub use mapped::MappedBuffer;
pub use outgoing::{Outgoing, PreparedChange};
pub use prepare::Prepared;
pub use public_file::public_file;
pub use recorder::{Exchange, ExchangeEnd, Recorder};
pub use retry::RetryPolicy;
pub use route::{ApiFlavor, UnknownRoute, UpstreamRoute};
pub use session::{SessionId, SessionOrigin};
