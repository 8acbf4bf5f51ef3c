//! The store of one account: in the keyring where there is one, else in a private file.
//!
//! A file that exists takes precedence over the keyring, because another program that knows only
//! files may have signed in. So a save removes the other copy only after its own is complete: a
//! crash between leaves two, of which the newer one is used.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    FileStore, Keyring, KeyringError, Location, LocationFile, Ownership, Reservation, Stamp,
    StoreError, TokenStore,
};
use crate::tokens::AuthFile;

/// Where a new sign-in is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreChoice {
    /// In the keyring; in the file, with a warning, where that does not work.
    #[default]
    Auto,
    /// In the keyring, or fail.
    Keyring,
    /// In a file that only its owner can read.
    File,
}

/// The word was none of `auto`, `keyring` and `file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is one of auto, keyring and file")]
pub struct UnknownStore;

impl FromStr for StoreChoice {
    type Err = UnknownStore;

    fn from_str(word: &str) -> Result<Self, UnknownStore> {
        match word {
            "auto" => Ok(Self::Auto),
            "keyring" => Ok(Self::Keyring),
            "file" => Ok(Self::File),
            _ => Err(UnknownStore),
        }
    }
}

/// What all account stores of one home have in common. Clones share the warning.
#[derive(Clone)]
pub(crate) struct StoreOptions {
    choice: StoreChoice,
    keyring: Option<Keyring>,
    /// Whether the person was warned that the file is used.
    warned: Arc<AtomicBool>,
}

impl StoreOptions {
    pub(crate) fn new(choice: StoreChoice, keyring: Option<Keyring>) -> Self {
        Self { choice, keyring, warned: Arc::default() }
    }

    pub(crate) fn keyring(&self) -> Option<&Keyring> {
        self.keyring.as_ref()
    }
}

/// The store of one account: in the keyring or in a file.
#[derive(Clone)]
pub(crate) struct AccountStore {
    file: FileStore,
    /// The file that says where the sign-in is.
    location_file: PathBuf,
    /// The name of the sign-in in the keyring.
    entry: String,
    options: StoreOptions,
}

impl AccountStore {
    pub(crate) fn new(
        file: FileStore,
        location_file: PathBuf,
        entry: String,
        options: &StoreOptions,
    ) -> Self {
        Self { file, location_file, entry, options: options.clone() }
    }

    /// Returns the file that says where the sign-in is.
    pub(crate) fn location_file(&self) -> &Path {
        &self.location_file
    }

