//! Answers that are given again: to a request whose key has been here before, and to the retry of a library.
//!
//! A client that loses its connection asks again, and each answer costs quota. Where it says that it asks the same, by
//! `Idempotency-Key` or by the count of retries that the vendors' libraries send, it gets the answer that there is, or
//! joins the one under way.

mod budget;
mod kept;
mod recording;
mod retries;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use chatmock_shared::Shared;
use chatmock_translate::{Failure, FailureKind};

use self::budget::Budget;
pub(crate) use self::kept::KeptAnswer;
use self::recording::Recording;
pub(crate) use self::recording::{Head, Reader};
use self::retries::Retries;
use super::responses::{Arrivals, Owner, ResponseStore, StoreKey, StoredResponse};
use crate::clock::unix_now;
use crate::error::StoreError;
use crate::http::presence::Presence;
use crate::settings::StoreSettings;

/// The hash of a request's path and body.
pub(crate) type Fingerprint = [u8; 32];

/// The most of one answer that is held for a key, in bytes.
const MOST_OF_KEY: usize = 16 * 1024 * 1024;

/// The most of one answer that is held for a retry, in bytes.
const MOST_OF_RETRY: usize = 2 * 1024 * 1024;

/// A request that may be the same as another.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) owner: Owner,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) sameness: Sameness,
}

/// What a request says of its being the same as another.
#[derive(Clone, Debug)]
pub(crate) enum Sameness {
    /// It has a key.
    Key {
        key: String,
        /// The answer may be kept on the disk.
        is_stored: bool,
    },
    /// It is the library's try of this number, the first being 0, on this connection.
    Try { number: u32, connection: Presence },
}

/// The beginning of a request's answer.
pub(crate) enum Begun {
    /// The answer is to be made.
    First(Recorder, Reader),
    /// It is under way, or has just been.
    Joined(Reader),
    /// It was given before.
    Again(KeptAnswer),
}

/// What is known of a request at once.
enum Known {
    /// Its answer is under way now.
    Begun(Begun),
    /// It was answered before: where the answer lies, whose body may be on the disk alone.
    Kept(Arc<ResponseStore>, StoreKey, Arc<StoredResponse>),
}

/// The answers that are kept and those under way.
pub(crate) struct Answers {
    kept: Arc<ResponseStore>,
    /// Those that may not be on the disk.
    unstored: Arc<ResponseStore>,
    running: Arc<Mutex<Running>>,
    budget: Budget,
    window: Duration,
}

/// What is under way.
#[derive(Default)]
struct Running {
    keys: HashMap<StoreKey, (Fingerprint, Arc<Recording>)>,
    retries: Retries,
}

impl Answers {
    /// Opens the store of answers; `window` is the time for which one without a client goes on.
    ///
    /// # Errors
    /// Those of [`ResponseStore::open`].
    pub(crate) fn open(
        settings: &StoreSettings,
        shared: Option<&Shared>,
        window: Duration,
    ) -> Result<Self, StoreError> {
        let bounds = settings.of_answers();
        let life = bounds.max_age;
        let kept = ResponseStore::open(bounds, unix_now())?.shared_by(shared, ("answer", life));
        let kept = Arc::new(kept);
        let unstored = match settings.directory {
            Some(_) => Arc::new(ResponseStore::open(StoreSettings::of_unstored_answers(), 0)?),
            None => Arc::clone(&kept),
        };
        Ok(Self { kept, unstored, running: Arc::default(), budget: Budget::default(), window })
    }

    /// The stores, to be swept.
    pub(crate) fn stores(&self) -> [&Arc<ResponseStore>; 2] {
        [&self.kept, &self.unstored]
    }

    /// Brings what is known of a key up to date with the other servers that share the answers.
    pub(crate) async fn recall(&self, asked: &Asked) {
        let Sameness::Key { key, .. } = &asked.sameness else { return };
        let is_running = self.running().keys.contains_key(&asked.owner.key(key));
        if !is_running {
            self.kept.recall(&asked.owner, key).await;
        }
    }

