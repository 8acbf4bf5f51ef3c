//! The registration of this installation, on routes where each has an OAuth client of its own.

use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::blocking::{LostTask, blocking};
use crate::home::Home;
use crate::lock::LockError;
use crate::private::{PrivateFileError, read_private, write_private};

/// The beginning of every host id.
const HOST: &str = "urn:uuid:";

/// This installation as an issuer knows it. None of it is secret, and it outlasts the sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Registration {
    /// The name of this installation, made once: `urn:uuid:` and a random UUID.
    pub(crate) host_id: String,
    /// The issuer that registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// The OAuth client that was issued to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    /// The person who signed in last, as the issuer names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// Their e-mail address: a label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// The scopes that were granted, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
}

/// Why a registration could not be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The file cannot be read as a registration; it was left as it is.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// The file could not be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Another program holds the lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
    /// The work was cut off.
    #[error(transparent)]
    Lost(#[from] LostTask),
}

impl Registration {
    /// Reads a home's registration, or makes the name of a new one and saves it.
    pub async fn of(home: &Home) -> Result<Self, RegistrationError> {
        let _lock = home.lock().await?;
        let path = path(home.path());
        blocking(move || match Self::load(&path)? {
            Some(known) => Ok(known),
            None => {
                let made = Self { host_id: host_id()?, ..Self::default() };
                made.save(&path)?;
                Ok(made)
            }
        })
        .await?
    }

    /// Returns the client that this issuer gave to this installation.
    pub(crate) fn client_id(&self, issuer: &str) -> Option<&str> {
        let known = self.issuer.as_deref()?.trim_end_matches('/');
        self.client_id.as_deref().filter(|_| known == issuer.trim_end_matches('/'))
    }

    /// Writes down a client and who issued it.
    #[must_use]
    pub(crate) fn issued(self, issuer: &str, client_id: &str) -> Self {
        let (issuer, client_id) = (Some(issuer.to_owned()), Some(client_id.to_owned()));
        Self { issuer, client_id, ..self }
    }

    /// Reads the file; `None` if it does not exist.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, RegistrationError> {
        let Some(text) = read_private(path)? else { return Ok(None) };
        let read = serde_json::from_slice::<Self>(&text).ok();
        let read = read.filter(|read| read.host_id.starts_with(HOST));
        read.map(Some).ok_or_else(|| RegistrationError::Damaged(path.to_owned()))
    }

    /// Writes the file. The caller holds the home's lock.
    pub(crate) fn save(&self, path: &Path) -> Result<(), PrivateFileError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        write_private(path, &text)
    }
}

/// Returns the file of a home.
pub(crate) fn path(home: &Path) -> PathBuf {
    home.join("registration.json")
}

/// Makes a host id from a UUID of version 4, RFC 9562.
fn host_id() -> Result<String, RegistrationError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| RegistrationError::NoRandom)?;
    let number = u128::from_be_bytes(bytes);
    let versioned = number & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{versioned:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    Ok(format!("{HOST}{}", parts.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreChoice;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::with_keyring(folder.path(), StoreChoice::File, None);
        (folder, home)
    }

    #[test]
    fn a_host_id_is_a_random_uuid_of_version_4() {
        let one = host_id().unwrap();
        let uuid = one.strip_prefix("urn:uuid:").unwrap();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{one}");
        assert!(uuid[14..].starts_with('4') && uuid[19..].starts_with(['8', '9', 'a', 'b']));
        assert_ne!(one, host_id().unwrap());
    }

    #[tokio::test]
    async fn the_host_id_is_made_once_and_the_file_is_private() {
        let (folder, home) = home();
        let first = Registration::of(&home).await.unwrap();
        assert_eq!(first.client_id("https://i.test"), None);
        assert_eq!(Registration::of(&home).await.unwrap(), first);
        let path = folder.path().join("registration.json");
        first.clone().issued("https://i.test/", "oaiapp_1").save(&path).unwrap();
        let known = Registration::of(&home).await.unwrap();
        assert_eq!(known.host_id, first.host_id);
        assert_eq!(known.client_id("https://i.test"), Some("oaiapp_1"));
        assert_eq!(known.client_id("https://other.test"), None, "a client is its issuer's");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_damaged_registration_is_reported_and_not_replaced() {
        let (folder, home) = home();
        let path = folder.path().join("registration.json");
        for text in ["{", "{}", r#"{"host_id":"me"}"#] {
            write_private(&path, text.as_bytes()).unwrap();
            let error = Registration::of(&home).await.unwrap_err();
            assert!(matches!(error, RegistrationError::Damaged(_)), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
