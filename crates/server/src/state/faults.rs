//! The faults of a running server: noted where they show, reported once they have lasted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatmock_auth::{
    Fault, FaultKind, KeeperError, KeyringError, Severity, StoreError, VaultError,
};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::unix_now;

/// The time between two looks while there is a fault that the log has not reported.
const LOOK: Duration = Duration::from_secs(5);

/// What is known to be wrong.
///
/// A fault is noted by whoever meets it and cleared by whoever finds it gone; nothing is asked for the sake
/// of a report. So a server that nobody uses says what was true when it was last used.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    noted: Mutex<[Option<Noted>; FaultKind::COUNT]>,
    changed: Notify,
    /// It is known whether somebody is signed in.
    sign_in_read: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    at: Instant,
    since: u64,
    /// The log has reported it.
    reported: bool,
}

/// A fault that has lasted long enough to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Standing {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    pub(crate) message: &'static str,
    pub(crate) fix: &'static str,
    /// Seconds of the Unix epoch.
    pub(crate) since: u64,
}

impl Standing {
    fn of(fault: &'static Fault, since: u64) -> Self {
        let Fault { code, severity, sentence: message, fix, .. } = *fault;
        Self { code, severity, message, fix, since }
    }
}

impl Faults {
    /// Notes a fault, or that it is gone.
    pub(crate) fn set(&self, kind: FaultKind, stands: bool) {
        if self.note(kind, stands) {
            tell_end(kind);
        }
    }

    /// Notes a fault, or that it is gone; returns whether one is over that was reported.
    fn note(&self, kind: FaultKind, stands: bool) -> bool {
        let mut noted = self.noted();
        let Some(place) = noted.get_mut(kind as usize) else { return false };
        if stands == place.is_some() {
            return false;
        }
        let was_reported = place.is_some_and(|noted| noted.reported);
        let now = Noted { at: Instant::now(), since: unix_now(), reported: false };
        *place = stands.then_some(now);
        drop(noted);
        self.changed.notify_one();
        was_reported
    }

    /// Notes what reading or renewing the sign-in has shown.
    pub(crate) fn set_sign_in<T>(&self, outcome: &Result<T, KeeperError>) {
        let found = outcome.as_ref().err().and_then(fault_of);
        // A failure that says nothing about the sign-in clears nothing.
        if outcome.is_ok() || found.is_some() {
            self.sign_in_read.store(true, Ordering::Relaxed);
            for kind in SIGN_IN {
                // One that gives way to another is not over for the person.
                if self.note(kind, found == Some(kind)) && found.is_none() {
                    tell_end(kind);
                }
            }
        }
    }

    /// Returns the faults that have lasted as long as the table demands, in its order.
    pub(crate) fn standing(&self) -> Vec<Standing> {
        let noted = self.noted();
        let all = FaultKind::ALL.iter().zip(noted.iter());
        let lasting = all.filter_map(|(kind, noted)| Some((kind.fault(), (*noted)?)));
        let lasting = lasting.filter(|(fault, noted)| noted.at.elapsed() >= fault.after);
        lasting.map(|(fault, noted)| Standing::of(fault, noted.since)).collect()
    }

    /// Returns whether the sign-in has been read.
    pub(crate) fn has_read_sign_in(&self) -> bool {
        self.sign_in_read.load(Ordering::Relaxed)
    }

    /// Returns the code of a fault of the sign-in, with which no request can be answered.
    pub(crate) fn of_sign_in(&self) -> Option<&'static str> {
        self.first_of(&SIGN_IN)
    }

    /// Returns the code of the first of some faults that stands.
    pub(crate) fn first_of(&self, kinds: &[FaultKind]) -> Option<&'static str> {
        let noted = self.noted();
        let stands = |kind: &&FaultKind| noted.get(**kind as usize).is_some_and(Option::is_some);
        kinds.iter().find(stands).map(|kind| kind.fault().code)
    }

    /// Tells the log of each fault once it has lasted.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            while self.tell() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Tells of what has lasted; returns whether there is more to tell later.
    fn tell(&self) -> bool {
        let mut noted = self.noted();
        let mut waiting = false;
        for (kind, noted) in FaultKind::ALL.iter().zip(noted.iter_mut()) {
            let fault = kind.fault();
            match noted {
                Some(noted) if !noted.reported && noted.at.elapsed() >= fault.after => {
                    noted.reported = true;
                    tracing::warn!(code = fault.code, fix = fault.fix, "{}", fault.sentence);
                }
                Some(noted) => waiting |= !noted.reported,
                None => {}
            }
        }
        waiting
    }

    fn noted(&self) -> MutexGuard<'_, [Option<Noted>; FaultKind::COUNT]> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The faults of the sign-in, of which there is one at most.
const SIGN_IN: [FaultKind; 3] =
    [FaultKind::SignedOut, FaultKind::RenewalRefused, FaultKind::KeyringLocked];

/// Returns what is wrong with the sign-in; `None` where the failure may pass by itself.
fn fault_of(error: &KeeperError) -> Option<FaultKind> {
    match error {
        KeeperError::SignInExpired { .. }
        | KeeperError::BorrowedExpired
        | KeeperError::StillRefused => Some(FaultKind::RenewalRefused),
        KeeperError::Store(error) => match &**error {
            StoreError::Keyring(KeyringError::Vault(VaultError::Locked) | KeyringError::Hung) => {
                Some(FaultKind::KeyringLocked)
            }
            _ => None,
        },
        KeeperError::AccountChanged | KeeperError::Unavailable(_) => None,
        _ => Some(FaultKind::SignedOut),
    }
}

fn tell_end(kind: FaultKind) {
    let fault = kind.fault();
    match kind.words_when_over() {
        Some(words) => tracing::info!(code = fault.code, "{words}"),
        None => tracing::info!(code = fault.code, "a fault is gone: {}", fault.sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(faults: &Faults) -> Vec<&'static str> {
        faults.standing().iter().map(|fault| fault.code).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_reported_once_it_has_lasted_and_never_after_it_is_gone() {
        let faults = Faults::default();
        faults.set(FaultKind::BackendUnreachable, true);
        faults.set(FaultKind::DiskFull, true);
        assert_eq!(codes(&faults), ["disk_full"]);
        tokio::time::advance(Duration::from_secs(10)).await;
        faults.set(FaultKind::BackendUnreachable, true);
        assert_eq!(codes(&faults), ["backend_unreachable", "disk_full"]);
        faults.set(FaultKind::BackendUnreachable, false);
        assert_eq!(codes(&faults), ["disk_full"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_tells_of_a_fault_once() {
        let faults = Faults::default();
        faults.set(FaultKind::BackendUnreachable, true);
        assert!(faults.tell(), "it has to last first");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!faults.tell());
        assert!(faults.noted()[FaultKind::BackendUnreachable as usize].unwrap().reported);
    }

    #[test]
    fn a_sign_in_has_one_fault_at_a_time_and_a_passing_failure_is_none() {
        let faults = Faults::default();
        let route = chatmock_auth::SignInRoute::CODEX;
        faults.set_sign_in::<()>(&Err(KeeperError::SignedOut { route }));
        assert_eq!(faults.of_sign_in(), Some("signed_out"));
        faults.set_sign_in::<()>(&Err(KeeperError::AccountChanged));
        assert_eq!(codes(&faults), ["signed_out"]);
        faults.set_sign_in::<()>(&Err(KeeperError::StillRefused));
        assert_eq!(codes(&faults), ["renewal_refused"]);
        faults.set_sign_in(&Ok(()));
        assert_eq!(faults.of_sign_in(), None);
    }
}
