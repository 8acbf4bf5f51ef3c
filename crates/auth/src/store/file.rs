//! `auth.json` in a directory of ours, replaced whole and never written in place.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Ownership, Reservation, Stamp, StoreError, TokenStore, disk};
use crate::private::{self, PrivateFileError, TempFile};
use crate::tokens::AuthFile;

/// The sign-in file of one home directory. The directory and its parents are made, closed to
/// others, when first needed.
#[derive(Clone, Debug)]
pub(crate) struct FileStore {
    path: PathBuf,
    lock: PathBuf,
}

impl FileStore {
    /// Names the home directory; nothing is touched yet.
    #[cfg(test)]
    pub(crate) fn new(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self { path: home.join("auth.json"), lock: home.join("auth.lock") }
    }

    /// Names a file and the lock of the home it is in.
    pub(crate) fn at(path: PathBuf, lock: PathBuf) -> Self {
        Self { path, lock }
    }

    /// The sign-in file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what a crash left of saves, which may hold tokens. The caller holds the lock.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        Ok(private::sweep_all(&self.path)?)
    }

    /// A damaged file may still hold a token that a person can dig out, so it is moved aside.
    fn set_aside_if_damaged(&self) -> Result<(), StoreError> {
        match disk::load(&self.path) {
            Ok(_) => Ok(()),
            Err(StoreError::Corrupt { .. }) => {
                let moved = fs::rename(&self.path, self.path.with_file_name("auth.json.corrupt"));
                Ok(moved.map_err(|error| PrivateFileError::io(&self.path, "set aside", error))?)
            }
            Err(error) => Err(error),
        }
    }
}

impl TokenStore for FileStore {
    fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        disk::load(&self.path)
    }

    fn save(&self, file: &AuthFile) -> Result<(), StoreError> {
        private::create_parent(&self.path)?;
        let text = file.render();
        let mut temp = TempFile::create(&self.path, text.len())?;
        temp.fill(text.as_bytes())?;
        self.set_aside_if_damaged()?;
        Ok(temp.place(&self.path)?)
    }

    fn remove(&self) -> Result<(), StoreError> {
        Ok(private::remove(&self.path)?)
    }

    fn reserve(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        private::sweep(&self.path);
        let temp = TempFile::create(&self.path, size)?;
        Ok(Box::new(Room { path: self.path.clone(), temp }))
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        disk::stamp(&self.path)
    }

    fn lock_path(&self) -> Option<&Path> {
        Some(&self.lock)
    }

    fn description(&self) -> String {
        self.path.display().to_string()
    }

    fn ownership(&self) -> Ownership {
        Ownership::Owned
    }
}

struct Room {
    path: PathBuf,
    temp: TempFile,
}

impl Reservation for Room {
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
        let Self { path, mut temp } = *self;
        temp.fill(next.render().as_bytes())?;
        if disk::load(&path)?.as_ref() != Some(expected) {
            return Err(StoreError::Changed { place: path.display().to_string() });
        }
        Ok(temp.place(&path)?)
    }
}

#[cfg(test)]
mod tests;
