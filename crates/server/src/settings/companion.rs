//! Servers beside the backend, for what the backend does not do.

use chatmock_auth::Secret;

/// Servers to which requests are passed on that the backend does not serve.
#[derive(Clone, Debug, Default)]
pub struct CompanionSettings {
    /// The server that makes embeddings.
    pub embeddings: Option<CompanionServer>,
    /// The server that reads and makes speech.
    pub audio: Option<CompanionServer>,
}

/// One such server.
#[derive(Clone, Debug)]
pub struct CompanionServer {
    /// Its address: `https`, or `http` on this machine.
    pub url: String,
    /// The key to call it with, and the only one that it gets.
    pub key: Option<Secret>,
}
