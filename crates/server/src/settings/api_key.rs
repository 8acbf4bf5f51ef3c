//! Inbound API keys, of which only hashes are kept.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A key that lets requests in. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub(crate) label: Arc<str>,
    pub(crate) digest: [u8; 32],
}

impl ApiKey {
    /// Creates a key; requests that use it are logged under the label.
    #[must_use]
    pub fn new(label: &str, key: &str) -> Self {
        Self { label: label.into(), digest: digest(key.as_bytes()) }
    }

    /// Returns the label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Returns the hash by which keys are compared.
pub(crate) fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}
