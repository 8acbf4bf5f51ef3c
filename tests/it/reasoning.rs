//! Reasoning over tool calls: remembered for clients that cannot send it back, and given to nobody else.

use chatmock_server::Settings;
use chatmock_simulator::{Claims, Script, Settings as Simulated};
use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::dialects::{Row, conversational};
use crate::harness::{CHAT, Harness, Running, settings};

const STEPS: u64 = 10;
const TASK: &str = "MODE:steps:10";

/// What the simulated model thinks for one step, in tokens.
const THOUGHT: u64 = 16;

/// A client's conversation, which holds what its API has room for.
struct Client {
    path: &'static str,
    body: Value,
    /// True if it sends back `reasoning_details`.
    carries: bool,
}

impl Client {
    fn chat() -> Self {
        let tool = json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}});
        let body = json!({"model": "gpt-5.5", "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": TASK}], "tools": [tool]});
        Self { path: CHAT, body, carries: false }
    }

    fn ollama() -> Self {
        let Self { mut body, .. } = Self::chat();
        body["stream"] = json!(false);
        Self { path: "/api/chat", body, carries: false }
    }

    fn message(&self, reply: &Value) -> Value {
        match self.path {
            CHAT => reply["choices"][0]["message"].clone(),
            _ => reply["message"].clone(),
        }
    }

    /// A client that sends back what it does not know, as those of OpenRouter do.
    fn carrying() -> Self {
        Self { carries: true, ..Self::chat() }
    }

    /// Adds an answer as such a client sends it back, and the results of its calls; false once there are none.
    fn go_on(&mut self, message: &Value) -> bool {
        let messages = self.body["messages"].as_array_mut().unwrap();
        let mut said = json!({"role": "assistant", "content": message["content"]});
        let Some(calls) = message["tool_calls"].as_array() else {
            messages.push(said);
            return false;
        };
        said["tool_calls"] = json!(calls);
        if self.carries {
            said["reasoning_details"] = message["reasoning_details"].clone();
        }
        messages.push(said);
        for call in calls {
            let mut result = json!({"role": "tool", "content": "seen"});
            if self.path == CHAT {
                result["tool_call_id"] = call["id"].clone();
            } else {
                result["tool_name"] = call["function"]["name"].clone();
            }
            messages.push(result);
        }
        true
    }

    /// Runs the task to its end; returns the tokens of reasoning and the number of requests.
    async fn run(&mut self, harness: &Harness) -> (u64, u64) {
        let mut requests = 0;
        loop {
            let reply = harness.server.post(self.path, &self.body).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            requests += 1;
            let message = self.message(&reply.json());
            if !self.go_on(&message) {
                assert!(message["content"].as_str().unwrap().contains("Done after 10 steps"));
                return (reasoning_tokens(harness), requests);
            }
        }
    }
}

/// The tokens of reasoning in all answers so far, reckoned from what was sent: each call without what was thought
/// before it is thought again.
fn reasoning_tokens(harness: &Harness) -> u64 {
    let thoughts = |request: &Value| {
        let items = request["input"].as_array().unwrap();
        let count = |kind: &str| items.iter().filter(|item| item["type"] == kind).count() as u64;
        1 + count("function_call") - count("reasoning")
    };
    let calls = harness.simulator.model_calls();
    calls.iter().map(|call| THOUGHT * thoughts(&call.json())).sum()
}

async fn remembering(on: bool) -> Harness {
    let simulated = Simulated { verify_reasoning: true, ..Simulated::default() };
    Harness::of(simulated, Claims::default(), |settings| settings.http.replay_reasoning = on).await
}

#[tokio::test]
async fn a_model_that_is_reminded_thinks_once_for_each_step() {
    for client in [Client::chat, Client::ollama] {
        let harness = remembering(true).await;
        let (tokens, requests) = client().run(&harness).await;
        assert_eq!((tokens, requests), (THOUGHT * (STEPS + 1), STEPS + 1), "{}", client().path);
        let harness = remembering(false).await;
        let (more, _) = client().run(&harness).await;
        assert_eq!(more, THOUGHT * (1..=STEPS + 1).sum::<u64>(), "{}", client().path);
    }
}

