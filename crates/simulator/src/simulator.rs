//! The simulator: its listener, its state, and what a test can ask of it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::backend::Backend;
use crate::catalog::{Catalog, Model};
use crate::endpoint::Endpoint;
use crate::error_response::ErrorResponse;
use crate::fast::{Clock, FastAnswers};
use crate::faulty_stream::{ConnectionFaults, FaultyStream};
use crate::flaws::Flaw;
use crate::issuer::{PendingGrants, plan};
use crate::prompt_cache::PromptCache;
use crate::record::{Recorded, Recorder, Stats, lock};
use crate::script::Play;
use crate::service::{self, HttpRequest};
use crate::settings::Settings;
use crate::signing_keys::SigningKeys;
use crate::stored_responses::StoredResponses;
use crate::tokens::{Claims, IssuedTokens, Tokens};
use crate::turn_states::TurnTracker;

/// How many texts that `unauthorized-once` refused are remembered.
const REFUSED_TEXTS: usize = 1024;

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A running simulator. It stops, and drops every connection, when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Simulator {
    /// Binds 127.0.0.1 and starts serving on the current runtime.
    ///
    /// # Errors
    ///
    /// The port cannot be bound.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        #[cfg(feature = "tls")]
        let state = match settings.tls {
            true => {
                let tls = Some(crate::tls::Tls::new()?);
                State { tls, ..State::new(settings, format!("https://{address}")) }
            }
            false => State::new(settings, format!("http://{address}")),
        };
        #[cfg(not(feature = "tls"))]
        let state = State::new(settings, format!("http://{address}"));
        let state = Arc::new(state);
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Ok(Self { address, state, accepting })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The origin, such as `http://127.0.0.1:40001`.
    pub fn origin(&self) -> String {
        self.state.origin.clone()
    }

    /// The base of the Codex backend: `{origin}/backend-api/codex`.
    pub fn upstream_url(&self) -> String {
        self.url_of(Backend::Codex)
    }

    /// The base of a backend; its usual one where it is not served.
    pub fn url_of(&self, backend: Backend) -> String {
        let base = self.state.settings.bases.of(backend);
        format!("{}{}", self.state.origin, base.unwrap_or_else(|| backend.usual_base()))
    }

    /// The issuer of tokens, which is the origin too.
    pub fn issuer(&self) -> String {
        self.origin()
    }

    /// Signs somebody in, without any request.
    pub fn tokens(&self, claims: Claims) -> Tokens {
        lock(&self.state.tokens).sign_in(claims)
    }

    /// Signs somebody in on the plan route, without any request.
    pub fn plan_tokens(&self, claims: &Claims) -> Tokens {
        plan::sign_in(&self.state, claims)
    }

    /// Gives the issuer of the plan route a flaw from now on, or takes it away.
    pub fn set_flaw(&self, flaw: Option<Flaw>) {
        *lock(&self.state.flaw) = flaw;
    }

    /// Changes who signs in, by browser or device code, from now on; their tokens live as long as
    /// the settings say.
    pub fn seat(&self, claims: Claims) {
        lock(&self.state.tokens).set_person(claims);
    }

    /// The content of an `auth.json` for a new sign-in of the default person.
    pub fn auth_json(&self) -> String {
        self.tokens(Claims::default()).auth_json()
    }

    /// Makes every access token issued so far a rejected one (401 `token_invalidated`); refresh
    /// tokens stay good.
    pub fn invalidate_access_tokens(&self) {
        lock(&self.state.tokens).invalidate();
    }

    /// Queues what the next model call of the Codex backend gets; it must still pass the checks.
    pub fn enqueue(&self, play: impl Into<Play>) {
        self.enqueue_at(Endpoint::Responses, play);
    }

    /// Queues what the next call of an endpoint gets. Anywhere but on model calls it comes before
    /// all checks.
    pub fn enqueue_at(&self, endpoint: Endpoint, play: impl Into<Play>) {
        lock(&self.state.queues).entry(endpoint).or_default().push_back(play.into());
    }

    /// The models that the account may use.
    pub fn models(&self) -> Vec<Model> {
        lock(&self.state.catalog).models()
    }

    /// Replaces the models; `ETag` and `x-models-etag` change.
    pub fn set_models(&self, models: Vec<Model>) {
        lock(&self.state.catalog).replace(models);
    }

    /// The last requests, oldest first, to any path.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.recorder.requests()
    }

    /// The last model calls of all backends, oldest first.
    pub fn model_calls(&self) -> Vec<Recorded> {
        let is_call = |request: &Recorded| {
            request.endpoint.is_some_and(|endpoint| Endpoint::MODEL_CALLS.contains(&endpoint))
        };
        self.requests().into_iter().filter(is_call).collect()
    }

    /// Forgets the requests so far; the counters stay.
    pub fn forget_requests(&self) {
        self.state.recorder.forget_requests();
    }

    /// The clock of the stamps in paced fast answers, where there are such.
    pub fn clock(&self) -> Option<Clock> {
        self.state.fast.as_ref().map(FastAnswers::clock)
    }

    /// The certificate that a client has to trust, as PEM, where TLS is spoken.
    #[cfg(feature = "tls")]
    pub fn certificate(&self) -> Option<&str> {
        self.state.tls.as_ref().map(crate::tls::Tls::certificate)
    }

    /// The counters now.
    pub fn stats(&self) -> Stats {
        self.state.recorder.stats()
    }

    /// Waits until the counters satisfy a condition. It may wait for ever; put a time limit on it.
    pub async fn wait_for(&self, met: impl FnMut(&Stats) -> bool) -> Stats {
        self.state.recorder.wait_for(met).await
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) origin: String,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) fast: Option<FastAnswers>,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Tls>,
    pub(crate) tokens: Mutex<IssuedTokens>,
    pub(crate) grants: Mutex<PendingGrants>,
    pub(crate) registry: Mutex<plan::ClientRegistry>,
    pub(crate) flaw: Mutex<Option<Flaw>>,
    keys: OnceLock<SigningKeys>,
    pub(crate) catalog: Mutex<Catalog>,
    pub(crate) cache: Mutex<PromptCache>,
    pub(crate) stored: Mutex<StoredResponses>,
    pub(crate) turns: Mutex<TurnTracker>,
    queues: Mutex<HashMap<Endpoint, VecDeque<Play>>>,
    refused: Mutex<HashSet<String>>,
    serial: AtomicU64,
}

