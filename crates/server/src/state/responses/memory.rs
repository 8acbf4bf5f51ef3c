//! The bounded map of kept responses: pure, the oldest goes first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::StoredResponse;
use super::owner::StoreKey;
use crate::settings::StoreSettings;

/// The memory that an entry takes in addition to its texts, roughly: the maps' nodes, the key's and the counters.
const OVERHEAD: usize = 256;

/// An entry of the memory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the order of storing, never used twice.
    pub(super) number: u64,
    /// When it was stored, in seconds of the Unix epoch.
    pub(super) stored_at: u64,
    /// The response.
    pub(super) stored: Arc<StoredResponse>,
}

/// The responses in memory.
pub(super) struct MemoryStore {
    entries: HashMap<StoreKey, Entry>,
    order: BTreeMap<u64, StoreKey>,
    next: u64,
    bytes: usize,
    max_count: usize,
    max_bytes: usize,
    max_age: u64,
}

impl MemoryStore {
    /// Makes an empty memory with the bounds of the settings.
    pub(super) fn new(settings: &StoreSettings) -> Self {
        Self {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
            bytes: 0,
            max_count: settings.max_count,
            max_bytes: settings.max_bytes,
            max_age: settings.max_age.as_secs(),
        }
    }

    /// Takes over entries with their numbers; those over the bounds fall away, the oldest first.
    pub(super) fn restore(&mut self, records: Vec<(StoreKey, Entry)>) {
        for (key, entry) in records {
            self.put(key, entry);
        }
        self.evict(0);
    }

    /// Gives an entry that is not too old.
    pub(super) fn get(&self, key: &[u8], now: u64) -> Option<Arc<StoredResponse>> {
        let entry = self.entries.get(key).filter(|entry| !self.expired(entry, now))?;
        Some(Arc::clone(&entry.stored))
    }

    /// Adds an entry and hands back those that had to go for it.
    pub(super) fn insert(&mut self, key: StoreKey, stored: StoredResponse, now: u64) -> Vec<Entry> {
        if cost(&key, &stored) > self.max_bytes {
            return Vec::new();
        }
        let entry = Entry { number: self.next, stored_at: now, stored: Arc::new(stored) };
        let replaced = self.put(key, entry);
        let mut evicted = self.evict(now);
        evicted.extend(replaced);
        evicted
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.number);
        self.bytes -= cost(key, &entry.stored);
        Some(entry)
    }

    /// Takes out what is too old, and the oldest while the rest is too much.
    pub(super) fn evict(&mut self, now: u64) -> Vec<Entry> {
        let mut evicted = Vec::new();
        while let Some(key) = self.order.first_key_value().map(|(_, key)| Arc::clone(key)) {
            let over = self.entries.len() > self.max_count || self.bytes > self.max_bytes;
            let expired = || self.entries.get(&key).is_some_and(|entry| self.expired(entry, now));
            if !over && !expired() {
                break;
            }
            evicted.extend(self.remove(&key));
        }
        evicted
    }

    /// All entries, in no order.
    pub(super) fn all(&self) -> Vec<(StoreKey, Entry)> {
        self.entries.iter().map(|(key, entry)| (Arc::clone(key), entry.clone())).collect()
    }

    fn put(&mut self, key: StoreKey, entry: Entry) -> Option<Entry> {
        let replaced = self.remove(&key);
        self.next = self.next.max(entry.number + 1);
        self.bytes += cost(&key, &entry.stored);
        self.order.insert(entry.number, Arc::clone(&key));
        self.entries.insert(key, entry);
        replaced
    }

    fn expired(&self, entry: &Entry, now: u64) -> bool {
        now.saturating_sub(entry.stored_at) >= self.max_age
    }
}

fn cost(key: &[u8], stored: &StoredResponse) -> usize {
    key.len() + stored.input.len() + stored.response.len() + OVERHEAD
}

#[cfg(test)]
mod tests;
