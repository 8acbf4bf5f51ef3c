//! Connections: how many there may be at once, and what becomes of those beyond.

mod io;
mod phase;
mod reject;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::io::Io;
pub(crate) use self::phase::Link;
use crate::settings::Host;
use crate::settings::HttpSettings;
use crate::tasks::Tasks;

/// How many connections are told at a time, with patience, that there are too many.
const TOLD: usize = 64;

/// The address of this machine that a client connected to, where other machines can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local(IpAddr);

impl Local {
    /// Looks where a connection ends; loopback addresses are known without.
    pub(crate) fn of(stream: &TcpStream) -> Option<Self> {
        let local = stream.local_addr().ok()?.ip().to_canonical();
        (!local.is_loopback()).then_some(Self(local))
    }

    /// Whether a request is for this address. A page cannot make a name of its own resolve to a
    /// literal, so a literal is as good as a configured name.
    pub(crate) fn is(self, host: &Host) -> bool {
        *host == Host::Address(self.0)
    }
}

/// The places for connections.
#[derive(Debug)]
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    told: Arc<Semaphore>,
    answer: Bytes,
}

impl Connections {
    /// Makes as many places as the settings and the limit of open files allow.
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        let most = most(settings.max_connections);
        if most < settings.max_connections {
            tracing::warn!(most, "fewer connections than set: the limit of open files is too low");
        }
        Self {
            places: Arc::new(Semaphore::new(most)),
            told: Arc::new(Semaphore::new(TOLD)),
            answer: reject::answer(),
        }
    }

    /// Takes a place, if there is one.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Tells a client that there are too many, and closes.
    pub(crate) fn turn_away(&self, stream: TcpStream, tasks: &Tasks) {
        match Arc::clone(&self.told).try_acquire_owned() {
            Ok(permit) => {
                let answer = self.answer.clone();
                tasks.spawn(async move {
                    reject::tell(stream, answer).await;
                    drop(permit);
                });
            }
            Err(_) => reject::tell_at_once(stream, &self.answer),
        }
    }
}

/// Four fifths of the open files that this process may have: calls to the backend and files need
/// the rest.
fn most(set: usize) -> usize {
    let set = set.clamp(1, Semaphore::MAX_PERMITS);
    open_files().map_or(set, |files| set.min((files / 5).saturating_mul(4).max(1)))
}

#[cfg(unix)]
fn open_files() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    usize::try_from(limit).ok()
}

#[cfg(not(unix))]
fn open_files() -> Option<usize> {
    None
}
