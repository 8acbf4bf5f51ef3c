//! Tests of the bounds: what is kept, and what goes first.

use std::time::Duration;

use super::*;

fn memory(max_count: usize, max_bytes: usize) -> MemoryStore {
    let max_age = Duration::from_secs(100);
    MemoryStore::new(&StoreSettings { directory: None, max_count, max_bytes, max_age })
}

fn key(name: &str) -> StoreKey {
    name.as_bytes().into()
}

fn stored(size: usize) -> StoredResponse {
    StoredResponse { created_at: 0, input: vec![b' '; size].into(), response: Default::default() }
}

impl MemoryStore {
    /// What all entries cost, counted anew.
    fn counted(&self) -> usize {
        assert_eq!(self.order.len(), self.entries.len());
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
    assert_eq!(memory.evict(1_100).len(), 1);
    assert!(memory.has("b", 1_100));
    // A clock that was set back makes nothing older.
    assert!(memory.has("b", 0) && memory.evict(0).is_empty());
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
    assert_eq!((memory.entries.len(), memory.order.len()), (1_000, 1_000));
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
        assert_eq!((memory.bytes, memory.order.len()), (0, 0));
    }
}
