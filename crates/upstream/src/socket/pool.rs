//! The kept sockets: one answer at a time each, read while they are idle, never shared by conversations.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::io::shrink;
use super::{Chain, Handshake, Socket};

/// The most sockets, and the most of one holder where there are several.
const MAX_SOCKETS: usize = 32;
const MAX_EACH: usize = 8;

/// The longest life of a socket: the backend ends it at 60 minutes.
const MAX_AGE: Duration = Duration::from_secs(55 * 60);

/// The longest time without a request.
const MAX_REST: Duration = Duration::from_secs(30 * 60);

/// The time between two pings of an idle socket, and the silence after which it is dead.
const PING: Duration = Duration::from_secs(25);
const DEAD: Duration = Duration::from_secs(62);

/// The handshakes in a row that may fail, and the pause after that.
const MAX_FAILURES: u32 = 2;
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// The conversations of which is remembered that they had a turn.
const MAX_SEEN: usize = 512;

/// Whose socket it is: the account and its token, the conversation, and the shape of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// Makes the key of these parts.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// A socket that is taken from the pool.
pub(crate) struct Taken {
    pub(crate) socket: Socket,
    pub(crate) chain: Chain,
    pub(crate) opened: Instant,
    pub(crate) place: Place,
}

/// The place of a socket among all, from before its handshake to its end.
pub(crate) struct Place {
    pool: Weak<SocketPool>,
    holder: Option<Key>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(pool) = self.pool.upgrade() else { return };
        let mut state = pool.state();
        if let Some(at) = state.places.iter().position(|holder| *holder == self.holder) {
            state.places.swap_remove(at);
        }
    }
}

struct Idle {
    key: Key,
    chain: Chain,
    opened: Instant,
    place: Place,
    take: oneshot::Sender<()>,
    keeper: JoinHandle<Option<Socket>>,
}

#[derive(Default)]
struct State {
    /// The newest last.
    idle: Vec<Idle>,
    /// The holder of each socket, of those in use too.
    places: Vec<Option<Key>>,
    seen: VecDeque<Key>,
    failures: u32,
    paused_until: Option<Instant>,
    never: bool,
}

/// The sockets of a client.
pub(crate) struct SocketPool {
    state: Mutex<State>,
    /// Uses a socket for the first turn of a conversation, too.
    always: bool,
}

impl SocketPool {
    pub(crate) fn new(always: bool) -> Self {
        Self { state: Mutex::default(), always }
    }

    /// Returns whether a turn of this conversation goes over a socket; the first one of a conversation, of which most
    /// have no second, does not.
    pub(crate) fn wants(&self, key: &Key) -> bool {
        let mut state = self.state();
        if state.never || state.paused_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        if self.always || state.seen.contains(key) {
            return true;
        }
        if state.seen.len() == MAX_SEEN {
            state.seen.pop_front();
        }
        state.seen.push_back(*key);
        false
    }

    /// Notes how a handshake went.
    pub(crate) fn note(&self, outcome: Result<(), Handshake>) {
        let mut state = self.state();
        match outcome {
            Ok(()) => (state.failures, state.paused_until) = (0, None),
            Err(Handshake::Never) => state.never = true,
            Err(Handshake::Failed) => {
                state.failures += 1;
                if state.failures >= MAX_FAILURES {
                    state.paused_until = Some(Instant::now() + PAUSE);
                    state.failures = 0;
                    tracing::info!(
                        "sockets to the backend fail: requests go over HTTP for ten minutes"
                    );
                }
            }
        }
    }

    /// Takes the idle socket of a conversation, if there is one that lives.
    pub(crate) async fn take(&self, key: &Key) -> Option<Taken> {
        loop {
            let idle = {
                let mut state = self.state();
                let at = state.idle.iter().rposition(|idle| idle.key == *key)?;
                state.idle.remove(at)
            };
            if idle.opened.elapsed() >= MAX_AGE || idle.take.send(()).is_err() {
                continue;
            }
            if let Ok(Some(socket)) = idle.keeper.await {
                let Idle { chain, opened, place, .. } = idle;
                return Some(Taken { socket, chain, opened, place });
            }
        }
    }

