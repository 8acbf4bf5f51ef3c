//! The threads that serve connections: the one that accepts them, and more where they are asked for.
//!
//! Each has a runtime of its own, and a connection stays where it was handed to: what happens on it wakes no other
//! thread. A balancing runtime would move its tasks, and costs more than most events do. What a worker serves with is its
//! own, too, as far as it belongs to one runtime: the connections to the backend.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use tokio::runtime::{Builder as RuntimeBuilder, Handle};
use tokio::sync::oneshot;

use crate::error::ServerError;

/// All threads that serve connections.
#[derive(Debug)]
pub(super) struct Workers<S>(Vec<Worker<S>>);

/// A thread that serves connections.
#[derive(Debug)]
pub(super) struct Worker<S> {
    runtime: Handle,
    /// What serves its connections.
    services: S,
    /// Each of its connections has a copy.
    open: Load,
    /// What ends it, and waits for that; the thread that accepts has none.
    thread: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// A connection's part of what a worker has to do, for as long as this is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Load(Arc<()>);

impl<S> Workers<S> {
    /// Starts as many as are asked for, less the thread that this is called on, which is the first of them.
    ///
    /// The first one serves with `services`, and each other with what `another` makes from these.
    pub(super) fn start(
        number: usize,
        services: S,
        another: impl Fn(&S) -> Result<S, ServerError>,
    ) -> Self {
        let further = |number| {
            let services = another(&services).map_err(io::Error::other)?;
            Worker::start(number, services)
        };
        let mut others = Vec::new();
        for number in 1..number {
            match further(number) {
                Ok(worker) => others.push(worker),
                Err(error) => {
                    tracing::warn!("only {number} workers could be started: {error}");
                    break;
                }
            }
        }
        let (runtime, open) = (Handle::current(), Load::default());
        let mut all = vec![Worker { runtime, services, open, thread: None }];
        all.append(&mut others);
        Self(all)
    }

    /// Returns the one with the fewest connections, the first of those with equally many.
    pub(super) fn least_busy(&self) -> Option<&Worker<S>> {
        self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.open.0))
    }
}

impl<S> Worker<S> {
    fn start(number: usize, services: S) -> io::Result<Self> {
        let own = RuntimeBuilder::new_current_thread().enable_all().build()?;
        let runtime = own.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = Builder::new().name(format!("worker-{number}")).spawn(move || {
            // It ends with the sender, too.
            let _ = own.block_on(stopped);
            own.shutdown_background();
        })?;
        Ok(Self { runtime, services, open: Load::default(), thread: Some((stop, thread)) })
    }

    /// Its runtime.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// What serves its connections.
    pub(super) fn services(&self) -> &S {
        &self.services
    }

    /// Whether it is another thread than the one that accepts.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.thread.is_some()
    }

    /// Counts a connection.
    pub(super) fn load(&self) -> Load {
        self.open.clone()
    }
}

impl<S> Drop for Workers<S> {
    /// Ends the threads, and waits until their tasks are dropped with what they hold, such as databases.
    fn drop(&mut self) {
        let threads = self.0.iter_mut().filter_map(|worker| worker.thread.take());
        let threads: Vec<_> = threads.map(|(stop, thread)| (stop.send(()), thread)).collect();
        for (_, thread) in threads {
            if thread.join().is_err() {
                tracing::error!("a worker ended in a panic");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_go_where_the_fewest_are() {
        let workers = Workers::start(3, (), |()| Ok(()));
        let next = || workers.least_busy().unwrap();
        let mut loads: Vec<_> = (0..6).map(|_| next().load()).collect();
        let counts = || -> Vec<_> {
            workers.0.iter().map(|worker| Arc::strong_count(&worker.open.0)).collect()
        };
        assert_eq!(counts(), [3, 3, 3]);
        drop(loads.remove(1));
        loads.push(next().load());
        assert_eq!(counts(), [3, 3, 3]);
    }

    #[tokio::test]
    async fn what_a_worker_holds_is_let_go_of_at_the_end() {
        let workers = Workers::start(2, (), |()| Ok(()));
        let held = Arc::new(());
        let copy = Arc::clone(&held);
        let worker = workers.0.last().unwrap();
        assert!(worker.is_elsewhere() && !workers.0[0].is_elsewhere());
        worker.runtime().spawn(async move {
            std::future::pending::<()>().await;
            drop(copy);
        });
        drop(workers);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
