//! The life of streams, records and the simulator itself.

use std::time::Duration;

use tokio::time::timeout;

use super::harness::{Harness, RESPONSES, question};
use crate::{Fast, Settings, Stats};

const SOON: Duration = Duration::from_secs(10);

async fn until(harness: &Harness, met: impl FnMut(&Stats) -> bool) -> Stats {
    timeout(SOON, harness.simulator.wait_for(met)).await.unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_also_in_silence() {
    let harness = Harness::new().await;
    for mode in ["stall", "stall-after", "mute"] {
        let body = question(&format!("MODE:{mode}")).to_string();
        let before = harness.simulator.stats().cancelled_streams;
        let mut connection = harness.send(RESPONSES, &harness.headers(), &body).await;
        until(&harness, |stats| stats.open_streams == 1).await;
        if mode != "mute" {
            connection.head().await.unwrap();
        }
        drop(connection);
        let stats = until(&harness, |stats| stats.open_streams == 0).await;
        assert_eq!(stats.cancelled_streams, before + 1, "{mode}");
        assert!(stats.closed_streams.back().unwrap().cancelled);
    }
}

#[tokio::test]
async fn a_client_that_reads_to_the_end_is_not_counted_as_gone() {
    let harness = Harness::new().await;
    harness.say("hello").await;
    harness.say("MODE:503").await;
    let stats = until(&harness, |stats| stats.open_connections == 0).await;
    assert_eq!((stats.streams, stats.open_streams, stats.cancelled_streams), (1, 0, 0));
    assert_eq!((stats.connections, stats.responses()), (2, 2));
}

#[tokio::test]
async fn requests_are_recorded_as_they_came() {
    let harness = Harness::new().await;
    harness.say("hello").await;
    let calls = harness.simulator.model_calls();
    let names: Vec<_> = calls[0].headers.iter().map(|(name, _)| name.as_str()).collect();
    let sent = ["host", "connection", "authorization", "chatgpt-account-id", "content-type"];
    assert_eq!(names[..5], sent);
    assert_eq!(calls[0].json(), question("hello"));
    assert_eq!(calls[0].header("content-type"), Some("application/json"));
    harness.get("/health?x=1").await;
    assert_eq!(harness.simulator.requests()[1].path, "/health?x=1");
    harness.simulator.forget_requests();
    assert!(harness.simulator.requests().is_empty());
}

#[tokio::test]
async fn only_the_last_requests_are_kept() {
    let harness = Harness::with(Settings { keep_requests: 2, ..Settings::default() }).await;
    for path in ["/a", "/b", "/c"] {
        harness.get(path).await;
    }
    let paths: Vec<_> = harness.simulator.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(paths, ["/b", "/c"]);
}

#[tokio::test]
async fn dropping_the_simulator_closes_its_connections() {
    let harness = Harness::new().await;
    let body = question("MODE:stall").to_string();
    let mut connection = harness.send(RESPONSES, &harness.headers(), &body).await;
    until(&harness, |stats| stats.open_streams == 1).await;
    drop(harness);
    let rest = timeout(SOON, connection.rest()).await.unwrap().unwrap();
    assert!(!rest.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let harness = Harness::with(Settings { max_body: 100, ..Settings::default() }).await;
    assert_eq!(harness.say("hello").await.status, 413);
}

#[tokio::test]
async fn a_pace_spreads_the_deltas() {
    let pace = Duration::from_millis(5);
    let harness = Harness::with(Settings { pace, ..Settings::default() }).await;
    let begun = std::time::Instant::now();
    assert_eq!(harness.say("hello there").await.said(), "You said: hello there");
    assert!(begun.elapsed() >= 4 * pace);
}

#[tokio::test]
async fn a_fast_answer_is_given_and_counted_without_any_check() {
    let harness = Harness::with(Settings { fast: true, ..Settings::default() }).await;
    for fast in [Fast::Flood(50), Fast::Split(50, 37), Fast::Paced(3, 5)] {
        let reply = harness.post("/backend-api/codex/responses", "text/plain", &fast.mark()).await;
        assert!(reply.complete && reply.status == 200, "{fast:?}: {}", reply.head);
        assert_eq!(reply.said().len(), fast.text().len(), "{fast:?}");
        assert_eq!(reply.last_kind(), "response.completed");
    }
    let stats = until(&harness, |stats| stats.open_streams == 0).await;
    assert_eq!((stats.streams, stats.cancelled_streams, stats.responses()), (3, 0, 0));
    assert!(harness.simulator.requests().is_empty());
    assert_eq!(harness.say("hello").await.said(), "You said: hello");
}
