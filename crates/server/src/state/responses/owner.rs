//! The owner of a kept response: the account and the inbound key that made it.

use std::sync::Arc;

use chatmock_upstream::Credentials;
use sha2::{Digest, Sha256};

/// The name of a stored response: its owner's hash, then its id.
pub(crate) type StoreKey = Arc<[u8]>;

/// An owner's hash.
pub(crate) type OwnerId = [u8; 32];

/// Returns the owner of the response that a key names.
pub(crate) fn owner_of(key: &[u8]) -> OwnerId {
    // Every key begins with a hash; a shorter one has an owner of its own.
    key.first_chunk().copied().unwrap_or_default()
}

/// Who may read and delete a response; another account or key finds nothing.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// The workspace of the sign-in, where it names one.
    pub(crate) account: Option<String>,
    /// The label of the inbound key, where keys are in use.
    pub(crate) key: Option<String>,
}

impl Owner {
    /// The owner of what is made with these credentials, under an inbound key's label.
    pub(crate) fn of(credentials: &Credentials, key: Option<&str>) -> Self {
        Self { account: credentials.account_id().map(str::to_owned), key: key.map(str::to_owned) }
    }

    /// Returns the name under which this owner's response of an id is stored.
    pub(crate) fn key(&self, id: &str) -> StoreKey {
        let mut hash = Sha256::new();
        for part in [&self.account, &self.key] {
            // Length and presence go in too, so that no two owners give the same bytes.
            let text = part.as_deref().unwrap_or_default();
            hash.update([u8::from(part.is_some())]);
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.finalize().iter().copied().chain(id.bytes()).collect()
    }
}
