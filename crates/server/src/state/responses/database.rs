//! The database: a copy of the memory store, from which the next process starts.

mod record;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use chatmock_auth::open_private;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::memory::Entry;
use super::owner::StoreKey;
use crate::error::StoreError;

/// The database's name in its directory.
const FILE: &str = "responses.redb";

/// By key: the owner's hash, then the response's id.
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("responses");

/// The most pages that the database holds in memory, in bytes; all is read and written once.
const CACHE: usize = 4 * 1024 * 1024;

/// An open database, and what is in it.
pub(super) struct ResponseDatabase {
    directory: PathBuf,
    /// `None` once a write has failed, until it is opened anew.
    database: Option<Database>,
    /// The numbers of the entries in the database.
    written: HashMap<StoreKey, u64>,
}

impl ResponseDatabase {
    /// Opens the database of a directory and reads all of it, the oldest entry first.
    pub(super) fn open(directory: &Path) -> Result<(Self, Vec<(StoreKey, Entry)>), StoreError> {
        let (database, records) = open(directory)?;
        let database = Self {
            directory: directory.to_owned(),
            database: Some(database),
            written: numbers(&records),
        };
        Ok((database, records))
    }

    /// Makes the database equal to `entries`, in one transaction.
    ///
    /// After an error the next call opens the database anew: one that has failed once refuses all
    /// that follows.
    pub(super) fn follow(&mut self, entries: &[(StoreKey, Entry)]) -> Result<(), StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => {
                let (database, records) = open(&self.directory)?;
                self.written = numbers(&records);
                database
            }
        };
        let path = self.directory.join(FILE);
        self.write(&database, entries).map_err(|error| StoreError::database(&path, error))?;
        self.database = Some(database);
        self.written = numbers(entries);
        Ok(())
    }

    fn write(&self, database: &Database, entries: &[(StoreKey, Entry)]) -> Result<(), redb::Error> {
        let present: HashSet<&StoreKey> = entries.iter().map(|(key, _)| key).collect();
        let gone: Vec<_> = self.written.keys().filter(|key| !present.contains(key)).collect();
        let is_new =
            |(key, entry): &&(StoreKey, Entry)| self.written.get(key) != Some(&entry.number);
        let new: Vec<_> = entries.iter().filter(is_new).collect();
        if gone.is_empty() && new.is_empty() {
            return Ok(());
        }
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for key in gone {
                table.remove(&**key)?;
            }
            for (key, entry) in new {
                table.insert(&**key, record::write(entry).as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn numbers(entries: &[(StoreKey, Entry)]) -> HashMap<StoreKey, u64> {
    entries.iter().map(|(key, entry)| (StoreKey::clone(key), entry.number)).collect()
}

fn open(directory: &Path) -> Result<(Database, Vec<(StoreKey, Entry)>), StoreError> {
    let path = directory.join(FILE);
    let file = open_private(&path)?;
    let open = || -> Result<_, redb::Error> {
        let database = Database::builder()
            .set_cache_size(CACHE)
            // All of it is read now in any case, and conversations go to the backend unseen.
            .set_check_integrity_on_open(true)
            .create_with_backend(FileBackend::new(file)?)?;
        let records = read(&database)?;
        Ok((database, records))
    };
    let (database, records) = open().map_err(|error| StoreError::database(&path, error))?;
    let damaged = || StoreError::damaged(&path, "a record is not of its shape");
    let mut records = records.into_iter().collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
    records.sort_unstable_by_key(|(_, entry)| entry.number);
    Ok((database, records))
}

/// Reads every record; `None` is one that is not of its shape.
fn read(database: &Database) -> Result<Vec<Option<(StoreKey, Entry)>>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(TABLE) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let mut records = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        records.push(record::read(value.value()).map(|entry| (StoreKey::from(key.value()), entry)));
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
