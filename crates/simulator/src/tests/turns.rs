//! The special features of the Codex programs: turn states, zstd, replayed reasoning.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

use super::harness::{Harness, RESPONSES, Reply, question, weather_tool};
use crate::{Claims, Settings, TurnStates};

async fn ask(harness: &Harness, body: &Value, state: Option<&str>) -> Reply {
    let mut headers = harness.headers();
    headers.extend(state.map(|state| ("x-codex-turn-state".to_owned(), state.to_owned())));
    harness.call(RESPONSES, &headers, body.to_string()).await
}

fn state_of(reply: &Reply) -> String {
    reply.header("x-codex-turn-state").unwrap().to_owned()
}

/// Returns the next request of a turn: with the call of a reply and its output.
fn continued(body: &Value, reply: &Reply) -> Value {
    let call = reply.of("response.output_item.done").pop().unwrap()["item"].clone();
    let output = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "3"});
    let mut body = body.clone();
    body["input"].as_array_mut().unwrap().extend([call, output]);
    body
}

fn seen(harness: &Harness) -> TurnStates {
    harness.simulator.stats().turn_states
}

#[tokio::test]
async fn a_state_that_comes_back_within_its_turn_is_counted() {
    let harness = Harness::new().await;
    let mut body = question("get_weather");
    body["tools"] = json!([weather_tool()]);
    let first = ask(&harness, &body, None).await;
    let state = state_of(&first);
    let body = continued(&body, &first);
    let second = ask(&harness, &body, Some(&state)).await;
    assert_eq!(state_of(&second), state);
    assert_eq!(seen(&harness), TurnStates { echoed: 1, ..TurnStates::default() });
    ask(&harness, &body, None).await;
    assert_eq!(seen(&harness), TurnStates { echoed: 1, missing: 1, stray: 0 });
    let mut inside = body.clone();
    inside["client_metadata"] = json!({"x-codex-turn-state": state});
    ask(&harness, &inside, None).await;
    assert_eq!(seen(&harness), TurnStates { echoed: 2, missing: 1, stray: 0 });
    let mut next = body;
    let more = json!({"role": "user", "content": "and now"});
    next["input"].as_array_mut().unwrap().push(more);
    let third = ask(&harness, &next, None).await;
    assert_ne!(state_of(&third), state);
    ask(&harness, &next, Some(&state)).await;
    ask(&harness, &next, Some("made up")).await;
    assert_eq!(seen(&harness), TurnStates { echoed: 2, missing: 1, stray: 2 });
    assert_eq!(harness.get("/stats").await.json()["turn_states"]["stray"], 2);
}

#[tokio::test]
async fn a_state_can_come_in_an_event_alone() {
    let harness = Harness::new().await;
    let reply = harness.say("MODE:turn-state-event").await;
    assert_eq!(reply.header("x-codex-turn-state"), None);
    let state = reply.of("response.metadata")[0]["headers"]["x-codex-turn-state"].clone();
    ask(&harness, &question("MODE:turn-state-event"), state.as_str()).await;
    assert_eq!(seen(&harness).echoed, 1);
}

#[tokio::test]
async fn a_body_in_zstd_is_read_and_recorded() {
    let harness = Harness::with(Settings { max_body: 100_000, ..Settings::default() }).await;
    let mut headers = harness.headers();
    headers.push(("content-encoding".to_owned(), "zstd".to_owned()));
    let body = question("packed").to_string();
    let packed = compress_to_vec(body.as_bytes(), CompressionLevel::Fastest);
    assert_eq!(harness.call(RESPONSES, &headers, &packed).await.said(), "You said: packed");
    let call = harness.simulator.model_calls().remove(0);
    assert_eq!((call.json(), &call.body[..]), (question("packed"), &packed[..]));
    let echoed = question("MODE:echo");
    let packed = compress_to_vec(echoed.to_string().as_bytes(), CompressionLevel::Fastest);
    let said = harness.call(RESPONSES, &headers, &packed).await.said();
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["body"], echoed);
    let large = question(&"x".repeat(200_000)).to_string();
    let packed = compress_to_vec(large.as_bytes(), CompressionLevel::Fastest);
    assert!(packed.len() < 100_000);
    assert_eq!(harness.call(RESPONSES, &headers, &packed).await.status, 400);
}

/// Returns a request that replays an encrypted reasoning item.
fn replaying(seal: &Value) -> Value {
    let mut body = question("hello");
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal});
    body["input"].as_array_mut().unwrap().insert(0, item);
    body
}

#[tokio::test]
async fn reasoning_that_was_sealed_elsewhere_is_refused_when_verified() {
    let mut harness =
        Harness::with(Settings { verify_reasoning: true, ..Settings::default() }).await;
    let mut body = question("hello");
    body["reasoning"] = json!({"summary": "auto"});
    let reply = harness.ask(&body).await;
    let seal = reply.of("response.output_item.done")[0]["item"]["encrypted_content"].clone();
    assert_eq!(harness.ask(&replaying(&seal)).await.status, 200);
    let damaged = json!(format!("{}x", seal.as_str().unwrap()));
    for foreign in [&damaged, &json!("gAAAAABk")] {
        let refused = harness.ask(&replaying(foreign)).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["error"]["code"], "invalid_encrypted_content");
    }
    harness.tokens = harness.simulator.tokens(Claims::of_account("another"));
    assert_eq!(harness.ask(&replaying(&seal)).await.status, 400);
}

#[tokio::test]
async fn reasoning_can_be_refused_until_it_is_left_out() {
    let harness = Harness::new().await;
    let mut body = replaying(&json!("gAAAAABk"));
    body["input"][1]["content"][0]["text"] = json!("MODE:unverified-reasoning");
    let refused = harness.ask(&body).await;
    assert_eq!(refused.json()["error"]["code"], "invalid_encrypted_content");
    body["input"].as_array_mut().unwrap().remove(0);
    assert_eq!(harness.ask(&body).await.status, 200);
}

#[tokio::test]
async fn the_model_and_the_catalogue_can_change_in_the_head() {
    let harness = Harness::new().await;
    let models = "/backend-api/codex/models?client_version=0.171.0";
    let before = harness.get(models).await;
    assert_eq!(harness.say("hello").await.header("x-models-etag"), before.header("etag"));
    let changed = harness.say("MODE:catalog-changed").await;
    assert_ne!(changed.header("x-models-etag"), before.header("etag"));
    let after = harness.get(models).await;
    assert_eq!(changed.header("x-models-etag"), after.header("etag"));
    assert_eq!(before.json(), after.json());
    let rerouted = harness.say("MODE:rerouted").await;
    assert_eq!(rerouted.header("openai-model"), Some("gpt-6-luna"));
    assert_eq!(rerouted.last_kind(), "response.completed");
}

#[tokio::test]
async fn models_are_closed_to_clients_that_are_too_old() {
    let harness = Harness::with(Settings { gate_versions: true, ..Settings::default() }).await;
    let mut body = question("hello");
    body["model"] = json!("gpt-6-sol");
    for (version, status) in [("0.154.9", 400), ("0.155.0", 200), ("0.0.0", 200)] {
        let mut headers = harness.headers();
        headers.push(("version".to_owned(), version.to_owned()));
        let reply = harness.call(RESPONSES, &headers, body.to_string()).await;
        assert_eq!(reply.status, status, "{version}");
    }
    assert_eq!(harness.ask(&body).await.status, 200);
}
