//! Tests of the bounds: what is kept, and what goes first.

use std::time::Duration;

use super::*;

fn shelf(max_count: usize, max_bytes: usize) -> Shelf {
    let max_age = Duration::from_secs(100);
    Shelf::new(&StoreSettings { directory: None, max_count, max_bytes, max_age })
}

fn key(name: &str) -> Key {
    name.as_bytes().into()
}

fn kept(size: usize) -> Kept {
    Kept { created_at: 0, input: vec![b' '; size].into(), response: Default::default() }
}

impl Shelf {
    /// What all entries cost, counted anew.
    fn counted(&self) -> usize {
        assert_eq!(self.order.len(), self.entries.len());
        self.entries.iter().map(|(key, entry)| cost(key, &entry.kept)).sum()
    }

    fn has(&self, name: &str, now: u64) -> bool {
        self.get(name.as_bytes(), now).is_some()
    }
}

#[test]
fn the_oldest_goes_when_there_are_too_many() {
    let mut shelf = shelf(2, 1_000_000);
    for name in ["a", "b"] {
        assert!(shelf.keep(key(name), kept(1), 0).is_empty());
    }
    assert_eq!(shelf.keep(key("c"), kept(1), 0).len(), 1);
    assert!(!shelf.has("a", 0) && shelf.has("b", 0) && shelf.has("c", 0));
}

#[test]
fn as_many_go_as_a_large_one_needs() {
    let mut shelf = shelf(100, 10 * (OVERHEAD + 101));
    for number in 0..10 {
        shelf.keep(key(&number.to_string()), kept(100), 0);
    }
    assert_eq!(shelf.keep(key("x"), kept(OVERHEAD + 201), 0).len(), 2);
    assert!(!shelf.has("1", 0) && shelf.has("2", 0) && shelf.has("x", 0));
    assert_eq!(shelf.bytes, shelf.counted());
}

#[test]
fn one_that_is_larger_than_all_may_be_pushes_nothing_out() {
    let mut shelf = shelf(100, 1_000);
    shelf.keep(key("a"), kept(1), 0);
    assert!(shelf.keep(key("b"), kept(1_001), 0).is_empty());
    assert!(shelf.has("a", 0) && !shelf.has("b", 0));
}

#[test]
fn age_ends_an_entry_for_readers_and_then_for_good() {
    let mut shelf = shelf(100, 1_000_000);
    shelf.keep(key("a"), kept(1), 1_000);
    assert!(shelf.has("a", 1_099) && !shelf.has("a", 1_100));
    shelf.keep(key("b"), kept(1), 1_050);
    assert_eq!(shelf.evict(1_100).len(), 1);
    assert!(shelf.has("b", 1_100));
    // A clock that was set back makes nothing older.
    assert!(shelf.has("b", 0) && shelf.evict(0).is_empty());
}

#[test]
fn a_second_one_of_a_name_replaces_the_first() {
    let mut shelf = shelf(2, 1_000_000);
    shelf.keep(key("a"), kept(1), 0);
    shelf.keep(key("b"), kept(1), 0);
    assert_eq!(shelf.keep(key("a"), kept(7), 0).len(), 1);
    assert_eq!(shelf.get(b"a", 0).unwrap().input.len(), 7);
    shelf.keep(key("c"), kept(1), 0);
    assert!(shelf.has("a", 0) && !shelf.has("b", 0));
    assert_eq!(shelf.bytes, shelf.counted());
}

#[test]
fn a_million_small_ones_stay_within_the_bounds() {
    let mut shelf = shelf(1_000, 64 * 1024 * 1024);
    for number in 0..1_000_000_u32 {
        shelf.keep(number.to_le_bytes().as_slice().into(), kept(0), 0);
        if number % 3 == 1 {
            shelf.remove(&number.to_le_bytes());
        }
    }
    assert_eq!((shelf.entries.len(), shelf.order.len()), (1_000, 1_000));
    assert_eq!(shelf.bytes, shelf.counted());
}

#[test]
fn two_hundred_large_ones_stay_within_the_bounds() {
    let max = 64 * 1024 * 1024;
    let mut shelf = shelf(1_000, max);
    for number in 0..200_u32 {
        shelf.keep(number.to_le_bytes().as_slice().into(), kept(5 * 1024 * 1024), 0);
        assert!(shelf.bytes <= max);
    }
    assert_eq!((shelf.entries.len(), shelf.bytes), (12, shelf.counted()));
}

#[test]
fn bounds_of_nothing_keep_nothing() {
    for mut shelf in [shelf(0, 1_000_000), shelf(10, 0)] {
        shelf.keep(key("a"), kept(0), 0);
        assert!(!shelf.has("a", 0));
        assert_eq!((shelf.bytes, shelf.order.len()), (0, 0));
    }
}
