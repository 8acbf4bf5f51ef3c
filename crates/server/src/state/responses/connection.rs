//! The memory of one connection: the latest answer of each of its lanes, kept nowhere else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::owner::StoreKey;
use super::{ResponseStore, StoredResponse};
use crate::clock::unix_now;

/// The number of the next connection: no two of a process have the same.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A lane of a connection; `None` is the one without a name.
pub(crate) type Lane = Option<Arc<str>>;

/// Answers that one connection may continue although they are not stored.
///
/// They are in a store that all connections share, so that all of them together are bounded and the connection with
/// the most gives way first. Their names hold the number of the connection: another one finds nothing.
pub(crate) struct ConnectionMemory {
    store: Arc<ResponseStore>,
    number: u64,
    /// The latest answer of each lane.
    latest: Mutex<HashMap<Lane, String>>,
}

impl ConnectionMemory {
    /// Begins the memory of a connection.
    pub(crate) fn new(store: &Arc<ResponseStore>) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { store: Arc::clone(store), number, latest: Mutex::default() }
    }

    /// Gives the answer of an id, if this connection keeps it.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<StoredResponse>> {
        self.store.with(|memory| memory.get(&self.key(id), unix_now()))
    }

    /// Notes the latest answer of a lane, in place of the one before it; it is kept where it is given.
    pub(crate) fn finished(&self, lane: &Lane, id: &str, answer: Option<StoredResponse>) {
        let before = self.latest().insert(lane.clone(), id.to_owned());
        if let Some(before) = before {
            self.store.forget_one(&self.key(&before));
        }
        if let Some(answer) = answer {
            self.store.insert(self.key(id), answer, unix_now());
        }
    }

    /// Drops an answer that is the latest of its lane, since going on from it failed: a client that sends the same once
    /// more learns that it has to send everything.
    pub(crate) fn evict(&self, lane: &Lane, id: &str) {
        let mut latest = self.latest();
        if latest.get(lane).is_some_and(|latest| latest == id) {
            latest.remove(lane);
            self.store.forget_one(&self.key(id));
        }
    }

    fn key(&self, id: &str) -> StoreKey {
        let owner =
            Sha256::new().chain_update("connection").chain_update(self.number.to_le_bytes());
        owner.finalize().iter().copied().chain(id.bytes()).collect()
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<Lane, String>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionMemory {
    fn drop(&mut self) {
        let latest = std::mem::take(&mut *self.latest());
        for id in latest.values() {
            self.store.forget_one(&self.key(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::StoreSettings;

    fn answer() -> Option<StoredResponse> {
        Some(StoredResponse::new(unix_now(), "[]".into(), "{}".into()))
    }

    #[test]
    fn only_the_latest_answer_of_each_lane_is_kept_and_only_for_its_connection() {
        let store = StoreSettings::of_connections();
        let store = Arc::new(ResponseStore::open(store, unix_now()).unwrap());
        let (one, other) = (ConnectionMemory::new(&store), ConnectionMemory::new(&store));
        let named = Some(Arc::from("b"));
        one.finished(&None, "first", answer());
        one.finished(&named, "forked", answer());
        assert!(one.find("first").is_some() && other.find("first").is_none());
        one.finished(&None, "second", answer());
        let kept = ["first", "second", "forked"].map(|id| one.find(id).is_some());
        assert_eq!(kept, [false, true, true]);
        one.evict(&None, "forked");
        assert!(one.find("forked").is_some(), "it is the latest of another lane");
        one.evict(&named, "forked");
        one.finished(&named, "stored elsewhere", None);
        let kept = ["second", "forked", "stored elsewhere"].map(|id| one.find(id).is_some());
        assert_eq!(kept, [true, false, false]);
        let key = one.key("second");
        drop(one);
        assert!(store.with(|memory| memory.get(&key, unix_now())).is_none());
    }
}
