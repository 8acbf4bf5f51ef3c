//! The bounded map of stored responses: pure; the owner of the most gives way first, with its oldest.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::StoredResponse;
use super::owner::{OwnerId, StoreKey, owner_of};
use crate::settings::StoreSettings;

/// The memory that an entry takes in addition to its texts, roughly: the maps' nodes, the key's and the counters.
const OVERHEAD: usize = 256;

/// The most that a lean store holds in memory until the disk has it, in bytes.
const MAX_HELD: usize = 64 * 1024 * 1024;

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

/// The responses of one owner.
#[derive(Debug, Default)]
struct Share {
    /// By number, so that the oldest is first.
    keys: BTreeMap<u64, StoreKey>,
    bytes: usize,
}

/// The responses in memory.
///
/// The bounds are those of all owners together. Where they are exceeded, the owner that takes most of what is
/// scarce gives way: with bounds for each owner apart, many owners could take any amount, and with the
/// oldest of all, one owner could push out what every other has.
pub(super) struct MemoryStore {
    entries: HashMap<StoreKey, Entry>,
    shares: HashMap<OwnerId, Share>,
    next: u64,
    bytes: usize,
    /// Those of them that are not on the disk alone.
    held: usize,
    max_count: usize,
    max_bytes: usize,
    /// The most that is held in memory until a disk takes it.
    max_held: usize,
    max_age: u64,
}

impl MemoryStore {
    /// Makes an empty memory with the bounds of the settings.
    pub(super) fn new(settings: &StoreSettings) -> Self {
        Self {
            entries: HashMap::new(),
            shares: HashMap::new(),
            next: 0,
            bytes: 0,
            held: 0,
            max_count: settings.max_count,
            max_bytes: settings.max_bytes,
            max_held: if settings.lean { MAX_HELD } else { usize::MAX },
            max_age: settings.max_age.as_secs(),
        }
    }

    /// Takes over entries with their numbers; those that are too old or over the bounds fall away.
    pub(super) fn restore(&mut self, records: Vec<(StoreKey, Entry)>, now: u64) {
        for (key, entry) in records {
            self.put(key, entry);
        }
        self.expire(now);
        self.make_room();
    }

    /// Puts back an entry that was taken out, unless another has come into its place.
    pub(super) fn put_back(&mut self, key: StoreKey, entry: Entry) {
        if !self.entries.contains_key(&key) {
            self.put(key, entry);
        }
    }

    /// Gives an entry that is not too old.
    pub(super) fn get(&self, key: &[u8], now: u64) -> Option<Arc<StoredResponse>> {
        let entry = self.entries.get(key).filter(|entry| !self.expired(entry, now))?;
        Some(Arc::clone(&entry.stored))
    }

    /// Gives the entries of the owner of a key that are not too old, the latest first.
    pub(super) fn latest(&self, key: &[u8], now: u64) -> Vec<Arc<StoredResponse>> {
        let share = self.shares.get(&owner_of(key));
        let keys = share.into_iter().flat_map(|share| share.keys.values().rev());
        keys.filter_map(|key| self.get(key, now)).collect()
    }

    /// Gives the entries of the owner of a key that are not too old and whose keys begin with it, the oldest first.
    pub(super) fn named(&self, key: &[u8], now: u64) -> Vec<Arc<StoredResponse>> {
        let share = self.shares.get(&owner_of(key));
        let keys = share.into_iter().flat_map(|share| share.keys.values());
        keys.filter(|own| own.starts_with(key)).filter_map(|own| self.get(own, now)).collect()
    }

    /// Returns the names that begin so.
    pub(super) fn names(&self, key: &[u8]) -> Vec<StoreKey> {
        let share = self.shares.get(&owner_of(key));
        let keys = share.into_iter().flat_map(|share| share.keys.values());
        keys.filter(|own| own.starts_with(key)).cloned().collect()
    }

    /// Adds an entry and hands back those that had to go for it.
    pub(super) fn insert(&mut self, key: StoreKey, stored: StoredResponse, now: u64) -> Vec<Entry> {
        if cost(&key, &stored) > self.max_bytes {
            return Vec::new();
        }
        let entry = Entry { number: self.next, stored_at: now, stored: Arc::new(stored) };
        let replaced = self.put(key, entry);
        let mut evicted = self.make_room();
        evicted.extend(replaced);
        evicted
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        let cost = cost(key, &entry.stored);
        self.bytes -= cost;
        self.held -= held(&entry.stored);
        let owner = owner_of(key);
        if let Some(share) = self.shares.get_mut(&owner) {
            share.keys.remove(&entry.number);
            share.bytes -= cost;
            if share.keys.is_empty() {
                self.shares.remove(&owner);
            }
        }
        Some(entry)
    }

