//! The keyring of this system: Secret Service, Keychain or Credential Manager.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyring_core::api::CredentialPersistence;
use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

use super::{Vault, VaultError};

/// The name under which a person finds our entries.
const SERVICE: &str = "ChatMock";

/// The time after which a connection that fails was not refused, but not answered.
const SILENCE: Duration = Duration::from_secs(1);

struct System(Arc<CredentialStore>);

/// Connects to the keyring.
pub(super) fn open() -> Result<Box<dyn Vault>, VaultError> {
    let begun = Instant::now();
    let store = connect().map_err(|_| match begun.elapsed() {
        // The library's own words differ from system to system; that nobody answers takes time on all.
        waited if waited >= SILENCE => VaultError::Silent,
        _ => VaultError::Absent,
    })?;
    let forgetful = [CredentialPersistence::EntryOnly, CredentialPersistence::ProcessOnly];
    let kind = std::mem::discriminant(&store.persistence());
    if forgetful.iter().any(|known| std::mem::discriminant(known) == kind) {
        return Err(VaultError::Absent);
    }
    Ok(Box::new(System(store)))
}

#[cfg(target_os = "macos")]
fn connect() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn connect() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(all(unix, not(target_os = "macos")))]
fn connect() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

impl System {
    /// A new handle each time: one that is kept may keep the value, too.
    fn entry(&self, name: &str) -> Result<Entry, VaultError> {
        self.0.build(SERVICE, name, None).map_err(kind_of)
    }
}

impl Vault for System {
    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        match self.entry(entry)?.get_secret() {
            Ok(value) => Ok(Some(Zeroizing::new(value))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(kind_of(error)),
        }
    }

    fn write(&self, entry: &str, value: &[u8]) -> Result<(), VaultError> {
        self.entry(entry)?.set_secret(value).map_err(kind_of)
    }

    fn delete(&self, entry: &str) -> Result<(), VaultError> {
        match self.entry(entry)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(kind_of(error)),
        }
    }
}

/// Keeps the kind of an error and nothing of its text, which may quote the secret.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn kind_of(error: Error) -> VaultError {
    match error {
        Error::NoStorageAccess(_) => VaultError::Locked,
        Error::TooLong(..) => VaultError::TooLong,
        Error::NoDefaultStore => VaultError::Absent,
        _ => VaultError::Failed,
    }
}
