//! The running server: its parts, built once and shared by every connection.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chatmock_shared::Shared;
use chatmock_translate::{Backend, Policy};
use chatmock_upstream::{Client, Recorder};
use tokio::sync::watch;

use crate::api::{Services, family};
use crate::clock::unix_now;
use crate::error::ServerError;
use crate::http::connection::Connections;
use crate::http::guard::Guard;
use crate::http::log_limiter::LogLimiter;
use crate::http::request_body::BodyReader;
use crate::panics::PanicCounter;
use crate::remedies;
use crate::settings::{HttpSettings, Settings, StoreSettings};
use crate::state::SharedState;
use crate::state::answers::Answers;
use crate::state::background::BackgroundAnswers;
use crate::state::companions::Companions;
use crate::state::credentials::UpstreamAuth;
use crate::state::faults::Faults;
use crate::state::guard::{OtherServers, QuotaGuard};
use crate::state::ledger::Ledger;
use crate::state::limits::LastLimits;
use crate::state::loaded::LoadedModels;
use crate::state::models::Models;
use crate::state::reasoning::ReasoningCache;
use crate::state::recorder::CassetteRecorder;
use crate::state::responses::ResponseStore;
use crate::tasks::Tasks;
use crate::turn::{Planners, TurnPlaces, TurnServices};

/// The running server's parts.
///
/// Only the composition sees all of them. A room gets those that it needs as a struct of its own
/// (`Services`, `TurnServices`, `SharedState`), so that nothing can reach up into a room above it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) settings: HttpSettings,
    pub(crate) guard: Arc<Guard>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) state: Arc<SharedState>,
    pub(crate) turns: Arc<TurnServices>,
    pub(crate) endpoints: Services,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) log_limiter: Arc<LogLimiter>,
    pub(crate) panics: Arc<PanicCounter>,
}

impl App {
    /// Builds the parts and starts the background work.
    ///
    /// # Errors
    /// When the backend's or the issuer's address or the directory for responses cannot be used.
    pub(crate) fn new(settings: Settings) -> Result<Self, ServerError> {
        let app = Self::at_rest(settings)?;
        app.tasks.spawn(Arc::clone(&app.log_limiter).run());
        start(&app.tasks, &app.state);
        Ok(app)
    }

    /// Builds the parts and starts nothing: nobody is asked anything.
    ///
    /// # Errors
    /// As [`App::new`].
    pub(crate) fn at_rest(settings: Settings) -> Result<Self, ServerError> {
        let (http, policy, state) = open_state(settings)?;
        let state = Arc::new(state);
        let log_limiter = Arc::<LogLimiter>::default();
        let (tasks, panics) = (Arc::<Tasks>::default(), Arc::<PanicCounter>::default());
        let turns = Arc::new(TurnServices {
            state: Arc::clone(&state),
            policy,
            places: TurnPlaces::new(http.turns, Arc::clone(&state.guard)),
            planners: Planners::default(),
            hold: http.streams.hold,
            heartbeat: http.streams.heartbeat,
            rejoin: http.streams.rejoin,
            tasks: Arc::clone(&tasks),
            log_limiter: Arc::clone(&log_limiter),
            panics: Arc::clone(&panics),
            draining: watch::Sender::new(false),
            closing: watch::Sender::new(false),
            abort: watch::Sender::new(false),
        });
        let connections = Connections::new(&http);
        let endpoints = Services {
            connections: Arc::clone(&connections),
            ui: http.admission.ui,
            explain: http.admission.explain,
            viewers: Arc::default(),
            state: Arc::clone(&state),
            turns: Arc::clone(&turns),
            bodies: BodyReader::new(&http),
            sockets: http.sockets,
            log_bodies: http.log_bodies,
            ollama_version: http.ollama_version.clone(),
        };
        let guard = Arc::new(Guard::new(&http.admission, http.sizes.max_target));
        let settings = http;
        Ok(Self {
            settings,
            guard,
            connections,
            state,
            turns,
            endpoints,
            tasks,
            log_limiter,
            panics,
        })
    }

    /// Returns the same server for one more worker, which opens connections to the backend of its own.
    ///
    /// A connection belongs to the thread that opened it. Another that used it would have to be woken by that one for
    /// every piece of an answer.
    ///
    /// # Errors
    /// When the backend's settings can no longer be used.
    pub(crate) fn for_another_worker(&self) -> Result<Self, ServerError> {
        let state = Arc::new(self.state.with_own_connections()?);
        let turns = TurnServices { state: Arc::clone(&state), ..(*self.turns).clone() };
        let turns = Arc::new(turns);
        let endpoints = self.endpoints.clone();
        let endpoints =
            Services { state: Arc::clone(&state), turns: Arc::clone(&turns), ..endpoints };
        Ok(Self { state, turns, endpoints, ..self.clone() })
    }
}

