//! The thread that brings the database up to date with the memory.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::database::ResponseDatabase;
use super::memory::MemoryStore;

/// A thread that writes while its owner goes on.
///
/// It learns that there is a change, not which one: it compares its database with the memory. So
/// nothing queues up behind a slow database, and changes during a write become one.
pub(super) struct DatabaseWriter {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DatabaseWriter {
    /// Starts the thread.
    pub(super) fn start(
        memory: Arc<Mutex<MemoryStore>>,
        database: ResponseDatabase,
    ) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || follow(&memory, database, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Says that the memory has changed.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A full channel means that the thread has yet to look at all.
            let _ = wake.try_send(());
        }
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

fn follow(memory: &Mutex<MemoryStore>, mut database: ResponseDatabase, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let entries = memory.lock().unwrap_or_else(PoisonError::into_inner).all();
        if let Err(error) = database.follow(&entries) {
            tracing::warn!(
                "stored responses could not be written to the database and are in memory only: {error}"
            );
        }
    }
}
