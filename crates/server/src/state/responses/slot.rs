//! The open database, for those who keep tables of their own in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use redb::Database;

use super::database::RecordKeys;

/// The place where the open database is found.
///
/// Only one process can have the file open, and only once. So the store of responses opens it, anew after a failure,
/// and others use it from here, for as long as one transaction takes.
#[derive(Debug, Default)]
pub(crate) struct DatabaseSlot(Mutex<Slot>);

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) database: Weak<Database>,
    pub(super) keys: Weak<Mutex<RecordKeys>>,
    /// A transaction has failed, so that the database has to be opened anew.
    pub(super) broken: bool,
}

impl DatabaseSlot {
    /// Uses the database; `None` while it is not open.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Option<Result<T, redb::Error>> {
        let mut slot = self.lock();
        let database = slot.database.upgrade().filter(|_| !slot.broken)?;
        let done = work(&database);
        slot.broken = done.is_err();
        Some(done)
    }

    /// Locks the slot, so that nobody uses the database meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the database and the keys of its records, while it is open.
    pub(super) fn opened(&self) -> Option<(Arc<Database>, Arc<Mutex<RecordKeys>>)> {
        let slot = self.lock();
        Some((slot.database.upgrade()?, slot.keys.upgrade()?))
    }
}
