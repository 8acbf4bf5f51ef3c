//! The reasoning cache: what the model thought before it called tools, for clients that cannot send it back.
//!
//! The backend keeps nothing between requests. What a model thought before a call comes with the answer, encrypted, and
//! belongs before the call when the conversation goes on; without it the model begins to think anew at each step.
//! Clients of chat completions and of Ollama have no place for it, so it is remembered here and put back.
//!
//! The name of a record is a hash of the whole request up to the answer: the model, the instructions, the tools and
//! every item. So reasoning returns to exactly the conversation in which it was thought, and a client that changed
//! anything before it gets none. The owner (account and key) is part of the name, too.

mod record;
mod transcript;

use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::Request;
use chatmock_shared::Shared;

use self::record::Record;
pub(crate) use self::record::Thought;
use self::transcript::Transcript;
use super::responses::{Arrivals, Owner, ResponseStore, StoreKey, StoredResponse};
use crate::error::StoreError;
use crate::settings::StoreSettings;

/// What was thought before calls, bounded by bytes, count and age; in memory, and in a database where one is wanted.
#[derive(Clone)]
pub(crate) struct ReasoningCache {
    store: Option<Arc<ResponseStore>>,
}

/// A request as the cache sees it: the name for what the model thinks in answer to it, and its input with what was thought
/// before.
pub(crate) struct Replay {
    /// The name under which the answer's reasoning is kept.
    pub(crate) name: StoreKey,
    /// The input with reasoning put back, where there is some.
    pub(crate) input: Option<Box<RawValue>>,
    /// The records that were used.
    pub(crate) used: Vec<StoreKey>,
}

impl ReasoningCache {
    /// Opens a cache; without settings, it keeps nothing.
    ///
    /// # Errors
    /// Those of [`ResponseStore::open`].
    pub(crate) fn open(
        settings: Option<StoreSettings>,
        shared: Option<&Shared>,
        now: u64,
    ) -> Result<Self, StoreError> {
        let store = settings.map(|settings| {
            let life = settings.max_age;
            let store = ResponseStore::open(settings, now)?;
            Ok::<_, StoreError>(store.shared_by(shared, ("reasoning", life)))
        });
        let store = store.transpose()?;
        Ok(Self { store: store.map(Arc::new) })
    }

    /// The store, to be swept.
    pub(crate) fn store(&self) -> Option<&Arc<ResponseStore>> {
        self.store.as_ref()
    }

    /// Looks for what was thought in the conversation of a request. `None` where the request offers no tools: then
    /// nothing needs to be remembered.
    pub(crate) fn replay(&self, owner: &Owner, request: &Request<'_>, now: u64) -> Option<Replay> {
        let store = self.store.as_ref()?;
        request.get("tools").filter(|tools| tools.get() != "[]" && tools.get() != "null")?;
        let transcript = Transcript::read(request)?;
        if store.is_shared() {
            let mut names = Vec::new();
            transcript.answers(|hash, _| names.push(owner.key(&hash)));
            store.recall_all_now(names.into_iter());
        }
        let (mut places, mut used) = (Vec::new(), Vec::new());
        let end = transcript.answers(|hash, answer| {
            let name = owner.key(&hash);
            let Some(stored) = store.by_name(&name, now) else { return };
            let before = places.len();
            Record::read(&stored.response).place(answer, &mut places);
            if places.len() > before {
                used.push(name);
            }
        });
        let input = transcript.with(&places);
        Some(Replay { name: owner.key(&end), input, used })
    }

    /// Keeps what was thought in an answer, beside what other answers to the same request thought.
    pub(crate) fn keep(&self, name: &StoreKey, thought: Thought, now: u64) -> Arrivals {
        let Some(store) = self.store.as_ref().filter(|_| thought.is_worth_keeping()) else {
            return Arrivals::default();
        };
        let before = store.by_name(name, now);
        let record = before.map(|stored| Record::read(&stored.response)).unwrap_or_default();
        let Some(response) = record.with(thought).to_bytes() else { return Arrivals::default() };
        let stored = StoredResponse::new(now, Bytes::new(), response);
        store.insert(Arc::clone(name), stored, now)
    }

    /// Forgets records, which the backend could not read.
    pub(crate) fn forget(&self, names: &[StoreKey]) {
        if let Some(store) = &self.store {
            store.forget(|name| names.iter().any(|gone| **gone == **name));
        }
    }

    /// Forgets everything: nobody is signed in any more.
    pub(crate) fn clear(&self) {
        if let Some(store) = &self.store {
            store.forget(|_| true);
        }
    }
}
