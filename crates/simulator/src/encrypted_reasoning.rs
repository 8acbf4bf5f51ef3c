//! Encrypted reasoning: made for one owner, and verified when it comes back.
//!
//! Nothing is encrypted. A hash of the owner is enough to reject reasoning of another account or
//! another simulator, which is the mistake that clients must be tested for.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The start of all encrypted content of the backend.
const START: &str = "gAAAA";

/// Makes and verifies the encrypted reasoning of one owner.
#[derive(Clone, Debug)]
pub(crate) struct ReasoningSealer {
    owner: u64,
    verify: bool,
}

impl ReasoningSealer {
    /// Returns the sealer of an owner at one simulator. Without `verify` it also accepts the
    /// content of others.
    pub(crate) fn new(simulator: &str, owner: &str, verify: bool) -> Self {
        let mut hasher = DefaultHasher::new();
        (simulator, owner).hash(&mut hasher);
        Self { owner: hasher.finish(), verify }
    }

    /// Returns the encrypted reasoning of a response.
    pub(crate) fn seal(&self, serial: u64) -> String {
        format!("{START}sim{serial:08x}{:016x}", self.owner)
    }

    /// Returns whether content was made for this owner. Without `verify`, its start is enough.
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
