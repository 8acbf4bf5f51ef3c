//! Side information of the Codex backend: turn states, residency, another model, and
//! reasoning that it cannot read.

use chatmock_simulator::{Claims, Residency, Settings as Simulated, TurnStates};
use serde_json::json;

use crate::conversation::Conversation;
use crate::dialects::conversational;
use crate::harness::{CHAT, Harness, RESPONSES, chat, responses, said};

async fn harness(simulated: Simulated) -> Harness {
    Harness::of(simulated, Claims::default(), |_| {}).await
}

#[tokio::test]
async fn the_state_of_a_turn_goes_back_while_the_turn_lasts_and_no_longer() {
    for dialect in conversational() {
        let harness = Harness::new().await;
        let mut conversation = Conversation::new(dialect, "Be brief.");
        for turn in 0..3 {
            conversation.turn(&harness.server, &format!("get_weather city=Oslo{turn}")).await;
        }
        let TurnStates { echoed, missing, stray, .. } = harness.simulator.stats().turn_states;
        assert_eq!((echoed, missing, stray), (3, 0, 0), "{dialect}");
    }
}

#[tokio::test]
async fn reasoning_of_another_account_is_left_out_and_the_client_told() {
    let simulated = Simulated { verify_reasoning: true, ..Simulated::default() };
    let harness = harness(simulated).await;
    let mut request = responses("hello", false);
    request["input"] = json!([
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAforeign"},
        {"role": "user", "content": "hello"},
    ]);
    let reply = harness.server.post(RESPONSES, &request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(
        reply.header("x-chatmock-notices").unwrap().contains("input=changed"),
        "{:?}",
        reply.headers
    );
    assert!(!harness.sent()["input"].to_string().contains("reasoning"));
    assert_eq!(harness.calls(), 2);
    // Its own comes back to it.
    let mut request = responses("hello", false);
    request["reasoning"] = json!({"effort": "high", "summary": "auto"});
    let first = harness.server.post(RESPONSES, &request).await.json();
    let mut input = vec![json!({"role": "user", "content": "hello"})];
    input.extend(first["output"].as_array().unwrap().iter().cloned());
    input.push(json!({"role": "user", "content": "and now?"}));
    request["input"] = json!(input);
    let reply = harness.server.post(RESPONSES, &request).await;
    assert_eq!((reply.status, reply.header("x-chatmock-notices")), (200, None), "{}", reply.text());
    assert_eq!(harness.calls(), 4);
    assert!(harness.sent()["input"].to_string().contains("encrypted_content"));
}

#[tokio::test]
async fn another_model_than_asked_for_is_a_notice() {
    let harness = Harness::new().await;
    for stream in [false, true] {
        let reply = harness.server.post(CHAT, &chat("MODE:rerouted", stream)).await;
        let notices = reply.header("x-chatmock-notices").unwrap_or_default();
        assert!(notices.contains("model=changed"), "{notices:?}");
    }
    assert_eq!(harness.server.say("hello").await.header("x-chatmock-notices"), None);
}

#[tokio::test]
async fn an_account_whose_data_must_stay_somewhere_is_led_there() {
    let residency = Residency { routing: "us_cr".to_owned(), ..Residency::default() };
    let harness = harness(Simulated { residency, ..Simulated::default() }).await;
    for _ in 0..2 {
        assert_eq!(said(&harness.server.say("hello").await), "You said: hello");
        let call = harness.simulator.model_calls().pop().unwrap();
        assert_eq!(call.header("x-openai-account-routing-override"), Some("us_cr"));
    }
    let asked = harness.simulator.stats().count("GET /backend-api/wham/accounts/check");
    assert_eq!(asked, 1, "once for each account");
    let free = Harness::new().await;
    free.server.say("hello").await;
    let call = free.simulator.model_calls().pop().unwrap();
    assert_eq!(call.header("x-openai-account-routing-override"), None);
}

#[tokio::test]
async fn a_large_request_is_compressed_where_that_is_set() {
    let text = "many words ".repeat(30_000);
    let harness =
        Harness::with(|settings| settings.upstream.compress_above = Some(256 * 1024)).await;
    assert_eq!(said(&harness.server.say(&text).await).len(), text.len() + "You said: ".len());
    let call = harness.simulator.model_calls().pop().unwrap();
    assert_eq!(call.header("content-encoding"), Some("zstd"));
    harness.server.say("hello").await;
    let call = harness.simulator.model_calls().pop().unwrap();
    assert_eq!(call.header("content-encoding"), None);
}
