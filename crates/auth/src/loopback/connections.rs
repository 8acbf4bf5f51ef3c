//! The open connections: at most so many, and an idle one is closed when a new one comes.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The open connections, oldest first.
pub(super) struct Connections {
    most: usize,
    present: Mutex<VecDeque<Connection>>,
    open: watch::Sender<usize>,
}

struct Connection {
    task: AbortHandle,
    busy: ActiveRequests,
}

/// Counts the requests that a connection is answering.
#[derive(Clone, Default)]
pub(super) struct ActiveRequests(Arc<AtomicUsize>);

/// A request that is being answered, until it is dropped.
pub(super) struct ActiveRequest(ActiveRequests);

impl ActiveRequests {
    pub(super) fn begin(&self) -> ActiveRequest {
        self.0.fetch_add(1, Ordering::SeqCst);
        ActiveRequest(self.clone())
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self { most, present: Mutex::default(), open: watch::Sender::new(0) }
    }

    /// Serves a connection in a task of its own, in place of the oldest idle one if need be. With
    /// all of them busy it is not served.
    pub(super) fn admit<F>(self: &Arc<Self>, serve: impl FnOnce(ActiveRequests) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut present = self.present();
        present.retain(|connection| !connection.task.is_finished());
        if present.len() >= self.most {
            let Some(idle) = present.iter().position(|connection| connection.busy.is_idle()) else {
                return;
            };
            if let Some(connection) = present.remove(idle) {
                connection.task.abort();
            }
        }
        let busy = ActiveRequests::default();
        let (serving, open) = (serve(busy.clone()), OpenCount::of(self));
        let task = tokio::spawn(async move {
            let _open = open;
            serving.await;
        });
        present.push_back(Connection { task: task.abort_handle(), busy });
    }

    /// Closes the idle connections and waits until the others have their answers.
    pub(super) async fn drained(&self) {
        self.present().retain(|connection| {
            let idle = connection.busy.is_idle();
            if idle {
                connection.task.abort();
            }
            !idle
        });
        // The sender lives in `self`, so it cannot have gone.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Closes all connections.
    pub(super) fn abort_all(&self) {
        self.present().drain(..).for_each(|connection| connection.task.abort());
    }

    fn present(&self) -> MutexGuard<'_, VecDeque<Connection>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("open", &*self.open.borrow()).finish()
    }
}

/// Counts a connection until its task ends, however it ends.
struct OpenCount(watch::Sender<usize>);

impl OpenCount {
    fn of(connections: &Connections) -> Self {
        connections.open.send_modify(|open| *open += 1);
        Self(connections.open.clone())
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}
