//! Stored responses, which clients fetch, delete and continue, since the backend stores none.

mod arrivals;
mod connection;
pub(in crate::state) mod database;
mod memory;
mod mirror;
mod owner;
mod slot;
mod stored;
mod writer;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_translate::{Failure, FailureKind};

pub(crate) use arrivals::Arrivals;
pub(crate) use connection::{ConnectionMemory, Lane};
use memory::{Entry, MemoryStore};
use mirror::Mirror;
pub(crate) use mirror::{may_need_records, parts};
pub(crate) use owner::Owner;
pub(crate) use owner::StoreKey;
pub(crate) use slot::DatabaseSlot;
pub(crate) use stored::{StoredResponse, made_id};
use writer::{DatabaseWriter, Forgotten};

use crate::clock::unix_now;
use crate::error::StoreError;
use crate::http::sanitize;
use crate::settings::StoreSettings;

/// The time between two looks for what is too old.
const SWEEP: Duration = Duration::from_secs(600);

/// The most bytes of an id that a failure shows.
const SHOWN: usize = 100;

/// The kept responses of all owners, bounded by count, bytes and age.
///
/// All of them are in memory and every answer comes from there; a database, where one is wanted, is
/// a copy that a thread of its own brings up to date. Reading from the database would allow more
/// responses than fit in memory, but every turn that continues one would wait for the disk. So no
/// call here waits for it, and a disk that fails costs the next start its history, not this request
/// its answer. The price is that memory is the bound, and that the responses of the last instants
/// before a crash are lost.
///
/// `now` is in seconds of the Unix epoch throughout.
pub(crate) struct ResponseStore {
    memory: Arc<Mutex<MemoryStore>>,
    writer: Option<DatabaseWriter>,
    slot: Option<Arc<DatabaseSlot>>,
    /// A database is wanted, and the disk does not take one.
    degraded: bool,
    /// The copies that several servers share.
    mirror: Option<Mirror>,
}

impl ResponseStore {
    /// Makes a store, with what an earlier process kept in the settings' directory.
    ///
    /// # Errors
    /// When the directory cannot be trusted, its database is damaged, or another process has it. One that is full or
    /// cannot be written is warned of: what is kept is in memory only.
    pub(crate) fn open(settings: StoreSettings, now: u64) -> Result<Self, StoreError> {
        let mut memory = MemoryStore::new(&settings);
        let wanted = settings.directory.is_some();
        let database = match settings.directory {
            Some(directory) => match database::ResponseDatabase::open(&directory, settings.lean) {
                Ok((database, records)) => {
                    memory.restore(records, now);
                    Some((database, directory))
                }
                Err(error) if error.is_of_disk() => {
                    tracing::warn!("responses and usage are kept in memory only: {error}");
                    None
                }
                Err(error) => return Err(error),
            },
            None => None,
        };
        let degraded = wanted && database.is_none();
        let memory = Arc::new(Mutex::new(memory));
        let slot = database.as_ref().map(|(database, _)| database.slot());
        let writer = match database {
            Some((database, directory)) => {
                let writer = DatabaseWriter::start(Arc::clone(&memory), database);
                Some(writer.map_err(|source| StoreError::Io { path: directory, source })?)
            }
            None => None,
        };
        let store = Self { memory, writer, slot, degraded, mirror: None };
        // Smaller bounds than the last process had leave records to be removed.
        store.changed();
        Ok(store)
    }

    /// Gives an owner's response.
    pub(crate) fn get(&self, owner: &Owner, id: &str, now: u64) -> Option<Arc<StoredResponse>> {
        self.with(|memory| memory.get(&owner.key(id), now))
    }

    /// Returns whether an owner's response is here, and not only known to be at the backend.
    pub(crate) fn is_kept(&self, owner: &Owner, id: &str, now: u64) -> bool {
        self.get(owner, id, now).is_some_and(|stored| !stored.response.is_empty())
    }

    /// Gives what is stored under a name.
    pub(crate) fn by_name(&self, name: &StoreKey, now: u64) -> Option<Arc<StoredResponse>> {
        self.with(|memory| memory.get(name, now))
    }

    /// Drops what is stored under names that are to be gone.
    pub(crate) fn forget(&self, is_gone: impl Fn(&StoreKey) -> bool) {
        let gone = self.with(|memory| memory.remove_all(|key, _| is_gone(key)));
        if let (Some(mirror), false) = (&self.mirror, gone.is_empty()) {
            mirror.forget(gone.iter().map(|(key, _)| key.clone()).collect());
        }
        if !gone.is_empty() {
            self.changed();
        }
    }

