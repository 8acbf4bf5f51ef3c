//! Places: for connections, for request bytes and for answers; no client holds them alone.

use std::time::{Duration, Instant};

use chatmock_server::{ApiKey, Settings};
use chatmock_simulator::Mode;
use chatmock_testkit::client::{Connection, Reply, Request};
use serde_json::json;

use crate::dialects::dialects;
use crate::harness::{CHAT, Harness, RESPONSES, ask, chat, soon};

const SHORT: Duration = Duration::from_millis(300);
/// Much longer than a limit that is meant to be kept.
const LONG: Duration = Duration::from_secs(5);
const ANN: &str = "a-key-of-ann-0123456789";
const BEN: &str = "a-key-of-ben-0123456789";

/// How long a server leaves a connection open that sends nothing more, after what it answers.
async fn stays(connection: &mut Connection) -> (Duration, String) {
    let began = Instant::now();
    let rest = connection.rest().await.unwrap();
    (began.elapsed(), String::from_utf8_lossy(&rest).into_owned())
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_long_before_an_idle_one() {
    let harness = Harness::with(|s| s.http.timeouts.head = SHORT).await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    let (stayed, rest) = stays(&mut connection).await;
    assert!(rest.is_empty() && (SHORT / 2..LONG).contains(&stayed), "{stayed:?} {rest}");
}

#[tokio::test]
async fn the_beginning_of_a_head_behind_a_request_has_the_time_of_a_head() {
    let harness = Harness::with(|s| s.http.timeouts.head = SHORT).await;
    let body = chat("hello", false).to_string();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let get = Request::get("/health").bytes();
    for (name, request) in [
        ("get", get.clone()),
        ("two", [get.clone(), get].concat()),
        ("post", Request::post(CHAT, body).bytes()),
        (
            "chunked",
            [
                Request::new("POST", CHAT).with("transfer-encoding", "chunked").bytes(),
                chunked.into_bytes(),
            ]
            .concat(),
        ),
    ] {
        for next in ["GET /health HTTP/1.1\r\nHost: lo", "G", ""] {
            let mut connection = Connection::open(harness.server.address).await.unwrap();
            connection.write(&[&request[..], next.as_bytes()].concat()).await.unwrap();
            assert_eq!(connection.head().await.unwrap().status, 200, "{name}");
            let closed = tokio::time::timeout(4 * SHORT, stays(&mut connection)).await;
            assert_eq!(closed.is_ok(), !next.is_empty(), "{name} and {next:?}");
        }
    }
}

#[tokio::test]
async fn a_head_that_began_during_an_answer_has_its_time_after_it() {
    let harness = Harness::with(|s| s.http.timeouts.head = SHORT).await;
    let mut connection = harness.server.begin(CHAT, &ask(CHAT, "MODE:slow:20:50", true)).await;
    connection.write(b"GET /hea").await.unwrap();
    let head = connection.head().await.unwrap();
    assert!(connection.body(head).await.unwrap().whole, "the answer takes longer than a head may");
    connection.write(b"lth HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
}

#[tokio::test]
async fn the_longest_idle_connection_gives_way_to_a_new_one() {
    let harness = Harness::with(|s| s.http.sizes.max_connections = 2).await;
    let health = Request::get("/health");
    let mut busy = harness.server.begin(CHAT, &ask(CHAT, "MODE:stall-after", true)).await;
    busy.head().await.unwrap();
    let mut idle = Connection::open(harness.server.address).await.unwrap();
    for _ in 0..20 {
        assert_eq!(idle.send(&health).await.unwrap().status, 200);
        let mut new = Connection::open(harness.server.address).await.unwrap();
        assert_eq!(new.send(&health).await.unwrap().status, 200);
        assert!(idle.rest().await.unwrap().is_empty(), "it gave way");
        idle = new;
    }
    busy.chunks_until("content").await.unwrap();
}

#[tokio::test]
async fn connections_that_say_nothing_or_half_a_head_keep_nobody_out() {
    let harness = Harness::with(|s| s.http.sizes.max_connections = 8).await;
    let mut held = Vec::new();
    for number in 0..8 {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        if number % 2 == 0 {
            connection.write(b"GET / HTTP/1.1\r\nhost: lo").await.unwrap();
        }
        held.push(connection);
    }
    for _ in 0..8 {
        let served = async {
            while harness.server.get("/health").await.status != 200 {
                tokio::task::yield_now().await;
            }
        };
        soon(served).await;
    }
}

/// A harness whose bodies are small, and whose time is short.
async fn hurried(change: impl FnOnce(&mut Settings)) -> Harness {
    Harness::with(|s| {
        s.http.sizes.max_body = 8 << 20;
        s.http.sizes.max_in_flight = 32 << 20;
        s.http.timeouts.body_progress = 3 * SHORT;
        s.http.timeouts.linger = SHORT;
        change(s);
    })
    .await
}

/// Begins an upload of `size` bytes that lacks the last few, and goes on with little now and then.
async fn trickle(harness: &Harness, size: usize) -> Reply {
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    let head = Request::new("POST", CHAT).with("content-length", &size.to_string());
    let begun = vec![b' '; size - 40_000];
    // A refused one may close before it has read all.
    let mut open = connection.write(&[head.bytes(), begun].concat()).await.is_ok();
    let mut pace = tokio::time::interval(SHORT / 2);
    while open && !connection.is_closed() {
        pace.tick().await;
        open = connection.write(&[b' '; 1100]).await.is_ok();
    }
    let head = connection.head().await.unwrap();
    connection.body(head).await.unwrap()
}

#[tokio::test]
async fn uploads_that_trickle_keep_no_request_out_and_end() {
    let harness = hurried(|_| {}).await;
    let uploads = futures::future::join_all((0..4).map(|_| trickle(&harness, 8 << 20)));
    let normal = async {
        // It is read, and then found to be no JSON, which takes no time that the others would feel.
        let request = Request::post(CHAT, vec![b' '; 400_000]);
        let mut statuses = Vec::new();
        for _ in 0..10 {
            tokio::time::sleep(SHORT / 3).await;
            statuses.push(harness.server.send(request.clone()).await.status);
        }
        statuses
    };
    let began = Instant::now();
    let (uploads, normal) = futures::future::join(uploads, normal).await;
    assert_eq!(normal, [400; 10]);
    let statuses: Vec<u16> = uploads.iter().map(|reply| reply.status).collect();
    assert!(statuses.iter().all(|status| [408, 503].contains(status)), "{statuses:?}");
    let slow = uploads.iter().find(|reply| reply.status == 408).unwrap();
    assert!(slow.message().contains("too slowly"), "{}", slow.text());
    assert!(began.elapsed() < 2 * LONG, "{:?}", began.elapsed());
}

#[tokio::test]
async fn uploads_of_one_label_leave_room_for_those_of_another() {
    let harness = hurried(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", ANN), ApiKey::new("ben", BEN)];
    })
    .await;
    let upload = async |key: &str, sent: usize| {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        let head = Request::new("POST", CHAT).with("x-api-key", key);
        let head = head.with("content-length", &(8 << 20).to_string());
        connection.write(&[head.bytes(), vec![b' '; sent]].concat()).await.unwrap();
        connection
    };
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(upload(ANN, (8 << 20) - 1).await);
    }
    let mut third = upload(ANN, (8 << 20) - 1).await;
    let head = third.head().await.unwrap();
    assert_eq!(third.body(head).await.unwrap().error().2, "too_many_request_bytes");
    let mut other = upload(BEN, 8 << 20).await;
    assert_eq!(other.head().await.unwrap().status, 400, "it was read, and is no JSON");
}

