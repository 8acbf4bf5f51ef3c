//! Session identity: one id for one conversation, everywhere and always the same.

use chatmock_simulator::RecordedRequest;
use chatmock_testkit::client::Request;
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, RESPONSES, Running, chat, responses, settings};

/// The id of a call, after it was found to be the same in every place.
fn id(call: &RecordedRequest) -> String {
    let body = call.json();
    let id = call.header("session-id").unwrap();
    for header in ["thread-id", "x-client-request-id"] {
        assert_eq!(call.header(header), Some(id), "{header}");
    }
    let metadata = &body["client_metadata"];
    for value in [&body["prompt_cache_key"], &metadata["session_id"], &metadata["thread_id"]] {
        assert_eq!(value, id, "{body}");
    }
    id.to_owned()
}

/// The id under which a server sends a request.
async fn sent(harness: &Harness, server: &Running, request: Request) -> String {
    let reply = server.send(request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    id(&harness.simulator.model_calls().pop().unwrap())
}

fn post(body: &Value) -> Request {
    Request::post(CHAT, body.to_string())
}

fn conversation(system: &str, texts: &[&str]) -> Value {
    let mut messages = vec![json!({"role": "system", "content": system})];
    for (turn, text) in texts.iter().enumerate() {
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        messages.push(json!({"role": role, "content": text}));
    }
    json!({"model": "gpt-5.5", "messages": messages})
}

#[tokio::test]
async fn the_turns_of_a_conversation_agree_over_restarts_and_servers() {
    let mut harness = Harness::new().await;
    let first = conversation("Be brief.", &["hello"]);
    let second = conversation("Be brief.", &["hello", "You said: hello", "and now?"]);
    let ours = sent(&harness, &harness.server, post(&first)).await;
    assert_eq!(sent(&harness, &harness.server, post(&second)).await, ours);
    let beside = harness.another().await;
    assert_eq!(sent(&harness, &beside, post(&second)).await, ours);
    harness.server = Running::start(settings(&harness.simulator, harness.home.path())).await;
    assert_eq!(sent(&harness, &harness.server, post(&second)).await, ours);
    let groups: Vec<usize> = ours.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{ours}");
}

#[tokio::test]
async fn conversations_that_share_only_a_system_prompt_differ() {
    let harness = Harness::new().await;
    let mut ids = Vec::new();
    for request in [
        conversation("Be brief.", &["hello"]),
        conversation("Be brief.", &["good morning"]),
        conversation("Be long.", &["hello"]),
    ] {
        ids.push(sent(&harness, &harness.server, post(&request)).await);
    }
    let mut other_model = conversation("Be brief.", &["hello"]);
    other_model["model"] = json!("gpt-6-sol");
    ids.push(sent(&harness, &harness.server, post(&other_model)).await);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn the_same_conversation_in_both_dialects_has_one_id_and_hits_the_cache() {
    let harness = Harness::new().await;
    let text = "a long question ".repeat(400);
    let chat_id = sent(&harness, &harness.server, post(&chat(&text, false))).await;
    let request = responses(&text, false);
    let reply = harness.server.post(RESPONSES, &request).await.json();
    assert_eq!(id(&harness.simulator.model_calls().pop().unwrap()), chat_id);
    let cached = reply["usage"]["input_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert!(cached > 1000, "{}", reply["usage"]);
}

#[tokio::test]
async fn a_name_that_the_client_gives_wins() {
    let harness = Harness::new().await;
    for header in ["session-id", "session_id", "x-session-id"] {
        let request = post(&chat("hello", false)).with(header, "mine-1");
        assert_eq!(sent(&harness, &harness.server, request).await, "mine-1", "{header}");
    }
    for path in [CHAT, RESPONSES] {
        let mut request = crate::harness::ask(path, "hello", true);
        request["prompt_cache_key"] = json!("the-key");
        let request = Request::post(path, request.to_string()).with("session-id", "mine-1");
        assert_eq!(sent(&harness, &harness.server, request).await, "the-key", "{path}");
    }
}

#[tokio::test]
async fn an_empty_name_is_none() {
    let harness = Harness::new().await;
    let derived = sent(&harness, &harness.server, post(&chat("hello", false))).await;
    let empty = post(&chat("hello", false)).with("session-id", "");
    assert_eq!(sent(&harness, &harness.server, empty).await, derived);
    let next = post(&chat("hello", false)).with("session-id", "").with("x-session-id", "mine-1");
    assert_eq!(sent(&harness, &harness.server, next).await, "mine-1");
}

#[tokio::test]
async fn a_name_that_does_not_fit_is_hashed_the_same_way_each_time() {
    let harness = Harness::new().await;
    let derived = sent(&harness, &harness.server, post(&chat("hello", false))).await;
    let long = "k".repeat(65);
    let fits = "k".repeat(64);
    for name in [long.as_str(), "with blanks in it", "schlüssel"] {
        let request = || post(&chat("hello", false)).with("session-id", name);
        let hashed = sent(&harness, &harness.server, request()).await;
        assert_eq!(hashed.len(), 36, "{hashed}");
        assert_ne!(hashed, derived, "{name} was not taken");
        assert_eq!(sent(&harness, &harness.server, request()).await, hashed);
        let mut keyed = chat("hello", false);
        keyed["prompt_cache_key"] = json!(name);
        assert_eq!(sent(&harness, &harness.server, post(&keyed)).await, hashed, "{name} as a key");
    }
    let request = post(&chat("hello", false)).with("session-id", &fits);
    assert_eq!(sent(&harness, &harness.server, request).await, fits);
}
