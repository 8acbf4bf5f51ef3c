//! The pauses between two pieces of a stream, as counts by length: noted per piece, so nothing is allocated.

use std::time::Duration;

/// The upper bounds of the lengths, in microseconds.
pub(crate) const BOUNDS: [u64; 10] =
    [1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 30_000_000];

/// The number of pauses of each length; the last are longer than every bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    pub(crate) counts: [u32; BOUNDS.len() + 1],
    /// All of them together, in microseconds.
    pub(crate) sum: u64,
}

impl Gaps {
    /// Notes one.
    pub(crate) fn note(&mut self, gap: Duration) {
        let micros = u64::try_from(gap.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
        self.sum = self.sum.saturating_add(micros);
    }

    /// Adds those of another turn.
    pub(crate) fn add(&mut self, more: &Self) {
        for (count, more) in self.counts.iter_mut().zip(more.counts) {
            *count = count.saturating_add(more);
        }
        self.sum = self.sum.saturating_add(more.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_counted_at_the_first_bound_that_it_does_not_exceed() {
        let mut gaps = Gaps::default();
        for micros in [0, 1_000, 1_001, 30_000_000, 30_000_001] {
            gaps.note(Duration::from_micros(micros));
        }
        assert_eq!((gaps.counts[0], gaps.counts[1], gaps.counts[9], gaps.counts[10]), (2, 1, 1, 1));
        assert_eq!(gaps.sum, 60_002_002);
    }
}
