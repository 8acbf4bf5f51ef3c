//! The copies of kept records in the engine that several servers share.
//!
//! Any server may be asked to go on from a response of another one. So each record goes to the engine when it is kept,
//! and is fetched from there, by the one server that is asked for it, when it is asked for. The engine decides what is
//! there: what another server deleted is dropped here, too. While the engine is away, what is here is used.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chatmock_shared::{Name, Shared, SharedError};

use super::database::record;
use super::memory::Entry;
use super::owner::{Owner, StoreKey, owner_of};
use super::{ResponseStore, StoredResponse};
use crate::clock::unix_now;

/// The most records that are remembered to be here alone.
const MAX_UNSENT: usize = 10_000;

/// The most tries to put a record into an engine that is away.
const MOST_TRIES: usize = 5;

/// The time between two of them.
const AGAIN: Duration = Duration::from_secs(1);

/// The most that is put into the engine of one record, in bytes.
const MAX_RECORD: usize = 64 * 1024 * 1024;

/// The time after which a record of the last instant has arrived from another server.
const ON_ITS_WAY: Duration = Duration::from_millis(25);

/// The records of one kind in the engine.
#[derive(Debug)]
pub(super) struct Mirror {
    shared: Shared,
    kind: &'static str,
    /// The time for which the engine keeps a record.
    life: Duration,
    /// Records that the engine did not take, and that must not be dropped because it has none.
    unsent: Arc<Mutex<HashSet<StoreKey>>>,
}

/// The state of a record in the engine.
pub(super) enum Mirrored {
    /// It is there.
    There(Entry),
    /// It is nowhere any more.
    Gone,
    /// It is only here, because the engine did not take it.
    Unsent,
    /// Nobody knows.
    Away,
}

impl Mirror {
    pub(super) fn new(shared: Shared, kind: &'static str, life: Duration) -> Self {
        Self { shared, kind, life, unsent: Arc::default() }
    }

    /// Puts a record into the engine, in the background.
    pub(super) fn put(&self, key: &StoreKey, entry: Entry) {
        let (shared, life) = (self.shared.clone(), self.life);
        let (key, unsent) = (StoreKey::clone(key), Arc::clone(&self.unsent));
        let kind = self.kind;
        self.shared.spawn(async move {
            let text = record::write(&entry);
            let (account, id) = parts(&key);
            let name = Name { kind, account: &account, id: &id };
            for attempt in 0..MOST_TRIES {
                if attempt > 0 {
                    shared.pause(AGAIN).await;
                    // What was deleted meanwhile must not come back.
                    if !lock(&unsent).contains(&key) {
                        return;
                    }
                }
                let put = match text.len() {
                    0..MAX_RECORD => shared.put(&name, &text, life).await,
                    _ => Err(SharedError::Failed("the record is too large".to_owned())),
                };
                let mut unsent = lock(&unsent);
                let Err(error) = put else {
                    unsent.remove(&key);
                    return;
                };
                tracing::debug!(%error, "a record is not in the shared engine");
                if unsent.len() < MAX_UNSENT {
                    unsent.insert(StoreKey::clone(&key));
                }
                if !error.is_passing() {
                    return;
                }
            }
        });
    }

    /// Looks for a record. Where there is none, it may be on its way from another server, so it is looked for again.
    pub(super) async fn get(&self, key: &StoreKey, looks: usize) -> Mirrored {
        let (account, id) = parts(key);
        let name = Name { kind: self.kind, account: &account, id: &id };
        for look in 0..looks {
            if look > 0 {
                self.shared.pause(ON_ITS_WAY).await;
            }
            match self.shared.get(&name).await {
                Ok(Some(text)) => {
                    return record::read(&text).map_or(Mirrored::Gone, Mirrored::There);
                }
                Ok(None) if lock(&self.unsent).contains(key) => return Mirrored::Unsent,
                Ok(None) => {}
                Err(SharedError::NotGenuine { .. }) => return Mirrored::Gone,
                Err(_) => return Mirrored::Away,
            }
        }
        Mirrored::Gone
    }

    /// Looks for several records in one call; gives those that are there.
    pub(super) async fn get_all(&self, keys: &[StoreKey]) -> Vec<(StoreKey, Entry)> {
        let parts: Vec<_> = keys.iter().map(parts).collect();
        let name = |(account, id)| Name { kind: self.kind, account, id };
        let names: Vec<_> =
            parts.iter().map(|(account, id)| name((account.as_str(), id.as_str()))).collect();
        let found = self.shared.get_all(&names).await.unwrap_or_default();
        let found = keys.iter().zip(found);
        found.filter_map(|(key, text)| Some((key.clone(), record::read(&text?)?))).collect()
    }