    /// Finds the answer to a request, or begins it.
    ///
    /// # Errors
    /// 422 where its key was that of another request, 409 where its answer is under way and too long to be joined.
    pub(crate) async fn find(&self, asked: &Asked, now: u64) -> Result<Begun, Failure> {
        loop {
            let (store, name, stored) = match self.begin(asked, now)? {
                Known::Begun(begun) => return Ok(begun),
                Known::Kept(store, name, stored) => (store, name, stored),
            };
            let whole = store.whole(&name, stored).await;
            match whole.and_then(|whole| KeptAnswer::read(&whole)) {
                Some((_, answer)) => return Ok(Begun::Again(answer)),
                // It was deleted meanwhile, or the disk has lost it.
                None => store.forget_one(&name),
            }
        }
    }

    fn begin(&self, asked: &Asked, now: u64) -> Result<Known, Failure> {
        match &asked.sameness {
            Sameness::Key { key, .. } => self.by_key(asked, key, now),
            Sameness::Try { number, connection } => {
                Ok(Known::Begun(self.by_try(asked, *number, connection)))
            }
        }
    }

    fn by_key(&self, asked: &Asked, key: &str, now: u64) -> Result<Known, Failure> {
        let name = asked.owner.key(key);
        // An answer moves from one place to the other under this lock.
        let mut running = self.running();
        if let Some((fingerprint, recording)) = running.keys.get(&name) {
            if *fingerprint != asked.fingerprint {
                return Err(other_request());
            }
            let joined = recording.join().map(Begun::Joined).ok_or_else(too_long);
            return joined.map(Known::Begun);
        }
        let stores = self.stores().into_iter();
        let kept = stores.filter_map(|store| Some((store, store.by_name(&name, now)?))).next();
        let known =
            |(store, stored): (_, Arc<_>)| Some((KeptAnswer::read(&stored)?.0, store, stored));
        if let Some((fingerprint, store, stored)) = kept.and_then(known) {
            if fingerprint != asked.fingerprint {
                return Err(other_request());
            }
            return Ok(Known::Kept(Arc::clone(store), name, stored));
        }
        let (recording, reader) = Recording::begun(MOST_OF_KEY, &self.budget);
        running.keys.insert(name, (asked.fingerprint, Arc::clone(&recording)));
        Ok(Known::Begun(Begun::First(self.recorder(asked, recording), reader)))
    }

    fn by_try(&self, asked: &Asked, number: u32, connection: &Presence) -> Begun {
        let name = asked.owner.key(&hex(&asked.fingerprint));
        let mut running = self.running();
        running.retries.prune(self.window);
        if let Some(reader) = running.retries.claim(&name, number, connection) {
            return Begun::Joined(reader);
        }
        let (recording, reader) = Recording::begun(MOST_OF_RETRY, &self.budget);
        running.retries.insert(name, number, (connection, &recording));
        Begun::First(self.recorder(asked, recording), reader)
    }

    fn recorder(&self, asked: &Asked, recording: Arc<Recording>) -> Recorder {
        let stored = matches!(asked.sameness, Sameness::Key { is_stored: true, .. });
        let store = if stored { &self.kept } else { &self.unstored };
        Recorder {
            asked: asked.clone(),
            recording,
            store: Arc::clone(store),
            running: Arc::clone(&self.running),
            budget: self.budget.clone(),
            window: self.window,
            is_over: false,
        }
    }

    /// Forgets every answer with a text in it that its owner has deleted; returns once no later process can find one.
    ///
    /// # Errors
    /// 500 where the deletion cannot be made durable.
    pub(crate) async fn erase(&self, owner: &Owner, text: &str) -> Result<(), Failure> {
        self.running().retries.forget_ended();
        let prefix = owner.key("");
        let finder = memchr::memmem::Finder::new(text);
        // What has come since the look is in memory.
        let is_new = |name: &StoreKey, body: &Bytes| {
            name.starts_with(&prefix) && finder.find(body).is_some()
        };
        for store in self.stores() {
            let found = store.with_text(&prefix, text).await;
            let is_gone = |name: &StoreKey, stored: &StoredResponse| {
                found.contains(name) || is_new(name, &stored.response)
            };
            store.erase(is_gone).await?;
        }
        Ok(())
    }

    /// Forgets everything: nobody is signed in any more.
    pub(crate) fn clear(&self) {
        self.running().retries.forget_ended();
        for store in self.stores() {
            store.forget(|_| true);
        }
    }

