//! The server: built from settings, accepting connections until it is asked to stop.
//!
//! A connection beyond the limit, for which no other gives way, is accepted and answered with a
//! 503. Leaving it in the backlog would cost nothing here, but its client would wait without a word
//! until it gives up, and the backlog overflows in a burst. The price is a socket and a second for
//! each rejection, so rejections have a limit, too.
//!
//! At the end, answers that are still open get time to finish, and then a last event that says why
//! they end: an answer that is not whole is reported as an error, never by silence.

mod explain;
mod metrics;
mod workers;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use self::explain::{Explainer, Refused, turn_endpoints};
use self::workers::Workers;
use chatmock_auth::FaultKind;
use chatmock_protocol::codex::limits::Snapshot;
use chatmock_translate::Catalog;
use chatmock_upstream::UpstreamRoute;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, TryFutureExt};
use http::{Request, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::error::ServerError;
use crate::http::api_keys::KeySwitch;
use crate::http::connection::{
    Accepted, BodyLength, ConnectionIo, ConnectionPhase, Listener, Stream, UpgradeSlot,
};
use crate::http::log_limiter::ReportOnDrop;
use crate::http::presence::Present;
use crate::http::websocket;
use crate::service;
use crate::settings::Settings;
use crate::state::credentials::Account;
use crate::tasks::becomes_true;
use crate::turn::RETRY_COUNT;

/// The pause after a failed accept, for example when there are no file descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The interval at which ended connections are removed while no new one arrives.
///
/// It is shorter than the time limits of a request on purpose. A timer that becomes the next one due makes
/// the runtime wake itself, with two system calls for each request; while this one is due earlier, no
/// timer of a request becomes the next.
const CLEAR: Duration = Duration::from_secs(5);

/// The most connections that are taken of those who have connected when the server stops.
const LAST_TAKEN: usize = 4096;

/// The time that a request has to arrive which was on its way to an open connection when the server stopped: closing at
/// once would reset that connection, and its client could not know whether the request was begun.
const LAST_REQUESTS: Duration = Duration::from_millis(100);

/// The time that aborted answers have to send their last event.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The end of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Every open answer was finished.
    Drained,
    /// Some answers were cut off when the time for them was over.
    Aborted {
        /// The number of connections that were still open.
        open: usize,
    },
    /// Renewed tokens could not be saved anywhere, so that somebody has to sign in again.
    Unsaved,
}

/// A server, built but not yet accepting.
pub struct Server {
    pub(crate) app: Arc<App>,
}

impl Server {
    /// Builds a server. Call it inside a tokio runtime: the catalogue is fetched in the background.
    ///
    /// # Errors
    /// When the backend's or the issuer's address or the directory for responses cannot be used.
    pub fn new(settings: Settings) -> Result<Self, ServerError> {
        Ok(Self { app: Arc::new(App::new(settings)?) })
    }

    /// Says who is signed in; `None` where the backend is called with a key, or with nothing.
    ///
    /// # Errors
    /// Words for a person that say what to do, when no one is.
    pub async fn account(&self) -> Result<Option<Account>, String> {
        self.app.state.auth.account().await
    }

    /// Returns the models, after a short wait for the first list where `waits`.
    pub async fn catalog(&self, waits: bool) -> Catalog {
        if waits {
            self.app.state.models.ready().await;
        }
        self.app.state.models.current().catalog().clone()
    }

    /// Returns the last limits that the backend reported for the account; nothing is asked of it.
    pub async fn limits(&self) -> Option<Snapshot> {
        let state = &self.app.state;
        let credentials = state.client.credentials().await.ok()?;
        state.limits.last(&credentials).map(|(_, limits)| limits)
    }

    /// Returns the inbound keys, to be replaced while the server runs.
    #[must_use]
    pub fn key_switch(&self) -> KeySwitch {
        self.app.guard.key_switch()
    }

    /// The backend that answers.
    #[must_use]
    pub fn route(&self) -> &UpstreamRoute {
        self.app.state.client.route()
    }

