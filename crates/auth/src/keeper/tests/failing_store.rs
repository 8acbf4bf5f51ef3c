//! A store in memory that fails on demand.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::private::PrivateFileError;
use crate::store::{MemoryStore, Ownership, Reservation, Stamp, StoreError, TokenStore};
use crate::tokens::AuthFile;

#[derive(Clone, Default)]
pub(super) struct FailingStore {
    pub(super) inner: MemoryStore,
    pub(super) no_room: Arc<AtomicBool>,
    pub(super) no_commit: Arc<AtomicBool>,
}

fn fail_if(flag: &AtomicBool) -> Result<(), StoreError> {
    if !flag.load(Ordering::SeqCst) {
        return Ok(());
    }
    let source = io::Error::from(io::ErrorKind::StorageFull);
    Err(PrivateFileError::io(Path::new("test"), "write", source).into())
}

impl TokenStore for FailingStore {
    fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        self.inner.load()
    }

    fn save(&self, file: &AuthFile) -> Result<(), StoreError> {
        self.inner.save(file)
    }

    fn remove(&self) -> Result<(), StoreError> {
        self.inner.remove()
    }

    fn reserve(&self, size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        fail_if(&self.no_room)?;
        let inner = self.inner.reserve(size)?;
        Ok(Box::new(FailingRoom { inner, no_commit: Arc::clone(&self.no_commit) }))
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        self.inner.stamp()
    }

    fn lock_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        Ok(Vec::new())
    }

    fn description(&self) -> String {
        "test".to_owned()
    }

    fn ownership(&self) -> Ownership {
        Ownership::Owned
    }
}

struct FailingRoom {
    inner: Box<dyn Reservation>,
    no_commit: Arc<AtomicBool>,
}

impl Reservation for FailingRoom {
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
        fail_if(&self.no_commit)?;
        self.inner.commit(expected, next)
    }
}
