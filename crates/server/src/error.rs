//! Errors that keep a server from being built.

mod response_store;

use chatmock_auth::EndpointError;

pub use self::response_store::StoreError;

/// Why a server could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The backend's settings cannot be used.
    #[error("the backend cannot be used: {0}")]
    Upstream(#[from] chatmock_upstream::Error),
    /// The settings of a server beside the backend cannot be used.
    #[error("{flag}: {source}")]
    Companion {
        /// The setting of its address.
        flag: &'static str,
        /// The reason.
        source: chatmock_upstream::Error,
    },
    /// The issuer's settings cannot be used.
    #[error("the sign-in cannot be used: {0}")]
    SignIn(#[from] EndpointError),
    /// The place for stored responses cannot be used.
    #[error("responses cannot be stored: {0}")]
    Store(#[from] StoreError),
    /// The place for recordings cannot be used.
    #[error("turns cannot be recorded: {0}")]
    Record(#[source] StoreError),
}
