//! Background work: the only place that starts a task, apart from those of connections.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use chatmock_translate::{Failure, FailureKind};
use chatmock_upstream::Events;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

/// The time to wait for the end of an upstream body after the answer is whole.
const DRAIN: Duration = Duration::from_secs(1);

/// Tasks that end with the server.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    /// Starts a task that is stopped when the server is dropped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Reads a finished answer's body to its end, so that its connection can serve again.
    ///
    /// Nearly always the end has arrived with the last event and no task is needed. `place` is held until then.
    pub(crate) fn drain(
        &self,
        mut events: Events,
        place: impl Send + 'static,
        cx: &mut Context<'_>,
    ) {
        while let Poll::Ready(next) = events.poll_frame(cx) {
            if !matches!(next, Some(Ok(_))) {
                return;
            }
        }
        self.spawn(async move {
            // The connection's own task has the end most of the time and only waits for its turn:
            // then no timer has to be set.
            tokio::task::yield_now().await;
            let rest = async { while let Some(Ok(_)) = events.next().await {} };
            // A body that does not end in time is dropped, and its connection with it.
            let _ = tokio::time::timeout(DRAIN, rest).await;
            drop(place);
        });
    }
}

/// Waits until a value is true, or nobody can change it any more.
pub(crate) fn becomes_true(sender: &watch::Sender<bool>) -> BoxFuture<'static, ()> {
    let mut receiver = sender.subscribe();
    async move {
        // An error says that the server is gone, which comes to the same.
        let _ = receiver.wait_for(|is_true| *is_true).await;
    }
    .boxed()
}

/// Computes something that takes long on a thread of its own, while this one goes on with the rest. A
/// panic goes on here.
///
/// # Errors
/// When the server stops before the work has begun.
pub(crate) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => {
            let kind = FailureKind::Unavailable { retry_after: None };
            Err(Failure::new(kind, "the server is stopping").with_code("server_stopping"))
        }
    }
}
