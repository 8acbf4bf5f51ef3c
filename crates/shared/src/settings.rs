//! The settings of a shared engine.

use std::time::Duration;

use crate::address::Address;
use crate::error::SharedError;
use crate::seal::SealKeys;

/// The settings of a shared engine.
#[derive(Clone, Debug)]
pub struct SharedSettings {
    /// Where the engine is.
    pub address: Address,
    /// The keys that seal every record.
    pub keys: SealKeys,
    /// The beginning of every key in the engine; `chatmock` by default.
    pub prefix: String,
    /// The time for which a lease holds without being renewed; 20 s by default. It is renewed at a third, and a call
    /// under it takes three quarters of it at most.
    pub lease: Duration,
    /// The longest wait for an answer of the engine; 2 s by default.
    pub patience: Duration,
}

impl SharedSettings {
    /// Takes an address and keys, and the defaults for the rest.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(address: &str, keys: SealKeys) -> Result<Self, SharedError> {
        Ok(Self {
            address: address.parse()?,
            keys,
            prefix: "chatmock".to_owned(),
            lease: Duration::from_secs(20),
            patience: Duration::from_secs(2),
        })
    }
}
