//! Steadiness: repetitions while no one has seen anything, signs of life, words at a forced end, panics.

use std::time::Duration;

use chatmock_server::Served;
use chatmock_server::upstream::RetryPolicy;
use chatmock_simulator::Mode;
use chatmock_testkit::client::Request;

use crate::dialects::{dialects, ways};
use crate::harness::{CHAT, Harness, RESPONSES, ask, said, soon};

/// A harness whose server tries again, as it does by default.
async fn patient() -> Harness {
    Harness::with(|settings| settings.upstream.retry = RetryPolicy::default()).await
}

#[tokio::test]
async fn a_failure_before_the_answer_is_tried_again_and_not_seen() {
    let harness = patient().await;
    for (dialect, stream) in ways() {
        let before = harness.calls();
        harness.simulator.enqueue(Mode::Unavailable);
        let reply = harness.server.ask(dialect, "hello", stream).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(harness.calls(), before + 2);
    }
}

#[tokio::test]
async fn an_overload_inside_a_stream_is_tried_again_once() {
    let harness = patient().await;
    harness.simulator.enqueue(Mode::Overloaded);
    let reply = harness.server.say("hello").await;
    assert_eq!((said(&reply).as_str(), harness.calls()), ("You said: hello", 2));
    harness.simulator.enqueue(Mode::Overloaded);
    harness.simulator.enqueue(Mode::Overloaded);
    let reply = harness.server.say("hello").await;
    assert_eq!((reply.error().0, harness.calls()), (503, 4));
}

#[tokio::test]
async fn nothing_is_tried_again_once_output_was_sent() {
    let harness = patient().await;
    harness.simulator.enqueue(Mode::FailAfter);
    let reply = harness.server.post(CHAT, &ask(CHAT, "hello", true)).await;
    assert!(reply.text().contains("\"error\"") && !reply.text().contains("[DONE]"));
    assert_eq!(harness.calls(), 1);
}

#[tokio::test]
async fn a_silent_stream_shows_signs_of_life() {
    let soon_after = Duration::from_millis(50);
    let harness = Harness::with(|settings| {
        settings.http.streams.hold = soon_after;
        settings.http.streams.heartbeat = soon_after;
    })
    .await;
    for (path, mode) in [(CHAT, "MODE:stall-after"), (RESPONSES, "MODE:stall"), (CHAT, "MODE:mute")]
    {
        let mut connection = harness.server.begin(path, &ask(path, mode, true)).await;
        assert_eq!(connection.head().await.unwrap().status, 200, "{mode}");
        connection.chunks_until(": keep-alive\n\n").await.unwrap();
        connection.chunks_until(": keep-alive\n\n").await.unwrap();
    }
}

#[tokio::test]
async fn a_failure_after_the_head_went_out_alone_is_told_in_the_stream() {
    let harness = Harness::with(|settings| {
        settings.http.streams.hold = Duration::from_millis(50);
        settings.upstream.limits.idle = Duration::from_millis(300);
    })
    .await;
    for dialect in dialects() {
        let reply = harness.server.ask(dialect, "MODE:stall", true).await;
        assert_eq!(reply.status, 200);
        let text = reply.text();
        assert!(text.contains("sent nothing"), "{text}");
        assert!(!text.contains("[DONE]") && !text.contains("\"done\":true"), "{text}");
    }
}

#[tokio::test]
async fn an_answer_without_time_left_ends_in_words() {
    let harness = Harness::with(|s| s.http.timeouts.drain = Duration::from_millis(100)).await;
    let mut connection = harness.server.begin(CHAT, &ask(CHAT, "MODE:stall-after", true)).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    connection.head().await.unwrap();
    connection.chunks_until("content").await.unwrap();
    let Harness { server, .. } = harness;
    assert_eq!(server.ended().await, Served::Aborted { open: 1 });
    let rest = String::from_utf8_lossy(&connection.rest().await.unwrap()).into_owned();
    assert!(rest.contains("server_stopping") && !rest.contains("[DONE]"), "{rest}");
    assert!(rest.ends_with("0\r\n\r\n"), "the stream is ended in good order: {rest:?}");
}

#[tokio::test]
async fn a_panic_costs_one_answer_and_no_more() {
    let harness = Harness::new().await;
    for dialect in dialects() {
        let (path, body) = (dialect.path, dialect.ask("hello", true).to_string());
        let request = Request::post(path, body.clone()).with("x-test-panic", "request");
        let reply = harness.server.send(request).await;
        assert_eq!(reply.status, 500);
        assert!(reply.text().contains("mistake"), "{}", reply.text());
        let request = Request::post(path, body).with("x-test-panic", "body");
        let reply = harness.server.send(request).await;
        assert_eq!(reply.status, 200);
        assert!(reply.whole && reply.text().contains("mistake"), "{}", reply.text());
        assert!(!reply.text().contains("[DONE]"), "{}", reply.text());
    }
    assert_eq!(harness.server.say("hello").await.status, 200);
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn what_arrives_together_leaves_together() {
    let harness = Harness::new().await;
    let question = "word ".repeat(400);
    let mut connection = harness.server.begin(CHAT, &ask(CHAT, &question, true)).await;
    assert_eq!(connection.head().await.unwrap().status, 200);
    let (mut chunks, mut text) = (0, String::new());
    while let Some(chunk) = connection.chunk().await.unwrap().filter(|chunk| !chunk.is_empty()) {
        chunks += 1;
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    let events = text.matches("data: ").count();
    assert!(events > 400 && text.ends_with("data: [DONE]\n\n"), "{events} events");
    assert!(chunks < events / 4, "{chunks} chunks for {events} events");
}
