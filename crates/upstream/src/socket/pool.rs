//! The kept sockets: one answer at a time each, read while they are idle, never shared by conversations.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt;
use reqwest::header::HeaderMap;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::keeper::keep;
use super::{Chain, Handshake, Socket};

/// The most sockets, and the most of one holder where there are several.
const MAX_SOCKETS: usize = 32;
const MAX_EACH: usize = 8;

/// The longest life of a socket: the backend ends it at 60 minutes.
const MAX_AGE: Duration = Duration::from_secs(55 * 60);

/// The longest time without a request.
const MAX_REST: Duration = Duration::from_secs(30 * 60);

/// The same of a socket that was opened ahead, and had none yet.
const MAX_UNUSED: Duration = Duration::from_secs(5 * 60);

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

/// Whose sign-in a socket was opened with: the account, and its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    account: Key,
    token: Key,
}

impl Login {
    /// Makes it of the account's id and the token.
    pub(crate) fn of(account: &str, token: &str) -> Self {
        Self { account: Key::of(&[account]), token: Key::of(&[token]) }
    }

    /// Returns whether it is of the same account, before its token was renewed.
    fn is_superseded_by(&self, newer: &Self) -> bool {
        self.account == newer.account && self.token != newer.token
    }
}

/// The way that a turn takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over a socket.
    Socket,
    /// As a POST, and the next one of the conversation over a socket.
    SocketNext,
    /// As a POST.
    Post,
}

/// A socket that is taken from the pool.
pub(crate) struct Taken {
    pub(crate) socket: Socket,
    /// The headers of its handshake, where nothing was asked on it yet.
    pub(crate) headers: HeaderMap,
    /// The conversation so far, once there is one.
    pub(crate) chain: Option<Chain>,
    pub(crate) login: Login,
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
    chain: Option<Chain>,
    login: Login,
    opened: Instant,
    place: Place,
    take: oneshot::Sender<()>,
    keeper: JoinHandle<Option<(Socket, HeaderMap)>>,
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

    /// Returns the way of a turn of this conversation; the first one of a conversation, of which most have no second,
    /// does not go over a socket.
    pub(crate) fn way(&self, key: &Key) -> Way {
        let mut state = self.state();
        if !state.may_open() {
            return Way::Post;
        }
        if self.always || state.seen.contains(key) {
            return Way::Socket;
        }
        if state.seen.len() == MAX_SEEN {
            state.seen.pop_front();
        }
        state.seen.push_back(*key);
        Way::SocketNext
    }

    /// Returns whether handshakes are tried at all now.
    pub(crate) fn may_open(&self) -> bool {
        self.state().may_open()
    }

    /// Closes the idle sockets of an account's earlier tokens: each was opened with its own.
    pub(crate) fn close_superseded(&self, login: &Login) {
        let goes = |idle: &mut Idle| idle.login.is_superseded_by(login);
        let gone: Vec<Idle> = self.state().idle.extract_if(.., goes).collect();
        drop(gone);
    }