/// Opens what outlives a request.
fn open_state(settings: Settings) -> Result<(HttpSettings, Policy, SharedState), ServerError> {
    let Settings { http, mut policy, mut upstream, access, models, companions } = settings;
    let companions = Companions::new(&companions, &upstream)?;
    let (route, home) = (&upstream.route, access.home());
    let models = Arc::new(Models::new(models, route, home, family::list_writers()));
    let limits = Arc::new(LastLimits::open(home));
    policy.backend = Backend::accepting(route.accepts());
    policy.backend.default_summary = route.summarizes_reasoning();
    policy.backend.closed = route.is_closed();
    policy.backend.refused_items = route.refused_items();
    let faults = Arc::<Faults>::default();
    let auth = UpstreamAuth::new(
        access,
        remedies::for_credentials(route.name()),
        (&faults, &http.shared),
    )?;
    let record = http.admin.record.clone();
    let recorder = record.map(|record| CassetteRecorder::open(record, &faults)).transpose();
    let recorder = recorder.map_err(ServerError::Record)?;
    upstream.recorder = recorder.clone().map(|recorder| -> Arc<dyn Recorder> { recorder });
    let client = Client::new(upstream, auth.credentials())?;
    let store = http.responses.clone();
    let store = if policy.backend.accepts("store") { store.of_claims() } else { store };
    let (shared, life) = (http.shared.as_ref(), store.max_age);
    let responses = ResponseStore::open(store, unix_now())?;
    let responses = Arc::new(responses.shared_by(shared, ("response", life)));
    let replay = http.replay_reasoning.then(|| http.responses.of_reasoning());
    let reasoning = ReasoningCache::open(replay, shared, unix_now())?;
    let answers = Arc::new(Answers::open(&http.responses, shared, http.streams.rejoin)?);
    let connections = Arc::new(ResponseStore::open(StoreSettings::of_connections(), unix_now())?);
    let ledger = Arc::new(Ledger::open(responses.database(), http.admin.history));
    let guard = quota_guard(&http, &ledger);
    let background = BackgroundAnswers::new(http.background).among(http.shared.clone());
    let (log, observer) = (http.admin.log.clone(), http.admin.observer.clone());
    let state = SharedState {
        client,
        auth: Arc::new(auth),
        models,
        companions: Arc::new(companions),
        limits,
        loaded: Arc::<LoadedModels>::default(),
        reasoning_withheld: Arc::<AtomicU64>::default(),
        responses,
        connection_responses: connections,
        background: Arc::new(background),
        reasoning,
        answers,
        ledger,
        guard,
        faults,
        recorder,
        log,
        observer,
        shared: http.shared.clone(),
    };
    Ok((http, policy, state))
}

/// Makes the guard of quota, with what was used of its budgets before.
fn quota_guard(http: &HttpSettings, ledger: &Ledger) -> Arc<QuotaGuard> {
    let (rules, budgets) = (http.admin.guard.clone(), http.admin.budgets.clone());
    let shared = http.shared.as_ref();
    let me = shared.map(|_| Shared::random_name()).transpose().unwrap_or_default();
    let others = shared.zip(me).map(|(shared, me)| OtherServers::new(shared.clone(), &me));
    let guard = Arc::new(QuotaGuard::new(rules, budgets).among(others));
    if shared.is_none() {
        // In the shared engine this process finds what its predecessor used.
        ledger.restore_budgets(&guard);
    }
    guard
}

/// Starts the background work on it.
fn start(tasks: &Tasks, state: &Arc<SharedState>) {
    tasks.spawn(Arc::clone(&state.models).run(state.client.clone(), state.shared.clone()));
    tasks.spawn(Arc::clone(&state.limits).run());
    let stores = [&state.responses, &state.connection_responses];
    let kept = state.answers.stores();
    for store in stores.into_iter().chain(kept).chain(state.reasoning.store()) {
        tasks.spawn(ResponseStore::sweep(Arc::downgrade(store)));
    }
    tasks.spawn(Answers::sweep(Arc::downgrade(&state.answers)));
    tasks.spawn(Arc::clone(&state.faults).run());
    if let Some(recorder) = &state.recorder {
        let auth = Arc::clone(state);
        tasks.spawn(Arc::clone(recorder).run(async move || auth.auth.stored_identity().await));
    }
    tasks.spawn(Arc::clone(&state.ledger).run());
    tasks.spawn(SharedState::watch(Arc::downgrade(state)));
    if state.shared.is_some() {
        tasks.spawn(SharedState::follow(Arc::downgrade(state)));
    }
}