    /// Takes a place for a socket that is to be opened. Where there is none, an idle socket gives way: one of the same
    /// holder where that has as many as one may have. With all of them in use there is none, and the request goes over
    /// HTTP.
    pub(crate) fn place(self: &Arc<Self>, holder: Option<&str>) -> Option<Place> {
        let holder = holder.map(|holder| Key::of(&[holder]));
        loop {
            let mut state = self.state();
            let own = state.places.iter().filter(|other| **other == holder).count();
            let is_own = holder.is_some() && own >= MAX_EACH;
            if !is_own && state.places.len() < MAX_SOCKETS {
                state.places.push(holder);
                return Some(Place { pool: Arc::downgrade(self), holder });
            }
            let gives_way = |idle: &Idle| !is_own || idle.place.holder == holder;
            let ended = state.idle.iter().position(|idle| idle.keeper.is_finished());
            let at = ended.or_else(|| state.idle.iter().position(gives_way))?;
            let idle = state.idle.remove(at);
            // Its place is given back under the same lock.
            drop(state);
            drop(idle);
        }
    }

    /// Keeps a socket whose answer has come to its end; an older one of the same conversation goes.
    pub(crate) fn put(self: &Arc<Self>, key: Key, taken: Taken) {
        let Taken { socket, chain, opened, place } = taken;
        let (take, taken) = oneshot::channel();
        let until = (opened + MAX_AGE).min(Instant::now() + MAX_REST);
        let keeper = tokio::spawn(keep(socket, taken, until));
        let mut state = self.state();
        let goes = |idle: &mut Idle| idle.key == key || idle.keeper.is_finished();
        let gone: Vec<Idle> = state.idle.extract_if(.., goes).collect();
        state.idle.push(Idle { key, chain, opened, place, take, keeper });
        // Their places are given back under the same lock.
        drop(state);
        drop(gone);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an idle socket until it is taken, so that its pings are answered; `None` once it is closed, too old or let go.
async fn keep(mut socket: Socket, taken: oneshot::Receiver<()>, until: Instant) -> Option<Socket> {
    let mut pings = tokio::time::interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut taken = std::pin::pin!(taken);
    loop {
        // With nothing to be read, what a large message left behind can go.
        match socket.next().now_or_never() {
            None => drop(shrink(&mut socket)),
            Some(Some(Ok(Message::Close(_)) | Err(_)) | None) => return None,
            Some(Some(Ok(_))) => {
                heard = Instant::now();
                continue;
            }
        }
        tokio::select! {
            taken = &mut taken => return taken.is_ok().then_some(socket),
            next = socket.next() => match next {
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return None,
                Some(Ok(_)) => heard = Instant::now(),
            },
            _ = pings.tick() => {
                if heard.elapsed() > DEAD || socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return None;
                }
            }
            () = tokio::time::sleep_until(until) => {
                let _ = socket.close(None).await;
                return None;
            }
        }
    }
}

impl std::fmt::Debug for SocketPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketPool").field("always", &self.always).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_have_eight_sockets_each_and_all_of_them_thirty_two() {
        let pool = Arc::new(SocketPool::new(true));
        let take = |holder: &str, count: usize| -> Vec<Place> {
            (0..count).map_while(|_| pool.place(Some(holder))).collect()
        };
        let ann = take("ann", 9);
        assert_eq!(ann.len(), MAX_EACH);
        let others: Vec<_> = ["ben", "cid", "dan"].map(|name| take(name, 9)).into();
        assert!(others.iter().all(|own| own.len() == MAX_EACH));
        assert!(pool.place(Some("eve")).is_none() && pool.place(None).is_none());
        drop(ann);
        let alone: Vec<_> = (0..9).map_while(|_| pool.place(None)).collect();
        assert_eq!(alone.len(), 8, "without keys there are only those of all");
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_is_for_the_second_turn_and_not_while_handshakes_fail() {
        let pool = SocketPool::new(false);
        let (one, other) = (Key::of(&["a", "b"]), Key::of(&["ab", ""]));
        assert_ne!(one, other);
        assert_eq!([pool.wants(&one), pool.wants(&other), pool.wants(&one)], [false, false, true]);
        pool.note(Err(Handshake::Failed));
        assert!(pool.wants(&one));
        pool.note(Err(Handshake::Failed));
        assert!(!pool.wants(&one));
        tokio::time::advance(PAUSE).await;
        assert!(pool.wants(&one));
        pool.note(Err(Handshake::Never));
        tokio::time::advance(PAUSE * 10).await;
        assert!(!pool.wants(&one));
    }
}
