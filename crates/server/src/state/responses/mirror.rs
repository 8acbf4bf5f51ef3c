//! The copies of kept records in the engine that several servers share.
//!
//! Any server may be asked to go on from a response of another one. So each record goes to the engine when it is kept,
//! and is fetched from there, by the one server that is asked for it, when it is asked for. The engine decides what is
//! there: what another server deleted is dropped here, too. While the engine is away, what is here is used.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chatmock_shared::{Name, Shared, SharedError};
use tokio::sync::oneshot;

use super::database::record;
use super::memory::Entry;
use super::owner::{Owner, StoreKey, owner_of};
use super::{Arrivals, ResponseStore, StoredResponse, completion_name};
use crate::clock::unix_now;

/// The most records that are remembered to be here alone.
const MAX_UNSENT: usize = 10_000;

/// The most records that are put there again at once.
const AT_ONCE: usize = 100;

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
    unsent: Arc<Mutex<Unsent>>,
}

/// The names of records that are here alone, and whether the engine may take them later.
type Unsent = HashMap<StoreKey, bool>;

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

    /// Puts a record into the engine.
    pub(super) fn put(&self, key: &StoreKey, entry: Entry) -> Arrivals {
        let (shared, kind, life) = (self.shared.clone(), self.kind, self.life);
        let (key, unsent) = (StoreKey::clone(key), Arc::clone(&self.unsent));
        let (over, arrival) = oneshot::channel();
        self.shared.spawn(async move {
            let text = record::write(&entry);
            let (account, id) = parts(&key);
            let name = Name { kind, account: &account, id: &id };
            let mut put = match text.len() {
                0..MAX_RECORD => shared.put(&name, &text, life).await,
                _ => Err(SharedError::Failed("the record is too large".to_owned())),
            };
            if put.is_ok() && is_listed(&id) {
                put = shared.set_field(&list_of(kind, &account), (&id, b"1"), life).await;
            }
            let mut unsent = lock(&unsent);
            match &put {
                Ok(()) => _ = unsent.remove(&key),
                Err(error) => {
                    tracing::debug!(%error, "a record is not in the shared engine");
                    if unsent.len() < MAX_UNSENT {
                        unsent.insert(key, error.is_passing());
                    }
                }
            }
            drop(unsent);
            // Nobody may wait for it any more.
            let _ = over.send(put.is_ok());
        });
        Arrivals::of(arrival)
    }

    /// Returns the names of some records that the engine may take by now.
    fn unsent(&self) -> Vec<StoreKey> {
        let unsent = lock(&self.unsent);
        let again = unsent.iter().filter(|(_, again)| **again);
        again.map(|(key, _)| StoreKey::clone(key)).take(AT_ONCE).collect()
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
                Ok(None) if lock(&self.unsent).contains_key(key) => return Mirrored::Unsent,
                Ok(None) => {}
                Err(SharedError::NotGenuine { .. }) => return Mirrored::Gone,
                Err(_) => return Mirrored::Away,
            }
        }
        Mirrored::Gone
    }

    /// Looks for several records in one call; gives those that are there.
    pub(super) async fn get_all(
        &self,
        keys: &[StoreKey],
    ) -> Result<Vec<(StoreKey, Entry)>, SharedError> {
        let parts: Vec<_> = keys.iter().map(parts).collect();
        let name = |(account, id)| Name { kind: self.kind, account, id };
        let names: Vec<_> =
            parts.iter().map(|(account, id)| name((account.as_str(), id.as_str()))).collect();
        let found = self.shared.get_all(&names).await?;
        let found = keys.iter().zip(found);
        Ok(found.filter_map(|(key, text)| Some((key.clone(), record::read(&text?)?))).collect())
    }

    /// Deletes a record, for good and for all servers.
    pub(super) async fn delete(&self, key: &StoreKey) -> Result<(), SharedError> {
        let (account, id) = parts(key);
        lock(&self.unsent).remove(key);
        self.shared.delete(&[Name { kind: self.kind, account: &account, id: &id }]).await?;
        match is_listed(&id) {
            true => self.shared.remove_field(&list_of(self.kind, &account), &id).await,
            false => Ok(()),
        }
    }

    /// Gives the names of an owner's records that are listed.
    async fn listed(&self, owner: &Owner) -> Result<Vec<StoreKey>, SharedError> {
        let (account, _) = parts(&owner.key(""));
        let fields = self.shared.table(&list_of(self.kind, &account)).await?;
        Ok(fields.iter().map(|(id, _)| owner.key(id)).collect())
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
        for (key, entry) in mirror.wait(mirror.get_all(&missing)).unwrap_or_default() {
            self.take(key, &entry);
        }
    }

    /// Brings what is listed of an owner up to date with what other servers did to it, before it is listed here.
    pub(crate) async fn recall_listed(&self, owner: &Owner) {
        let Some(mirror) = &self.mirror else { return };
        let Ok(listed) = mirror.listed(owner).await else { return };
        let here = self.with(|memory| memory.names(&owner.key(&completion_name(""))));
        let all: BTreeSet<StoreKey> = listed.into_iter().chain(here).collect();
        let all: Vec<_> = all.into_iter().collect();
        let Ok(found) = mirror.get_all(&all).await else { return };
        let mut gone: HashSet<_> = all.into_iter().collect();
        for (key, entry) in found {
            gone.remove(&key);
            if self.by_name(&key, unix_now()).is_none_or(|here| !here.is_same(&entry.stored)) {
                self.take(key, &entry);
            }
        }
        for key in gone {
            if !lock(&mirror.unsent).contains_key(&key) {
                self.forget_one(&key);
                // Its record ended with its time; the list is made shorter when it is read.
                let _ = mirror.delete(&key).await;
            }
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
                self.send_again(mirror, &key).await.all().await;
            }
            Mirrored::Away => {}
        }
    }

    /// Puts what the engine did not take there again, where it may take it by now; returns whether records are here alone.
    pub(crate) async fn send_unsent(&self) -> bool {
        let Some(mirror) = &self.mirror else { return false };
        for key in mirror.unsent() {
            if !self.send_again(mirror, &key).await.all().await {
                break;
            }
        }
        !lock(&mirror.unsent).is_empty()
    }

    /// Puts a record there again; one that is not here any more is forgotten.
    async fn send_again(&self, mirror: &Mirror, key: &StoreKey) -> Arrivals {
        let now = unix_now();
        let whole = async { self.whole(key, self.by_name(key, now)?).await };
        match whole.await {
            Some(stored) => mirror.put(key, Entry { number: 0, stored_at: now, stored }),
            None => {
                lock(&mirror.unsent).remove(key);
                Arrivals::default()
            }
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

/// Returns whether records of an id are listed.
fn is_listed(id: &str) -> bool {
    id.starts_with(&completion_name(""))
}

/// The table of an owner's records that are listed.
fn list_of<'n>(kind: &'static str, account: &'n str) -> Name<'n> {
    Name { kind, account, id: "list/" }
}

/// The owner and the id in the name of a record.
pub(crate) fn parts(key: &StoreKey) -> (String, String) {
    let owner = owner_of(key).iter().map(|byte| format!("{byte:02x}")).collect();
    let id = key.get(owner_of(key).len()..).unwrap_or_default();
    (owner, String::from_utf8_lossy(id).into_owned())
}

fn lock(unsent: &Mutex<Unsent>) -> MutexGuard<'_, Unsent> {
    unsent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether a body may name kept records, so that making a plan may have to wait for the engine.
pub(crate) fn may_need_records(body: &Bytes) -> bool {
    const WORDS: [&[u8]; 4] =
        [b"\"previous_response_id\"", b"\"conversation\"", b"\"tools\"", b"\"item_reference\""];
    WORDS.iter().any(|word| memchr::memmem::find(body, word).is_some())
}
