//! The sealer: what stands as encrypted reasoning, and how it is known again.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What every seal of the backend begins with.
const START: &str = "gAAAA";

/// The sealer of one owner.
#[derive(Clone, Debug)]
pub(crate) struct ReasoningSealer {
    owner: u64,
    verify: bool,
}

impl ReasoningSealer {
    /// The sealer of somebody at one simulator; without `verify`, others hold too.
    pub(crate) fn new(simulator: &str, owner: &str, verify: bool) -> Self {
        let mut hasher = DefaultHasher::new();
        (simulator, owner).hash(&mut hasher);
        Self { owner: hasher.finish(), verify }
    }

    /// The seal of a response's reasoning.
    pub(crate) fn seal(&self, serial: u64) -> String {
        format!("{START}sim{serial:08x}{:016x}", self.owner)
    }

    /// Whether a seal was made for this owner, or could have been.
    pub(crate) fn verifies(&self, seal: &str) -> bool {
        let Some(rest) = seal.strip_prefix(START) else { return false };
        let serial = rest.strip_prefix("sim").and_then(|rest| rest.get(..8));
        let made = serial.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        !self.verify || made.is_some_and(|serial| seal == self.seal(serial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_owner_alone() {
        let (ours, theirs) =
            (ReasoningSealer::new("s", "a", true), ReasoningSealer::new("s", "b", true));
        let seal = ours.seal(7);
        assert!(ours.verifies(&seal) && !theirs.verifies(&seal));
        assert!(!ours.verifies(&format!("{seal}x")) && !ours.verifies("gAAAAB"));
        assert!(ReasoningSealer::new("s", "b", false).verifies("gAAAAB"));
        assert!(!ReasoningSealer::new("s", "b", false).verifies("other"));
    }
}
