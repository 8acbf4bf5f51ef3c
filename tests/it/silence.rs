//! Silence of the backend, and clients that do not wait for its end.

use std::time::{Duration, Instant};

use chatmock_simulator::{Mode, Script, Step};
use chatmock_testkit::client::{Connection, Request};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::dialects::{dialects, ways};
use crate::harness::{CHAT, Harness, RESPONSES, ask, soon};

/// The limit on silence in these tests.
const LIMIT: Duration = Duration::from_millis(800);

/// A harness whose backend may be silent for that long.
async fn impatient() -> Harness {
    let harness = Harness::with(|settings| {
        settings.upstream.limits.header = LIMIT;
        settings.upstream.limits.idle = LIMIT;
    })
    .await;
    // The list of models is no part of what is timed.
    harness.server.get("/v1/models").await;
    harness
}

/// Waits until the backend has nothing open any more, and counts what was cancelled.
async fn closed(harness: &Harness, cancelled: u64) {
    let met = |stats: &chatmock_simulator::Stats| {
        stats.open_streams == 0 && stats.cancelled_streams == cancelled
    };
    soon(harness.simulator.wait_for(met)).await;
}

#[tokio::test]
async fn a_backend_without_a_head_meets_the_limit() {
    let harness = impatient().await;
    for (number, (dialect, stream)) in (1..).zip(ways()) {
        harness.simulator.enqueue(Mode::Mute);
        let start = Instant::now();
        let reply = harness.server.ask(dialect, "hello", stream).await;
        dialect.assert_failure(&reply, 504, &[("code", "upstream_timeout")]);
        assert!(start.elapsed() >= LIMIT && start.elapsed() < 10 * LIMIT);
        closed(&harness, number).await;
    }
}

#[tokio::test]
async fn a_stalled_stream_meets_the_limit_and_is_let_go() {
    let harness = impatient().await;
    for (number, (dialect, stream)) in (1..).zip(ways()) {
        harness.simulator.enqueue(Mode::StallAfter);
        let start = Instant::now();
        let reply = harness.server.ask(dialect, "hello", stream).await;
        assert!(start.elapsed() >= LIMIT && start.elapsed() < 10 * LIMIT);
        assert!(reply.whole && reply.text().contains("sent nothing for"), "{}", reply.text());
        if stream {
            assert_eq!(reply.status, 200);
        } else {
            dialect.assert_failure(&reply, 504, &[("code", "upstream_stalled")]);
        }
        closed(&harness, number).await;
    }
}

