//! `auth.json` in a directory of ours: replaced whole, and written in place only where it must be.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Ownership, Rescued, Reservation, Stamp, StoreError, TokenStore, disk};
use crate::lock::lock_files;
use crate::private::{self, PrivateFileError, Room, place_of, read_private};
use crate::relinquish::{Held, LeftBehind};
use crate::tokens::{AuthFile, salvage};

/// The sign-in file of one home directory. The directory and its parents are made, closed to
/// others, when first needed. A link that a person put in its place is followed once for each call.
#[derive(Clone, Debug)]
pub(crate) struct FileStore {
    path: PathBuf,
    /// The sign-in of the home whose lock guards this one.
    guarded_by: PathBuf,
}

impl FileStore {
    /// Names the home directory; nothing is touched yet.
    #[cfg(test)]
    pub(crate) fn new(home: impl Into<PathBuf>) -> Self {
        let path = home.into().join("auth.json");
        Self { guarded_by: path.clone(), path }
    }

    /// Names a file, and the active sign-in of the home it is in.
    pub(crate) fn at(path: PathBuf, guarded_by: PathBuf) -> Self {
        Self { path, guarded_by }
    }

    /// The sign-in file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Collects the tokens in the file, also where it is damaged.
    pub(super) fn hold(&self, held: &mut Held) {
        match place_of(&self.path) {
            Ok(place) => hold(&place, held),
            Err(error) => held.could_not_read(self.path.display(), error),
        }
    }

    /// Collects the tokens in files that were set aside or left by unfinished saves.
    pub(super) fn held_left_overs(&self) -> Held {
        let mut held = Held::default();
        self.left_overs().iter().for_each(|path| hold(path, &mut held));
        held
    }

    /// Removes files that were set aside or left by unfinished saves; one that cannot be removed does
    /// not keep the others. Returns those that stay. The caller holds the lock.
    pub(super) fn clear_left_overs(&self, which: LeftOvers) -> Vec<LeftBehind> {
        let left = self.left_overs().into_iter().filter_map(|path| {
            if let Some(why) = which.keeps(&path) {
                return Some(LeftBehind::new(path.display(), why));
            }
            let error = private::remove(&path).err()?;
            Some(LeftBehind::new(path.display(), error))
        });
        left.collect()
    }

    /// Sign-ins that unfinished saves left, whole.
    pub(super) fn rescued(&self) -> Vec<Rescued> {
        let Ok(place) = place_of(&self.path) else { return Vec::new() };
        let texts = private::left_overs(&place).filter_map(|path| read_private(&path).ok()?);
        let files = texts.filter_map(|text| AuthFile::parse(&text).ok());
        files.filter(|file| file.tokens().is_some()).map(Rescued::left_over).collect()
    }

    /// Writes over the text of the file, into the blocks that it has: a full disk leaves it those.
    pub(super) fn save_in_place(
        &self,
        stored: &AuthFile,
        next: &AuthFile,
    ) -> Result<(), StoreError> {
        let place = place_of(&self.path)?;
        let text = next.render();
        let room = Room::take_in_place(&place, text.len())?;
        room.put(text.as_bytes(), || holds(&place, stored))
    }

    /// Files next to the sign-in that may hold tokens, and that nobody uses.
    pub(crate) fn left_overs(&self) -> Vec<PathBuf> {
        let Ok(place) = place_of(&self.path) else { return Vec::new() };
        let aside = [aside(&place), before_shared(&place)].into_iter();
        let aside = aside.filter(|path| path.symlink_metadata().is_ok());
        private::left_overs(&place).chain(aside).collect()
    }
}

/// Which files that were set aside or left are removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftOvers {
    /// All of them.
    All,
    /// Those of which is known what they hold.
    Readable,
    /// Those of unfinished saves: what they held is in its place.
    Unfinished,
    /// None of them: what they hold was not ended yet.
    None,
}

