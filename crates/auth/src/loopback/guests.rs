//! The open connections: so many at most, and an idle one leaves when a new one comes.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The open connections, oldest first.
pub(super) struct Guests {
    most: usize,
    present: Mutex<VecDeque<Guest>>,
    open: watch::Sender<usize>,
}

struct Guest {
    task: AbortHandle,
    busy: Busy,
}

/// Counts the requests that a connection is answering.
#[derive(Clone, Default)]
pub(super) struct Busy(Arc<AtomicUsize>);

/// A request that is being answered, until it is dropped.
pub(super) struct AtWork(Busy);

impl Busy {
    pub(super) fn begin(&self) -> AtWork {
        self.0.fetch_add(1, Ordering::SeqCst);
        AtWork(self.clone())
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Guests {
    pub(super) fn new(most: usize) -> Self {
        Self { most, present: Mutex::default(), open: watch::Sender::new(0) }
    }

    /// Serves a connection in a task of its own, in place of the oldest idle one if need be. With
    /// all of them at work it is not served.
    pub(super) fn admit<F>(self: &Arc<Self>, serve: impl FnOnce(Busy) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut present = self.present();
        present.retain(|guest| !guest.task.is_finished());
        if present.len() >= self.most {
            let Some(idle) = present.iter().position(|guest| guest.busy.is_idle()) else { return };
            if let Some(guest) = present.remove(idle) {
                guest.task.abort();
            }
        }
        let busy = Busy::default();
        let (serving, leaving) = (serve(busy.clone()), Leaving::of(self));
        let task = tokio::spawn(async move {
            let _leaving = leaving;
            serving.await;
        });
        present.push_back(Guest { task: task.abort_handle(), busy });
    }

    /// Waits until those at work have their answers; the idle ones are sent away.
    pub(super) async fn gone(&self) {
        self.present().retain(|guest| {
            let idle = guest.busy.is_idle();
            if idle {
                guest.task.abort();
            }
            !idle
        });
        // The sender lives in `self`, so it cannot have gone.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Sends everyone away.
    pub(super) fn dismiss(&self) {
        self.present().drain(..).for_each(|guest| guest.task.abort());
    }

    fn present(&self) -> MutexGuard<'_, VecDeque<Guest>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guests").field("open", &*self.open.borrow()).finish()
    }
}

/// Counts a connection until its task ends, however it ends.
struct Leaving(watch::Sender<usize>);

impl Leaving {
    fn of(guests: &Guests) -> Self {
        guests.open.send_modify(|open| *open += 1);
        Self(guests.open.clone())
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}
