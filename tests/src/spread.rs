//! A spread: one figure of several rounds.

use std::fmt;
use std::time::Duration;

/// The values of a figure, one for each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn push(&mut self, value: f64) {
        if value.is_finite() {
            self.0.push(value);
            self.0.sort_by(f64::total_cmp);
        }
    }

    /// The middle value; not a number without any.
    pub(crate) fn median(&self) -> f64 {
        let (low, high) = (self.0.len().saturating_sub(1) / 2, self.0.len() / 2);
        match (self.0.get(low), self.0.get(high)) {
            (Some(low), Some(high)) => f64::midpoint(*low, *high),
            _ => f64::NAN,
        }
    }

    /// The smallest and the largest value.
    fn ends(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        write!(f, "{:.digits$}", self.median())?;
        match self.ends() {
            Some((low, high)) => write!(f, " ({low:.digits$} to {high:.digits$})"),
            None => Ok(()),
        }
    }
}

/// Milliseconds, with what is smaller behind the point.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_what_was_measured() {
        let mut spread = Spread::default();
        assert!(spread.median().is_nan());
        for value in [3.0, f64::NAN, 1.0, 8.0] {
            spread.push(value);
        }
        assert_eq!(format!("{spread:.1}"), "3.0 (1.0 to 8.0)");
        spread.push(4.0);
        assert_eq!(spread.median(), 3.5);
    }
}
