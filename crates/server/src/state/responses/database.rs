//! The database: a copy of the memory store, from which the next process starts.

mod keys;
pub(super) mod record;
mod upgrade;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chatmock_auth::open_private;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use keys::{RecordKeys, Slot};

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
}

struct Open {
    database: Arc<Database>,
    keys: RecordKeys,
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
    /// Opens the database of a directory and reads all of it, the oldest entry first.
    pub(super) fn open(directory: &Path) -> Result<(Self, Records), StoreError> {
        let (open, records, written) = open(directory)?;
        let slot = Arc::<DatabaseSlot>::default();
        slot.put(&open.database);
        let database = Self { directory: directory.to_owned(), open: Some(open), written, slot };
        Ok((database, records))
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
        open.keys.destroy(&gone).map_err(|source| StoreError::Io { path, source })
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
                let (open, _, written) = open(&self.directory)?;
                *slot = DatabasePlace { database: Arc::downgrade(&open.database), broken: false };
                self.written = written;
                open
            }
        };
        Ok((self.open.insert(opened), &self.written))
    }
}

impl Open {
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
                None => {
                    let slot = self.keys.create()?;
                    now.insert(StoreKey::clone(key), Written { number: entry.number, slot });
                    new.push((key, entry, slot));
                }
            }
        }
        if gone.is_empty() && new.is_empty() {
            return Ok(now);
        }
        self.keys.sync()?;
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for key in gone {
                table.remove(&**key)?;
            }
            for (key, entry, slot) in new {
                let mut record = record::write(entry);
                self.keys.seal(slot, key, &mut record)?;
                table.insert(&**key, (slot, record.as_slice()))?;
            }
        }
        transaction.commit()?;
        Ok(now)
    }
}

/// Opens a directory's files; returns the readable records and what the table holds.
fn open(directory: &Path) -> Result<(Open, Records, HashMap<StoreKey, Written>), StoreError> {
    let path = directory.join(FILE);
    let fault = |error| StoreError::database(&path, error);
    let (database, keys) = (create(&path)?, RecordKeys::open(directory)?);
    let Open { database, mut keys } = if upgrade::is_needed(&database).map_err(fault)? {
        upgrade::upgrade(directory, database, keys)?
    } else {
        Open { database: Arc::new(database), keys }
    };
    let sealed = read(&database).map_err(fault)?;
    let used: Vec<Slot> = sealed.iter().map(|(_, slot, _)| *slot).collect();
    let io = |source| StoreError::Io { path: directory.join(keys::FILE), source };
    keys.keep_only(&used).map_err(io)?;
    let (mut records, mut written) = (Records::new(), HashMap::new());
    for (key, slot, sealed) in sealed {
        // One whose key is gone was deleted, though its transaction did not come to an end.
        let opened = keys.open_record(slot, &key, sealed);
        let damaged = || StoreError::damaged(&path, "a record is not of its shape");
        let entry = opened.map(|record| record::read(&record).ok_or_else(damaged)).transpose()?;
        // A number that no entry has makes the next write remove what was deleted.
        let number = entry.as_ref().map_or(u64::MAX, |entry| entry.number);
        written.insert(StoreKey::clone(&key), Written { number, slot });
        records.extend(entry.map(|entry| (key, entry)));
    }
    records.sort_unstable_by_key(|(_, entry)| entry.number);
    Ok((Open { database, keys }, records, written))
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

/// Reads every record as it is: its key, the slot of its own key, and what is sealed.
fn read(database: &Database) -> Result<Vec<(StoreKey, Slot, Vec<u8>)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(TABLE) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let mut records = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let (slot, sealed) = value.value();
        records.push((StoreKey::from(key.value()), slot, sealed.to_vec()));
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
