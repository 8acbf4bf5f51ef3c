//! Connections: a limit on their number, and a rejection for those beyond it.

mod framing;
mod io;
mod phase;
mod reject;
mod stream;
mod upgrade;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub(crate) use self::framing::BodyLength;
pub(crate) use self::io::ConnectionIo;
pub(crate) use self::phase::ConnectionPhase;
pub use self::stream::Listener;
pub(crate) use self::stream::{Accepted, Stream};
pub(crate) use self::upgrade::UpgradeSlot;
use crate::settings::Host;
use crate::settings::HttpSettings;
use crate::tasks::Tasks;

/// The most rejected connections that get time to read why; further ones are closed at once.
const MAX_REJECTING: usize = 64;

/// The number of connections that are asked to give way to a new one, which may fail: a request may
/// just have come.
const ATTEMPTS: usize = 8;

/// The time that a connection has to give way.
const GIVING_WAY: Duration = Duration::from_millis(20);

/// The end of a connection on this machine, unless that is a loopback address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LocalEnd {
    /// At an address that other machines can reach.
    Address(IpAddr),
    /// At a path, which has no host.
    Path,
}

impl LocalEnd {
    /// Looks where a connection ends; loopback addresses are known without.
    fn of(stream: &TcpStream) -> Option<Self> {
        let local = stream.local_addr().ok()?.ip().to_canonical();
        (!local.is_loopback()).then_some(Self::Address(local))
    }

    /// Returns whether a request is for this address. A page cannot make a name of its own resolve to a
    /// literal, so a literal is as good as a configured name.
    pub(crate) fn is(self, host: &Host) -> bool {
        matches!(self, Self::Address(address) if *host == Host::Address(address))
    }
}

/// The slots for connections.
#[derive(Debug)]
pub(crate) struct Connections {
    slots: Arc<Semaphore>,
    rejecting: Arc<Semaphore>,
    rejection: Bytes,
    start: Instant,
    /// The phases of all that have a slot.
    open: Mutex<HashMap<u64, Arc<ConnectionPhase>>>,
    next: AtomicU64,
}

/// A connection's slot, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    connections: Arc<Connections>,
    number: u64,
    pub(crate) phase: Arc<ConnectionPhase>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// Makes as many slots as the settings and the limit of open files allow.
    pub(crate) fn new(settings: &HttpSettings) -> Arc<Self> {
        let allowed = max_connections(settings.sizes.max_connections);
        if allowed < settings.sizes.max_connections {
            tracing::warn!(
                most = allowed,
                "fewer connections than configured: the limit of open files is too low"
            );
        }
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(allowed)),
            rejecting: Arc::new(Semaphore::new(MAX_REJECTING)),
            rejection: reject::response(),
            start: Instant::now(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    /// Takes a slot. If all are taken, the connection that has waited longest for a request gives way: clients keep
    /// connections for their own convenience, and open others when these are gone.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Option<Slot> {
        for _ in 0..ATTEMPTS {
            if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
                return Some(self.slot(permit));
            }
            self.most_expendable()?.give_way();
            let freed = Arc::clone(&self.slots).acquire_owned();
            if let Ok(Ok(permit)) = tokio::time::timeout(GIVING_WAY, freed).await {
                return Some(self.slot(permit));
            }
        }
        None
    }

    /// Returns the number of connections that are open.
    pub(crate) fn count(&self) -> usize {
        self.open().len()
    }

    fn slot(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Slot {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let phase = Arc::new(ConnectionPhase::new(self.start));
        self.open().insert(number, Arc::clone(&phase));
        Slot { connections: Arc::clone(self), number, phase, _permit: permit }
    }

    fn most_expendable(&self) -> Option<Arc<ConnectionPhase>> {
        let open = self.open();
        let ranked = open.values().filter_map(|phase| Some((phase.expendable()?, phase)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, phase)| Arc::clone(phase))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<ConnectionPhase>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers that there are too many connections, and closes.
    pub(crate) fn reject(&self, stream: Stream, tasks: &Tasks) {
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

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
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