    /// Takes out what is too old, in a scan of all entries: their order is that of keeping, which is no order of
    /// times where a clock was changed. A time in the future becomes now.
    pub(super) fn expire(&mut self, now: u64) -> Vec<Entry> {
        for entry in self.entries.values_mut() {
            entry.stored_at = entry.stored_at.min(now);
        }
        let expired = self.entries.iter().filter(|(_, entry)| self.expired(entry, now));
        let expired: Vec<StoreKey> = expired.map(|(key, _)| Arc::clone(key)).collect();
        expired.iter().filter_map(|key| self.remove(key)).collect()
    }

    /// Removes every entry that `is_gone` accepts.
    pub(super) fn remove_all(
        &mut self,
        is_gone: impl Fn(&StoreKey, &StoredResponse) -> bool,
    ) -> Vec<(StoreKey, Entry)> {
        let entries = self.entries.iter();
        let gone: Vec<StoreKey> = entries
            .filter(|(key, entry)| is_gone(key, &entry.stored))
            .map(|(key, _)| Arc::clone(key))
            .collect();
        gone.into_iter().filter_map(|key| Some((Arc::clone(&key), self.remove(&key)?))).collect()
    }

    /// Takes out the oldest of the owner that has most, while all together are too many or too large.
    fn make_room(&mut self) -> Vec<Entry> {
        let mut evicted = Vec::new();
        loop {
            let largest = if self.entries.len() > self.max_count {
                self.shares.values().max_by_key(|share| share.keys.len())
            } else if self.bytes > self.max_bytes {
                self.shares.values().max_by_key(|share| share.bytes)
            } else if self.held > self.max_held {
                // The disk does not take them.
                let Some(oldest) = self.oldest_held() else { return evicted };
                evicted.extend(self.remove(&oldest));
                continue;
            } else {
                return evicted;
            };
            let oldest = largest.and_then(|share| share.keys.values().next()).map(Arc::clone);
            let Some(oldest) = oldest else { return evicted };
            evicted.extend(self.remove(&oldest));
        }
    }

    /// The oldest of those that are in memory.
    fn oldest_held(&self) -> Option<StoreKey> {
        let held = self.entries.iter().filter(|(_, entry)| !entry.stored.is_released());
        held.min_by_key(|(_, entry)| entry.number).map(|(key, _)| StoreKey::clone(key))
    }

    /// Lets go of a response that is on the disk, unless another has come into its place.
    pub(super) fn release(&mut self, key: &StoreKey, number: u64) -> Option<Arc<StoredResponse>> {
        let entry = self.entries.get_mut(key).filter(|entry| entry.number == number)?;
        let released = Arc::new(entry.stored.released());
        self.held = self.held - held(&entry.stored) + held(&released);
        Some(std::mem::replace(&mut entry.stored, released))
    }

    /// The bytes of texts that are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// All entries, in no order.
    pub(super) fn all(&self) -> Vec<(StoreKey, Entry)> {
        self.entries.iter().map(|(key, entry)| (Arc::clone(key), entry.clone())).collect()
    }

    fn put(&mut self, key: StoreKey, entry: Entry) -> Option<Entry> {
        let replaced = self.remove(&key);
        self.next = self.next.max(entry.number + 1);
        let cost = cost(&key, &entry.stored);
        self.bytes += cost;
        self.held += held(&entry.stored);
        let share = self.shares.entry(owner_of(&key)).or_default();
        share.bytes += cost;
        share.keys.insert(entry.number, Arc::clone(&key));
        self.entries.insert(key, entry);
        replaced
    }

    fn expired(&self, entry: &Entry, now: u64) -> bool {
        now.saturating_sub(entry.stored_at) >= self.max_age
    }
}

fn cost(key: &[u8], stored: &StoredResponse) -> usize {
    key.len() + stored.size() + OVERHEAD
}

fn held(stored: &StoredResponse) -> usize {
    stored.input.len() + stored.response.len()
}

#[cfg(test)]
mod tests;
