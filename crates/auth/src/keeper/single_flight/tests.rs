//! Tests of single flights, without tokens or stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::*;

/// An operation that counts its runs and waits to be let through.
#[derive(Clone)]
struct Operation {
    flights: Arc<SingleFlight<&'static str, usize>>,
    runs: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Operation {
    fn new() -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self { flights: Arc::default(), runs: Arc::default(), gate }
    }

    /// Returns the number of the run, from 1.
    fn work(&self) -> impl Future<Output = usize> + Send + 'static {
        let number = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        let gate = Arc::clone(&self.gate);
        async move {
            gate.acquire().await.unwrap().forget();
            number
        }
    }

    async fn run(&self, key: &'static str) -> Result<usize, LostRun> {
        self.flights.run(key, || self.work(), |_| true).await
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Waits until so many runs have begun.
    async fn begun(&self, runs: usize) {
        while self.runs() < runs {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_once_share_one_run_and_later_ones_start_another() {
    let operation = Operation::new();
    let mut callers = JoinSet::new();
    let joined = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let (operation, joined) = (operation.clone(), Arc::clone(&joined));
        callers.spawn(async move {
            let flight = operation.flights.join("a", || operation.work());
            joined.fetch_add(1, Ordering::SeqCst);
            flight.wait().await
        });
    }
    while joined.load(Ordering::SeqCst) < 100 {
        tokio::task::yield_now().await;
    }
    // One permit: a second run would never end.
    operation.gate.add_permits(1);
    assert!(callers.join_all().await.into_iter().all(|result| result == Ok(1)));
    operation.gate.add_permits(1);
    assert_eq!(operation.run("a").await, Ok(2));
}

#[tokio::test]
async fn keys_do_not_wait_for_each_other() {
    let operation = Operation::new();
    let held = operation.flights.join("a", || operation.work());
    let other = Operation { gate: Arc::new(Semaphore::new(1)), ..operation.clone() };
    assert_eq!(other.run("b").await, Ok(2));
    operation.gate.add_permits(1);
    assert_eq!(held.wait().await, Ok(1));
}

#[tokio::test]
async fn a_leader_that_is_cancelled_stops_nothing() {
    let operation = Operation::new();
    let leader = tokio::spawn({
        let operation = operation.clone();
        async move { operation.run("a").await }
    });
    operation.begun(1).await;
    let follower = operation.flights.join("a", || operation.work());
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    operation.gate.add_permits(1);
    assert_eq!((follower.wait().await, operation.runs()), (Ok(1), 1));
}

#[tokio::test]
async fn a_run_that_panics_is_lost_for_its_leader_and_repeated_by_a_follower() {
    let operation = Operation::new();
    let gate = Arc::clone(&operation.gate);
    let leader = operation.flights.join("a", || async move {
        gate.acquire().await.unwrap().forget();
        panic!("forced")
    });
    let follower = tokio::spawn({
        let operation = operation.clone();
        async move { operation.run("a").await }
    });
    tokio::task::yield_now().await;
    operation.gate.add_permits(2);
    assert_eq!(leader.wait().await, Err(LostRun));
    assert_eq!(follower.await.unwrap(), Ok(1));
    let panicking = operation.flights.run("a", || async { panic!("forced") }, |_| true);
    assert_eq!(panicking.await, Err(LostRun));
}

#[tokio::test]
async fn a_foreign_result_that_is_of_no_use_is_followed_by_a_run_of_ones_own() {
    let operation = Operation::new();
    let first = operation.flights.join("a", || operation.work());
    operation.gate.add_permits(2);
    let own = operation.flights.run("a", || operation.work(), |result| *result != 1);
    assert_eq!(own.await, Ok(2));
    assert_eq!(first.wait().await, Ok(1));
    let own = operation.flights.run("a", || async { 1 }, |result| *result != 1);
    assert_eq!(own.await, Ok(1), "one's own result is always taken");
}

#[tokio::test]
async fn finishing_waits_for_the_run_under_way_and_starts_none() {
    let operation = Operation::new();
    operation.flights.finish(&"a").await;
    assert!(operation.flights.peek(&"a").is_none());
    drop(operation.flights.join("a", || operation.work()));
    assert!(operation.flights.peek(&"a").is_some());
    operation.gate.add_permits(1);
    operation.flights.finish(&"a").await;
    assert!(operation.flights.peek(&"a").is_none());
    assert_eq!(operation.runs(), 1);
}

#[test]
fn a_run_that_is_lost_with_its_runtime_is_started_anew() {
    let operation = Operation::new();
    let lost = tokio::runtime::Runtime::new().unwrap();
    let flight = lost.block_on(async { operation.flights.join("a", || operation.work()) });
    drop(lost);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(flight.wait()), Err(LostRun));
    operation.gate.add_permits(1);
    assert_eq!(runtime.block_on(operation.run("a")), Ok(2));
}
