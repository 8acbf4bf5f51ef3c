//! Retries of the vendors' libraries, which carry a count and no key.

use chatmock_simulator::Mode;
use chatmock_testkit::client::{Connection, Request};
use serde_json::json;

use super::{REPLAYED, RETRY, assert_same, tried, whole};
use crate::dialects::ways;
use crate::harness::{CHAT, Harness, chat, soon};

#[tokio::test]
async fn a_retry_joins_the_try_whose_connection_was_lost() {
    let harness = Harness::new().await;
    for (number, (dialect, stream)) in (1..).zip(ways()) {
        let body = dialect.ask("MODE:slow:10:20", stream);
        let first = harness.start(&tried(dialect.path, &body, 0)).await;
        soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
        drop(first);
        // The second try is lost, too, and the third finds the answer complete.
        let second = harness.start(&tried(dialect.path, &body, 1)).await;
        drop(second);
        soon(harness.simulator.wait_for(|stats| stats.closed_streams.len() == number)).await;
        let third = harness.server.send(tried(dialect.path, &body, 2)).await;
        assert_eq!(third.header(REPLAYED), Some("true"), "{dialect}");
        assert!(dialect.text(&third, stream).contains("9 10"), "{}", third.text());
        assert_eq!((harness.calls(), harness.turns().await), (number as u64, json!(number)));
    }
}

#[tokio::test]
async fn a_retry_that_comes_while_its_first_try_runs_joins_it() {
    let harness = Harness::new().await;
    let body = chat("MODE:slow:20:20", true);
    let first = harness.start(&tried(CHAT, &body, 0)).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    let (first, second) =
        futures::future::join(whole(first), harness.server.send(tried(CHAT, &body, 1))).await;
    assert_same(&first, &second, "joined");
    assert_eq!(harness.calls(), 1);
}

#[tokio::test]
async fn equal_requests_that_are_no_retries_have_answers_of_their_own() {
    let harness = Harness::new().await;
    let body = chat("MODE:slow:5:20", true);
    let plain = Request::post(CHAT, body.to_string());
    let bare = [plain.clone(), plain];
    let requests = bare.into_iter().chain([tried(CHAT, &body, 0), tried(CHAT, &body, 0)]);
    let replies = requests.map(|request| harness.server.send(request));
    for reply in futures::future::join_all(replies).await {
        assert_eq!((reply.status, reply.header(REPLAYED)), (200, None));
    }
    assert_eq!(harness.calls(), 4);
    // A count that is none is no retry.
    for count in ["x", "-1", "1.5", ""] {
        let request = Request::post(CHAT, body.to_string()).with(RETRY, count);
        assert_eq!(harness.server.send(request).await.header(REPLAYED), None, "{count}");
    }
    assert_eq!(harness.calls(), 8);
}

#[tokio::test]
async fn a_lost_try_is_taken_over_once() {
    let harness = Harness::new().await;
    let body = chat("MODE:slow:10:20", false);
    let first = harness.start(&tried(CHAT, &body, 0)).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    drop(first);
    let retries = [1, 1, 1].map(|count| harness.server.send(tried(CHAT, &body, count)));
    let replies = futures::future::join_all(retries).await;
    let replayed = replies.iter().filter(|reply| reply.header(REPLAYED).is_some()).count();
    assert_eq!((replayed, harness.calls()), (1, 3));
}

#[tokio::test]
async fn an_answer_that_arrived_is_not_given_to_a_retry_of_another_request() {
    let harness = Harness::new().await;
    let body = chat("hello", false);
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    assert_eq!(connection.send(&tried(CHAT, &body, 0)).await.unwrap().status, 200);
    // Its connection is still there, so that nothing was lost.
    let other = harness.server.send(tried(CHAT, &body, 1)).await;
    assert_eq!((other.header(REPLAYED), harness.calls()), (None, 2));
    drop(connection);
    // A try that failed is tried again, whatever else has gone well.
    harness.simulator.enqueue(Mode::Unavailable);
    let text = chat("good morning", false);
    let running = harness.start(&tried(CHAT, &chat("good morning", false), 0)).await;
    let failed = whole(running).await;
    assert_eq!(failed.status, 503);
    let lost = harness.start(&tried(CHAT, &text, 0)).await;
    soon(harness.simulator.wait_for(|stats| stats.responses() == 4)).await;
    drop(lost);
    assert_eq!(harness.server.send(tried(CHAT, &text, 1)).await.header(REPLAYED), None);
    assert_eq!(harness.calls(), 5);
    assert_eq!(harness.server.send(tried(CHAT, &text, 1)).await.header(REPLAYED), Some("true"));
    assert_eq!(harness.calls(), 5);
}

#[tokio::test]
async fn an_answer_whose_connection_closed_at_once_is_given_to_the_retry() {
    let harness = Harness::new().await;
    for (number, (dialect, stream)) in (1..).zip(ways()) {
        let body = dialect.ask("hello", stream);
        let first = harness.start(&tried(dialect.path, &body, 0)).await;
        let first = whole(first).await;
        // Something between has read it all, and the client none of it.
        harness.is_alone().await;
        let second = harness.server.send(tried(dialect.path, &body, 1)).await;
        assert_same(&first, &second, dialect.name);
        assert_eq!(harness.calls(), number, "{dialect}");
    }
}
