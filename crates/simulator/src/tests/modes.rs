//! The modes, as they look on the wire.

use serde_json::json;

use super::harness::{Harness, question, weather_tool};
use crate::Mode;

#[tokio::test]
async fn parallel_calls_are_interleaved() {
    let harness = Harness::new().await;
    let reply = harness.say("MODE:parallel-calls").await;
    let deltas = reply.of("response.function_call_arguments.delta");
    let indexes: Vec<_> = deltas.iter().map(|delta| delta["output_index"].clone()).collect();
    assert_eq!(indexes[..4], [1, 2, 1, 2]);
    let ids = reply.of("response.output_item.done");
    assert_ne!(ids[1]["item"]["call_id"], ids[2]["item"]["call_id"]);
}

#[tokio::test]
async fn calls_arrive_without_deltas_or_without_anything_before_the_item() {
    let harness = Harness::new().await;
    let argless = harness.say("MODE:argless").await;
    assert!(argless.of("response.function_call_arguments.delta").is_empty());
    assert_eq!(argless.of("response.function_call_arguments.done").len(), 1);
    let deltaless = harness.say("MODE:deltaless").await;
    assert_eq!(deltaless.of("response.output_item.added").len(), 1, "of the reasoning");
    let item = &deltaless.of("response.output_item.done")[1]["item"];
    assert_eq!(item["arguments"], r#"{"city":"Oslo"}"#);
    let long = harness.say("MODE:long-call-id").await;
    let item = &long.of("response.output_item.done")[1]["item"];
    assert_eq!(item["call_id"].as_str().unwrap().len(), 69);
}

#[tokio::test]
async fn a_mode_that_calls_uses_the_clients_tools_and_is_over_after_the_output() {
    let harness = Harness::new().await;
    let mut body = question("MODE:commentary city=Bergen");
    body["tools"] = json!([weather_tool()]);
    let reply = harness.ask(&body).await;
    let items = reply.of("response.output_item.done");
    assert_eq!(items[1]["item"]["phase"], "commentary");
    assert_eq!(items[2]["item"]["name"], "get_weather");
    assert_eq!(items[2]["item"]["arguments"], r#"{"city":"Bergen"}"#);
    let call = items[2]["item"].clone();
    let output = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "x"});
    body["input"].as_array_mut().unwrap().extend([call, output]);
    assert_eq!(harness.ask(&body).await.said(), "The tool said: x");
}

#[tokio::test]
async fn streams_end_in_the_way_their_mode_says() {
    let harness = Harness::new().await;
    for (mode, last) in [
        ("reasoning", "response.completed"),
        ("refusal", "response.completed"),
        ("search", "response.completed"),
        ("image", "response.completed"),
        ("custom-call", "response.completed"),
        ("text-before-call", "response.completed"),
        ("bad-arguments", "response.completed"),
        ("keepalive", "response.completed"),
        ("empty-output", "response.completed"),
        ("no-usage", "response.completed"),
        ("after-end", "response.completed"),
        ("separators", "response.completed"),
        ("early-hints", "response.completed"),
        ("no-space", ""),
        ("incomplete-length", "response.incomplete"),
        ("incomplete-filter", "response.incomplete"),
        ("fail-before", "response.failed"),
        ("fail-after", "response.failed"),
        ("fail-null", "response.failed"),
        ("fail-rate", "response.failed"),
        ("fail-context", "response.failed"),
        ("overloaded", "response.failed"),
        ("error-flat", "error"),
        ("error-nested", "error"),
        ("cut", "response.output_text.delta"),
        ("done-only", "response.output_text.delta"),
    ] {
        let reply = harness.say(&format!("MODE:{mode}")).await;
        assert_eq!((reply.status, reply.complete), (200, true), "{mode}");
        assert_eq!(reply.last_kind(), last, "{mode}");
    }
}

