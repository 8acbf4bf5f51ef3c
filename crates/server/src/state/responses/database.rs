//! The database: a copy of the memory store, from which the next process starts.

mod keys;
pub(super) mod record;
mod upgrade;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chatmock_auth::open_private;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

pub(super) use keys::RecordKeys;
use keys::Slot;

use super::memory::Entry;
use super::owner::StoreKey;
use super::slot::{DatabaseSlot, Slot as DatabasePlace};
use crate::error::StoreError;

/// The database's name in its directory.
pub(in crate::state) const FILE: &str = "responses.redb";

/// By key (the owner's hash, then the response's id): the slot of the record's own key, and the sealed record.
const TABLE: TableDefinition<'_, &[u8], (Slot, &[u8])> = TableDefinition::new("sealed_responses");

/// The most pages that the database holds in memory, in bytes; all is read and written once.
const CACHE: usize = 4 * 1024 * 1024;

/// An open database, and what is in it.
pub(super) struct ResponseDatabase {
    directory: PathBuf,
    /// `None` once a write has failed, until it is opened anew.
    open: Option<Open>,
    written: HashMap<StoreKey, Written>,
    slot: Arc<DatabaseSlot>,
    /// Answers are not given to the memory.
    lean: bool,
}

struct Open {
    database: Arc<Database>,
    keys: Arc<Mutex<RecordKeys>>,
}

/// A record of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    /// The number of its entry.
    number: u64,
    slot: Slot,
}

/// The records of a database, the oldest first.
type Records = Vec<(StoreKey, Entry)>;

impl ResponseDatabase {
    /// Opens the database of a directory and reads all of it, the oldest entry first; where it is to be `lean`, without the
    /// responses.
    pub(super) fn open(directory: &Path, lean: bool) -> Result<(Self, Records), StoreError> {
        let (open, records, written) = open(directory, lean)?;
        let slot = Arc::<DatabaseSlot>::default();
        *slot.lock() = open.place();
        let directory = directory.to_owned();
        Ok((Self { directory, open: Some(open), written, slot, lean }, records))
    }

    /// Returns whether responses are only read one by one.
    pub(super) fn is_lean(&self) -> bool {
        self.lean
    }

    /// The open database, for tables of others.
    pub(super) fn slot(&self) -> Arc<DatabaseSlot> {
        Arc::clone(&self.slot)
    }

    /// Makes every record unreadable that is not of `entries`. Once this returns, no later process finds
    /// one, whatever becomes of the transaction that removes them.
    ///
    /// # Errors
    /// When the keys could not be destroyed: the records are still there.
    pub(super) fn forget(&mut self, entries: &[(StoreKey, Entry)]) -> Result<(), StoreError> {
        let numbers: HashMap<&StoreKey, u64> =
            entries.iter().map(|(key, entry)| (key, entry.number)).collect();
        let path = self.directory.join(keys::FILE);
        let (open, written) = self.opened()?;
        let is_gone =
            |(key, written): &(&StoreKey, &Written)| numbers.get(*key) != Some(&written.number);
        let gone: Vec<Slot> =
            written.iter().filter(is_gone).map(|(_, written)| written.slot).collect();
        open.keys().destroy(&gone).map_err(|source| StoreError::Io { path, source })
    }

    /// Makes the database equal to `entries`, in one transaction; [`Self::forget`] comes first.
    ///
    /// After an error the next call opens the database anew: one that has failed once refuses all
    /// that follows.
    pub(super) fn follow(&mut self, entries: &[(StoreKey, Entry)]) -> Result<(), StoreError> {
        let path = self.directory.join(FILE);
        let (open, written) = self.opened()?;
        match open.write(written, entries) {
            Ok(written) => {
                self.written = written;
                Ok(())
            }
            Err(error) => {
                self.open = None;
                Err(StoreError::database(&path, error))
            }
        }
    }

    fn opened(&mut self) -> Result<(&mut Open, &HashMap<StoreKey, Written>), StoreError> {
        let broken = self.slot.lock().broken;
        let opened = match self.open.take().filter(|_| !broken) {
            Some(open) => open,
            None => {
                // Nobody may hold the old one while the file is opened anew.
                let mut slot = self.slot.lock();
                let (open, _, written) = open(&self.directory, self.lean)?;
                *slot = open.place();
                self.written = written;
                open
            }
        };
        Ok((self.open.insert(opened), &self.written))
    }
}

impl Open {
    fn new(database: Database, keys: RecordKeys) -> Self {
        Self { database: Arc::new(database), keys: Arc::new(Mutex::new(keys)) }
    }

    /// Where others find it.
    fn place(&self) -> DatabasePlace {
        let (database, keys) = (Arc::downgrade(&self.database), Arc::downgrade(&self.keys));
        DatabasePlace { database, keys, broken: false }
    }

