//! Tests of places: limits, queues, turns and what is given back.

use std::future::Future;
use std::pin::Pin;

use futures::FutureExt;

use super::*;

type Taking = Pin<Box<dyn Future<Output = Result<Vec<Place>, NoPlace>> + Send>>;

const PATIENCE: Duration = Duration::from_secs(10);

fn places(all: usize, each: usize, waiting: usize) -> Arc<FairPlaces> {
    FairPlaces::new(PlaceLimits { all, each, waiting, patience: PATIENCE })
}

/// Begins to take places; the first poll takes them or joins a queue.
fn begin(places: &Arc<FairPlaces>, caller: &str, count: usize) -> Taking {
    let (places, caller) = (Arc::clone(places), Caller::named(caller));
    let mut taking: Taking = Box::pin(async move { places.take(&caller, count).await });
    if let Some(done) = (&mut taking).now_or_never() {
        return Box::pin(std::future::ready(done));
    }
    taking
}

/// Returns what has come of it so far.
fn poll(taking: &mut Taking) -> Option<Result<Vec<Place>, NoPlace>> {
    taking.now_or_never()
}

fn taken(taking: &mut Taking) -> Vec<Place> {
    poll(taking).expect("it waits").expect("it is refused")
}

fn is_empty(places: &Arc<FairPlaces>) -> bool {
    let state = places.state();
    state.taken == 0 && state.waiting == 0 && state.parties.is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_place_is_held_until_it_is_dropped_and_then_given_to_the_next() {
    let places = places(2, usize::MAX, 4);
    let first = taken(&mut begin(&places, "ann", 1));
    let second = taken(&mut begin(&places, "ann", 1));
    let mut third = begin(&places, "ann", 1);
    assert!(poll(&mut third).is_none());
    drop(first);
    drop((taken(&mut third), second));
    assert!(is_empty(&places));
}

#[tokio::test(start_paused = true)]
async fn callers_who_wait_take_turns() {
    let places = places(1, usize::MAX, 10);
    let mut held = taken(&mut begin(&places, "ann", 1));
    let mut waiting: Vec<(&str, Taking)> = ["ann", "ann", "ann", "bob", "cid", "bob"]
        .map(|caller| (caller, begin(&places, caller, 1)))
        .into();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        drop(held);
        let next = waiting
            .iter_mut()
            .enumerate()
            .find_map(|(at, (_, taking))| poll(taking).map(|places| (at, places.unwrap())));
        let (at, places) = next.unwrap();
        held = places;
        order.push(waiting.remove(at).0);
    }
    assert_eq!(order, ["ann", "bob", "cid", "ann", "bob", "ann"]);
}

#[tokio::test(start_paused = true)]
async fn one_caller_takes_no_more_than_its_own_and_holds_up_nobody() {
    let places = places(10, 2, 10);
    let held = taken(&mut begin(&places, "ann", 2));
    let mut more = begin(&places, "ann", 1);
    assert!(poll(&mut more).is_none());
    let other = taken(&mut begin(&places, "bob", 2));
    assert_eq!(more.await.unwrap_err(), NoPlace::Caller);
    assert_eq!(begin(&places, "ann", 3).await.unwrap_err(), NoPlace::Never);
    drop((held, other));
    assert!(is_empty(&places));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_after_the_time_for_it_and_says_why() {
    let places = places(1, usize::MAX, 10);
    let held = taken(&mut begin(&places, "ann", 1));
    let began = tokio::time::Instant::now();
    assert_eq!(begin(&places, "bob", 1).await.unwrap_err(), NoPlace::All);
    assert_eq!(began.elapsed(), PATIENCE);
    drop(held);
    assert!(is_empty(&places));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once_and_the_longest_gives_way() {
    let places = places(1, usize::MAX, 3);
    let held = taken(&mut begin(&places, "ann", 1));
    let mut ann: Vec<Taking> = (0..3).map(|_| begin(&places, "ann", 1)).collect();
    assert_eq!(taken_or_refused(&mut begin(&places, "ann", 1)), Some(NoPlace::All));
    let mut bob = begin(&places, "bob", 1);
    assert!(poll(&mut bob).is_none(), "it waits in the place of one of ann's");
    assert_eq!(taken_or_refused(&mut ann[2]), Some(NoPlace::All));
    assert!(poll(&mut ann[0]).is_none() && poll(&mut ann[1]).is_none());
    drop(held);
    let first = taken(&mut ann[0]);
    drop(first);
    drop(taken(&mut bob));
    drop(taken(&mut ann[1]));
    assert!(is_empty(&places));
}

fn taken_or_refused(taking: &mut Taking) -> Option<NoPlace> {
    poll(taking).and_then(Result::err)
}

#[tokio::test(start_paused = true)]
async fn several_are_taken_together_and_are_not_passed_for_ever() {
    let places = places(4, usize::MAX, 10);
    let mut held = taken(&mut begin(&places, "ann", 3));
    let mut four = begin(&places, "bob", 4);
    let mut one = begin(&places, "cid", 1);
    assert!(poll(&mut four).is_none() && poll(&mut one).is_none());
    held.clear();
    let four = taken(&mut four);
    assert_eq!(four.len(), 4);
    assert!(poll(&mut one).is_none());
    drop(four);
    drop(taken(&mut one));
    assert!(is_empty(&places));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_the_queue_lets_those_behind_go_on_and_takes_nothing_along() {
    let places = places(4, usize::MAX, 10);
    let held = taken(&mut begin(&places, "ann", 3));
    let four = begin(&places, "bob", 4);
    let mut one = begin(&places, "cid", 1);
    assert!(poll(&mut one).is_none());
    drop(four);
    let one = taken(&mut one);
    // A place that was given to one who has left meanwhile is given back.
    let left = begin(&places, "dan", 1);
    drop(one);
    drop(left);
    drop(held);
    assert!(is_empty(&places));
}
