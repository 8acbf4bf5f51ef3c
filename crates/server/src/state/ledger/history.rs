//! The turns that are remembered one by one, and the totals of all.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::entry::{DAY, TurnEntry};
use super::totals::{DayTotals, Facet, Total};

/// The most turns that are in memory.
pub(crate) const IN_MEMORY: usize = 10_000;

/// The most turns that wait to be written.
const UNWRITTEN: usize = 20_000;

/// The history of turns.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The newest last.
    entries: VecDeque<Arc<TurnEntry>>,
    /// The number of entries that came before the first of them since the start.
    before: u64,
    /// Turns that began before this time, in milliseconds, may be missing among the entries.
    whole_since: u64,
    totals: DayTotals,
    /// What the database lacks.
    unwritten: Unwritten,
    persistent: bool,
}

/// What the database lacks.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    pub(crate) entries: Vec<Arc<TurnEntry>>,
    pub(crate) facets: BTreeSet<Facet>,
}

/// What an earlier process kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The newest last.
    pub(crate) entries: Vec<TurnEntry>,
    /// True if these are all that there ever were.
    pub(crate) all: bool,
    pub(crate) totals: Vec<(Facet, Total)>,
}

impl History {
    /// Goes on with what an earlier process kept.
    pub(crate) fn restored(kept: Kept) -> Self {
        let first = kept.entries.first().map_or(0, |entry| entry.at);
        Self {
            whole_since: if kept.all { 0 } else { first + 1 },
            entries: kept.entries.into_iter().map(Arc::new).collect(),
            totals: DayTotals::restored(kept.totals),
            persistent: true,
            ..Self::default()
        }
    }

    /// Adds a turn; returns the number of those that are lost to the database.
    pub(crate) fn add(&mut self, entry: Arc<TurnEntry>) -> u64 {
        let facet = self.totals.add(&entry);
        let mut lost = 0;
        if self.persistent {
            self.unwritten.facets.insert(facet);
            if self.unwritten.entries.len() < UNWRITTEN {
                self.unwritten.entries.push(Arc::clone(&entry));
            } else {
                lost = 1;
            }
        }
        self.entries.push_back(entry);
        if self.entries.len() > IN_MEMORY
            && let Some(oldest) = self.entries.pop_front()
        {
            self.before += 1;
            self.whole_since = self.whole_since.max(oldest.at + 1);
        }
        lost
    }

    /// Takes what the database lacks, with the totals as they are now.
    pub(crate) fn take_unwritten(&mut self) -> (Vec<Arc<TurnEntry>>, Vec<(Facet, Total)>) {
        let Unwritten { entries, facets } = std::mem::take(&mut self.unwritten);
        let total = |facet: Facet| self.totals.get(&facet).map(|total| (facet, total));
        (entries, facets.into_iter().filter_map(total).collect())
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&mut self, mut entries: Vec<Arc<TurnEntry>>, facets: Vec<Facet>) -> u64 {
        entries.append(&mut self.unwritten.entries);
        let lost = entries.len().saturating_sub(UNWRITTEN);
        self.unwritten.entries = entries.split_off(lost);
        self.unwritten.facets.extend(facets);
        lost as u64
    }

    /// Returns the number that the next entry will have, counted from the start of the process.
    pub(crate) fn next(&self) -> u64 {
        self.before + self.entries.len() as u64
    }

    /// Returns the entries from a number on, at most the `most` newest, the oldest first.
    pub(crate) fn since(&self, number: u64, most: usize) -> impl Iterator<Item = &Arc<TurnEntry>> {
        let skip = usize::try_from(number.saturating_sub(self.before)).unwrap_or(usize::MAX);
        let skip = skip.max(self.entries.len().saturating_sub(most));
        self.entries.iter().skip(skip)
    }

    /// Returns the entries, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Arc<TurnEntry>> {
        self.entries.iter().rev()
    }

    /// Adds up what happened since a time, in seconds: each facet with its total, and the time from
    /// which on they are whole. Beyond the turns that are in memory that is the beginning of a day.
    pub(crate) fn sum(&self, from: u64) -> (u64, Vec<(Facet, Total)>) {
        let from_ms = from.saturating_mul(1000);
        if from_ms >= self.whole_since {
            let recent = self.entries.iter().filter(|entry| entry.at >= from_ms);
            return (from, recent.map(|entry| (Facet::of(entry), Total::of(entry))).collect());
        }
        self.days(u32::try_from(from / DAY).unwrap_or(u32::MAX))
    }

    /// Adds up what happened from a day on: each facet with its total, and the beginning of that day.
    pub(crate) fn days(&self, day: u32) -> (u64, Vec<(Facet, Total)>) {
        let days = self.totals.days(day, u32::MAX);
        let from = u64::from(day) * DAY;
        (from, days.map(|(facet, total)| (facet.clone(), *total)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: u64) -> Arc<TurnEntry> {
        Arc::new(TurnEntry { at: second * 1000, ..TurnEntry::default() })
    }

    fn turns(history: &History, from: u64) -> (u64, u64) {
        let (from, facets) = history.sum(from);
        (from, facets.iter().map(|(_, total)| total.turns).sum())
    }

    #[test]
    fn sums_are_exact_to_the_turn_in_memory_and_to_the_day_beyond() {
        let mut history = History::default();
        let begin = 100 * DAY;
        for second in 0..20_000 {
            history.add(entry(begin + second * 60));
        }
        let end = begin + 20_000 * 60;
        assert_eq!(turns(&history, end - 600), (end - 600, 10));
        let (from, count) = turns(&history, begin + 3600);
        assert_eq!((from, count), (begin, 20_000), "the whole first day is in the sum");
        assert_eq!((history.next(), history.since(0, usize::MAX).count()), (20_000, IN_MEMORY));
        assert_eq!(history.since(19_998, 200).count(), 2);
    }

    #[test]
    fn what_could_not_be_written_is_kept_and_what_is_too_much_is_counted() {
        let mut history = History::restored(Kept { all: true, ..Kept::default() });
        let lost: u64 = (0..UNWRITTEN as u64 + 7).map(|second| history.add(entry(second))).sum();
        assert_eq!(lost, 7);
        let (entries, totals) = history.take_unwritten();
        assert_eq!((entries.len(), totals.len()), (UNWRITTEN, 1));
        assert_eq!(totals[0].1.turns, UNWRITTEN as u64 + 7);
        history.add(entry(0));
        assert_eq!(history.put_back(entries, totals.into_iter().map(|(f, _)| f).collect()), 1);
    }
}
