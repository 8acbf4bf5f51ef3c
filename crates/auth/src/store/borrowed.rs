//! The Codex CLI's own sign-in file, read and never written.

use std::path::PathBuf;

use super::{Ownership, Reservation, Stamp, StoreError, TokenStore, disk};
use crate::private::{foreign_place_of, read_foreign};
use crate::tokens::AuthFile;

/// A sign-in another program owns and renews.
#[derive(Clone, Debug)]
pub struct BorrowedStore {
    path: PathBuf,
}

impl BorrowedStore {
    /// Names the other program's file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl TokenStore for BorrowedStore {
    fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        // Launchers put a link to the person's own file in the place of each session's.
        disk::load(&foreign_place_of(&self.path)?, read_foreign)
    }

    fn save(&self, _file: &AuthFile) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly { place: self.description() })
    }

    fn remove(&self) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly { place: self.description() })
    }

    fn reserve(&self, _size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        Err(StoreError::ReadOnly { place: self.description() })
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        disk::stamp(&foreign_place_of(&self.path)?)
    }

    fn lock_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        Ok(Vec::new())
    }

    fn description(&self) -> String {
        self.path.display().to_string()
    }

    fn ownership(&self) -> Ownership {
        Ownership::Borrowed
    }
}