#[tokio::test]
async fn a_slow_stream_is_no_silent_one() {
    let harness = impatient().await;
    // Longer than the limit as a whole, never as long between two arrivals.
    let reply = harness.server.post(CHAT, &ask(CHAT, "MODE:slow:10:120", true)).await;
    assert!(reply.text().ends_with("data: [DONE]\n\n"), "{}", reply.text());
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_cancels_the_call() {
    let harness = Harness::new().await;
    for (number, dialect) in (1..).zip(dialects()) {
        let request = dialect.ask("MODE:slow:100000:5", true);
        let mut connection = harness.server.begin(dialect.path, &request).await;
        assert_eq!(connection.head().await.unwrap().status, 200);
        connection.chunks_until("2 ").await.unwrap();
        assert_eq!(harness.simulator.stats().open_streams, 1);
        drop(connection);
        closed(&harness, number).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_during_silence_cancels_the_call() {
    let harness = Harness::new().await;
    for (number, dialect) in (1..).zip(dialects()) {
        let request = dialect.ask("MODE:stall-after", true);
        let mut connection = harness.server.begin(dialect.path, &request).await;
        assert_eq!(connection.head().await.unwrap().status, 200);
        connection.chunks_until("whole").await.unwrap();
        drop(connection);
        closed(&harness, number).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_cancels_the_call() {
    let harness = Harness::new().await;
    let asked = ["MODE:mute", "MODE:stall", "MODE:stall-after"];
    let whole = asked.map(|text| (text, false));
    for (number, (text, stream)) in (1..).zip(whole.into_iter().chain([("MODE:stall", true)])) {
        let connection = harness.server.begin(CHAT, &ask(CHAT, text, stream)).await;
        soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
        drop(connection);
        closed(&harness, number).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_no_harm_to_the_others() {
    let harness = Harness::new().await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(harness.server.begin(CHAT, &ask(CHAT, "MODE:slow:30:10", true)).await);
        let left = harness.server.begin(CHAT, &ask(CHAT, "MODE:slow:1000:10", true)).await;
        drop(left);
    }
    for mut connection in others {
        let head = connection.head().await.unwrap();
        assert!(connection.body(head).await.unwrap().text().ends_with("data: [DONE]\n\n"));
    }
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn an_answer_cut_at_a_stop_sequence_lets_the_backend_go() {
    let harness = Harness::new().await;
    let mut request = ask(CHAT, "MODE:slow:100000:5", true);
    request["stop"] = json!(["4 "]);
    let reply = harness.server.post(CHAT, &request).await;
    assert_eq!(crate::harness::streamed(&reply), "1 2 3 ");
    closed(&harness, 1).await;
    request["stream"] = json!(false);
    let reply = harness.server.post(CHAT, &request).await;
    assert_eq!(crate::harness::said(&reply), "1 2 3 ");
    closed(&harness, 2).await;
}

#[tokio::test]
async fn a_hundred_turns_use_few_connections() {
    let harness = Harness::new().await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    for turn in 0..100 {
        let path = if turn % 4 < 2 { CHAT } else { RESPONSES };
        let request = ask(path, "hello", turn % 2 == 0).to_string();
        assert!(connection.send(&Request::post(path, request)).await.unwrap().whole);
    }
    let stats = harness.simulator.stats();
    assert_eq!(stats.responses(), 100);
    assert!(stats.connections <= 3, "{} connections", stats.connections);
    assert_eq!(stats.cancelled_streams, 0);
}

#[tokio::test]
async fn each_worker_opens_one_connection_of_its_own_and_keeps_it() {
    let harness = Harness::with(|s| s.http.workers = 2).await;
    let connections = || harness.simulator.stats().connections;
    let turn = || Request::post(CHAT, ask(CHAT, "hello", true).to_string());
    let open = || async { Connection::open(harness.server.address).await.unwrap() };
    let (mut first, mut second) = (open().await, open().await);
    assert!(first.send(&turn()).await.unwrap().whole);
    let before = connections();
    assert!(second.send(&turn()).await.unwrap().whole);
    assert_eq!(connections(), before + 1, "the first worker's connection was used");
    let opened = connections();
    for _ in 0..20 {
        for connection in [&mut first, &mut second] {
            assert!(connection.send(&turn()).await.unwrap().whole);
        }
    }
    assert!(connections() <= opened + 1, "{} connections after {opened}", connections());
}

#[tokio::test]
async fn refusals_do_not_cost_a_connection_each() {
    let harness = Harness::new().await;
    for _ in 0..20 {
        harness.simulator.enqueue(Mode::RateLimit);
        assert_eq!(harness.server.say("hello").await.status, 429);
    }
    assert!(harness.simulator.stats().connections <= 3);
}

#[tokio::test]
async fn output_is_handed_on_as_it_arrives() {
    let harness = Harness::new().await;
    let first = r#"{"type":"response.created","response":{"id":"resp_1"}}"#;
    let delta = r#"{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"first words"}"#;
    let script = Script::events([first, delta]).then(Step::Stall);
    for dialect in dialects() {
        harness.simulator.enqueue(script.clone());
        let request = dialect.ask("hello", true);
        let mut connection = harness.server.begin(dialect.path, &request).await;
        assert_eq!(connection.head().await.unwrap().status, 200);
        connection.chunks_until("first words").await.unwrap();
    }
}

/// Answers one call with deltas for as long as someone takes them; gives how many bytes that were.
async fn flood(listener: TcpListener) -> usize {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"}}") {
        stream.read_buf(&mut read).await.unwrap();
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let created = r#"{"type":"response.created","response":{"id":"resp_1"}}"#;
    stream.write_all(format!("data: {created}\n\n").as_bytes()).await.unwrap();
    let delta = "x".repeat(4000);
    let delta = format!(
        r#"{{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"{delta}"}}"#
    );
    let event = format!("data: {delta}\n\n").into_bytes();
    let mut written = 0;
    loop {
        let write = stream.write_all(&event);
        match tokio::time::timeout(Duration::from_secs(1), write).await {
            Ok(taken) => taken.unwrap(),
            Err(_) => return written,
        }
        written += event.len();
        assert!(written < 64 << 20, "nothing holds the backend back");
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_the_backend_back() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let harness = Harness::with(|settings| {
        settings.models.sync = false;
        let route = settings.upstream.route.clone();
        settings.upstream.route = route.at(format!("http://{address}/backend-api/codex"));
    })
    .await;
    let mut connection = harness.server.begin(CHAT, &ask(CHAT, "hello", true)).await;
    let written = soon(flood(listener)).await;
    // What two connections' buffers hold, and little more.
    assert!(written < 32 << 20, "{written} bytes were taken");
    assert_eq!(connection.head().await.unwrap().status, 200);
    connection.chunks_until("xxxx").await.unwrap();
}