    /// Deletes a record, for good and for all servers.
    pub(super) async fn delete(&self, key: &StoreKey) -> Result<(), SharedError> {
        let (account, id) = parts(key);
        lock(&self.unsent).remove(key);
        self.shared.delete(&[Name { kind: self.kind, account: &account, id: &id }]).await.map(drop)
    }

    /// Deletes records in the background.
    pub(super) fn forget(&self, keys: Vec<StoreKey>) {
        let (shared, kind) = (self.shared.clone(), self.kind);
        self.shared.spawn(async move {
            for key in keys {
                let (account, id) = parts(&key);
                if shared.delete(&[Name { kind, account: &account, id: &id }]).await.is_err() {
                    tracing::debug!("records in the shared engine end with their time");
                    return;
                }
            }
        });
    }

    /// Blocks this thread until a call is done.
    pub(super) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.shared.wait(call)
    }
}

impl ResponseStore {
    /// The same, shared with other servers under a word for what is kept.
    pub(crate) fn shared_by(
        self,
        shared: Option<&Shared>,
        (kind, life): (&'static str, Duration),
    ) -> Self {
        let mirror = shared.map(|shared| Mirror::new(shared.clone(), kind, life));
        Self { mirror, ..self }
    }

    /// Returns whether other servers share what is kept.
    pub(crate) fn is_shared(&self) -> bool {
        self.mirror.is_some()
    }

    /// Brings an owner's response up to date with what other servers did to it, before it is looked for here.
    pub(crate) async fn recall(&self, owner: &Owner, id: &str) {
        if let Some(mirror) = &self.mirror {
            self.bring(mirror, owner.key(id)).await;
        }
    }

    /// As [`Self::recall`], for a thread that may block.
    pub(crate) fn recall_now(&self, owner: &Owner, id: &str) {
        if let Some(mirror) = &self.mirror {
            mirror.wait(self.bring(mirror, owner.key(id)));
        }
    }

    /// Fetches what is stored under names and is not here, for a thread that may block.
    pub(crate) fn recall_all_now(&self, names: impl Iterator<Item = StoreKey>) {
        let Some(mirror) = &self.mirror else { return };
        let now = unix_now();
        let missing: Vec<_> = names.filter(|name| self.by_name(name, now).is_none()).collect();
        for (key, entry) in mirror.wait(mirror.get_all(&missing)) {
            self.take(key, &entry);
        }
    }

    async fn bring(&self, mirror: &Mirror, key: StoreKey) {
        let here = self.by_name(&key, unix_now());
        match mirror.get(&key, if here.is_some() { 1 } else { 3 }).await {
            Mirrored::There(entry) => match here {
                Some(here) if here.is_same(&entry.stored) => {}
                _ => self.take(key, &entry),
            },
            Mirrored::Gone => self.forget_one(&key),
            Mirrored::Unsent => {
                let whole = async { self.whole(&key, here?).await };
                if let Some(stored) = whole.await {
                    mirror.put(&key, Entry { number: 0, stored_at: unix_now(), stored });
                }
            }
            Mirrored::Away => {}
        }
    }

    /// Keeps what another server kept, for as long as that does.
    fn take(&self, key: StoreKey, entry: &Entry) {
        let StoredResponse { created_at, input, response, .. } = &*entry.stored;
        let stored = StoredResponse::new(*created_at, input.clone(), response.clone());
        let _evicted = self.with(|memory| memory.insert(key, stored, entry.stored_at));
    }

    /// Deletes a record in the shared engine; returns whether it is not there any more.
    pub(super) async fn delete_shared(&self, key: &StoreKey) -> bool {
        let Some(mirror) = &self.mirror else { return true };
        let deleted = mirror.delete(key).await;
        if let Err(error) = &deleted {
            tracing::warn!(%error, "a record could not be deleted");
        }
        deleted.is_ok()
    }
}

/// The owner and the id in the name of a record.
fn parts(key: &StoreKey) -> (String, String) {
    let owner = owner_of(key).iter().map(|byte| format!("{byte:02x}")).collect();
    let id = key.get(owner_of(key).len()..).unwrap_or_default();
    (owner, String::from_utf8_lossy(id).into_owned())
}

fn lock(unsent: &Mutex<HashSet<StoreKey>>) -> MutexGuard<'_, HashSet<StoreKey>> {
    unsent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether a body may name kept records, so that making a plan may have to wait for the engine.
pub(crate) fn may_need_records(body: &Bytes) -> bool {
    const WORDS: [&[u8]; 4] =
        [b"\"previous_response_id\"", b"\"conversation\"", b"\"tools\"", b"\"item_reference\""];
    WORDS.iter().any(|word| memchr::memmem::find(body, word).is_some())
}