/// A harness with so many places for answers, and a short wait for them.
async fn few_places(max: usize, max_per_label: Option<usize>) -> Harness {
    Harness::with(|s| {
        (s.http.turns.max, s.http.turns.max_per_label) = (max, max_per_label);
        s.http.turns.wait = SHORT;
        if max_per_label.is_some() {
            s.http.admission.keys = vec![ApiKey::new("ann", ANN), ApiKey::new("ben", BEN)];
        }
    })
    .await
}

fn asks(text: &str, key: &str) -> Request {
    Request::post(CHAT, chat(text, true).to_string()).with("x-api-key", key)
}

/// Begins an answer that does not end by itself.
async fn endless(harness: &Harness, key: &str) -> Connection {
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    connection.write(&asks("MODE:stall-after", key).bytes()).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
    connection
}

#[tokio::test]
async fn an_answer_too_many_is_refused_in_the_shape_of_its_dialect() {
    let harness = few_places(1, None).await;
    let _held = endless(&harness, "").await;
    for row in dialects() {
        let began = Instant::now();
        let reply = harness.server.send(Request::post(row.path, row.question)).await;
        let told = (reply.status, reply.header("retry-after"));
        assert_eq!(told, (row.status(503), Some("5")), "{}", row.name);
        assert!(began.elapsed() >= SHORT, "{}: it waited for a place", row.name);
        let error = &reply.json()["error"];
        let message = if row.path.starts_with("/api/") { error } else { &error["message"] };
        assert!(message.as_str().unwrap().contains("--max-turns"), "{}", reply.text());
        let code = row.code(error);
        let is_told = row.path.starts_with("/api/") || code == Some("too_many_turns");
        assert!(is_told, "{}", reply.text());
    }
    assert_eq!(harness.calls(), 1);
}

