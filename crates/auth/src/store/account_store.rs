//! The store of one account: in the keyring where there is one, else in a private file.
//!
//! A file that exists takes precedence over the keyring, because another program that knows only
//! files may have signed in. So a save removes the other copy only after its own is complete: a
//! crash between leaves two, of which the newer one is used.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Rescued;
use super::{
    Change, FileStore, Keyring, KeyringError, LeftOvers, Location, LocationFile, Ownership,
    Reservation, SharedSignIn, Stamp, StoreChoice, StoreError, TokenStore, lifeboat,
};
use crate::relinquish::{Held, LeftBehind};
use crate::tokens::AuthFile;

/// The common part of all account stores of one home. Clones share the warning.
#[derive(Clone)]
pub(crate) struct StoreOptions {
    choice: StoreChoice,
    keyring: Option<Keyring>,
    /// The person's runtime folder, where there is one.
    runtime: Option<PathBuf>,
    /// True once the person was warned that the file is used.
    warned: Arc<AtomicBool>,
}

impl StoreOptions {
    pub(crate) fn new(choice: StoreChoice, keyring: Option<Keyring>) -> Self {
        Self { choice, keyring, runtime: None, warned: Arc::default() }
    }

    /// Names the person's runtime folder.
    pub(crate) fn with_runtime(self, runtime: Option<PathBuf>) -> Self {
        Self { runtime, ..self }
    }

    /// The same, with every sign-in in a file.
    pub(crate) fn in_file(self) -> Self {
        Self { choice: StoreChoice::File, ..self }
    }

    /// Returns whether new sign-ins go into the file, whatever other stores there are.
    pub(crate) fn is_file_only(&self) -> bool {
        self.choice == StoreChoice::File
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
    /// The copy that several servers share; only the active sign-in has one.
    pub(super) shared: Option<Arc<SharedSignIn>>,
}

impl AccountStore {
    pub(crate) fn new(
        file: FileStore,
        location_file: PathBuf,
        entry: String,
        options: &StoreOptions,
    ) -> Self {
        Self { file, location_file, entry, options: options.clone(), shared: None }
    }

