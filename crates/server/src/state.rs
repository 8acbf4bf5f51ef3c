//! State that outlives a request: credentials, models, limits, stored responses, usage and faults.

pub(crate) mod answers;
pub(crate) mod background;
mod cache_file;
pub(crate) mod companions;
pub(crate) mod credentials;
pub(crate) mod faults;
pub(crate) mod guard;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod loaded;
pub(crate) mod models;
pub(crate) mod reasoning;
pub(crate) mod recorder;
pub(crate) mod responses;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chatmock_auth::FaultKind;
use chatmock_protocol::codex::limits::Snapshot;
use chatmock_shared::{Shared, SharedError};
use chatmock_upstream::Client;

use self::answers::Answers;
use self::background::BackgroundAnswers;
use self::companions::Companions;
use self::credentials::UpstreamAuth;
use self::faults::{Faults, Standing};
use self::guard::{OtherServers, QuotaGuard};
use self::ledger::Ledger;
use self::limits::LastLimits;
use self::loaded::LoadedModels;
use self::models::Models;
use self::reasoning::ReasoningCache;
use self::recorder::CassetteRecorder;
use self::responses::ResponseStore;
use crate::clock::unix_now;
use crate::settings::{LogControl, TurnObserver};

/// The parts that turns and endpoints share.
#[derive(Clone)]
pub(crate) struct SharedState {
    /// The one part that each worker has for itself.
    pub(crate) client: Client,
    pub(crate) auth: Arc<UpstreamAuth>,
    pub(crate) models: Arc<Models>,
    pub(crate) companions: Arc<Companions>,
    pub(crate) limits: Arc<LastLimits>,
    pub(crate) loaded: Arc<LoadedModels>,
    /// Items of reasoning that the backend kept from the model since the start.
    pub(crate) reasoning_withheld: Arc<AtomicU64>,
    pub(crate) responses: Arc<ResponseStore>,
    /// Responses that single connections keep for themselves, never on the disk.
    pub(crate) connection_responses: Arc<ResponseStore>,
    /// Answers that are made without their clients.
    pub(crate) background: Arc<BackgroundAnswers>,
    pub(crate) reasoning: ReasoningCache,
    pub(crate) answers: Arc<Answers>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) guard: Arc<QuotaGuard>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) recorder: Option<Arc<CassetteRecorder>>,
    /// The log of the program, where it can be asked.
    pub(crate) log: Option<Arc<dyn LogControl>>,
    /// Receives a report of each turn.
    pub(crate) observer: Option<Arc<dyn TurnObserver>>,
    /// What several servers share, where they do.
    pub(crate) shared: Option<Shared>,
}

/// The time between two looks at what can be wrong without anybody meeting it.
const LOOK: Duration = Duration::from_secs(60);

/// The time between two looks at what other servers have put into the shared engine.
const FOLLOW: Duration = Duration::from_secs(2);

/// The same while the engine is away: what it has lost has to be back before another server spends an older token.
const AWAY: Duration = Duration::from_millis(500);

/// The number of such looks between two exchanges of the account's limits.
const LIMITS_EVERY: u64 = 5;

/// The used share of a window from which it is nearly used up, in percent.
const NEAR: f64 = 80.0;

impl SharedState {
    /// Returns the same parts with a client that opens connections of its own.
    pub(crate) fn with_own_connections(&self) -> Result<Self, chatmock_upstream::Error> {
        Ok(Self { client: self.client.with_own_connections()?, ..self.clone() })
    }

    /// Returns the faults that stand now.
    pub(crate) fn faults(&self) -> Vec<Standing> {
        self.look();
        self.faults.standing()
    }

    /// Looks at what can be wrong without anybody meeting it; nothing is asked of anybody.
    fn look(&self) {
        let now = unix_now();
        let used = self.limits.newest().map_or(0.0, |(_, limits)| most_used(&limits, now));
        for (kind, stands) in [
            (FaultKind::ClockOff, self.auth.is_clock_off()),
            (FaultKind::ModelsStale, self.models.are_stale(now)),
            (FaultKind::LimitNear, (NEAR..100.0).contains(&used)),
            (FaultKind::LimitReached, used >= 100.0),
            (FaultKind::DiskFull, self.responses.is_failing() || self.ledger.is_failing()),
            (FaultKind::LogLost, self.log.as_ref().is_some_and(|log| log.lines_lost() > 0)),
        ] {
            self.faults.set(kind, stands);
        }
        self.look_at_shared();
    }

    /// Looks at what the last call of the shared engine has shown.
    fn look_at_shared(&self) {
        let Some(shared) = &self.shared else { return };
        self.faults.set(FaultKind::SharedSealed, shared.sealed_fault().is_some());
        self.faults.set(FaultKind::SharedUnreachable, shared.call_fault().is_some());
        let budgets = self.guard.others().is_some_and(OtherServers::has_lost);
        self.faults.set(FaultKind::SharedLost, self.auth.was_restored() || budgets);
    }

    /// Returns the code of a fault of the shared engine.
    pub(crate) fn shared_fault(&self) -> Option<&'static str> {
        self.look_at_shared();
        self.faults.first_of(&[
            FaultKind::SharedSealed,
            FaultKind::SharedUnreachable,
            FaultKind::SharedLost,
            FaultKind::SharedBehind,
        ])
    }

    /// Follows what other servers put into the shared engine, until the state is gone.
    pub(crate) async fn follow(state: Weak<Self>) {
        let mut looks = 0_u64;
        while let Some(state) = state.upgrade() {
            let Some(shared) = &state.shared else { return };
            state.auth.follow_shared().await;
            if looks.is_multiple_of(LIMITS_EVERY) {
                state.limits.exchange(shared).await;
                state.ledger.exchange(shared, &state.name().await).await;
            }
            looks += 1;
            let fault = shared.call_fault();
            match &fault {
                None => state.send_unsent().await,
                // Whether it can be written again only a write shows.
                Some(SharedError::ReadOnly(_)) => drop(shared.identity().await),
                Some(_) => {}
            }
            state.look_at_shared();
            drop(state);
            tokio::time::sleep(if fault.is_some() { AWAY } else { FOLLOW }).await;
        }
    }

    /// The name of this server among those that share an engine.
    async fn name(&self) -> String {
        match self.auth.shared_sign_in() {
            // The name is in a file, for a home keeps it.
            Some(sign_in) => tokio::task::spawn_blocking(move || sign_in.name().to_owned())
                .await
                .unwrap_or_default(),
            None => self.guard.others().map(|others| others.me().to_owned()).unwrap_or_default(),
        }
    }

    /// Sends what the shared engine did not take when it was kept.
    async fn send_unsent(&self) {
        let kept = self.answers.stores();
        let stores = [&self.responses].into_iter().chain(kept).chain(self.reasoning.store());
        let mut behind = false;
        for store in stores {
            behind |= store.send_unsent().await;
        }
        self.faults.set(FaultKind::SharedBehind, behind);
    }

    /// Looks again and again, until the state is gone.
    pub(crate) async fn watch(state: Weak<Self>) {
        while let Some(state) = state.upgrade() {
            state.look();
            drop(state);
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Returns the used share of the fullest window that has not been reset since, in percent.
fn most_used(limits: &Snapshot, now: u64) -> f64 {
    let windows = [limits.primary, limits.secondary].into_iter().flatten();
    let current = windows.filter(|window| window.resets_at.is_none_or(|reset| reset > now));
    current.map(|window| window.used_percent).fold(0.0, f64::max)
}