/// Runs the task in a dialect; returns the tokens of reasoning, and the share of cached input from the second request on.
async fn task(dialect: Row, memory: bool, forgets: bool) -> (u64, f64) {
    let harness = remembering(memory).await;
    let system = "Be brief and kind. ".repeat(1_700);
    let mut conversation = Conversation::new(dialect, &system);
    conversation.forgets = forgets;
    conversation.say(TASK);
    conversation.step(&harness.server).await;
    let first = harness.simulator.stats();
    while conversation.step(&harness.server).await {}
    assert_eq!(conversation.called.len() as u64, STEPS, "{dialect}");
    let all = harness.simulator.stats();
    let (input, cached) =
        (all.input_tokens - first.input_tokens, all.cached_tokens - first.cached_tokens);
    (reasoning_tokens(&harness), 100.0 * cached as f64 / input as f64)
}

#[tokio::test]
async fn in_every_dialect_each_step_is_thought_once_and_the_input_stays_cached() {
    for dialect in conversational() {
        // Ollama's clients have nowhere to carry what was thought.
        let carries = dialect.name != "ollama-chat";
        for (memory, forgets) in [(true, false), (true, true), (false, false)] {
            if !memory && !carries {
                continue;
            }
            let (tokens, cached) = task(dialect, memory, forgets).await;
            assert_eq!(
                tokens,
                THOUGHT * (STEPS + 1),
                "{dialect}, memory {memory}, forgets {forgets}"
            );
            assert!(cached >= 95.0, "{dialect}, memory {memory}: {cached:.1} %");
        }
        let (more, _) = task(dialect, false, true).await;
        assert_eq!(more, THOUGHT * (1..=STEPS + 1).sum::<u64>(), "{dialect}");
    }
}

#[tokio::test]
async fn a_client_that_carries_reasoning_needs_no_memory_here() {
    let harness = remembering(false).await;
    let (tokens, requests) = Client::carrying().run(&harness).await;
    assert_eq!((tokens, requests), (THOUGHT * (STEPS + 1), STEPS + 1));
    // Both together send it once.
    let harness = remembering(true).await;
    let (tokens, _) = Client::carrying().run(&harness).await;
    assert_eq!(tokens, THOUGHT * (STEPS + 1));
}

#[tokio::test]
async fn the_prefix_of_each_request_is_the_one_before_so_that_it_stays_cached() {
    let harness = remembering(true).await;
    Client::chat().run(&harness).await;
    let calls = harness.simulator.model_calls();
    for pair in calls.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|call| call.json()["input"].clone());
        let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
        assert_eq!(before[..], after[..before.len()]);
        // What the model answered follows as it was: thought, call, and then the result.
        let kinds: Vec<_> = after[before.len()..].iter().map(|item| item["type"].clone()).collect();
        assert_eq!(kinds, ["reasoning", "function_call", "function_call_output"]);
    }
}

