//! The seals: what stands as encrypted reasoning, and how it is known again.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What every seal of the backend begins with.
const START: &str = "gAAAA";

/// The seals of one owner.
#[derive(Clone, Debug)]
pub(crate) struct Seals {
    owner: u64,
    verify: bool,
}

impl Seals {
    /// The seals of somebody at one simulator; without `verify`, others hold too.
    pub(crate) fn of(owner: (&str, &str), verify: bool) -> Self {
        let mut hasher = DefaultHasher::new();
        owner.hash(&mut hasher);
        Self { owner: hasher.finish(), verify }
    }

    /// The seal of a response's reasoning.
    pub(crate) fn make(&self, serial: u64) -> String {
        format!("{START}sim{serial:08x}{:016x}", self.owner)
    }

    /// Whether a seal was made for this owner, or could have been.
    pub(crate) fn holds(&self, seal: &str) -> bool {
        let Some(rest) = seal.strip_prefix(START) else { return false };
        let serial = rest.strip_prefix("sim").and_then(|rest| rest.get(..8));
        let made = serial.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        !self.verify || made.is_some_and(|serial| seal == self.make(serial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_owner_alone() {
        let (ours, theirs) = (Seals::of(("s", "a"), true), Seals::of(("s", "b"), true));
        let seal = ours.make(7);
        assert!(ours.holds(&seal) && !theirs.holds(&seal));
        assert!(!ours.holds(&format!("{seal}x")) && !ours.holds("gAAAAB"));
        assert!(Seals::of(("s", "b"), false).holds("gAAAAB"));
        assert!(!Seals::of(("s", "b"), false).holds("other"));
    }
}
