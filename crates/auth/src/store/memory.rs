//! A sign-in kept in memory and forgotten at the end of the program.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Ownership, Reservation, Stamp, StoreError, TokenStore};
use crate::tokens::AuthFile;

/// A store for embedders that keep tokens elsewhere. Clones share the content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    file: Option<AuthFile>,
    generation: u64,
}

impl Content {
    fn put(&mut self, file: Option<AuthFile>) {
        self.file = file;
        self.generation += 1;
    }
}

impl MemoryStore {
    /// Starts with a sign-in, or with none.
    pub fn new(file: Option<AuthFile>) -> Self {
        Self { content: Arc::new(Mutex::new(Content { file, generation: 0 })) }
    }

    /// Forgets the sign-in.
    pub fn clear(&self) {
        self.content().put(None);
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for MemoryStore {
    fn load(&self) -> Result<Option<AuthFile>, StoreError> {
        Ok(self.content().file.clone())
    }

    fn save(&self, file: &AuthFile) -> Result<(), StoreError> {
        self.content().put(Some(file.clone()));
        Ok(())
    }

    fn remove(&self) -> Result<(), StoreError> {
        self.clear();
        Ok(())
    }

    fn reserve(&self, _size: usize) -> Result<Box<dyn Reservation>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        Ok(Stamp::Generation(self.content().generation))
    }

    fn lock_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        Ok(Vec::new())
    }

    fn description(&self) -> String {
        "memory".to_owned()
    }

    fn ownership(&self) -> Ownership {
        Ownership::Owned
    }
}

impl Reservation for MemoryStore {
    fn commit(self: Box<Self>, expected: &AuthFile, next: &AuthFile) -> Result<(), StoreError> {
        let mut content = self.content();
        if content.file.as_ref() != Some(expected) {
            return Err(StoreError::Changed { place: self.description() });
        }
        content.put(Some(next.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::sample;
    use time::OffsetDateTime;

    #[test]
    fn a_commit_over_a_changed_sign_in_is_refused() {
        let file =
            |token| AuthFile::signed_in(&sample::grant(1, token), OffsetDateTime::UNIX_EPOCH);
        let store = MemoryStore::new(Some(file("first")));
        let before = store.stamp().unwrap();
        store.reserve(0).unwrap().commit(&file("first"), &file("second")).unwrap();
        assert_ne!(store.stamp().unwrap(), before);
        let late = store.reserve(0).unwrap().commit(&file("first"), &file("third"));
        assert!(matches!(late, Err(StoreError::Changed { .. })));
        assert_eq!(store.load().unwrap(), Some(file("second")));
    }
}
