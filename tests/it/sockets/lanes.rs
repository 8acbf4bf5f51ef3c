//! Lanes: names, order, limits and forks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{create, response, say, with};
use crate::harness::{Harness, output_text};
use chatmock_testkit::client::web_socket::is_terminal;

fn on(lane: &str, text: &str) -> Value {
    with(text, &json!({"stream_id": lane, "store": false}))
}

#[tokio::test]
async fn one_lane_answers_in_order_and_never_two_at_a_time() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for number in 0..5 {
        socket.send(&create(&format!("MODE:slow:{}:5", number + 1))).await.unwrap();
    }
    for number in 0..5 {
        let events = socket.answer().await.unwrap();
        let last = output_text(response(&events));
        let words = last.split_whitespace().count();
        assert_eq!(words, number + 1, "{last}");
        let ids: Vec<_> = events.iter().filter_map(|e| e["response"]["id"].as_str()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

#[tokio::test]
async fn lanes_answer_side_by_side_and_every_event_has_its_name() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.send(&on("slow", "MODE:slow:40:20")).await.unwrap();
    socket.send(&on("quick", "hello")).await.unwrap();
    let mut ended = Vec::new();
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    while ended.len() < 2 {
        let event = socket.event().await.unwrap();
        let lane = event["stream_id"].as_str().unwrap().to_owned();
        if is_terminal(&event) {
            ended.push(lane.clone());
        }
        numbers.entry(lane).or_default().extend(event["sequence_number"].as_u64());
    }
    assert_eq!(ended, ["quick", "slow"]);
    for (lane, numbers) in numbers {
        assert_eq!(numbers.first(), Some(&0), "{lane}");
        assert!(numbers.is_sorted(), "{lane}: {numbers:?}");
    }
    let error = socket.ask(&on("quick", "MODE:429")).await.unwrap();
    assert_eq!((&error[0]["type"], &error[0]["stream_id"]), (&json!("error"), &json!("quick")));
    let unnamed = socket.ask(&create("hello")).await.unwrap();
    assert!(unnamed.iter().all(|event| event.get("stream_id").is_none()));
}

#[tokio::test]
async fn names_have_rules_and_a_connection_has_32_of_them() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let long = "x".repeat(257);
    for wrong in [json!(""), json!("a b"), json!("ä"), json!(7), json!([]), json!({}), json!(long)]
    {
        let events = socket.ask(&with("hi", &json!({"stream_id": wrong}))).await.unwrap();
        let error = &events[0];
        assert_eq!(error["error"]["code"], "invalid_stream_id", "{wrong}");
        assert_eq!(
            (&error["status"], &error["error"]["param"]),
            (&json!(400), &json!("stream_id"))
        );
        assert!(error.get("stream_id").is_none());
    }
    assert_eq!(harness.calls(), 0);
    let warm_up = |lane: &str| with("hi", &json!({"stream_id": lane, "generate": false}));
    for number in 0..32 {
        let events = socket.ask(&warm_up(&format!("Lane-{number}_.x"))).await.unwrap();
        assert_eq!(events.len(), 3);
    }
    let events = socket.ask(&warm_up("one.more")).await.unwrap();
    assert_eq!(events[0]["error"]["code"], "websocket_stream_limit_reached");
    assert_eq!(events[0]["stream_id"], "one.more");
    assert_eq!(socket.ask(&warm_up("Lane-0_.x")).await.unwrap().len(), 3);
    say(&mut socket, &create("the lane without a name is not counted")).await;
}

#[tokio::test]
async fn sixteen_answers_run_at_once_and_more_wait() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for number in 0..20 {
        socket.send(&on(&format!("lane{number}"), "MODE:slow:40:10")).await.unwrap();
    }
    let mut running: Vec<String> = Vec::new();
    let (mut most, mut ended) = (0, 0);
    while ended < 20 {
        let event = socket.event().await.unwrap();
        let lane = event["stream_id"].as_str().unwrap().to_owned();
        if event["type"] == "response.created" {
            running.push(lane);
            most = most.max(running.len());
        } else if is_terminal(&event) {
            assert_eq!(event["type"], "response.completed", "{event}");
            running.retain(|other| *other != lane);
            ended += 1;
        }
    }
    assert_eq!(most, 16);
}

#[tokio::test]
async fn a_flood_of_requests_is_refused_beyond_those_that_may_wait() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    socket.send(&create("MODE:slow:100000:5")).await.unwrap();
    let id = loop {
        let event = socket.event().await.unwrap();
        if event["type"] == "response.created" {
            break event["response"]["id"].clone();
        }
    };
    for _ in 0..100 {
        socket.send(&create("more")).await.unwrap();
    }
    let mut refused = 0;
    while refused < 36 {
        let event = socket.event().await.unwrap();
        if event["type"] == "error" {
            assert_eq!(
                (&event["status"], &event["error"]["code"]),
                (&json!(429), &json!("too_many_waiting_requests"))
            );
            refused += 1;
        }
    }
    socket.send(&json!({"type": "response.interrupt", "response_id": id})).await.unwrap();
    let mut completed = 0;
    while completed < 64 {
        let event = socket.event().await.unwrap();
        completed += usize::from(event["type"] == "response.completed");
    }
    assert_eq!(harness.calls(), 65);
}

#[tokio::test]
async fn a_lane_forks_from_the_answer_of_another_and_begins_afresh_without() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let events = socket.ask(&on("a", "one")).await.unwrap();
    let first = response(&events)["id"].clone();
    let fork =
        with("two", &json!({"stream_id": "b", "store": false, "previous_response_id": first}));
    socket.ask(&fork).await.unwrap();
    assert!(harness.sent()["input"].to_string().contains("You said: one"));
    let go_on =
        with("three", &json!({"stream_id": "a", "store": false, "previous_response_id": first}));
    socket.ask(&go_on).await.unwrap();
    assert!(harness.sent()["input"].to_string().contains("You said: one"));
    socket.ask(&on("a", "four")).await.unwrap();
    assert!(!harness.sent()["input"].to_string().contains("one"), "a lane is no memory");
}