    /// Closes every idle socket.
    pub(crate) fn close_idle(&self) {
        let gone = std::mem::take(&mut self.state().idle);
        drop(gone);
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
            if let Ok(Some((socket, headers))) = idle.keeper.await {
                let Idle { chain, login, opened, place, .. } = idle;
                return Some(Taken { socket, headers, chain, login, opened, place });
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
            let is_own = match state.try_place(holder) {
                Ok(()) => return Some(Place { pool: Arc::downgrade(self), holder }),
                Err(Full { of_the_holder }) => of_the_holder,
            };
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
        let Taken { socket, chain, login, opened, place, .. } = taken;
        let (take, taken) = oneshot::channel();
        let until = (opened + MAX_AGE).min(Instant::now() + MAX_REST);
        let kept = keep(socket, taken, until).map(|kept| Some((kept?, HeaderMap::new())));
        let keeper = tokio::spawn(kept);
        self.push(Idle { key, chain, login, opened, place, take, keeper });
    }

    /// Opens a socket for the next turn of a conversation, so that this one need not wait for the handshake. No other
    /// socket gives way to it, and nothing is sent on it before there is a turn.
    pub(crate) fn open_ahead<F>(
        self: &Arc<Self>,
        (key, login): (Key, Login),
        holder: Option<&str>,
        made: F,
    ) where
        F: Future<Output = Result<(Socket, HeaderMap), Handshake>> + Send + 'static,
    {
        let holder = holder.map(|holder| Key::of(&[holder]));
        let is_full = {
            let mut state = self.state();
            state.idle.iter().any(|idle| idle.key == key) || state.try_place(holder).is_err()
        };
        if is_full {
            return;
        }
        let place = Place { pool: Arc::downgrade(self), holder };
        let (take, taken) = oneshot::channel();
        let (pool, opened) = (Arc::downgrade(self), Instant::now());
        let keeper = tokio::spawn(async move {
            let made = made.await;
            pool.upgrade()?.note(made.as_ref().map(|_| ()).map_err(|outcome| *outcome));
            let (socket, headers) = made.ok()?;
            Some((keep(socket, taken, opened + MAX_UNUSED).await?, headers))
        });
        self.push(Idle { key, chain: None, login, opened, place, take, keeper });
    }

    fn push(&self, new: Idle) {
        let mut state = self.state();
        let goes = |idle: &mut Idle| idle.key == new.key || idle.keeper.is_finished();
        let gone: Vec<Idle> = state.idle.extract_if(.., goes).collect();
        state.idle.push(new);
        // Their places are given back under the same lock.
        drop(state);
        drop(gone);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is no place.
struct Full {
    /// True if its holder has as many as one may have, whatever the others have.
    of_the_holder: bool,
}

impl State {
    fn may_open(&self) -> bool {
        !(self.never || self.paused_until.is_some_and(|until| Instant::now() < until))
    }

    /// Takes a place that nobody has.
    fn try_place(&mut self, holder: Option<Key>) -> Result<(), Full> {
        let own = self.places.iter().filter(|other| **other == holder).count();
        let of_the_holder = holder.is_some() && own >= MAX_EACH;
        if of_the_holder || self.places.len() >= MAX_SOCKETS {
            return Err(Full { of_the_holder });
        }
        self.places.push(holder);
        Ok(())
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

    #[tokio::test]
    async fn a_renewed_token_closes_the_sockets_of_the_one_before() {
        let pool = Arc::new(SocketPool::new(true));
        let old = Login::of("account", "old");
        let open = |key: &str, login: Login| {
            pool.open_ahead((Key::of(&[key]), login), None, std::future::pending());
        };
        let counts = || {
            let state = pool.state();
            (state.idle.len(), state.places.len())
        };
        open("a", old);
        open("a", old);
        open("b", Login::of("other", "old"));
        assert_eq!(counts(), (2, 2), "one for each conversation");
        pool.close_superseded(&old);
        assert_eq!(counts(), (2, 2));
        pool.close_superseded(&Login::of("account", "new"));
        assert_eq!(counts(), (1, 1));
        pool.close_idle();
        assert_eq!(counts(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_is_for_the_second_turn_and_not_while_handshakes_fail() {
        let pool = SocketPool::new(false);
        let (one, other) = (Key::of(&["a", "b"]), Key::of(&["ab", ""]));
        assert_ne!(one, other);
        assert_eq!(
            [pool.way(&one), pool.way(&other), pool.way(&one)],
            [Way::SocketNext, Way::SocketNext, Way::Socket]
        );
        pool.note(Err(Handshake::Failed));
        assert_eq!(pool.way(&one), Way::Socket);
        pool.note(Err(Handshake::Failed));
        assert_eq!(pool.way(&one), Way::Post);
        tokio::time::advance(PAUSE).await;
        assert_eq!(pool.way(&one), Way::Socket);
        pool.note(Err(Handshake::Never));
        tokio::time::advance(PAUSE * 10).await;
        assert_eq!(pool.way(&one), Way::Post);
    }
}