    /// The same, shared with other servers: what is here is a lifeboat then.
    pub(crate) fn shared_by(self, shared: Option<Arc<SharedSignIn>>) -> Self {
        Self { shared, ..self }
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

    /// Returns where the sign-in is now; `File` also without a sign-in.
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
        let change =
            Change { location: Location::Keyring, left_in_keyring: false, file: Some(file) };
        LocationFile::bump(&self.location_file, change)?;
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

    /// Deletes what the keyring holds, and records that the sign-in is not there any more. What cannot
    /// be deleted now is remembered, so that a later sign-out can end it.
    fn leave_keyring(&self, file: Option<&AuthFile>) -> Result<(), StoreError> {
        let deleted = match &self.options.keyring {
            _ if !self.keyring_may_hold() => Ok(()),
            Some(keyring) => keyring.delete(&self.entry),
            None => Err(KeyringError::NotBuilt),
        };
        let left_in_keyring = deleted.is_err();
        let change = Change { location: Location::File, left_in_keyring, file };
        LocationFile::bump(&self.location_file, change)?;
        Ok(deleted?)
    }

    /// Returns whether the keyring holds the sign-in, or may hold a former one. Without a readable note
    /// that is not known, and then a keyring that is there is asked.
    fn keyring_may_hold(&self) -> bool {
        match LocationFile::read(&self.location_file) {
            Ok(note) => note.location == Location::Keyring || note.left_in_keyring,
            Err(_) => self.options.keyring.is_some(),
        }
    }

    /// Returns whether anything of the sign-in is on the disk.
    pub(crate) fn is_there(&self) -> bool {
        let file = self.file.path().symlink_metadata().is_ok();
        file || self.location_file.exists() || !self.file.left_overs().is_empty()
    }

    /// Collects the tokens in both places where the sign-in can be, whichever is used.
    pub(crate) fn held(&self) -> Held {
        let mut held = Held::default();
        self.file.hold(&mut held);
        if self.keyring_may_hold() {
            match self.keyring().and_then(|keyring| keyring.read(&self.entry)) {
                Ok(Some(text)) => held.read(KEYRING, &text),
                Ok(None) => {}
                Err(error) => held.could_not_read(IN_KEYRING, error),
            }
        }
        held
    }

    /// Collects the tokens in files that were set aside, put away or left by unfinished saves.
    pub(crate) fn held_left_overs(&self) -> Held {
        let mut held = self.file.held_left_overs();
        if let Some(found) = self.lifeboat().and_then(|place| lifeboat::find(&place)) {
            held.join(Held::one(found.file));
        }
        held
    }

    /// The place where renewed tokens of this sign-in are put away; only those of the active one
    /// ever are.
    fn lifeboat(&self) -> Option<PathBuf> {
        let runtime = self.options.runtime.as_ref().filter(|_| !self.entry.contains('/'))?;
        Some(lifeboat::place(runtime, &self.entry))
    }

    /// Files that may hold tokens of an earlier sign-in, or renewed ones that are not in use yet.
    pub(crate) fn left_overs(&self) -> Vec<PathBuf> {
        let put_away = self.lifeboat().filter(|place| place.symlink_metadata().is_ok());
        self.file.left_overs().into_iter().chain(put_away).collect()
    }

    /// Removes the sign-in from every place. Returns what stays, and why. The caller holds the lock.
    pub(crate) fn clear(&self) -> Vec<LeftBehind> {
        let left = match self.remove() {
            Ok(()) => None,
            Err(StoreError::Keyring(error)) => Some(LeftBehind::new(IN_KEYRING, error)),
            Err(StoreError::Shared(error)) => Some(LeftBehind::new("the shared engine", error)),
            Err(error) => Some(LeftBehind::new(self.file.path().display(), error)),
        };
        left.into_iter().chain(self.clear_files(LeftOvers::All)).collect()
    }

    fn clear_files(&self, which: LeftOvers) -> Vec<LeftBehind> {
        let mut left = self.file.clear_left_overs(which);
        if let Some(place) = self.lifeboat().filter(|_| which != LeftOvers::None)
            && let Err(error) = lifeboat::remove(&place)
        {
            left.push(LeftBehind::new(place.display(), error));
        }
        left
    }

    /// Removes files that were set aside or left by unfinished saves, and a former sign-in that stayed
    /// in the keyring. The caller holds the lock.
    pub(crate) fn clear_left_overs(&self, which: LeftOvers) -> Vec<LeftBehind> {
        let mut left = self.clear_files(which);
        let note = LocationFile::read(&self.location_file).unwrap_or_default();
        if note.left_in_keyring && note.location == Location::File {
            match self.leave_keyring(self.file.load().ok().flatten().as_ref()) {
                Ok(()) => {}
                Err(error) => left.push(LeftBehind::new(IN_KEYRING, error)),
            }
        }
        left
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

/// The name of the keyring's sign-in in messages.
const KEYRING: &str = "the sign-in in the keyring";
/// The keyring as a place, in messages.
const IN_KEYRING: &str = "the keyring";

impl AccountStore {
    pub(super) fn load_here(&self) -> Result<Option<AuthFile>, StoreError> {
        if let Some(file) = self.file.load()? {
            return Ok(Some(file));
        }
        match LocationFile::read(&self.location_file)?.location {
            Location::File => Ok(None),
            Location::Keyring => self.load_from_keyring(),
        }
    }

    pub(super) fn save_here(&self, file: &AuthFile) -> Result<(), StoreError> {
        if self.options.choice == StoreChoice::File {
            return self.save_to_file(file);
        }
        self.save_to_keyring(file).or_else(|error| self.fall_back(error, file))
    }

    pub(super) fn remove_here(&self) -> Result<(), StoreError> {
        let left = self.leave_keyring(None);
        self.file.remove()?;
        left
    }

    pub(super) fn reserve_here(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        if self.location()? == Location::File {
            return self.file.reserve(size);
        }
        // The room that it takes if the keyring fails between now and then.
        let spare = self.file.reserve(size).ok();
        Ok(Box::new(KeyringReservation { store: self.clone(), spare }))
    }
}

impl TokenStore for AccountStore {
    fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        match &self.shared {
            Some(shared) => self.load_shared(shared),
            None => self.load_here(),
        }
    }

    fn save(&self, file: &AuthFile) -> Result<(), StoreError> {
        match &self.shared {
            Some(shared) => self.save_shared(shared, file),
            None => self.save_here(file),
        }
    }

    fn remove(&self) -> Result<(), StoreError> {
        match &self.shared {
            Some(shared) => self.remove_shared(shared),
            None => self.remove_here(),
        }
    }

    fn reserve(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        let room = self.reserve_here(size)?;
        Ok(match &self.shared {
            Some(shared) => shared.reservation(room),
            None => room,
        })
    }

    fn shared(&self) -> Option<Arc<SharedSignIn>> {
        self.shared.clone()
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

    fn lock_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.file.lock_files()
    }

    fn rescue(&self, stored: &AuthFile, next: &AuthFile) -> Result<String, StoreError> {
        let in_place = self.file.save_in_place(stored, next);
        match (in_place, self.lifeboat()) {
            (Ok(()), _) => Ok(self.file.description()),
            (Err(_), Some(place)) => {
                lifeboat::put_away(&place, stored, next)?;
                Ok(place.display().to_string())
            }
            (Err(error), None) => Err(error),
        }
    }

    fn rescued(&self) -> Vec<Rescued> {
        let put_away = self.lifeboat().and_then(|place| lifeboat::find(&place));
        self.file.rescued().into_iter().chain(put_away).collect()
    }

    fn forget_rescued(&self) {
        for left in self.clear_left_overs(LeftOvers::Unfinished) {
            tracing::warn!(%left, "tokens that are not needed any more could not be removed");
        }
    }

    fn description(&self) -> String {
        match self.location() {
            Ok(Location::Keyring) => IN_KEYRING.to_owned(),
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
        match store.load_here() {
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