#[tokio::test]
async fn a_label_has_its_own_limit_and_leaves_the_rest_to_others() {
    let harness = few_places(10, Some(2)).await;
    let mut held = vec![endless(&harness, ANN).await, endless(&harness, ANN).await];
    let reply = harness.server.send(asks("hello", ANN)).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("5")));
    assert_eq!(reply.error().2, "too_many_turns_per_label");
    assert!(reply.message().contains("the key ann has 2"), "{}", reply.message());
    assert_eq!(harness.server.send(asks("hello", BEN)).await.status, 200);
    held.pop();
    let served = async { while harness.server.send(asks("hello", ANN)).await.status != 200 {} };
    soon(served).await;
}

#[tokio::test]
async fn a_turn_that_waits_is_served_when_a_place_is_left() {
    let harness = Harness::with(|s| s.http.turns.max = 1).await;
    let held = endless(&harness, "").await;
    let mut waiting = harness.server.begin(CHAT, &chat("hello", false)).await;
    let probe = harness.server.get("/health").await;
    assert_eq!((probe.status, harness.calls()), (200, 1), "other paths need no place");
    drop(held);
    assert_eq!(waiting.head().await.unwrap().status, 200);
    assert_eq!(harness.calls(), 2);
}

#[tokio::test]
async fn more_answers_than_there_can_be_are_refused_at_once() {
    let harness = few_places(10, Some(2)).await;
    let mut body = chat("hello", false);
    body["n"] = json!(3);
    let request = Request::post(CHAT, body.to_string()).with("x-api-key", ANN);
    let reply = harness.server.send(request).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.error().2, "too_many_answers");
    assert!(reply.message().contains("asks for 3"), "{}", reply.message());
    body["n"] = json!(2);
    let request = Request::post(CHAT, body.to_string()).with("x-api-key", ANN);
    assert_eq!(harness.server.send(request).await.status, 200);
}

#[tokio::test]
async fn a_place_is_free_again_however_an_answer_ends() {
    let harness = few_places(1, None).await;
    let whole = |text: &str| Request::post(CHAT, chat(text, false).to_string());
    for mode in [Mode::Unavailable, Mode::FailAfter, Mode::Overloaded, Mode::Refusal] {
        harness.simulator.enqueue(mode);
        harness.server.send(whole("hello")).await;
        assert_eq!(harness.server.send(whole("hello")).await.status, 200, "{mode:?}");
    }
    for panic in ["request", "body"] {
        let request = asks("hello", "").with("x-test-panic", panic);
        harness.server.send(request).await;
        assert_eq!(harness.server.send(whole("hello")).await.status, 200, "{panic}");
    }
    for text in ["MODE:stall-after", "MODE:stall", "MODE:mute"] {
        for stream in [true, false] {
            let left = harness.server.begin(RESPONSES, &ask(RESPONSES, text, stream)).await;
            soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
            drop(left);
            let served = async { while harness.server.send(whole("hello")).await.status != 200 {} };
            soon(served).await;
        }
    }
}
