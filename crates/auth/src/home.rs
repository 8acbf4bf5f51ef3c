//! The home: the directory that holds the sign-ins of one person, and the lock over them.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chatmock_shared::Shared;
use sha2::{Digest, Sha256};

use crate::lock::{HomeLock, LOCK_WAIT, LockError, lock_files};
use crate::private::{PrivateFileError, Room, place_of};
use crate::store::{
    AccountStore, FileStore, Keyring, SharedSignIn, StoreChoice, StoreError, StoreOptions,
    TokenStore,
};
use crate::tokens::AuthFile;

/// A home directory and where its sign-ins are kept. Clones share the keyring's thread.
#[derive(Clone)]
pub struct Home {
    path: PathBuf,
    options: StoreOptions,
    shared: Option<Arc<SharedSignIn>>,
}

impl Home {
    /// Names a home, with the system's keyring where this program was built with it.
    pub fn new(path: impl Into<PathBuf>, choice: StoreChoice) -> Self {
        #[cfg(feature = "keyring")]
        let keyring = Some(Keyring::system());
        #[cfg(not(feature = "keyring"))]
        let keyring = None;
        Self::with_keyring(path, choice, keyring)
    }

    /// Names a home with a keyring of the caller's, or without one.
    pub fn with_keyring(
        path: impl Into<PathBuf>,
        choice: StoreChoice,
        keyring: Option<Keyring>,
    ) -> Self {
        Self { path: path.into(), options: StoreOptions::new(choice, keyring), shared: None }
    }

    /// Names the person's runtime folder (`XDG_RUNTIME_DIR`), where renewed tokens are put away that
    /// could not be saved before a stop.
    #[must_use]
    pub fn with_runtime_folder(mut self, folder: Option<PathBuf>) -> Self {
        self.options = self.options.with_runtime(folder);
        self
    }

    /// Shares the active sign-in with other servers. The copy here is a file from now on: a lifeboat, from which the
    /// shared one is restored when its engine has lost it.
    #[must_use]
    pub fn with_shared(mut self, shared: Shared) -> Self {
        self.options = self.options.in_file();
        self.shared = Some(Arc::new(SharedSignIn::new(shared, &self.path)));
        self
    }

    /// The shared copy of the active sign-in, where there is one.
    pub fn shared(&self) -> Option<&SharedSignIn> {
        self.shared.as_deref()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keyring, used or not.
    pub fn keyring(&self) -> Option<&Keyring> {
        self.options.keyring()
    }

    /// The store of the active sign-in, for a [`TokenKeeper`](crate::TokenKeeper).
    pub fn store(&self) -> Arc<dyn TokenStore> {
        Arc::new(self.active())
    }

    /// Reads the active sign-in. May block for some seconds where it is in a keyring.
    pub fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        self.active().load()
    }

    /// Checks that a new sign-in could be kept here, before a person is asked to approve one: what is in
    /// its place can be replaced, and where only the file is wanted, a file can be made. A damaged sign-in
    /// and a locked keyring are no obstacle. May block.
    pub fn check(&self) -> Result<(), StoreError> {
        match self.active().load() {
            Err(StoreError::Corrupt { .. } | StoreError::Keyring(_)) | Ok(_) => {}
            Err(error) => return Err(error),
        }
        if let Some(shared) = &self.shared {
            shared.check()?;
        }
        let place = place_of(&self.sign_in_path())?;
        if self.options.is_file_only() && place.parent().is_some_and(Path::is_dir) {
            drop(Room::take(&place, 1)?);
        }
        Ok(())
    }

    /// Waits for the lock under which sign-ins are changed.
    pub async fn lock(&self) -> Result<HomeLock, LockError> {
        HomeLock::acquire(&self.lock_files()?, LOCK_WAIT).await
    }

    pub(crate) fn lock_files(&self) -> Result<Vec<PathBuf>, PrivateFileError> {
        lock_files(&self.sign_in_path())
    }

    /// The file of the active sign-in, or the link in its place.
    pub(crate) fn sign_in_path(&self) -> PathBuf {
        self.path.join("auth.json")
    }

    pub(crate) fn active(&self) -> AccountStore {
        let store = self.store_at(self.sign_in_path(), self.path.join("generation"), self.entry());
        store.shared_by(self.shared.clone())
    }

    /// The place of a sign-in that is not the active one.
    pub(crate) fn parked(&self, key: &str) -> AccountStore {
        let folder = self.accounts_folder();
        let entry = format!("{}/{key}", self.entry());
        self.store_at(folder.join(format!("{key}.json")), folder.join(format!("{key}.mark")), entry)
    }

    pub(crate) fn accounts_folder(&self) -> PathBuf {
        self.path.join("accounts")
    }

    fn store_at(&self, file: PathBuf, location_file: PathBuf, entry: String) -> AccountStore {
        let file = FileStore::at(file, self.sign_in_path());
        AccountStore::new(file, location_file, entry, &self.options)
    }

    /// This home's name in the keyring: a copy of the home elsewhere is not the same sign-in.
    fn entry(&self) -> String {
        let place = settled(&self.path);
        let mut name = String::new();
        for byte in &Sha256::digest(place.as_os_str().as_encoded_bytes())[..8] {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The path without links, also before its last parts exist, so that making it changes nothing.
fn settled(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => settled(parent).join(name),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_one_name_in_the_keyring_before_and_after_it_is_made() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deep").join("home");
        let home = Home::with_keyring(&path, StoreChoice::Auto, None);
        let before = home.entry();
        std::fs::create_dir_all(&path).unwrap();
        assert_eq!(home.entry(), before);
        let roundabout = place.path().join("deep").join("..").join("deep").join("home");
        let same = Home::with_keyring(roundabout, StoreChoice::Auto, None);
        assert_eq!(same.entry(), before);
        let other = Home::with_keyring(place.path(), StoreChoice::Auto, None);
        assert_ne!(other.entry(), before);
    }
}
