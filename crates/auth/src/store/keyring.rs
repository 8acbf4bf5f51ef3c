//! The keyring of the system, called from one thread of ours and never waited for long.
//!
//! A keyring may show a prompt, hang with its bus, or lose what it was given, and its library may
//! block for as long. So each call has a time limit, after a fault calls fail at once for a while
//! (each might open another prompt), and each write is read back. A call per task on the runtime's
//! blocking threads would pile up behind a hung keyring; one thread of our own cannot. The price is
//! that calls queue, which is fine: there is one at each renewal.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

mod parts;
#[cfg(feature = "keyring")]
mod system;
mod worker;

use worker::Worker;

/// A place for secrets by name. A [`Keyring`] calls it from one thread only.
pub(crate) trait Vault {
    /// Reads a secret; `None` if it does not exist.
    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError>;

    /// Writes a secret over whatever is there.
    fn write(&self, entry: &str, value: &[u8]) -> Result<(), VaultError>;

    /// Deletes a secret; a secret that does not exist is no error.
    fn delete(&self, entry: &str) -> Result<(), VaultError>;
}

/// Why a vault failed, in words of our own: a library's message may quote the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// No keyring service, or none that keeps anything.
    #[error("there is no keyring here")]
    Absent,
    /// A keyring service that is there and says nothing.
    #[error("the keyring does not answer")]
    Silent,
    /// It is locked, and nobody unlocked it.
    #[error("the keyring is locked")]
    Locked,
    /// The secret is larger than it takes.
    #[error("the keyring does not accept a value of this size")]
    TooLong,
    /// Anything else.
    #[error("the keyring does not work")]
    Failed,
}

/// Why a [`Keyring`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The system's answer.
    #[error("{0}")]
    Vault(#[from] VaultError),
    /// No answer within the time that a call is waited for.
    #[error("the keyring did not answer in time")]
    Hung,
    /// A value that was written did not read back.
    #[error("the keyring does not keep what is stored in it")]
    Lossy,
    /// Its content is not what was written.
    #[error("the keyring holds a damaged sign-in")]
    Damaged,
    /// This program was built without it.
    #[error("this program was built without keyring support")]
    NotBuilt,
}

/// Limits of a keyring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyringLimits {
    /// The longest a call is waited for.
    pub(crate) wait: Duration,
    /// The largest value of one entry, in bytes; a larger one is split over several.
    pub(crate) value: usize,
    /// After a fault, the time in which calls fail at once: each may have opened a prompt.
    pub(crate) rest: Duration,
}

impl Default for KeyringLimits {
    fn default() -> Self {
        // The Credential Manager takes 2560 bytes; the others are not known to have a limit.
        let value = if cfg!(windows) { 2560 } else { 64 * 1024 };
        Self { wait: Duration::from_secs(3), value, rest: Duration::from_secs(5) }
    }
}

/// Makes the vault, again after each fault.
pub(crate) type Maker = dyn Fn() -> Result<Box<dyn Vault>, VaultError> + Send + Sync;

/// The keyring of the system, or a vault of the caller's. Clones share the one thread.
#[derive(Clone)]
pub struct Keyring {
    worker: Arc<Worker>,
    limits: KeyringLimits,
}

impl Keyring {
    /// The keyring of this system. Nothing is started before the first call.
    #[cfg(feature = "keyring")]
    pub(crate) fn system() -> Self {
        Self::over(system::open, KeyringLimits::default())
    }

    /// A keyring over a vault that is made, and remade after a fault, on the keyring's thread.
    #[cfg(any(feature = "keyring", test))]
    pub(crate) fn over(
        maker: impl Fn() -> Result<Box<dyn Vault>, VaultError> + Send + Sync + 'static,
        limits: KeyringLimits,
    ) -> Self {
        Self { worker: Arc::new(Worker::new(Arc::new(maker), limits)), limits }
    }

    /// Reads a secret.
    pub(crate) fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        let entry = entry.to_owned();
        self.worker.call(move |vault| parts::read(vault, &entry))
    }

    /// Writes a secret and reads it back, since some keyrings do not keep it.
    pub(crate) fn write(&self, entry: &str, value: &[u8]) -> Result<(), KeyringError> {
        let (entry, limit) = (entry.to_owned(), self.limits.value);
        let value = Zeroizing::new(value.to_vec());
        self.worker.call(move |vault| {
            parts::write(vault, &entry, &value, limit)?;
            match parts::read(vault, &entry)? {
                Some(kept) if *kept == *value => Ok(()),
                _ => Err(KeyringError::Lossy),
            }
        })
    }

    /// Deletes a secret.
    pub(crate) fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        let entry = entry.to_owned();
        self.worker.call(move |vault| parts::delete(vault, &entry))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
