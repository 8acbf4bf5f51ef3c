//! The report: a line for each figure, with its limit and the verdict.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

/// The verdict on a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Within its limit.
    Pass,
    /// Beyond its limit, or never measured.
    Fail,
    /// Not measurable here, and the figure says why.
    Skipped,
}

/// One figure.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    name: String,
    figure: String,
    limit: String,
    verdict: Verdict,
}

impl Line {
    /// A figure that holds or does not.
    pub(crate) fn new(name: &str, figure: impl Display, limit: impl Display, holds: bool) -> Self {
        let verdict = if holds { Verdict::Pass } else { Verdict::Fail };
        let (figure, limit) = (figure.to_string(), limit.to_string());
        Self { name: name.to_owned(), figure, limit, verdict }
    }

    /// A count that must be one number.
    pub(crate) fn exactly(name: &str, count: usize, wanted: usize) -> Self {
        Self::new(name, count, wanted, count == wanted)
    }

    /// A time that may be so long at most.
    pub(crate) fn within(name: &str, time: Duration, limit: Duration) -> Self {
        Self::new(name, shown(time), format!("at most {}", shown(limit)), time <= limit)
    }

    /// An amount of memory in bytes that may be so many MiB at most.
    pub(crate) fn memory(name: &str, bytes: u64, limit: u64) -> Self {
        let figure = format!("{:.1} MiB", bytes as f64 / MIB as f64);
        Self::new(name, figure, format!("at most {limit} MiB"), bytes <= limit * MIB)
    }

    /// A check that broke off.
    pub(crate) fn broken(name: &str, why: impl Display) -> Self {
        Self::new(name, why, "to be measured", false)
    }

    /// A check that cannot be made.
    pub(crate) fn skipped(name: &str, why: impl Display) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::new(name, why, "-", true) }
    }

    /// Returns whether the run may still succeed.
    pub(crate) fn holds(&self) -> bool {
        self.verdict != Verdict::Fail
    }

    /// Writes the line at once.
    pub(crate) fn print(&self) -> io::Result<()> {
        let Self { name, figure, limit, verdict } = self;
        let verdict = match verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Skipped => "skipped",
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{name:<58} {figure:<42} {limit:<20} {verdict}")?;
        out.flush()
    }
}

/// Bytes in a mebibyte.
pub(crate) const MIB: u64 = 1 << 20;

/// A time as people read it.
pub(crate) fn shown(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if time < Duration::from_secs(1) {
        format!("{milliseconds:.2} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}

/// The value that so many of a hundred do not exceed; zero of nothing.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&mut times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&mut [], 99), Duration::ZERO);
    }

    #[test]
    fn only_a_failed_line_fails_the_run() {
        assert!(Line::exactly("n", 3, 3).holds() && !Line::exactly("n", 2, 3).holds());
        assert!(Line::skipped("n", "not here").holds() && !Line::broken("n", "why").holds());
        assert!(
            Line::memory("n", 2 * MIB, 2).holds() && !Line::memory("n", 2 * MIB + 1, 2).holds()
        );
        let limit = Duration::from_millis(5);
        assert!(Line::within("n", limit, limit).holds());
        assert!(!Line::within("n", limit + Duration::from_nanos(1), limit).holds());
    }
}
