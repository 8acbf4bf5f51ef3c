//! The upgrade of a database whose records lie in it as plain text, as former versions wrote them.
//!
//! Its free pages hold the text of what was deleted, too. So it is not changed in place: a new file takes its name,
//! and the old one is overwritten before it goes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use chatmock_auth::open_private;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle};

use super::keys::RecordKeys;
use super::{FILE, Open, Records, create, record};
use crate::error::StoreError;
use crate::state::responses::memory::Entry;
use crate::state::responses::owner::StoreKey;

/// The table of plain records.
const PLAIN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("responses");

/// The name of the new file until it is complete.
const NEW: &str = "responses.redb.new";

/// Whether a database has, or has had, plain records.
pub(super) fn is_needed(database: &Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    Ok(transaction.list_tables()?.any(|table| table.name() == PLAIN.name()))
}

/// Puts a database with sealed records in the place of one with plain records, and destroys that.
///
/// `plain` stays open, and with it locked, until the new one has its name.
pub(super) fn upgrade(
    directory: &Path,
    plain: Database,
    mut keys: RecordKeys,
) -> Result<Open, StoreError> {
    let (path, new) = (directory.join(FILE), directory.join(NEW));
    let io = |source| StoreError::Io { path: path.clone(), source };
    let records = read(&plain, &path)?;
    // The rest of an upgrade that did not come to an end.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => keys.keep_only(&[]).map_err(io)?,
    }
    let mut open = Open::new(create(&new)?, keys);
    open.write(&HashMap::new(), &records).map_err(|error| StoreError::database(&new, error))?;
    let old = open_private(&path)?;
    fs::rename(&new, &path).map_err(io)?;
    File::open(directory).and_then(|folder| folder.sync_all()).map_err(io)?;
    drop(plain);
    wipe(&old).map_err(io)?;
    tracing::info!(
        records = records.len(),
        "stored responses are encrypted on the disk from now on"
    );
    Ok(open)
}

/// Reads every plain record.
fn read(plain: &Database, path: &Path) -> Result<Records, StoreError> {
    let rows = || -> Result<Vec<(StoreKey, Option<Entry>)>, redb::Error> {
        let table = plain.begin_read()?.open_table(PLAIN)?;
        let mut rows = Vec::new();
        for row in table.iter()? {
            let (key, value) = row?;
            rows.push((StoreKey::from(key.value()), record::read_ended(value.value())));
        }
        Ok(rows)
    };
    let damaged = || StoreError::damaged(path, "a record is not of its shape");
    let rows = rows().map_err(|error| StoreError::database(path, error))?;
    let whole = |(key, entry): (StoreKey, Option<Entry>)| Ok((key, entry.ok_or_else(damaged)?));
    rows.into_iter().map(whole).collect()
}

/// Overwrites a file that has no name any more.
fn wipe(mut file: &File) -> io::Result<()> {
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut io::repeat(0).take(size), &mut file)?;
    file.sync_all()
}
