//! `auth.json` in a directory of ours, replaced whole and never written in place.

use std::fs;
use std::path::{Path, PathBuf};

use super::disk::{self, Temp};
use super::{Access, Reservation, Stamp, StoreError, TokenStore};
use crate::tokens::AuthFile;

/// The sign-in file of one home directory. The directory and its parents are made, closed to
/// others, when first needed.
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
    lock: PathBuf,
}

impl FileStore {
    /// Names the home directory; nothing is touched yet.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self { path: home.join("auth.json"), lock: home.join("auth.lock") }
    }

    /// Names a file and the lock of the home it is in.
    pub(crate) fn at(path: PathBuf, lock: PathBuf) -> Self {
        Self { path, lock }
    }

    /// The sign-in file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what a crash left of saves, which may hold tokens. The caller holds the lock.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        disk::sweep_all(&self.path)
    }

    /// A damaged file may still hold a token that a person can dig out, so it is moved aside.
    fn set_aside_if_damaged(&self) -> Result<(), StoreError> {
        match disk::load(&self.path) {
            Ok(_) => Ok(()),
            Err(StoreError::Corrupt { .. }) => {
                fs::rename(&self.path, self.path.with_file_name("auth.json.corrupt"))
                    .map_err(|error| disk::io_error(&self.path, "set aside", error))
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
        if let Some(home) = self.path.parent() {
            disk::create_home(home)?;
        }
        let text = file.render();
        let mut temp = Temp::create(&self.path, text.len())?;
        temp.fill(text.as_bytes())?;
        self.set_aside_if_damaged()?;
        temp.place(&self.path)
    }

    fn remove(&self) -> Result<(), StoreError> {
        disk::remove(&self.path)
    }

    fn reserve(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        disk::sweep(&self.path);
        let temp = Temp::create(&self.path, size)?;
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

    fn access(&self) -> Access {
        Access::Owned
    }
}

struct Room {
    path: PathBuf,
    temp: Temp,
}

impl Reservation for Room {
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
        let Self { path, mut temp } = *self;
        temp.fill(next.render().as_bytes())?;
        if disk::load(&path)?.as_ref() != Some(expected) {
            return Err(StoreError::Changed { place: path.display().to_string() });
        }
        temp.place(&path)
    }
}

#[cfg(test)]
mod tests;