    /// Checks that what several servers share can be read here. An engine that is away is no obstacle.
    ///
    /// # Errors
    /// Words for a person where the records are sealed with another key.
    pub async fn check_shared(&self) -> Result<(), String> {
        let Some(shared) = &self.app.state.shared else { return Ok(()) };
        match self.app.state.auth.check_shared(shared).await {
            Err(error) if !error.is_passing() => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    /// Checks the rules of the quota guard against the backend's windows and models.
    ///
    /// # Errors
    /// Words for a person where a rule can never hold, or names a model that is not listed.
    pub async fn check_guard(&self) -> Result<(), String> {
        let state = &self.app.state;
        let route = state.client.route();
        if state.guard.has_rules() && !route.reports_limits() {
            let name = route.name();
            return Err(format!(
                "--guard: the route {name} reports no windows, so no rule could ever hold"
            ));
        }
        let mut models = state.guard.models().peekable();
        if models.peek().is_some() {
            state.models.ready().await;
        }
        let published = state.models.current();
        for (rule, model) in models {
            if published.catalog().resolve(model).is_err() {
                return Err(format!(
                    "--guard {rule}: the model {model} is not listed; see GET /v1/models"
                ));
            }
        }
        Ok(())
    }

    /// Serves the page of figures on a listener of its own as well, without a key, for as long as the server lasts.
    pub fn serve_metrics(&self, listener: TcpListener) {
        self.app.tasks.spawn(metrics::serve(Arc::clone(&self.app), listener));
    }

    /// Serves until `shutdown` is ready, then finishes open answers within the time set for it.
    pub async fn serve<L: Into<Listener>>(
        self,
        listeners: Vec<L>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Served {
        let listeners: Vec<Listener> = listeners.into_iter().map(Into::into).collect();
        let exposed = listeners.iter().any(Listener::is_exposed);
        self.app.state.faults.set(FaultKind::OpenWithoutTls, exposed);
        let _last = ReportOnDrop(Arc::clone(&self.app.log_limiter));
        let workers = Workers::start(self.app.settings.workers, Arc::clone(&self.app), |app| {
            Ok(Arc::new(app.for_another_worker()?))
        });
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let mut clearing = tokio::time::interval(CLEAR);
        clearing.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&listeners) => Some(accepted),
                _ = clearing.tick(), if !connections.is_empty() => None,
            };
            while connections.try_join_next().is_some() {}
            let Some(accepted) = accepted else { continue };
            match accepted {
                Ok(accepted) => self.take(accepted, &workers, &mut connections).await,
                Err(error) => {
                    tracing::warn!("could not accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
        // Who has connected already gets an answer; closing the listeners would cut them off.
        tokio::task::yield_now().await;
        for _ in 0..LAST_TAKEN {
            let Some(Ok(accepted)) = accept(&listeners).now_or_never() else { break };
            self.take(accepted, &workers, &mut connections).await;
        }
        drop(listeners);
        self.drain(connections).await
    }

    /// Serves a connection, unless there are too many.
    async fn take(
        &self,
        accepted: Accepted,
        workers: &Workers<Arc<App>>,
        connections: &mut JoinSet<()>,
    ) {
        let Some(slot) = self.app.connections.acquire().await else {
            return self.reject(accepted.stream);
        };
        let Some(worker) = workers.least_busy() else { return };
        // Sockets and timers belong to the runtime in which they are made.
        let _in_its_runtime = worker.runtime().enter();
        let accepted = if worker.is_elsewhere() { accepted.made_here() } else { Ok(accepted) };
        match accepted {
            Ok(accepted) => {
                let phase = Arc::clone(&slot.phase);
                let connection = connection(Arc::clone(worker.services()), accepted, phase);
                let held = (slot, worker.load());
                connections.spawn_on(connection.map(move |()| drop(held)), worker.runtime());
            }
            Err(error) => tracing::warn!("could not hand a connection to a worker: {error}"),
        }
    }

    /// Answers a client for which there are too many connections.
    fn reject(&self, stream: Stream) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        if self.app.log_limiter.admits(status) {
            tracing::info!(status = status.as_u16(), "rejected a connection: the limit is reached");
        }
        self.app.connections.reject(stream, &self.app.tasks);
    }

    async fn drain(self, mut connections: JoinSet<()>) -> Served {
        self.app.turns.draining.send_replace(true);
        // They end at once, with a reason, since nobody waits for them here who could be told later.
        let in_background = self.app.state.background.all_ended();
        let _ = tokio::time::timeout(LAST_WORDS, in_background).await;
        let finished = async {
            let all_ended = async { while connections.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(LAST_REQUESTS, all_ended).await;
            self.app.turns.closing.send_replace(true);
            while connections.join_next().await.is_some() {}
        };
        let drained = tokio::time::timeout(self.app.settings.timeouts.drain, finished).await;
        while connections.try_join_next().is_some() {}
        let open = connections.len();
        self.app.turns.closing.send_replace(true);
        // Answers that are still open end with words that say so.
        self.app.turns.abort.send_replace(true);
        let last_words = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, last_words).await.is_err() {
            connections.shutdown().await;
        }
        let saved = self.app.state.auth.finish().await;
        self.app.state.limits.write().await;
        self.app.state.ledger.write().await;
        if let Some(recorder) = &self.app.state.recorder {
            recorder.flush().await;
        }
        match drained {
            _ if !saved => Served::Unsaved,
            Ok(()) => Served::Drained,
            Err(_) => Served::Aborted { open },
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// The next connection of any listener.
async fn accept(listeners: &[Listener]) -> io::Result<Accepted> {
    let mut accepting: FuturesUnordered<_> =
        listeners.iter().map(|listener| listener.accept()).collect();
    match accepting.next().await {
        Some(accepted) => accepted,
        None => std::future::pending().await,
    }
}

/// The most that a connection reads at once, in bytes. The heap keeps what was freed between other things, so that a dozen
/// large bodies at the same time left 5 MiB behind with the 400 KiB that hyper would take.
const READ_BUFFER: usize = 128 * 1024;

/// Serves one connection to its end.
fn connection(
    app: Arc<App>,
    accepted: Accepted,
    phase: Arc<ConnectionPhase>,
) -> impl Future<Output = ()> + Send + 'static {
    let Accepted { stream, local, peer } = accepted;
    let io = ConnectionIo::new(stream, Arc::clone(&phase), &app.settings);
    let mut http = http1::Builder::new();
    // Hyper's own limit on heads runs while a connection is idle, too; `ConnectionIo` keeps the shorter one.
    http.timer(TokioTimer::new()).header_read_timeout(app.settings.timeouts.idle);
    http.max_header_size(app.settings.sizes.max_head);
    http.max_buf_size(READ_BUFFER.max(app.settings.sizes.max_head));
    let present = Present::default();
    let (upgrades, closing) = (Arc::clone(&phase), app.turns.closing.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        phase.begin_answer(body_length(request.body()));
        if let Some(local) = local {
            request.extensions_mut().insert(local);
        }
        if request.headers().contains_key(RETRY_COUNT) {
            request.extensions_mut().insert(present.watch());
        }
        if websocket::is_asked_for(request.headers()) {
            request.extensions_mut().insert(UpgradeSlot::of(&phase));
        }
        // Hyper keeps room for what is returned here also while a connection is idle: a pointer then.
        let answer = Box::pin(service::answer(Arc::clone(&app), request, peer));
        let phase = Arc::clone(&phase);
        answer.map_ok(move |reply| phase.track(reply))
    });
    let mut closing = Some(becomes_true(&closing));
    let mut connection = http.serve_connection(TokioIo::new(io), service).with_upgrades();
    let served = std::future::poll_fn(move |cx| {
        if closing.as_mut().is_some_and(|closing| closing.poll_unpin(cx).is_ready()) {
            closing = None;
            // It ends after the answer that is open, and at once without one.
            Pin::new(&mut connection).graceful_shutdown();
        }
        Pin::new(&mut connection).poll(cx)
    });
    // An `async` block would keep room twice for a future that it waits for.
    served.then(move |ended| {
        if let Err(error) = ended {
            tracing::debug!("connection ended: {error}");
        }
        // Upgraded, it goes on as the same connection: counted, and waited for at the end.
        upgrades.take_continuation().unwrap_or_else(|| std::future::ready(()).boxed())
    })
}

fn body_length(body: &Incoming) -> BodyLength {
    body.size_hint().exact().map_or(BodyLength::Chunked, BodyLength::Exact)
}