#[tokio::test]
async fn reasoning_returns_to_nothing_but_the_conversation_in_which_it_was_thought() {
    let harness = remembering(true).await;
    let mut client = Client::chat();
    let first = harness.server.post(CHAT, &client.body).await;
    client.go_on(&client.message(&first.json()));
    let thoughts = async |body: &Value| {
        assert_eq!(harness.server.post(CHAT, body).await.status, 200);
        let sent = harness.sent();
        sent["input"].as_array().unwrap().iter().filter(|item| item["type"] == "reasoning").count()
    };
    assert_eq!(thoughts(&client.body).await, 1);
    let changes: [fn(&mut Value); 5] = [
        |body| body["model"] = json!("gpt-6-sol"),
        |body| body["messages"][0]["content"] = json!("Be verbose."),
        |body| body["messages"][1]["content"] = json!("MODE:steps:10 "),
        |body| body["tools"][0]["function"]["description"] = json!("Looks."),
        |body| {
            body["messages"][2]["tool_calls"][0]["function"]["name"] = json!("other");
            rename_call(body, "call_other");
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = client.body.clone();
        change(&mut changed);
        assert_eq!(thoughts(&changed).await, 0, "change {number}");
    }
}

/// Gives the call of the first answer and its result another id.
fn rename_call(body: &mut Value, id: &str) {
    body["messages"][2]["tool_calls"][0]["id"] = json!(id);
    body["messages"][3]["tool_call_id"] = json!(id);
}

#[tokio::test]
async fn a_client_that_gives_calls_ids_of_its_own_is_recognised_by_what_it_calls() {
    let harness = remembering(true).await;
    let mut client = Client::chat();
    let first = harness.server.post(CHAT, &client.body).await;
    client.go_on(&client.message(&first.json()));
    rename_call(&mut client.body, "terminal:0");
    assert_eq!(harness.server.post(CHAT, &client.body).await.status, 200);
    let kinds: Vec<_> =
        harness.sent()["input"].as_array().unwrap().iter().map(|i| i["type"].clone()).collect();
    assert_eq!(kinds, ["message", "reasoning", "function_call", "function_call_output"]);
}

#[tokio::test]
async fn reasoning_that_the_backend_cannot_read_is_forgotten() {
    let harness = remembering(true).await;
    let mut client = Client::chat();
    let first = harness.server.post(CHAT, &client.body).await;
    client.go_on(&client.message(&first.json()));
    let refusal = json!({"error": {"type": "invalid_request_error", "code": "invalid_encrypted_content", "message": "could not be verified", "param": null}});
    let refused = Script::json(400, &refusal);
    harness.simulator.enqueue(refused);
    let calls = harness.calls();
    assert_eq!(harness.server.post(CHAT, &client.body).await.status, 200);
    assert_eq!(harness.calls(), calls + 2, "once without what cannot be read");
    assert_eq!(harness.server.post(CHAT, &client.body).await.status, 200);
    assert_eq!(harness.calls(), calls + 3, "not tried again");
    assert!(!harness.sent().to_string().contains("encrypted_content\":"));
}

#[tokio::test]
async fn a_sign_out_takes_what_was_remembered_with_it() {
    let harness = remembering(true).await;
    let mut client = Client::chat();
    let first = harness.server.post(CHAT, &client.body).await;
    client.go_on(&client.message(&first.json()));
    let auth = harness.home.path().join("auth.json");
    let signed_in = std::fs::read(&auth).unwrap();
    std::fs::remove_file(&auth).unwrap();
    assert_eq!(harness.server.post(CHAT, &client.body).await.status, 401);
    std::fs::write(&auth, signed_in).unwrap();
    assert_eq!(harness.server.post(CHAT, &client.body).await.status, 200);
    assert!(!harness.sent().to_string().contains("\"reasoning\",\"id\""), "{}", harness.sent());
}

#[tokio::test]
async fn with_a_state_folder_a_restart_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let keep = |settings: &mut Settings| settings.http.responses.directory = Some(state.clone());
    let harness = Harness::with(keep).await;
    let mut client = Client::chat();
    let first = harness.server.post(CHAT, &client.body).await;
    client.go_on(&client.message(&first.json()));
    let Harness { simulator, home, server } = harness;
    server.ended().await;
    let mut settings = settings(&simulator, home.path());
    keep(&mut settings);
    let harness = Harness { server: Running::start(settings).await, simulator, home };
    assert_eq!(harness.server.post(CHAT, &client.body).await.status, 200);
    assert_eq!(reasoning_tokens(&harness), 2 * THOUGHT);
    let database = std::fs::read(state.join("reasoning/responses.redb")).unwrap();
    assert!(!database.windows(5).any(|bytes| bytes == b"gAAAA"), "it lies there encrypted");
}
