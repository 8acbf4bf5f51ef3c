//! The listener that the browser returns to: this machine only, one path, fixed pages.
//!
//! Every program and every web page on this machine can send it requests, so it trusts only the
//! `state` of the sign-in: other requests get a fixed page and change nothing. The pages reflect
//! nothing of a request, load nothing and take the code out of the address bar. It is hyper rather
//! than a few lines over a socket because slow, huge and malformed heads are then handled by a
//! parser that is tested for them. Idle connections give way to new ones, so nobody can keep the
//! browser out by opening many.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::auth_profile::CALLBACK_PORTS;
use crate::login::{LoginAttempt, Redirect, RedirectHost};

mod connections;
mod page;
mod respond;

use connections::Connections;

/// The most connections at a time; an idle one gives way to a new one.
const MOST_CONNECTIONS: usize = 32;
/// The longest a request's head may take.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// The largest head. The query has a far lower limit; this one lets us refuse longer ones in our
/// own words.
const HEAD_BYTES: usize = 128 * 1024;
/// The longest wait for the browser to fetch its page at the end.
const FAREWELL: Duration = Duration::from_secs(2);
/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The settings of the listener.
#[derive(Clone, Debug)]
pub struct LoopbackSettings {
    /// The name in the address; with `localhost`, `::1` is listened on as well.
    pub host: RedirectHost,
    /// The ports to try, 0 for any free one; [`CALLBACK_PORTS`] by default.
    pub ports: Vec<u16>,
    /// Another address to listen on, for containers. Whoever can reach it can offer answers, but
    /// only to requests that name this machine.
    pub bind: Option<IpAddr>,
}

impl Default for LoopbackSettings {
    fn default() -> Self {
        Self { host: RedirectHost::default(), ports: CALLBACK_PORTS.to_vec(), bind: None }
    }
}

/// Why the listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoopbackError {
    /// Every port is used by other programs, or by some of them, and the system gives the others to nobody.
    #[error(
        "other programs are listening on {}: stop one of them, or sign in without a browser here: \
         chatmock-auth login --device", listed(.0)
    )]
    Taken(Vec<u16>),
    /// The system refused.
    #[error("cannot listen on {address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

fn listed(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" and ")
}

/// A bound listener. It stops when it is dropped.
///
/// Where the system gives a port to nobody, as Windows does with those that it reserves, there is a
/// redirect without a listener: the browser shows an error there, and its address can be pasted.
#[derive(Debug)]
pub struct Loopback {
    listeners: Vec<TcpListener>,
    redirect: Redirect,
}

/// The reason why a port is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unavailable {
    /// Another program listens on it.
    Taken,
    /// The system gives it to nobody.
    Reserved,
}

/// The result of a try to bind a port.
type Bound = Result<Vec<TcpListener>, Unavailable>;

/// A listener that serves one attempt.
#[derive(Debug)]
pub struct Listening {
    tasks: JoinSet<()>,
    connections: Arc<Connections>,
}

impl Loopback {
    /// Binds the first port that is free. Nothing is ever sent to a program that has one; where none
    /// can be bound, the first that no program can have is the place of an address to paste.
    pub async fn bind(settings: &LoopbackSettings) -> Result<Self, LoopbackError> {
        let tried = |port| listeners(settings, port);
        Self::first_of(settings, tried).await
    }

    async fn first_of<F>(
        settings: &LoopbackSettings,
        bind: impl Fn(u16) -> F,
    ) -> Result<Self, LoopbackError>
    where
        F: Future<Output = Result<Bound, LoopbackError>>,
    {
        let host = settings.host;
        let mut reserved = None;
        for port in &settings.ports {
            match bind(*port).await? {
                Ok(listeners) => {
                    let port = match listeners.first().map(TcpListener::local_addr) {
                        Some(Ok(address)) => address.port(),
                        _ => *port,
                    };
                    return Ok(Self { listeners, redirect: Redirect { host, port } });
                }
                Err(Unavailable::Taken) => {}
                Err(Unavailable::Reserved) => reserved = reserved.or(Some(*port)),
            }
        }
        match reserved.filter(|port| *port != 0) {
            Some(port) => Ok(Self { listeners: Vec::new(), redirect: Redirect { host, port } }),
            None => Err(LoopbackError::Taken(settings.ports.clone())),
        }
    }

    /// Returns whether the browser can come back by itself.
    pub fn listens(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Returns the address that the browser must return to.
    pub fn redirect(&self) -> Redirect {
        self.redirect
    }

    /// Returns the addresses of the listener.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves an attempt until [`Listening::close`], or until that is dropped.
    pub fn serve(self, attempt: &LoginAttempt) -> Listening {
        let (mut tasks, connections) =
            (JoinSet::new(), Arc::new(Connections::new(MOST_CONNECTIONS)));
        for listener in self.listeners {
            tasks.spawn(accept(listener, attempt.clone(), Arc::clone(&connections)));
        }
        Listening { tasks, connections }
    }
}

impl Listening {
    /// Stops listening, once the browser has its page. Say first how it ended, with
    /// [`LoginAttempt::settle`]; a page that is not fetched is not waited for long.
    pub async fn close(mut self) {
        self.tasks.abort_all();
        let _ = tokio::time::timeout(FAREWELL, self.connections.drained()).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.connections.abort_all();
    }
}

/// Binds one port on every address, all of which must have it.
async fn listeners(settings: &LoopbackSettings, port: u16) -> Result<Bound, LoopbackError> {
    let first = settings.bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let address = SocketAddr::new(first, port);
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(source) => match unavailable(source.kind()) {
            // Another address than 127.0.0.1 may be none of this machine's.
            Some(_)
                if settings.bind.is_some() && source.kind() == io::ErrorKind::AddrNotAvailable =>
            {
                return Err(LoopbackError::Io { address, source });
            }
            Some(why) => return Ok(Err(why)),
            None => return Err(LoopbackError::Io { address, source }),
        },
    };
    let port = listener.local_addr().map_or(port, |address| address.port());
    let mut listeners = vec![listener];
    if settings.host == RedirectHost::Localhost && settings.bind.is_none() {
        match TcpListener::bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Ok(Err(Unavailable::Taken));
            }
            // A machine without IPv6 looks for `localhost` on the other address only.
            Err(error) => tracing::debug!(%error, "not listening on ::1"),
        }
    }
    Ok(Ok(listeners))
}

/// The reason why a port of this machine is unavailable, if the port itself is the reason.
fn unavailable(kind: io::ErrorKind) -> Option<Unavailable> {
    match kind {
        io::ErrorKind::AddrInUse => Some(Unavailable::Taken),
        io::ErrorKind::PermissionDenied | io::ErrorKind::AddrNotAvailable => {
            Some(Unavailable::Reserved)
        }
        _ => None,
    }
}

async fn accept(listener: TcpListener, attempt: LoginAttempt, connections: Arc<Connections>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connections.admit(|busy| serve(stream, attempt.clone(), busy)),
            // Out of files, most likely: idle connections will give some back.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(stream: TcpStream, attempt: LoginAttempt, busy: connections::ActiveRequests) {
    let service = service_fn(move |request| {
        let (attempt, busy) = (attempt.clone(), busy.clone());
        async move {
            let _at_work = busy.begin();
            respond::respond(&attempt, &request).await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A browser that leaves, or a client that speaks no HTTP, is no error.
    let _ = connection.await;
}

#[cfg(test)]
mod tests;