impl State {
    fn new(settings: Settings, origin: String) -> Self {
        let tokens =
            IssuedTokens::new(origin.clone(), settings.token_life, settings.revoke_on_reuse);
        Self {
            recorder: Arc::new(Recorder::new(settings.keep_requests)),
            fast: settings.fast.then(FastAnswers::new),
            #[cfg(feature = "tls")]
            tls: None,
            tokens: Mutex::new(tokens),
            grants: Mutex::default(),
            registry: Mutex::default(),
            flaw: Mutex::default(),
            keys: OnceLock::new(),
            catalog: Mutex::new(Catalog::bundled()),
            cache: Mutex::default(),
            stored: Mutex::default(),
            turns: Mutex::default(),
            queues: Mutex::default(),
            refused: Mutex::default(),
            serial: AtomicU64::new(1),
            settings,
            origin,
        }
    }

    /// The issuer's keys, made when they are first needed.
    pub(crate) fn keys(&self) -> &SigningKeys {
        self.keys.get_or_init(SigningKeys::make)
    }

    /// Whether the issuer of the plan route has this flaw now.
    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        *lock(&self.flaw) == Some(flaw)
    }

    /// Whose access token a call carries.
    pub(crate) fn admit(&self, http: &HttpRequest) -> Result<Claims, ErrorResponse> {
        lock(&self.tokens).authenticate(http.bearer()?)
    }

    /// A client's version, if versions count here.
    pub(crate) fn gated<'v>(&self, version: Option<&'v str>) -> Option<&'v str> {
        version.filter(|_| self.settings.gate_versions)
    }

    pub(crate) fn next_play(&self, endpoint: Endpoint) -> Option<Play> {
        lock(&self.queues).get_mut(&endpoint)?.pop_front()
    }

    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a text comes for the first time, or the first time after a second.
    pub(crate) fn first_time(&self, text: &str) -> bool {
        let mut refused = lock(&self.refused);
        if refused.remove(text) {
            return false;
        }
        if refused.len() == REFUSED_TEXTS {
            refused.clear();
        }
        refused.insert(text.to_owned())
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Aborting this task drops the set, and with it every connection.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, state.clone()));
            }
            // Out of files, most likely: others may give some back meanwhile.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let _open = OpenConnection::count(state.recorder.clone());
    if stream.set_nodelay(true).is_err() {
        return;
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &state.tls {
        let Ok(stream) = tls.accept(stream).await else { return };
        if crate::tls::is_http2(&stream) {
            return crate::tls::serve(stream, state).await;
        }
        return http1(stream, state).await;
    }
    http1(stream, state).await;
}

async fn http1<S>(stream: S, state: Arc<State>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let faults = Arc::new(ConnectionFaults::default());
    let wire = FaultyStream::new(stream, faults.clone());
    let service = service_fn(move |request| {
        let (state, faults) = (state.clone(), faults.clone());
        async move { Ok::<_, Infallible>(service::serve(state, faults, request).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(wire, service);
    // A connection that breaks is what half of the scripts are for.
    let _ = connection.await;
}

/// Counts one connection until it is dropped.
struct OpenConnection(Arc<Recorder>);

impl OpenConnection {
    fn count(recorder: Arc<Recorder>) -> Self {
        recorder.update(|stats| {
            stats.connections += 1;
            stats.open_connections += 1;
        });
        Self(recorder)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.update(|stats| stats.open_connections = stats.open_connections.saturating_sub(1));
    }
}
