//! Ends: clients that leave, age, idleness, silence, and the end of the server.

use std::time::Duration;

use chatmock_server::Served;
use serde_json::json;

use super::{create, response, say};
use crate::harness::{Harness, soon};

#[tokio::test]
async fn a_client_that_leaves_cancels_its_answers() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:1000:20")).await.unwrap();
    socket.event().await.unwrap();
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    drop(socket);
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:1000:20")).await.unwrap();
    socket.event().await.unwrap();
    socket.frame(0x88, &1000_u16.to_be_bytes()).await.unwrap();
    assert_eq!(socket.closed().await, Some(1000));
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn an_old_connection_refuses_the_next_request_and_closes() {
    let harness = Harness::with(|s| s.http.sockets.life = Duration::ZERO).await;
    let mut socket = harness.server.socket().await;
    let events = socket.ask(&create("hello")).await.unwrap();
    assert_eq!(events[0]["error"]["code"], "websocket_connection_limit_reached");
    assert_eq!(events[0]["status"], 400);
    assert_eq!(socket.closed().await, Some(1001));
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn an_idle_socket_is_closed_and_a_busy_one_is_not() {
    let harness = Harness::with(|s| s.http.sockets.idle = Duration::from_millis(200)).await;
    let mut idle = harness.server.socket().await;
    let mut busy = harness.server.socket().await;
    let events = busy.ask(&create("MODE:slow:40:20")).await.unwrap();
    assert_eq!(response(&events)["status"], "completed");
    assert_eq!(idle.closed().await, Some(1001));
    assert_eq!(busy.closed().await, Some(1001));
}

#[tokio::test]
async fn a_client_is_pinged_also_during_an_answer_and_gone_when_it_is_silent() {
    let harness = Harness::with(|s| s.http.sockets.ping = Duration::from_millis(100)).await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:1000:20")).await.unwrap();
    let mut pings = 0;
    while pings < 5 {
        let frame = socket.next().await.unwrap();
        if frame.first == 0x89 {
            pings += 1;
            socket.frame(0x8a, &frame.payload).await.unwrap();
        }
    }
    assert_eq!(harness.simulator.stats().open_streams, 1);
    // From now on nothing is answered.
    assert_eq!(socket.closed().await, None);
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn the_end_of_the_server_closes_idle_sockets_and_finishes_open_answers() {
    let mut harness = Harness::new().await;
    let mut idle = harness.server.socket().await;
    say(&mut idle, &create("hello")).await;
    let mut busy = harness.server.socket().await;
    busy.send(&create("MODE:slow:30:20")).await.unwrap();
    assert_eq!(busy.event().await.unwrap()["type"], "response.created");
    busy.send(&create("this one waits")).await.unwrap();
    harness.server.stop();
    assert_eq!(idle.closed().await, Some(1001));
    let mut events = busy.answer().await.unwrap();
    if events.last().unwrap()["type"] == "error" {
        events = busy.answer().await.unwrap();
    }
    assert_eq!(events.last().unwrap()["type"], "response.completed", "{events:?}");
    assert_eq!(busy.closed().await, Some(1001));
    assert_eq!(harness.server.ended().await, Served::Drained);
}

#[tokio::test]
async fn a_request_to_a_server_that_stops_is_refused() {
    let mut harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:50:20")).await.unwrap();
    assert_eq!(socket.event().await.unwrap()["type"], "response.created");
    harness.server.stop();
    socket.send(&create("late")).await.unwrap();
    let events = socket.answer().await.unwrap();
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["status"]), (&json!("error"), &json!(503)), "{last}");
}

#[tokio::test]
async fn an_answer_without_more_time_ends_with_words_and_the_close_comes_after() {
    let harness = Harness::with(|s| s.http.timeouts.drain = Duration::from_millis(300)).await;
    let mut begun = harness.server.socket().await;
    begun.send(&create("MODE:stall-after")).await.unwrap();
    assert_eq!(begun.event().await.unwrap()["type"], "response.created");
    let mut mute = harness.server.socket().await;
    mute.send(&create("MODE:mute")).await.unwrap();
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 2)).await;
    let Harness { simulator: _simulator, server, home: _home } = harness;
    let ended = tokio::spawn(server.ended());
    let events = begun.answer().await.unwrap();
    assert_eq!(events.last().unwrap()["type"], "response.failed");
    let error = &response(&events)["error"];
    assert_eq!(error["code"], "server_error");
    assert!(error["message"].as_str().unwrap().ends_with("(server_stopping)"), "{error}");
    assert_eq!(begun.closed().await, Some(1012));
    let events = mute.answer().await.unwrap();
    assert_eq!((&events[0]["type"], &events[0]["status"]), (&json!("error"), &json!(503)));
    assert_eq!(mute.closed().await, Some(1012));
    assert_eq!(ended.await.unwrap(), Served::Aborted { open: 2 });
}

#[tokio::test]
async fn a_client_that_does_not_read_slows_the_backend_down_and_is_let_go() {
    let harness =
        Harness::with(|s| s.http.timeouts.write_progress = Duration::from_millis(500)).await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:flood:4000:65536")).await.unwrap();
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
    assert_eq!(harness.simulator.stats().cancelled_streams, 1);
    let rest = socket.rest().await.unwrap();
    assert!(rest.len() < 64 * 1024 * 1024, "{}", rest.len());
}

#[tokio::test]
async fn an_idle_socket_gives_its_place_to_another_connection_and_a_busy_one_does_not() {
    let harness = Harness::with(|s| s.http.sizes.max_connections = 2).await;
    let mut busy = harness.server.socket().await;
    busy.send(&create("MODE:slow:100:20")).await.unwrap();
    assert_eq!(busy.event().await.unwrap()["type"], "response.created");
    let mut idle = harness.server.socket().await;
    say(&mut idle, &create("hello")).await;
    assert_eq!(harness.server.get("/health").await.status, 200);
    assert_eq!(idle.closed().await, Some(1001));
    let events = busy.answer().await.unwrap();
    assert_eq!(events.last().unwrap()["type"], "response.completed");
}
