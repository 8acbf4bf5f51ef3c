//! Connections: a limit on their number, and a rejection for those beyond it.

mod io;
mod phase;
mod reject;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::io::ConnectionIo;
pub(crate) use self::phase::ConnectionPhase;
use crate::settings::Host;
use crate::settings::HttpSettings;
use crate::tasks::Tasks;

/// The most rejected connections that get time to read why; further ones are closed at once.
const MAX_REJECTING: usize = 64;

/// The address of this machine that a client connected to, where other machines can.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalAddress(IpAddr);

impl LocalAddress {
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

/// The slots for connections.
#[derive(Debug)]
pub(crate) struct Connections {
    slots: Arc<Semaphore>,
    rejecting: Arc<Semaphore>,
    rejection: Bytes,
}

impl Connections {
    /// Makes as many slots as the settings and the limit of open files allow.
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        let allowed = max_connections(settings.sizes.max_connections);
        if allowed < settings.sizes.max_connections {
            tracing::warn!(
                most = allowed,
                "fewer connections than configured: the limit of open files is too low"
            );
        }
        Self {
            slots: Arc::new(Semaphore::new(allowed)),
            rejecting: Arc::new(Semaphore::new(MAX_REJECTING)),
            rejection: reject::response(),
        }
    }

    /// Takes a place, if there is one.
    pub(crate) fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Answers that there are too many connections, and closes.
    pub(crate) fn reject(&self, stream: TcpStream, tasks: &Tasks) {
        match Arc::clone(&self.rejecting).try_acquire_owned() {
            Ok(permit) => {
                let rejection = self.rejection.clone();
                tasks.spawn(async move {
                    reject::send(stream, rejection).await;
                    drop(permit);
                });
            }
            Err(_) => reject::send_at_once(stream, &self.rejection),
        }
    }
}

/// Four fifths of the open files that this process may have: calls to the backend and files need
/// the rest.
fn max_connections(set: usize) -> usize {
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
