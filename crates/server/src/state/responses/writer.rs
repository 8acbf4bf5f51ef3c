//! The thread that brings the database up to date with the memory.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::database::ResponseDatabase;
use super::memory::{Entry, MemoryStore};
use super::owner::StoreKey;

/// Who waits until a deletion is durable.
type Waiting = Arc<Mutex<Vec<oneshot::Sender<Forgotten>>>>;

/// Whether what was deleted is gone for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forgotten {
    Yes,
    /// A later process may find it.
    No,
}

/// A thread that writes while its owner goes on.
///
/// It learns that there is a change, not which one: it compares its database with the memory. So
/// nothing queues up behind a slow database, and changes during a write become one.
pub(super) struct DatabaseWriter {
    wake: Option<SyncSender<()>>,
    waiting: Waiting,
    failing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DatabaseWriter {
    /// Starts the thread.
    pub(super) fn start(
        memory: Arc<Mutex<MemoryStore>>,
        database: ResponseDatabase,
    ) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let waiting = Waiting::default();
        let thread = std::thread::Builder::new().name("store".to_owned());
        let failing = Arc::<AtomicBool>::default();
        let (waits, fails) = (Arc::clone(&waiting), Arc::clone(&failing));
        let mut follower = Follower { memory, database, waiting: waits, failing: fails };
        let thread = thread.spawn(move || follower.run(&woken))?;
        Ok(Self { wake: Some(wake), waiting, failing, thread: Some(thread) })
    }

    /// Returns whether the last write failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Reports a change of the memory.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A full channel means that the thread has yet to look at all.
            let _ = wake.try_send(());
        }
    }

    /// Waits until what is missing in the memory now is gone for good.
    pub(super) async fn forgotten(&self) -> Forgotten {
        let (done, outcome) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        self.wake();
        // A thread that has ended answers nobody, and has forgotten nothing.
        outcome.await.unwrap_or(Forgotten::No)
    }
}

impl Drop for DatabaseWriter {
    /// Waits until the last change is written.
    fn drop(&mut self) {
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!(
                "stored responses were not written to the database: its thread panicked"
            );
        }
    }
}

/// The work of the thread.
struct Follower {
    memory: Arc<Mutex<MemoryStore>>,
    database: ResponseDatabase,
    waiting: Waiting,
    failing: Arc<AtomicBool>,
}

impl Follower {
    /// Lets go of what is on the disk now.
    fn release(&self, entries: &[(StoreKey, Entry)]) {
        for (key, entry) in entries.iter().filter(|(_, entry)| !entry.stored.is_released()) {
            // The texts may be large: they are freed outside the lock.
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let released = memory.release(key, entry.number);
            drop(memory);
            drop(released);
        }
    }

    fn run(&mut self, woken: &Receiver<()>) {
        while woken.recv().is_ok() {
            // Those who wait deleted before they began to, so that the look that follows misses their entries.
            let waiting =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let entries = self.memory.lock().unwrap_or_else(PoisonError::into_inner).all();
            let forgotten = self.database.forget(&entries);
            let outcome = if forgotten.is_ok() { Forgotten::Yes } else { Forgotten::No };
            for done in waiting {
                // A client that has left does not wait any more.
                let _ = done.send(outcome);
            }
            let written = forgotten.and_then(|()| self.database.follow(&entries));
            if written.is_ok() && self.database.is_lean() {
                self.release(&entries);
            }
            self.failing.store(written.is_err(), Ordering::Relaxed);
            if let Err(error) = written {
                tracing::warn!(
                    "stored responses could not be written to the database and are in memory only: {error}"
                );
            }
        }
    }
}
