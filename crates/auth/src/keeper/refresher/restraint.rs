//! Restraint: renewals that would not help, and calls to an issuer that fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Refresher;
use crate::keeper::brake::Brake;
use crate::keeper::decision::{Asker, RefreshRequest};
use crate::keeper::error::{KeeperError, TransientCause};
use crate::keeper::loaded::{LoadedCredentials, SessionResult};
use crate::lock::HomeLock;
use crate::tokens::Grant;

/// The calls that the issuer may fail in a row before it is asked less often.
const MOST_FAILURES: u32 = 3;
const FAILING_PAUSE: Duration = Duration::from_secs(60);

impl Refresher {
    /// Returns what to answer in place of a renewal that would not help; `None` where it may be made.
    ///
    /// A token that only looks ended is handed out, since this machine's clock may be the fault: the
    /// backend knows better.
    pub(super) fn brake(
        &self,
        request: &RefreshRequest,
        loaded: &LoadedCredentials,
        lock: Option<&HomeLock>,
    ) -> Option<SessionResult> {
        let now = self.clock.wall();
        let is_refused = matches!(request, RefreshRequest::Replace { .. });
        let mut state = self.state();
        let note = lock.map(|lock| Brake::read(&lock.note())).unwrap_or_default();
        state.brake = Brake::of(loaded.token(), [std::mem::take(&mut state.brake), note]);
        let view = self.clock.view(loaded);
        if view.is_accepted || (!is_refused && view.has_lived) {
            state.brake.release();
        }
        if matches!(request, RefreshRequest::Replace { by: Asker::Person, .. }) {
            return None;
        }
        let left = state.failing_until.map(|end| end.saturating_duration_since(Instant::now()));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            let cause = TransientCause::Failing(left.as_secs() + 1);
            return Some(Err(KeeperError::unavailable(cause)));
        }
        let wait = state.brake.wait(now)?.as_secs();
        drop(state);
        tracing::warn!(wait, "three renewals in ten minutes did not help: none is made for now");
        Some(match is_refused {
            true => Err(KeeperError::StillRefused),
            false => Ok(Arc::clone(&loaded.session)),
        })
    }

    /// Notes that a token is about to be spent, and afterwards what that brought, for all programs of
    /// the home.
    pub(super) fn note_renewal(
        &self,
        lock: Option<&HomeLock>,
        before: &LoadedCredentials,
        brought: Option<&Grant>,
    ) {
        let mut state = self.state();
        match brought {
            None => {
                state.brake.renewing(self.clock.wall());
                state.brake.brought(before.token());
            }
            Some(grant) => {
                state.failures = 0;
                grant.access_token.iter().for_each(|token| state.brake.brought(token));
            }
        }
        if let Some(lock) = lock {
            lock.leave_note(&state.brake.note());
        }
    }

    /// Notes that the issuer failed. That spent nothing, as far as is known, so that renewals go on as
    /// soon as it answers again; after three failures in a row it is asked once a minute.
    pub(super) fn failed(&self, lock: Option<&HomeLock>) {
        let mut state = self.state();
        state.brake.take_back();
        if let Some(lock) = lock {
            lock.leave_note(&state.brake.note());
        }
        state.failures += 1;
        state.failing_until =
            (state.failures >= MOST_FAILURES).then(|| Instant::now() + FAILING_PAUSE);
    }
}
