//! The simulator: its listener, and the interface for tests.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::backend::Backend;
use crate::cassettes::Shelf;
use crate::catalog::Model;
use crate::endpoint::Endpoint;
use crate::fast::{Clock, FastAnswers};
use crate::faulty_stream::{ConnectionFaults, FaultyStream};
use crate::issuer_fault::IssuerFault;
use crate::modes::QueuedReply;
use crate::record::{RecordedRequest, Recorder, Stats};
use crate::service::Services;
use crate::settings::Settings;
use crate::socket;
use crate::sync::lock;
#[cfg(feature = "tls")]
use crate::tls::{self, Tls};
use crate::tokens::{Claims, Tokens};

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A running simulator. Dropping it stops it and closes every connection.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    services: Arc<Services>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    accepting: JoinHandle<()>,
}

impl Simulator {
    /// Binds 127.0.0.1 and starts serving on the current runtime.
    ///
    /// # Errors
    ///
    /// The port cannot be bound, or the cassettes cannot be read.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        #[cfg(feature = "tls")]
        let (tls, scheme) = match settings.tls {
            true => (Some(Tls::new()?), "https"),
            false => (None, "http"),
        };
        #[cfg(not(feature = "tls"))]
        let scheme = "http";
        let shelf = settings.cassettes.as_ref().map(Shelf::read).transpose()?;
        let services = Services::new(settings, format!("{scheme}://{address}"), shelf);
        let services = Arc::new(services);
        let server = Server {
            services: Arc::clone(&services),
            #[cfg(feature = "tls")]
            tls: tls.clone(),
        };
        let accepting = tokio::spawn(server.accept(listener));
        Ok(Self {
            address,
            services,
            #[cfg(feature = "tls")]
            tls,
            accepting,
        })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the origin, such as `http://127.0.0.1:40001`.
    pub fn origin(&self) -> String {
        self.services.shared.origin.clone()
    }

    /// Returns the base URL of the Codex backend: `{origin}/backend-api/codex`.
    pub fn upstream_url(&self) -> String {
        self.url_of(Backend::Codex)
    }

    /// Returns the base URL of a backend; the default one if it is not served.
    pub fn url_of(&self, backend: Backend) -> String {
        let base = self.services.shared.settings.bases.of(backend);
        format!("{}{}", self.services.shared.origin, base.unwrap_or_else(|| backend.default_base()))
    }

    /// Returns the issuer of tokens, which is also the origin.
    pub fn issuer(&self) -> String {
        self.origin()
    }

    /// Signs a person in, without any request.
    pub fn tokens(&self, claims: Claims) -> Tokens {
        lock(&self.services.shared.tokens).sign_in(claims)
    }

    /// Signs a person in on the plan route, without any request.
    pub fn plan_tokens(&self, claims: &Claims) -> Tokens {
        self.services.issuer.plan.sign_in(claims)
    }

    /// Makes the issuer of the plan route faulty from now on, or correct again.
    pub fn set_issuer_fault(&self, fault: Option<IssuerFault>) {
        self.services.issuer.plan.set_fault(fault);
    }

    /// Changes the person who signs in by browser or device code from now on. The lifetime of their
    /// tokens is that of the settings.
    pub fn set_person(&self, claims: Claims) {
        lock(&self.services.shared.tokens).set_person(claims);
    }

    /// Returns the content of an `auth.json` for a new sign-in of the default person.
    pub fn auth_json(&self) -> String {
        self.tokens(Claims::default()).auth_json()
    }

    /// Invalidates all access tokens (401 `token_invalidated`). Refresh tokens stay valid.
    pub fn invalidate_access_tokens(&self) {
        lock(&self.services.shared.tokens).invalidate();
    }

    /// Queues the reply to the next model call of the Codex backend. The call must still pass the
    /// checks.
    pub fn enqueue(&self, reply: impl Into<QueuedReply>) {
        self.enqueue_at(Endpoint::Responses, reply);
    }

    /// Queues the reply to the next call of an endpoint. For a model call it comes after the
    /// checks, for others before them.
    pub fn enqueue_at(&self, endpoint: Endpoint, reply: impl Into<QueuedReply>) {
        self.services.shared.enqueue(endpoint, reply.into());
    }

    /// Returns the models that the account may use.
    pub fn models(&self) -> Vec<Model> {
        lock(&self.services.shared.catalog).models()
    }

    /// Replaces the models; `ETag` and `x-models-etag` change.
    pub fn set_models(&self, models: Vec<Model>) {
        lock(&self.services.shared.catalog).replace(models);
    }

    /// Returns the last requests to any path, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.services.shared.recorder.requests()
    }

    /// Returns the last model calls of all backends, oldest first.
    pub fn model_calls(&self) -> Vec<RecordedRequest> {
        let is_call =
            |request: &RecordedRequest| request.endpoint.is_some_and(Endpoint::is_model_call);
        self.requests().into_iter().filter(is_call).collect()
    }

    /// Forgets the recorded requests; the counters stay.
    pub fn forget_requests(&self) {
        self.services.shared.recorder.forget_requests();
    }

    /// Returns the clock of the stamps in paced fast answers, if those are enabled.
    pub fn clock(&self) -> Option<Clock> {
        self.services.fast.as_ref().map(FastAnswers::clock)
    }

    /// Returns the certificate that a client must trust, as PEM, if TLS is enabled.
    #[cfg(feature = "tls")]
    pub fn certificate(&self) -> Option<&str> {
        self.tls.as_ref().map(Tls::certificate)
    }

    /// Returns the current counters.
    pub fn stats(&self) -> Stats {
        self.services.shared.recorder.stats()
    }

    /// Waits until the counters meet a condition. It may wait without end, so use a time limit.
    pub async fn wait_for(&self, met: impl FnMut(&Stats) -> bool) -> Stats {
        self.services.shared.recorder.wait_for(met).await
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The services that connections share.
#[derive(Clone)]
struct Server {
    services: Arc<Services>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Server {
    async fn accept(self, listener: TcpListener) {
        // Aborting this task drops the set, and with it every connection.
        let mut connections = JoinSet::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(self.clone().serve(stream));
                }
                // Most likely the process has no file descriptor left; others may close theirs.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    async fn serve(self, stream: TcpStream) {
        let _open = OpenConnection::count(Arc::clone(&self.services.shared.recorder));
        if stream.set_nodelay(true).is_err() {
            return;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let Ok(stream) = tls.accept(stream).await else { return };
            if tls::is_http2(&stream) {
                return tls::serve(stream, self.services).await;
            }
            return http1(stream, self.services).await;
        }
        http1(stream, self.services).await;
    }
}

async fn http1<S>(stream: S, services: Arc<Services>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let faults = Arc::new(ConnectionFaults::default());
    let stream = FaultyStream::new(stream, Arc::clone(&faults));
    let service = service_fn(move |request| {
        let (services, faults) = (Arc::clone(&services), Arc::clone(&faults));
        async move {
            Ok::<_, Infallible>(match socket::asked_for(&services, &request) {
                Some(backend) => socket::accept(&services, faults, request, backend),
                None => services.serve(faults, request).await,
            })
        }
    });
    let http = http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, service);
    let connection = http.with_upgrades();
    // Half of the scripts exist to break connections, so an error is expected.
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