    /// Keeps a response, in place of older ones where it would be too many.
    ///
    /// Nothing is kept of one that is larger than all may be together. Where servers share what is kept, it is on its way to
    /// the others then.
    pub(crate) fn insert(&self, key: StoreKey, stored: StoredResponse, now: u64) -> Arrivals {
        // The evicted responses may be large: they are freed outside the lock.
        let name = StoreKey::clone(&key);
        let (_evicted, kept) =
            self.with(|memory| (memory.insert(key, stored, now), memory.get(&name, now)));
        let mut arrivals = Arrivals::default();
        if let (Some(mirror), Some(stored)) = (&self.mirror, kept) {
            arrivals = mirror.put(&name, Entry { number: 0, stored_at: now, stored });
        }
        self.changed();
        arrivals
    }

    /// Gives a stored response with what of it may be on the disk alone; `None` where it is not there any more.
    pub(crate) async fn whole(
        &self,
        name: &StoreKey,
        stored: Arc<StoredResponse>,
    ) -> Option<Arc<StoredResponse>> {
        if !stored.is_released() {
            return Some(stored);
        }
        let (slot, name) = (self.slot.clone()?, StoreKey::clone(name));
        let read = tokio::task::spawn_blocking(move || database::read_one(&slot, &name));
        let entry = read.await.ok()??;
        entry.stored.is_same(&stored).then_some(entry.stored)
    }

    /// Gives the names that begin so and under which a text is stored, also where it is on the disk alone.
    pub(crate) async fn with_text(&self, prefix: &StoreKey, text: &str) -> HashSet<StoreKey> {
        let mut named = self.with(|memory| memory.all());
        named.retain(|(name, _)| name.starts_with(prefix));
        let (slot, text) = (self.slot.clone(), text.to_owned());
        let has = move |(name, Entry { stored, .. }): &(StoreKey, Entry)| {
            let finder = memchr::memmem::Finder::new(&text);
            if !stored.is_released() {
                return finder.find(&stored.response).is_some();
            }
            let read = slot.as_ref().and_then(|slot| database::read_one(slot, name));
            // What cannot be read is not kept either.
            read.is_none_or(|entry| finder.find(&entry.stored.response).is_some())
        };
        let search = move || named.into_iter().filter(has).map(|(name, _)| name).collect();
        tokio::task::spawn_blocking(search).await.unwrap_or_default()
    }

    /// Drops what no other process can know of.
    pub(crate) fn forget_one(&self, key: &StoreKey) {
        // The dropped response may be large: it is freed outside the lock.
        let _forgotten = self.with(|memory| memory.remove(key));
    }

    /// Remembers that a response which the backend stores is this owner's.
    pub(crate) fn claim(&self, owner: &Owner, id: &str, now: u64) -> Arrivals {
        let claim = StoredResponse::new(now, Bytes::new(), Bytes::new());
        self.insert(owner.key(id), claim, now)
    }

    /// Deletes an owner's response, and returns once no later process can find it either.
    ///
    /// # Errors
    /// 404 in OpenAI's words where there is none, 500 where the deletion cannot be made durable: the response
    /// is still there then.
    pub(crate) async fn delete(&self, owner: &Owner, id: &str) -> Result<(), Failure> {
        let key = owner.key(id);
        self.recall(owner, id).await;
        let deleted = self.with(|memory| memory.remove(&key)).ok_or_else(|| unknown(id))?;
        if !self.delete_shared(&key).await {
            self.with(|memory| memory.put_back(key, deleted));
            return Err(not_deleted());
        }
        match &self.writer {
            Some(writer) if writer.forgotten().await == Forgotten::No => {
                self.with(|memory| memory.put_back(key, deleted));
                Err(not_deleted())
            }
            _ => Ok(()),
        }
    }

    /// Deletes whatever is to be gone, and returns once no later process can find it either.
    ///
    /// # Errors
    /// 500 where the deletion cannot be made durable: all of it is still there then.
    pub(crate) async fn erase(
        &self,
        is_gone: impl Fn(&StoreKey, &StoredResponse) -> bool,
    ) -> Result<(), Failure> {
        let gone = self.with(|memory| memory.remove_all(is_gone));
        for (key, _) in &gone {
            if !self.delete_shared(key).await {
                self.with(|memory| {
                    gone.into_iter().for_each(|(key, entry)| memory.put_back(key, entry))
                });
                return Err(not_deleted());
            }
        }
        let writer = self.writer.as_ref().filter(|_| !gone.is_empty());
        let Some(writer) = writer else { return Ok(()) };
        if writer.forgotten().await == Forgotten::Yes {
            return Ok(());
        }
        self.with(|memory| gone.into_iter().for_each(|(key, entry)| memory.put_back(key, entry)));
        Err(not_deleted())
    }

