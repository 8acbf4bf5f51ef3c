//! The part of the database that outlives the process: records of turns, and the totals of days.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::entry::{DAY, TurnEntry};
use super::history::{IN_MEMORY, Kept};
use super::totals::{Facet, Total};
use crate::error::StoreError;
use crate::state::responses::database;

/// By number, in the order of their ends: the records as JSON.
const TURNS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("usage_turns");

/// By facet, as JSON: the totals as JSON.
const DAYS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("usage_days");

/// The most records, whatever their age: some 100 MB.
const MAX: u64 = 200_000;

/// The most records that one write removes, so that none takes long.
const AT_ONCE: usize = 5_000;

/// The days for which totals are kept.
const DAYS_KEPT: u32 = 800;

/// What one write brings.
pub(super) struct Batch<'b> {
    pub(super) entries: &'b [Arc<TurnEntry>],
    pub(super) totals: &'b [(Facet, Total)],
    /// Records of turns that began before are removed; in milliseconds of the Unix epoch.
    pub(super) oldest: u64,
}

/// Writes a batch, in one transaction.
pub(super) fn write(database: &Database, batch: &Batch<'_>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut turns = transaction.open_table(TURNS)?;
        let next = turns.last()?.map_or(0, |(number, _)| number.value() + 1);
        for (number, entry) in (next..).zip(batch.entries) {
            turns.insert(number, json(&**entry).as_slice())?;
        }
        prune(&mut turns, batch.oldest)?;
        let mut days = transaction.open_table(DAYS)?;
        for (facet, total) in batch.totals {
            days.insert(json(facet).as_slice(), json(total).as_slice())?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Removes the records that are too old or too many.
fn prune(turns: &mut redb::Table<'_, u64, &'static [u8]>, oldest: u64) -> Result<(), redb::Error> {
    let mut many = turns.len()?.saturating_sub(MAX);
    for _ in 0..AT_ONCE {
        let Some((_, value)) = turns.first()? else { return Ok(()) };
        let is_old = read::<TurnEntry>(value.value()).is_none_or(|entry| entry.at < oldest);
        drop(value);
        if !is_old && many == 0 {
            return Ok(());
        }
        many = many.saturating_sub(1);
        turns.pop_first()?;
    }
    Ok(())
}

/// Reads what an earlier process kept: the newest records, and all totals; totals of days that are too old are
/// removed.
pub(super) fn load(database: &Database, now: u64) -> Result<Kept, redb::Error> {
    let transaction = database.begin_read()?;
    let mut kept = Kept { all: true, ..Kept::default() };
    match transaction.open_table(TURNS) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(kept),
        turns => {
            let turns = turns?;
            kept.all = turns.len()? <= IN_MEMORY as u64 && turns.get(0)?.is_some();
            for row in turns.iter()?.rev().take(IN_MEMORY) {
                kept.entries.extend(read(row?.1.value()));
            }
            kept.entries.reverse();
        }
    }
    let first = u32::try_from(now / DAY).unwrap_or(u32::MAX).saturating_sub(DAYS_KEPT);
    let mut old = Vec::new();
    for row in transaction.open_table(DAYS)?.iter()? {
        let (key, value) = row?;
        let facet: Option<Facet> = read(key.value());
        match (facet.filter(|facet| facet.day >= first), read(value.value())) {
            (Some(facet), Some(total)) => kept.totals.push((facet, total)),
            _ => old.push(key.value().to_vec()),
        }
    }
    drop(transaction);
    if !old.is_empty() {
        let transaction = database.begin_write()?;
        let mut days = transaction.open_table(DAYS)?;
        for key in old {
            days.remove(key.as_slice())?;
        }
        drop(days);
        transaction.commit()?;
    }
    Ok(kept)
}

/// Reads the database of a folder while no server has it.
pub(super) fn load_folder(folder: &Path, now: u64) -> Result<Kept, StoreError> {
    let path = folder.join(database::FILE);
    if !path.exists() {
        return Ok(Kept { all: true, ..Kept::default() });
    }
    let database = database::create(&path)?;
    load(&database, now).map_err(|error| StoreError::database(&path, error))
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Names and numbers can always be written.
    serde_json::to_vec(value).unwrap_or_default()
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
