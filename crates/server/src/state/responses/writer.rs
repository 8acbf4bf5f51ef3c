//! The thread that brings the database up to date with the shelf.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::database::Disk;
use super::memory::Shelf;

/// A thread that writes while its owner goes on.
///
/// It is told that there is a change, not which: it compares what it has written with what is
/// there. So nothing queues up behind a slow disk, and changes during a write become one.
pub(super) struct Writer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(shelf: Arc<Mutex<Shelf>>, disk: Disk) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || follow(&shelf, disk, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Says that the shelf has changed.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A full channel means that the thread has yet to look at all.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Writer {
    /// Waits until the last change is written.
    fn drop(&mut self) {
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!("kept responses were not written: the writer broke down");
        }
    }
}

fn follow(shelf: &Mutex<Shelf>, mut disk: Disk, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let entries = shelf.lock().unwrap_or_else(PoisonError::into_inner).all();
        if let Err(error) = disk.follow(&entries) {
            tracing::warn!("kept responses were not written and are in memory alone: {error}");
        }
    }
}