    fn keys(&self) -> MutexGuard<'_, RecordKeys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(
        &mut self,
        written: &HashMap<StoreKey, Written>,
        entries: &[(StoreKey, Entry)],
    ) -> Result<HashMap<StoreKey, Written>, redb::Error> {
        let present: HashSet<&StoreKey> = entries.iter().map(|(key, _)| key).collect();
        let gone: Vec<_> = written.keys().filter(|key| !present.contains(key)).collect();
        let mut now = HashMap::with_capacity(entries.len());
        let mut new = Vec::new();
        for (key, entry) in entries {
            match written.get(key).filter(|written| written.number == entry.number) {
                Some(same) => drop(now.insert(StoreKey::clone(key), *same)),
                // It was on the disk alone, and is nowhere any more.
                None if entry.stored.is_released() => {}
                None => {
                    let slot = self.keys().create()?;
                    now.insert(StoreKey::clone(key), Written { number: entry.number, slot });
                    new.push((key, entry, slot));
                }
            }
        }
        if gone.is_empty() && new.is_empty() {
            return Ok(now);
        }
        self.keys().sync()?;
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for key in gone {
                table.remove(&**key)?;
            }
            for (key, entry, slot) in new {
                let mut record = record::write(entry);
                self.keys().seal(slot, key, &mut record)?;
                table.insert(&**key, (slot, record.as_slice()))?;
            }
        }
        transaction.commit()?;
        Ok(now)
    }
}

/// Opens a directory's files; returns the readable records and what the table holds.
fn open(
    directory: &Path,
    lean: bool,
) -> Result<(Open, Records, HashMap<StoreKey, Written>), StoreError> {
    let path = directory.join(FILE);
    let fault = |error| StoreError::database(&path, error);
    let (database, keys) = (create(&path)?, RecordKeys::open(directory)?);
    let open = if upgrade::is_needed(&database).map_err(fault)? {
        upgrade::upgrade(directory, database, keys)?
    } else {
        Open::new(database, keys)
    };
    let (mut records, mut written) = (Records::new(), HashMap::new());
    let mut is_damaged = false;
    each(&open.database, |key, slot, sealed| {
        // One whose key is gone was deleted, though its transaction did not come to an end.
        let opened = open.keys().open_record(slot, &key, sealed);
        let entry = opened.map(|record| record::read_ended(&record));
        is_damaged |= matches!(entry, Some(None));
        // A number that no entry has makes the next write remove what was deleted.
        let mut entry = entry.flatten();
        let number = entry.as_ref().map_or(u64::MAX, |entry| entry.number);
        written.insert(StoreKey::clone(&key), Written { number, slot });
        if let Some(entry) = entry.as_mut().filter(|_| lean) {
            entry.stored = Arc::new(entry.stored.released());
        }
        records.extend(entry.map(|entry| (key, entry)));
    })
    .map_err(fault)?;
    if is_damaged {
        return Err(StoreError::damaged(&path, "a record is not of its shape"));
    }
    let used: Vec<Slot> = written.values().map(|written| written.slot).collect();
    let io = |source| StoreError::Io { path: directory.join(keys::FILE), source };
    open.keys().keep_only(&used).map_err(io)?;
    records.sort_unstable_by_key(|(_, entry)| entry.number);
    Ok((open, records, written))
}

/// Reads one record, if it is there and can be read.
pub(super) fn read_one(slot: &DatabaseSlot, key: &StoreKey) -> Option<Entry> {
    let (database, keys) = slot.opened()?;
    let row = || -> Result<_, redb::Error> {
        let table = database.begin_read()?.open_table(TABLE)?;
        let row = table.get(&**key)?;
        Ok(row.map(|row| (row.value().0, row.value().1.to_vec())))
    };
    let (slot, sealed) = row().ok()??;
    let opened = {
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.open_record(slot, key, sealed)?
    };
    record::read(&opened)
}

/// Opens a database file, or makes it.
pub(in crate::state) fn create(path: &Path) -> Result<Database, StoreError> {
    let file = open_private(path)?;
    let open = || -> Result<_, redb::Error> {
        Ok(Database::builder()
            .set_cache_size(CACHE)
            // All of it is read now in any case, and conversations go to the backend unseen.
            .set_check_integrity_on_open(true)
            .create_with_backend(FileBackend::new(file)?)?)
    };
    open().map_err(|error| StoreError::database(path, error))
}

/// Shows every record as it is: its key, the slot of its own key, and what is sealed.
fn each(
    database: &Database,
    mut see: impl FnMut(StoreKey, Slot, Vec<u8>),
) -> Result<(), redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(TABLE) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        table => table?,
    };
    for row in table.iter()? {
        let (key, value) = row?;
        let (slot, sealed) = value.value();
        see(StoreKey::from(key.value()), slot, sealed.to_vec());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
