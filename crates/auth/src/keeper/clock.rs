//! The clock by which tokens are judged: this machine's, corrected by what the issuer says.
//!
//! A clock that is an hour ahead makes every token of an hour look ended, and each renewal buys another
//! one that looks ended as well. So the end of a token that was received here is reckoned from its
//! lifetime and a clock that nobody sets, and of other tokens with the difference to the issuer's
//! clock: the one that its answers show (`Date`), else the one between the moment at which a token was
//! issued and the moment at which it was written down here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration as Span;

use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use super::loaded::LoadedCredentials;
use crate::secret::Secret;
use crate::tokens::{Freshness, Grant, RENEW_AHEAD};

/// The time in which a refusal of a new token is the backend's answer and no reason to renew again.
const NEW: Span = Span::from_secs(60);

/// The time of this machine, as everybody can set it.
type WallClock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// Judges tokens.
pub(crate) struct Clock {
    wall: WallClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The time by which this machine's clock is ahead of the issuer's.
    ahead: Option<Duration>,
    received: Option<Received>,
    /// The token that the backend accepted last.
    accepted: Option<Secret>,
}

/// The token of the last renewal here.
struct Received {
    token: Secret,
    at: Instant,
    wall: OffsetDateTime,
    /// Its lifetime from then on, where the issuer said so.
    life: Option<Span>,
}

impl Received {
    /// The time since then. The clock that nobody sets does not count the sleep of a laptop on all
    /// systems, so the other one is asked, too.
    fn age(&self, now: OffsetDateTime) -> Span {
        let by_wall = Span::try_from(now - self.wall).unwrap_or_default();
        self.at.elapsed().max(by_wall)
    }
}

/// A token as the clock sees it.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) freshness: Freshness,
    /// True if the issuer lets it be renewed now.
    pub(super) may_be_renewed: bool,
    /// True if it was renewed here less than a minute ago.
    pub(super) is_new: bool,
    /// True if the backend has accepted it.
    pub(super) is_accepted: bool,
    /// True if it was of use for a good part of its lifetime, as far as that is known.
    pub(super) has_lived: bool,
}

impl Clock {
    /// This machine's clock.
    pub(crate) fn system() -> Self {
        Self::over(OffsetDateTime::now_utc)
    }

    /// A clock of the caller's.
    pub(crate) fn over(wall: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self { wall: Arc::new(wall), state: Mutex::default() }
    }

    /// The time to be written down.
    pub(super) fn wall(&self) -> OffsetDateTime {
        (self.wall)()
    }

    /// Learns of the issuer's clock from an answer that has just arrived.
    pub(super) fn hear(&self, date: Option<OffsetDateTime>) {
        let now = self.wall();
        if let Some(date) = date {
            self.state().ahead = Some(now - date);
        }
    }

    /// Returns the time by which this machine's clock is ahead of the issuer's, where an answer showed it.
    pub(super) fn ahead(&self) -> Option<Duration> {
        self.state().ahead
    }

    /// Notes tokens that have just arrived.
    pub(super) fn receive(&self, grant: &Grant) {
        let Some(token) = grant.access_token.clone() else { return };
        let (at, wall) = (Instant::now(), self.wall());
        let life = self.life(grant, wall);
        self.state().received = Some(Received { token, at, wall, life });
    }

    /// The lifetime of a new token: as it says itself, else as the issuer says next to it. What is over as it begins
    /// is no lifetime: with it each request would spend another token, and the backend knows whether this one is good.
    fn life(&self, grant: &Grant, now: OffsetDateTime) -> Option<Span> {
        let claims = crate::Claims::of(None, grant.access_token.as_ref());
        let now = now.unix_timestamp();
        let ahead = self.state().ahead.map(Duration::whole_seconds);
        let left = |now: i64| claims.expires.map(|end| end.saturating_sub(now));
        let by_claims = claims.issued.and_then(left);
        // An issuer that contradicts itself is believed as far as this machine's clock bears it out.
        let by_answer = grant.expires_in.map(|life| match left(now) {
            Some(left) if left > 0 => life.min(left),
            _ => life,
        });
        let by_date = ahead.and_then(|ahead| left(now.saturating_sub(ahead)));
        let known = [by_claims, by_date, by_answer].into_iter().flatten();
        known
            .filter_map(|life| u64::try_from(life).ok())
            .find(|life| *life > 0)
            .map(Span::from_secs)
    }

    /// Notes that the backend has accepted a token.
    pub(super) fn accept(&self, token: &str) {
        let mut state = self.state();
        if state.accepted.as_ref().is_none_or(|known| known.expose() != token) {
            state.accepted = Some(Secret::new(token));
        }
    }

    /// Judges a token now.
    pub(super) fn view(&self, loaded: &LoadedCredentials) -> View {
        let wall = self.wall();
        let lifetime = &loaded.lifetime;
        let ahead = self.state().ahead.or_else(|| lifetime.clock_ahead(wall));
        let now = wall - ahead.unwrap_or_default();
        let may_be_renewed = lifetime.may_be_renewed(now);
        let plain = View {
            freshness: lifetime.freshness(now),
            may_be_renewed,
            is_new: false,
            is_accepted: self.state().accepted.as_ref() == Some(loaded.token()),
            has_lived: lifetime.has_lived(now),
        };
        let state = self.state();
        let received = state.received.as_ref().filter(|known| known.token == *loaded.token());
        let Some(received) = received else { return plain };
        let age = received.age(wall);
        let Some(life) = received.life else {
            // Nobody knows for how long it is good, but for a while it is, whatever the clock says.
            let freshness = if age < NEW { Freshness::Stale } else { plain.freshness };
            return View { freshness, is_new: age < NEW, ..plain };
        };
        let ahead = RENEW_AHEAD.unsigned_abs();
        let freshness = match life.saturating_sub(age) {
            Span::ZERO => Freshness::Expired,
            _ if !may_be_renewed => Freshness::Fresh,
            left if left <= ahead => Freshness::Stale,
            _ => Freshness::Fresh,
        };
        View { freshness, is_new: age < NEW, has_lived: age >= life / 2, ..plain }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
