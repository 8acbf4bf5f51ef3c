//! Tests of the bounds: what is kept, and what goes first.

use std::time::Duration;

use super::*;

fn memory(max_count: usize, max_bytes: usize) -> MemoryStore {
    let max_age = Duration::from_secs(100);
    MemoryStore::new(&StoreSettings { max_count, max_bytes, max_age, ..StoreSettings::default() })
}

fn key(name: &str) -> StoreKey {
    name.as_bytes().into()
}

fn stored(size: usize) -> StoredResponse {
    StoredResponse::new(0, vec![b' '; size].into(), Default::default())
}

impl MemoryStore {
    /// What all entries cost, counted anew.
    fn counted(&self) -> usize {
        let keys: usize = self.shares.values().map(|share| share.keys.len()).sum();
        let bytes: usize = self.shares.values().map(|share| share.bytes).sum();
        assert_eq!((keys, bytes), (self.entries.len(), self.bytes));
        self.entries.iter().map(|(key, entry)| cost(key, &entry.stored)).sum()
    }

    fn has(&self, name: &str, now: u64) -> bool {
        self.get(name.as_bytes(), now).is_some()
    }
}

#[test]
fn the_oldest_goes_when_there_are_too_many() {
    let mut memory = memory(2, 1_000_000);
    for name in ["a", "b"] {
        assert!(memory.insert(key(name), stored(1), 0).is_empty());
    }
    assert_eq!(memory.insert(key("c"), stored(1), 0).len(), 1);
    assert!(!memory.has("a", 0) && memory.has("b", 0) && memory.has("c", 0));
}

#[test]
fn as_many_go_as_a_large_one_needs() {
    let mut memory = memory(100, 10 * (OVERHEAD + 101));
    for number in 0..10 {
        memory.insert(key(&number.to_string()), stored(100), 0);
    }
    assert_eq!(memory.insert(key("x"), stored(OVERHEAD + 201), 0).len(), 2);
    assert!(!memory.has("1", 0) && memory.has("2", 0) && memory.has("x", 0));
    assert_eq!(memory.bytes, memory.counted());
}

#[test]
fn one_that_is_larger_than_all_may_be_pushes_nothing_out() {
    let mut memory = memory(100, 1_000);
    memory.insert(key("a"), stored(1), 0);
    assert!(memory.insert(key("b"), stored(1_001), 0).is_empty());
    assert!(memory.has("a", 0) && !memory.has("b", 0));
}

#[test]
fn age_ends_an_entry_for_readers_and_then_for_good() {
    let mut memory = memory(100, 1_000_000);
    memory.insert(key("a"), stored(1), 1_000);
    assert!(memory.has("a", 1_099) && !memory.has("a", 1_100));
    memory.insert(key("b"), stored(1), 1_050);
    assert_eq!(memory.expire(1_100).len(), 1);
    assert!(memory.has("b", 1_100));
    // A clock that was set back makes nothing older.
    assert!(memory.has("b", 0) && memory.expire(0).is_empty());
}

#[test]
fn a_time_in_the_future_becomes_now() {
    let mut memory = memory(100, 1_000_000);
    memory.insert(key("a"), stored(1), 9_000_000);
    assert!(memory.expire(1_000).is_empty());
    assert!(memory.has("a", 1_099) && !memory.has("a", 1_100));
    assert_eq!(memory.expire(1_100).len(), 1);
}

#[test]
fn age_is_looked_for_in_all_entries() {
    let mut memory = memory(100, 1_000_000);
    memory.insert(key("young"), stored(1), 1_050);
    memory.insert(key("old"), stored(1), 1_000);
    assert_eq!(memory.expire(1_100).len(), 1);
    assert!(memory.has("young", 1_100) && !memory.has("old", 1_000));
}

/// The key of an owner's response.
fn owned(owner: u8, number: u32) -> StoreKey {
    [&[owner; 32][..], &number.to_le_bytes()].concat().into()
}

#[test]
fn the_owner_of_the_most_gives_way_first() {
    let mut memory = memory(100, 1_000_000);
    memory.insert(owned(1, 0), stored(1), 0);
    for number in 0..1_000 {
        memory.insert(owned(2, number), stored(1), 0);
    }
    assert!(memory.get(&owned(1, 0), 0).is_some());
    assert!(memory.get(&owned(2, 900), 0).is_none() && memory.get(&owned(2, 901), 0).is_some());
    assert_eq!(memory.bytes, memory.counted());
}

#[test]
fn the_owner_of_the_most_bytes_gives_way_where_bytes_are_scarce() {
    let mut memory = memory(100, 100_000);
    for number in 0..10 {
        memory.insert(owned(1, number), stored(100), 0);
    }
    for number in 0..10 {
        memory.insert(owned(2, number), stored(30_000), 0);
    }
    assert!((0..10).all(|number| memory.get(&owned(1, number), 0).is_some()));
    let left: Vec<_> = (0..10).filter(|n| memory.get(&owned(2, *n), 0).is_some()).collect();
    assert_eq!(left, [7, 8, 9]);
}

#[test]
fn a_second_one_of_a_name_replaces_the_first() {
    let mut memory = memory(2, 1_000_000);
    memory.insert(key("a"), stored(1), 0);
    memory.insert(key("b"), stored(1), 0);
    assert_eq!(memory.insert(key("a"), stored(7), 0).len(), 1);
    assert_eq!(memory.get(b"a", 0).unwrap().input.len(), 7);
    memory.insert(key("c"), stored(1), 0);
    assert!(memory.has("a", 0) && !memory.has("b", 0));
    assert_eq!(memory.bytes, memory.counted());
}

#[test]
fn a_million_small_ones_stay_within_the_bounds() {
    let mut memory = memory(1_000, 64 * 1024 * 1024);
    for number in 0..1_000_000_u32 {
        memory.insert(number.to_le_bytes().as_slice().into(), stored(0), 0);
        if number % 3 == 1 {
            memory.remove(&number.to_le_bytes());
        }
    }
    assert_eq!(memory.entries.len(), 1_000);
    assert_eq!(memory.bytes, memory.counted());
}

#[test]
fn two_hundred_large_ones_stay_within_the_bounds() {
    let max = 64 * 1024 * 1024;
    let mut memory = memory(1_000, max);
    for number in 0..200_u32 {
        memory.insert(number.to_le_bytes().as_slice().into(), stored(5 * 1024 * 1024), 0);
        assert!(memory.bytes <= max);
    }
    assert_eq!((memory.entries.len(), memory.bytes), (12, memory.counted()));
}

#[test]
fn bounds_of_nothing_keep_nothing() {
    for mut memory in [memory(0, 1_000_000), memory(10, 0)] {
        memory.insert(key("a"), stored(0), 0);
        assert!(!memory.has("a", 0));
        assert_eq!((memory.bytes, memory.shares.len()), (0, 0));
    }
}