#[tokio::test]
async fn statuses_come_with_their_bodies() {
    let harness = Harness::new().await;
    for (mode, status) in [
        ("unauthorized", 401),
        ("402", 402),
        ("429", 429),
        ("429-rate", 429),
        ("usage-not-included", 403),
        ("503", 503),
        ("500-html", 500),
        ("403-html", 403),
        ("200-html", 200),
        ("404-empty", 404),
        ("redirect", 307),
    ] {
        assert_eq!(harness.say(&format!("MODE:{mode}")).await.status, status, "{mode}");
    }
    let limited = harness.say("MODE:429").await;
    assert_eq!(limited.header("x-codex-primary-used-percent"), Some("100"));
    assert_eq!(limited.json()["error"]["resets_in_seconds"], 21_000);
    assert_eq!(harness.say("MODE:403-html").await.header("cf-mitigated"), Some("challenge"));
    assert_eq!(harness.say("MODE:500-html").await.body.len(), 5 << 20);
    let empty = harness.say("MODE:404-empty").await;
    assert_eq!((empty.body.len(), empty.header("content-type")), (0, None));
}

#[tokio::test]
async fn unauthorized_once_is_refused_once() {
    let harness = Harness::new().await;
    assert_eq!(harness.say("MODE:unauthorized-once a").await.status, 401);
    assert_eq!(harness.say("MODE:unauthorized-once b").await.status, 401);
    assert!(harness.say("MODE:unauthorized-once a").await.said().starts_with("You said"));
}

#[tokio::test]
async fn disguises_carry_the_default_answer() {
    let harness = Harness::new().await;
    let plain = |text: String| text.replace("\r\n", "\n").replace('\r', "\n");
    for mode in ["cr", "crlf", "bom", "bytewise"] {
        let reply = harness.say(&format!("MODE:{mode}")).await;
        let mut bare = reply;
        bare.body = plain(bare.text()).into_bytes();
        assert_eq!(bare.said(), format!("You said: MODE:{mode}"));
    }
    assert!(harness.say("MODE:bom").await.text().starts_with("\u{feff}event: "));
    assert!(!harness.say("MODE:cr").await.text().contains('\n'));
    let folded = harness.say("MODE:multiline-data").await.text();
    let block = folded.split("\n\n").next().unwrap();
    let lines: Vec<_> = block.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(lines.len(), 2);
    assert!(serde_json::from_str::<serde_json::Value>(&lines.join("\n")).is_ok());
    let named = harness.say("MODE:wrong-event-name").await.text();
    assert!(
        named.contains("event: response.failed\ndata: {\"type\":\"response.output_text.delta\"")
    );
    assert!(harness.say("MODE:invalid-utf8").await.body.windows(2).any(|two| two == [0xff, 0xfe]));
}

#[tokio::test]
async fn a_hard_cut_ends_inside_a_chunk() {
    let harness = Harness::new().await;
    let reply = harness.say("MODE:cut-hard").await;
    assert!(!reply.complete);
    assert!(reply.text().ends_with("data: {\"type"), "{}", reply.text());
}

#[tokio::test]
async fn numbers_size_the_slow_and_the_large() {
    let harness = Harness::new().await;
    assert_eq!(harness.say("MODE:slow:3:1").await.said(), "1 2 3 ");
    let flood = harness.say("MODE:flood:5:1000").await;
    assert_eq!(flood.said().len(), 5000);
    assert_eq!(harness.say("MODE:huge-event:100000").await.said().len(), 100_000);
    assert!(harness.say("MODE:huge-head").await.head.len() > 1 << 20);
}

#[tokio::test]
async fn echo_shows_what_was_sent_without_the_token() {
    let harness = Harness::new().await;
    let reply = harness.say("MODE:echo").await;
    let shown: serde_json::Value = serde_json::from_str(&reply.said()).unwrap();
    assert_eq!(shown["body"], question("MODE:echo"));
    assert_eq!(shown["headers"]["content-type"], "application/json");
    assert!(!reply.said().contains(&harness.tokens.access_token));
}

#[tokio::test]
async fn modes_can_be_queued() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(Mode::Refusal);
    let reply = harness.say("hello").await;
    assert_eq!(reply.of("response.refusal.done")[0]["refusal"], "I can't help with that.");
}