    /// Returns whether both are the same place.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.entry == other.entry
    }

    fn keyring(&self) -> Result<&Keyring, KeyringError> {
        self.options.keyring.as_ref().ok_or(KeyringError::NotBuilt)
    }

    /// Removes what a crash left of saves, which may hold tokens. The caller holds the lock.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        self.file.sweep()
    }

    /// Returns where the sign-in is now; `File` also when there is none.
    pub(crate) fn location(&self) -> Result<Location, StoreError> {
        match self.file.stamp()? {
            Stamp::Absent => Ok(LocationFile::read(&self.location_file)?.location),
            _ => Ok(Location::File),
        }
    }

    fn load_from_keyring(&self) -> Result<Option<AuthFile>, StoreError> {
        let Some(text) = self.keyring()?.read(&self.entry)? else { return Ok(None) };
        let damaged = |_| StoreError::Corrupt { place: KEYRING.to_owned() };
        AuthFile::parse(&text).map(Some).map_err(damaged)
    }

    fn save_to_keyring(&self, file: &AuthFile) -> Result<(), StoreError> {
        self.keyring()?.write(&self.entry, file.render().as_bytes())?;
        LocationFile::bump(&self.location_file, Location::Keyring, Some(file))?;
        // From here on the keyring's copy is the one in use.
        self.file.remove()
    }

    /// Once the file exists it is the one in use, whatever happens to the location file and keyring.
    fn save_to_file(&self, file: &AuthFile) -> Result<(), StoreError> {
        self.file.save(file)?;
        if let Err(error) = self.leave_keyring(Some(file)) {
            tracing::warn!(%error, "a former sign-in may stay in the keyring, unused");
        }
        Ok(())
    }

    /// Records that the keyring does not hold the sign-in any more, and deletes what it holds.
    fn leave_keyring(&self, file: Option<&AuthFile>) -> Result<(), StoreError> {
        let was_there = LocationFile::read(&self.location_file)
            .is_ok_and(|file| file.location == Location::Keyring);
        LocationFile::bump(&self.location_file, Location::File, file)?;
        match &self.options.keyring {
            Some(keyring) if was_there => Ok(keyring.delete(&self.entry)?),
            _ => Ok(()),
        }
    }

    /// Logs once why the file is used, and what to do about it.
    fn warn(&self, error: &KeyringError) {
        if *error == KeyringError::NotBuilt || self.options.warned.swap(true, Ordering::SeqCst) {
            return;
        }
        tracing::warn!(
            %error,
            file = %self.file.path().display(),
            "the sign-in is stored in a file that only you can read; unlock the keyring and sign in \
             again with `--store keyring`, or pass `--store file` to make this permanent"
        );
    }

    fn fall_back(&self, error: StoreError, file: &AuthFile) -> Result<(), StoreError> {
        match (self.options.choice, error) {
            (StoreChoice::Auto, StoreError::Keyring(error)) => {
                self.warn(&error);
                self.save_to_file(file)
            }
            (_, error) => Err(error),
        }
    }
}

/// The keyring in messages.
const KEYRING: &str = "the sign-in in the keyring";

impl TokenStore for AccountStore {
    fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        if let Some(file) = self.file.load()? {
            return Ok(Some(file));
        }
        match LocationFile::read(&self.location_file)?.location {
            Location::File => Ok(None),
            Location::Keyring => self.load_from_keyring(),
        }
    }

    fn save(&self, file: &AuthFile) -> Result<(), StoreError> {
        if self.options.choice == StoreChoice::File {
            return self.save_to_file(file);
        }
        self.save_to_keyring(file).or_else(|error| self.fall_back(error, file))
    }

    fn remove(&self) -> Result<(), StoreError> {
        let left = self.leave_keyring(None);
        self.file.remove()?;
        left
    }

    fn reserve(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        if self.location()? == Location::File {
            return self.file.reserve(size);
        }
        // The room that it takes if the keyring fails between now and then.
        let spare = self.file.reserve(size).ok();
        Ok(Box::new(KeyringReservation { store: self.clone(), spare }))
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        match self.file.stamp()? {
            Stamp::Absent => {}
            there => return Ok(there),
        }
        let file = LocationFile::read(&self.location_file)?;
        Ok(match file.location {
            Location::File => Stamp::Absent,
            Location::Keyring => Stamp::Generation(file.generation),
        })
    }

    fn lock_path(&self) -> Option<&Path> {
        self.file.lock_path()
    }

    fn description(&self) -> String {
        match self.location() {
            Ok(Location::Keyring) => "the keyring".to_owned(),
            _ => self.file.description(),
        }
    }

    fn ownership(&self) -> Ownership {
        Ownership::Owned
    }
}

struct KeyringReservation {
    store: AccountStore,
    spare: Option<Box<dyn Reservation>>,
}

impl Reservation for KeyringReservation {
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
        let Self { store, spare } = *self;
        match store.load() {
            Ok(held) if held.as_ref() == Some(expected) => {}
            // The keyring went away during the renewal. Whether it changed cannot be seen, but
            // under the lock only a program that takes none could have done that.
            Err(StoreError::Keyring(_)) => {}
            Ok(_) => return Err(StoreError::Changed { place: store.description() }),
            Err(error) => return Err(error),
        }
        let saved = store.save_to_keyring(next);
        drop(spare);
        saved.or_else(|error| store.fall_back(error, next))
    }
}

#[cfg(test)]
mod tests;