    /// Drops what is too old.
    pub(crate) fn expire(&self, now: u64) {
        let expired = self.with(|memory| memory.expire(now));
        if !expired.is_empty() {
            self.changed();
        }
    }

    /// Drops what gets too old while nothing new is kept, until the store is gone.
    pub(crate) async fn sweep(store: Weak<Self>) {
        while let Some(store) = store.upgrade() {
            store.expire(unix_now());
            drop(store);
            tokio::time::sleep(SWEEP).await;
        }
    }

    /// Gives an owner's response by the id in a path.
    ///
    /// # Errors
    /// 404 in OpenAI's words.
    pub(crate) fn find(
        &self,
        owner: &Owner,
        id: &str,
        now: u64,
    ) -> Result<Arc<StoredResponse>, Failure> {
        self.get(owner, id, now).ok_or_else(|| unknown(id))
    }

    /// Moves an owner's items from `wanted` ids to `found` ones, as the latest responses have them; returns false
    /// where more than `most` bytes would have to be searched.
    pub(crate) fn find_items(
        &self,
        owner: &Owner,
        (wanted, found): (&mut BTreeSet<String>, &mut BTreeMap<String, Box<RawValue>>),
        most: usize,
    ) -> bool {
        if wanted.is_empty() {
            return true;
        }
        let latest = self.with(|memory| memory.latest(&owner.key(""), unix_now()));
        let mut searched = 0_usize;
        // The lock is free again: a search may take its time.
        for stored in latest {
            searched = searched.saturating_add(stored.size());
            if searched > most {
                return false;
            }
            stored.find_items(wanted, found);
            if wanted.is_empty() {
                break;
            }
        }
        true
    }

    /// Gives the response that a request's `previous_response_id` names.
    ///
    /// # Errors
    /// 400 in OpenAI's words.
    pub(crate) fn previous(
        &self,
        owner: &Owner,
        id: &str,
        now: u64,
    ) -> Result<Arc<StoredResponse>, Failure> {
        let shown = || sanitize::text_within(id, SHOWN);
        let refused =
            |message, code| Err(Failure::param("previous_response_id", message).with_code(code));
        match self.get(owner, id, now) {
            Some(stored) if stored.is_open() => {
                let message = format!("Response with id '{}' is not complete yet.", shown());
                refused(message, "previous_response_not_complete")
            }
            Some(stored) => Ok(stored),
            None => {
                let message = format!("Previous response with id '{}' not found.", shown());
                refused(message, "previous_response_not_found")
            }
        }
    }

    /// The open database, for tables of others.
    pub(crate) fn database(&self) -> Option<Arc<DatabaseSlot>> {
        self.slot.clone()
    }

    /// Gives what an owner has under names that begin so, the oldest first.
    pub(crate) fn all_named(
        &self,
        owner: &Owner,
        name: &str,
        now: u64,
    ) -> Vec<Arc<StoredResponse>> {
        let mut named = self.with(|memory| memory.named(&owner.key(name), now));
        named.sort_by_key(|stored| stored.created_at);
        named
    }

    /// Returns whether the database could not be written last.
    pub(crate) fn is_failing(&self) -> bool {
        self.degraded || self.writer.as_ref().is_some_and(DatabaseWriter::is_failing)
    }

    fn with<T>(&self, work: impl FnOnce(&mut MemoryStore) -> T) -> T {
        work(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn changed(&self) {
        if let Some(writer) = &self.writer {
            writer.wake();
        }
    }
}

fn not_deleted() -> Failure {
    let message =
        "the response could not be deleted for good and is still there; see the server's log";
    Failure::new(FailureKind::Internal, message).with_code("not_deleted")
}

/// The name under which a conversation is kept. No path and no id of a response has such a character in it.
pub(crate) fn conversation_name(id: &str) -> String {
    format!("conversation/{id}")
}

/// The name under which a completion of chat is kept.
pub(crate) fn completion_name(id: &str) -> String {
    format!("chat/{id}")
}

/// The failure of a conversation that is not there, or not this owner's.
pub(crate) fn unknown_conversation(id: &str) -> Failure {
    let message = format!("Conversation with id '{}' not found.", sanitize::text_within(id, SHOWN));
    let mut failure = Failure::new(FailureKind::NotFound, message);
    failure.param = Some("conversation".to_owned());
    failure
}

/// The failure of a response that is not there, or not this owner's.
pub(crate) fn unknown(id: &str) -> Failure {
    let message = format!("Response with id '{}' not found.", sanitize::text_within(id, SHOWN));
    Failure::new(FailureKind::NotFound, message)
}

#[cfg(test)]
mod tests;
