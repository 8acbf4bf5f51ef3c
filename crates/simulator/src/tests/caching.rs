//! The prompt cache over ten turns, at each backend.

use serde_json::{Value, json};

use super::harness::{Harness, RESPONSES, Reply, bearer, question};
use crate::Endpoint;

fn cached(reply: &Reply) -> (u64, u64) {
    let usage = &reply.of("response.completed")[0]["response"]["usage"];
    let cached = usage["input_tokens_details"]["cached_tokens"].as_u64();
    (usage["input_tokens"].as_u64().unwrap(), cached.unwrap())
}

/// Runs a conversation of ten turns, each with all turns before it; returns the tokens and the
/// cached tokens of each.
async fn ten_turns(
    key: Option<&str>,
    opening: &str,
    ask: impl AsyncFn(&Value) -> Reply,
) -> Vec<(u64, u64)> {
    let mut body = question(&format!("{opening} {}", "long ".repeat(1200)));
    body["prompt_cache_key"] = key.map_or(Value::Null, Value::from);
    let mut counts = Vec::new();
    for turn in 0..10 {
        let reply = ask(&body).await;
        counts.push(cached(&reply));
        let said = reply.of("response.output_item.done").pop().unwrap()["item"].clone();
        let next = json!({"role": "user", "content": format!("turn {turn}")});
        body["input"].as_array_mut().unwrap().extend([said, next]);
    }
    counts
}

/// Checks that the first turn is new, and that each later one finds the whole prompt before it,
/// down to a step.
fn grows(counts: &[(u64, u64)]) {
    assert_eq!(counts[0].1, 0);
    for (before, now) in counts.iter().zip(&counts[1..]) {
        assert_eq!(now.1 % 128, 0);
        assert!(now.1 + 130 > before.0, "{counts:?}");
    }
}

#[tokio::test]
async fn a_conversation_is_cached_by_session_at_the_codex_backend() {
    let harness = Harness::new().await;
    let with = async |session: Option<&str>, body: &Value| {
        let mut headers = harness.headers();
        headers.extend(session.map(|session| ("session-id".to_owned(), session.to_owned())));
        harness.call(RESPONSES, &headers, body.to_string()).await
    };
    grows(&ten_turns(Some("s"), "one", async |body| with(Some("s"), body).await).await);
    let lost = ten_turns(Some("t"), "two", async |body| with(None, body).await).await;
    assert!(lost.iter().all(|(_, cached)| *cached == 0));
}

#[tokio::test]
async fn a_conversation_is_cached_by_key_at_the_others() {
    let harness = Harness::new().await;
    for (endpoint, secret) in
        [(Endpoint::PlanResponses, "plan-simulated"), (Endpoint::ApiResponses, "sk-simulated")]
    {
        let ask = async |body: &Value| {
            let mut headers = bearer(secret);
            headers.push(("session-id".to_owned(), "ignored".to_owned()));
            harness.call(endpoint.name(), &headers, body.to_string()).await
        };
        grows(&ten_turns(Some("k"), "one", ask).await);
        grows(&ten_turns(None, "one", ask).await);
        let again = ten_turns(Some("k"), "one", ask).await;
        assert!(again[0].1 > 1024, "the same opening was cached under its key");
    }
}

#[tokio::test]
async fn short_prompts_are_not_cached() {
    let harness = Harness::new().await;
    let mut body = question("short");
    body["prompt_cache_key"] = json!("k");
    for _ in 0..2 {
        let reply = harness.ask_with(Endpoint::PlanResponses, "plan-simulated", &body).await;
        assert_eq!(cached(&reply).1, 0);
    }
}
