//! The places for answers of the backend: how many run at once, in all and of one caller.

use std::sync::Arc;

use chatmock_translate::{Failure, FailureKind};

use crate::http::api_keys::Caller;
use crate::http::fair_places::{FairPlaces, NoPlace, Place, PlaceLimits};
use crate::settings::TurnLimits;
use crate::state::guard::QuotaGuard;

/// The most turns that wait for a place.
const WAITING: usize = 64;

/// The wait that a refused client is asked for, in seconds.
const RETRY_AFTER: u64 = 5;

/// The places for calls of the backend.
///
/// Each call spends quota and holds memory on both sides, and a client in a loop begins as many as it has connections.
/// A place is held from before the call until the last byte of its answer, or until the call is dropped.
#[derive(Clone, Debug)]
pub(crate) struct TurnPlaces(Arc<FairPlaces>, Arc<QuotaGuard>);

impl TurnPlaces {
    /// Makes the places that the settings allow.
    pub(crate) fn new(limits: TurnLimits, guard: Arc<QuotaGuard>) -> Self {
        let places = FairPlaces::new(PlaceLimits {
            all: limits.max,
            each: limits.max_per_label.unwrap_or(usize::MAX),
            waiting: WAITING,
            patience: limits.wait,
        });
        Self(places, guard)
    }

    /// Returns whether no call is under way.
    pub(super) fn are_free(&self) -> bool {
        self.0.are_free()
    }

    /// Waits for the places of one turn's calls.
    ///
    /// # Errors
    /// 429 where the caller has as many as one may have, 503 where all are taken, 400 where a turn needs more than
    /// there are.
    pub(super) async fn take(&self, caller: &Caller, count: usize) -> Result<Vec<Place>, Failure> {
        let account = caller.account();
        let own = caller.label().and_then(|label| self.1.concurrent(label));
        let account = account.with_most(own);
        let taken = self.0.take(&account, count).await;
        taken.map_err(|none| self.failure(none, caller, count))
    }

    fn failure(&self, none: NoPlace, caller: &Caller, count: usize) -> Failure {
        let PlaceLimits { all, each, .. } = self.0.limits();
        let own = caller.label().and_then(|label| self.1.concurrent(label));
        let (each, flag_of_each) = match own {
            Some(own) if own < each => (own, "--budget"),
            _ => (each, "--max-turns-per-label"),
        };
        match none {
            NoPlace::Caller => {
                let kind = FailureKind::RateLimited { retry_after: Some(RETRY_AFTER) };
                let whose = match caller.label() {
                    Some(label) => format!("the key {label}"),
                    None => "this client".to_owned(),
                };
                let message = format!(
                    "{whose} has {each} answers under way, the most that one may have at once \
                     ({flag_of_each}); try again in {RETRY_AFTER} seconds"
                );
                Failure::new(kind, message).with_code("too_many_turns_per_label")
            }
            NoPlace::All => {
                let kind = FailureKind::Unavailable { retry_after: Some(RETRY_AFTER) };
                let message = format!(
                    "{all} answers are under way, the most that this server has at once \
                     (--max-turns); try again in {RETRY_AFTER} seconds"
                );
                Failure::new(kind, message).with_code("too_many_turns")
            }
            NoPlace::Never => {
                let (most, flag) = match each < all {
                    true => (each, flag_of_each),
                    false => (all, "--max-turns"),
                };
                let message = format!(
                    "this request asks for {count} answers, and {most} may be under way at once \
                     ({flag}): ask for fewer"
                );
                Failure::new(FailureKind::BadRequest, message).with_code("too_many_answers")
            }
        }
    }
}