    /// Forgets what waits for retries that do not come, until the answers are gone.
    pub(crate) async fn sweep(answers: Weak<Self>) {
        while let Some(strong) = answers.upgrade() {
            let window = strong.window;
            strong.running().retries.prune(window);
            drop(strong);
            tokio::time::sleep(window.max(Duration::from_secs(1))).await;
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        locked(&self.running)
    }
}

/// Writes the answer to a request for all who read it.
pub(crate) struct Recorder {
    asked: Asked,
    recording: Arc<Recording>,
    store: Arc<ResponseStore>,
    running: Arc<Mutex<Running>>,
    budget: Budget,
    window: Duration,
    is_over: bool,
}

impl Recorder {
    /// Writes the head.
    pub(crate) fn begin(&self, head: Head) {
        self.recording.begin(head);
    }

    /// Writes a piece; waits while the furthest reader is far behind.
    pub(crate) async fn piece(&self, piece: Bytes) {
        while self.budget.lacks(piece.len()) && locked(&self.running).retries.forget_oldest() {}
        self.recording.piece(piece);
        self.recording.pace().await;
    }

    /// Ends the answer with its last piece, which is given again if it is to be `kept`: whoever has all of it may ask again
    /// at any server.
    pub(crate) async fn end(mut self, last: Option<Bytes>, kept: bool) {
        if let Some(answer) = self.recording.answer(last.as_ref()).filter(|_| kept) {
            self.keep(&answer).all().await;
        }
        if let Some(last) = last {
            self.piece(last).await;
        }
        self.close(kept, Recording::end);
    }

    /// Ends with a failure in place of an answer; `kept` is what is given again, if anything.
    pub(crate) async fn fail(mut self, failure: Failure, kept: Option<&KeptAnswer>) {
        if let Some(answer) = kept {
            self.keep(answer).all().await;
        }
        self.close(false, |recording| recording.fail(failure));
    }

    /// Waits until nobody has read for so long that nobody will.
    pub(crate) async fn is_abandoned(recording: Abandonment) {
        let Abandonment { recording, window } = recording;
        let mut readers = recording.readers();
        loop {
            // The sender is in the recording, which is held here.
            let _ = readers.wait_for(|readers| *readers == 0).await;
            let window = if recording.is_held() { window } else { Duration::ZERO };
            let back = readers.wait_for(|readers| *readers > 0);
            if tokio::time::timeout(window, back).await.is_err() {
                return;
            }
        }
    }

    /// What [`Self::is_abandoned`] watches.
    pub(crate) fn abandonment(&self) -> Abandonment {
        Abandonment { recording: Arc::clone(&self.recording), window: self.window }
    }

    /// Keeps an answer to a request with a key.
    fn keep(&self, answer: &KeptAnswer) -> Arrivals {
        let Sameness::Key { key, .. } = &self.asked.sameness else { return Arrivals::default() };
        let now = unix_now();
        match answer.record(&self.asked.fingerprint, now) {
            Some(record) => self.store.insert(self.asked.owner.key(key), record, now),
            None => Arrivals::default(),
        }
    }

    /// Ends the recording; whoever asks from now on finds what is kept, or nothing.
    fn close(&mut self, kept: bool, end: impl FnOnce(&Recording)) {
        self.is_over = true;
        let mut running = locked(&self.running);
        end(&self.recording);
        match &self.asked.sameness {
            Sameness::Key { key, .. } => {
                running.keys.remove(&self.asked.owner.key(key));
            }
            Sameness::Try { .. } => {
                let name = self.asked.owner.key(&hex(&self.asked.fingerprint));
                running.retries.end(&name, &self.recording, kept && self.recording.is_held());
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.is_over {
            self.close(false, Recording::cut);
        }
    }
}

/// The recording of which it is watched whether anybody wants it.
pub(crate) struct Abandonment {
    recording: Arc<Recording>,
    window: Duration,
}

fn locked(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hex(fingerprint: &Fingerprint) -> String {
    fingerprint.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn other_request() -> Failure {
    let message = "this Idempotency-Key was that of another request: the path or the body \
                   differs; use a new key for each request";
    Failure::new(FailureKind::Rejected(422), message).with_code("idempotency_key_reused")
}

fn too_long() -> Failure {
    let message = "the answer to this Idempotency-Key is under way, and too long to be given \
                   twice; wait for its end, or use a new key";
    Failure::new(FailureKind::Rejected(409), message).with_code("idempotency_key_in_use")
}