impl LeftOvers {
    /// Returns why a file stays, if it does.
    fn keeps(self, path: &Path) -> Option<&'static str> {
        match self {
            Self::None => {
                Some("was left as it is, since its token was not ended: sign out to try again")
            }
            Self::Readable if !is_readable(path) => {
                Some("is damaged and was left as it is; a sign-out removes it")
            }
            Self::Unfinished if path.extension().is_some_and(|kind| kind == "corrupt") => {
                Some("is damaged and was left as it is; a sign-out removes it")
            }
            Self::Unfinished | Self::Readable if path.ends_with(BEFORE_SHARED) => {
                Some("is another sign-in, whose place the shared one took; a sign-out ends it")
            }
            Self::All | Self::Readable | Self::Unfinished => None,
        }
    }
}

/// Returns whether a file's tokens can be read, or it holds none.
fn is_readable(path: &Path) -> bool {
    let mut held = Held::default();
    hold(path, &mut held);
    held.is_readable()
}

fn hold(path: &Path, held: &mut Held) {
    match read_private(path) {
        Ok(Some(text)) => held.read(path.display(), &text),
        Ok(None) => {}
        Err(error) => held.could_not_read(path.display(), error),
    }
}

/// A damaged file may still hold a token that a person can dig out, so it is moved aside.
fn set_aside_if_damaged(place: &Path) -> Result<(), StoreError> {
    match disk::load(place, read_private) {
        Ok(_) => Ok(()),
        Err(StoreError::Corrupt { .. }) => {
            let moved = fs::rename(place, aside(place));
            let moved = moved.map_err(|error| PrivateFileError::io(place, "set aside", error));
            match moved {
                // It cannot be moved, so it is written in place.
                Err(error) if private::forbids_replacement(&error) => Ok(()),
                moved => Ok(moved?),
            }
        }
        Err(error) => Err(error),
    }
}

/// Removes files of unfinished saves that nobody can be writing any more, and that hold no token: one
/// that does is left to whoever can end it at the issuer.
fn sweep(place: &Path) {
    for path in private::old_left_overs(place) {
        let text = read_private(&path).ok().flatten();
        if text.is_some_and(|text| salvage(&text).is_empty()) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The file of a sign-in whose place a shared one took.
const BEFORE_SHARED: &str = "auth.before-shared.json";

/// Returns the place of a sign-in whose place a shared one took.
pub(super) fn before_shared(place: &Path) -> PathBuf {
    place.with_file_name(BEFORE_SHARED)
}

/// Returns the place where a damaged file is set aside.
fn aside(place: &Path) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".corrupt");
    place.with_file_name(name)
}

impl TokenStore for FileStore {
    fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        disk::load(&place_of(&self.path)?, read_private)
    }

    fn save(&self, file: &AuthFile) -> Result<(), StoreError> {
        let place = place_of(&self.path)?;
        private::create_parent(&place)?;
        let text = file.render();
        let room = Room::take(&place, text.len())?;
        room.put(text.as_bytes(), || set_aside_if_damaged(&place))
    }

    fn remove(&self) -> Result<(), StoreError> {
        Ok(private::remove(&place_of(&self.path)?)?)
    }

    fn reserve(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        let place = place_of(&self.path)?;
        sweep(&place);
        let room = Room::take(&place, size)?;
        Ok(Box::new(FileRoom { place, room }))
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        disk::stamp(&place_of(&self.path)?)
    }

    fn lock_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        Ok(lock_files(&self.guarded_by)?)
    }

    fn description(&self) -> String {
        self.path.display().to_string()
    }

    fn ownership(&self) -> Ownership {
        Ownership::Owned
    }
}

/// Room for a renewal, where the file was when the room was taken.
struct FileRoom {
    place: PathBuf,
    room: Room,
}

impl Reservation for FileRoom {
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
        let Self { place, room } = *self;
        room.put(next.render().as_bytes(), || holds(&place, expected))
    }
}

/// Fails unless a file holds what is expected.
fn holds(place: &Path, expected: &AuthFile) -> Result<(), StoreError> {
    if disk::load(place, read_private)?.as_ref() == Some(expected) {
        return Ok(());
    }
    Err(StoreError::Changed { place: place.display().to_string() })
}

#[cfg(test)]
mod tests;
