//! Where the address and the keys of a shared engine are read from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmock_shared::{BadKeys, SealKeys, Shared, SharedError, SharedSettings};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The place of a shared engine, as a person names it.
#[derive(Clone, Debug, Default)]
pub struct SharedSource {
    /// The address.
    pub address: Option<Secret>,
    /// A file with the address, which may hold a password.
    pub address_file: Option<PathBuf>,
    /// The file with the keys that seal the records.
    pub key_file: Option<PathBuf>,
    /// The beginning of every key in the engine; `chatmock` by default.
    pub prefix: Option<String>,
    /// The time of a lease.
    pub lease: Option<Duration>,
}

/// Why a shared engine cannot be used as it is named. No text repeats an address or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedSourceError {
    /// There are two addresses.
    #[error("--shared and --shared-file exclude each other")]
    TwoAddresses,
    /// There is no key file.
    #[error(
        "--shared needs --shared-key-file: nothing leaves this machine unsealed; make one with  (umask 077; openssl rand -hex 32 > FILE)  and give the same file to every server"
    )]
    NoKeys,
    /// There is a flag of the engine and no address.
    #[error("{0} needs --shared or --shared-file")]
    NoAddress(&'static str),
    /// The prefix would not do as the beginning of keys.
    #[error("--shared-prefix is 1 to 64 letters, digits, - and _")]
    Prefix,
    /// A lease of that time is too short for a call of the sign-in service, or too long to wait for.
    #[error("--shared-lease is between 2 and 120 seconds")]
    Lease,
    /// A file is not there.
    #[error("{flag} {path}: there is no such file")]
    Missing {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: String,
    },
    /// Everybody can read a file.
    #[error("{flag} {path}: every user of this machine can read it: chmod 600 {path}")]
    Open {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: String,
    },
    /// A file could not be used.
    #[error("{flag} {path}: {cause}")]
    File {
        /// The flag.
        flag: &'static str,
        /// The file.
        path: String,
        /// The cause, which the text has.
        cause: io::Error,
    },
    /// The key file holds no keys.
    #[error("--shared-key-file: {0}")]
    Keys(BadKeys),
    /// The engine cannot be used.
    #[error("--shared: {0}")]
    Engine(SharedError),
}

// The text has the cause, so that it is no source: whoever prints the chain would print it twice.
impl From<BadKeys> for SharedSourceError {
    fn from(cause: BadKeys) -> Self {
        Self::Keys(cause)
    }
}

impl From<SharedError> for SharedSourceError {
    fn from(cause: SharedError) -> Self {
        Self::Engine(cause)
    }
}

/// The longest file, in bytes.
const LONGEST: u64 = 64 * 1024;

const FILE: &str = "--shared-file";
const KEY_FILE: &str = "--shared-key-file";

impl SharedSource {
    /// Reads the files and makes the engine; `None` where none is named. Nothing is connected yet.
    ///
    /// # Errors
    /// When a part is missing or cannot be used.
    pub fn open(self) -> Result<Option<Shared>, SharedSourceError> {
        let Some(address) = self.address()? else {
            return match (&self.key_file, &self.prefix, &self.lease) {
                (Some(_), ..) => Err(SharedSourceError::NoAddress(KEY_FILE)),
                _ => Ok(None),
            };
        };
        let Self { key_file, prefix, lease, .. } = self;
        let keys = read(KEY_FILE, &key_file.ok_or(SharedSourceError::NoKeys)?)?;
        let mut settings = SharedSettings::new(&address, SealKeys::parse(&keys)?)?;
        if let Some(prefix) = prefix {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(plain) {
                return Err(SharedSourceError::Prefix);
            }
            settings.prefix = prefix;
        }
        if let Some(lease) = lease {
            if !(2..=120).contains(&lease.as_secs()) {
                return Err(SharedSourceError::Lease);
            }
            settings.lease = lease;
        }
        Ok(Some(Shared::open(settings)?))
    }

    fn address(&self) -> Result<Option<Zeroizing<String>>, SharedSourceError> {
        match (&self.address, &self.address_file) {
            (Some(_), Some(_)) => Err(SharedSourceError::TwoAddresses),
            (Some(address), None) => Ok(Some(Zeroizing::new(address.expose().to_owned()))),
            (None, Some(file)) => read(FILE, file).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// Reads a small file that other users may not read. It may be a link, and another's: a container's secrets are links to
/// files of root, readable by a group.
fn read(flag: &'static str, path: &Path) -> Result<Zeroizing<String>, SharedSourceError> {
    let shown = path.display().to_string();
    let mut text = Zeroizing::new(String::new());
    let mut file = match File::open(path) {
        Ok(file) => file.take(LONGEST),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SharedSourceError::Missing { flag, path: shown });
        }
        Err(source) => return Err(SharedSourceError::File { flag, path: shown, cause: source }),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = file
            .get_ref()
            .metadata()
            .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o007 != 0);
        if open {
            return Err(SharedSourceError::Open { flag, path: shown });
        }
    }
    let read = file.read_to_string(&mut text);
    read.map_err(|source| SharedSourceError::File { flag, path: shown, cause: source })?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_needs_an_address_and_a_key_file() {
        let home = tempfile::tempdir().unwrap();
        let keys = home.path().join("keys");
        crate::private::write_private(&keys, "0f".repeat(32).as_bytes()).unwrap();
        let address = |text: &str| Some(Secret::new(text));
        let open = |source: SharedSource| source.open().map(|engine| engine.is_some());
        assert!(!open(SharedSource::default()).unwrap());
        let here = address("redis://127.0.0.1:1");
        let source = SharedSource { address: here, ..SharedSource::default() };
        assert!(open(source.clone()).unwrap_err().to_string().contains("--shared-key-file"));
        let source = SharedSource { key_file: Some(keys.clone()), ..source };
        assert!(open(source.clone()).unwrap());
        for (changed, words) in [
            (SharedSource { address: None, ..source.clone() }, "needs --shared"),
            (SharedSource { address: address("redis://canary@h"), ..source.clone() }, "rediss://"),
            (SharedSource { prefix: Some("a:b".to_owned()), ..source.clone() }, "--shared-prefix"),
            (SharedSource { lease: Some(Duration::from_secs(1)), ..source.clone() }, "lease"),
            (SharedSource { address_file: Some(keys), ..source.clone() }, "exclude"),
            (SharedSource { key_file: Some("none".into()), ..source }, "no such file"),
        ] {
            let error = open(changed).unwrap_err();
            assert!(std::error::Error::source(&error).is_none(), "{error} is said twice");
            let error = error.to_string();
            assert!(error.contains(words) && !error.contains("canary"), "{error}");
        }
    }
}
