//! The brake on renewals that do not help.
//!
//! A renewal spends a token for good, and there are faults that no renewal mends: a backend that
//! refuses every token, a clock that is wrong, an issuer that is away. Each request would renew again.
//! So renewals that followed one that did not help are counted, for all programs of a home in a note in
//! its lock file, and after three of them within ten minutes the next one waits.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::secret::Secret;

/// The most renewals without a success within [`WINDOW`].
const MOST: usize = 3;
const WINDOW: Duration = Duration::from_secs(600);

/// The renewals since the last success, as the note has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Brake {
    /// When they were made, in seconds since 1970.
    renewals: Vec<i64>,
    /// The beginning of the hash of the access token that the last of them brought. With any other one
    /// somebody signed in or renewed elsewhere, and all begins anew.
    token: String,
}

impl Brake {
    /// Reads a note; none, or one that cannot be read, holds no renewals.
    pub(super) fn read(note: &[u8]) -> Self {
        serde_json::from_slice(note).unwrap_or_default()
    }

    /// The note.
    pub(super) fn note(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns what is known about an access token, from here and from a note.
    pub(super) fn of(token: &Secret, known: [Self; 2]) -> Self {
        let name = name(token);
        let about_it = known.into_iter().filter(|brake| brake.token == name);
        about_it.max_by_key(|brake| brake.renewals.len()).unwrap_or_default()
    }

    /// Notes the access token that a renewal brought.
    pub(super) fn brought(&mut self, token: &Secret) {
        self.token = name(token);
    }

    /// Notes a renewal that is about to be made.
    pub(super) fn renewing(&mut self, now: OffsetDateTime) {
        self.forget_old(now);
        self.renewals.push(now.unix_timestamp());
    }

    /// Takes a renewal back that spent nothing.
    pub(super) fn take_back(&mut self) {
        self.renewals.pop();
    }

    /// Forgets all: the last renewal was of use.
    pub(super) fn release(&mut self) {
        self.renewals.clear();
    }

    /// Returns the time until the next renewal is allowed, when it is not allowed now.
    pub(super) fn wait(&mut self, now: OffsetDateTime) -> Option<Duration> {
        self.forget_old(now);
        let first = self.renewals.len().checked_sub(MOST)?;
        let first = self.renewals.get(first)?;
        let passed = now.unix_timestamp().saturating_sub(*first);
        Some(WINDOW.saturating_sub(Duration::from_secs(u64::try_from(passed).unwrap_or(0))))
    }

    /// A time in the future is of a clock that was set back since: it is taken as now.
    fn forget_old(&mut self, now: OffsetDateTime) {
        let now = now.unix_timestamp();
        let window = i64::try_from(WINDOW.as_secs()).unwrap_or(i64::MAX);
        self.renewals.iter_mut().for_each(|time| *time = (*time).min(now));
        self.renewals.retain(|time| now.saturating_sub(*time) < window);
    }
}

/// Names a token without revealing it.
fn name(token: &Secret) -> String {
    Sha256::digest(token.expose())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn the_fourth_renewal_within_ten_minutes_waits_for_the_first_to_be_that_old() {
        let mut brake = Brake::default();
        for second in [0, 10, 20] {
            assert_eq!(brake.wait(at(second)), None);
            brake.renewing(at(second));
        }
        assert_eq!(brake.wait(at(30)), Some(Duration::from_secs(570)));
        assert_eq!(brake.wait(at(599)), Some(Duration::from_secs(1)));
        assert_eq!(brake.wait(at(600)), None);
        brake.renewing(at(600));
        assert_eq!(brake.wait(at(601)), Some(Duration::from_secs(9)));
        brake.release();
        assert_eq!(brake.wait(at(601)), None);
    }

    #[test]
    fn a_note_holds_for_all_programs_and_a_clock_that_was_set_back_does_not_hold_it_for_ever() {
        let (token, other) = (Secret::new("one"), Secret::new("other"));
        let mut brake = Brake::default();
        for second in [7200, 7201, 7202] {
            brake.renewing(at(second));
        }
        brake.brought(&token);
        let note = Brake::read(&brake.note());
        let mut known = Brake::of(&token, [Brake::default(), note.clone()]);
        assert_eq!(known.wait(at(0)), Some(Duration::from_secs(600)));
        assert_eq!(known.wait(at(600)), None);
        assert_eq!(Brake::of(&other, [note.clone(), note.clone()]), Brake::default());
        assert!(!String::from_utf8(note.note()).unwrap().contains("one"));
        for broken in ["", "{", "[]", r#"{"renewals":"x"}"#] {
            assert_eq!(Brake::read(broken.as_bytes()), Brake::default());
        }
    }
}
