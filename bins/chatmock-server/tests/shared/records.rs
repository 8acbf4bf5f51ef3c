//! Equal servers: what one of them keeps, any other goes on from; what one deletes is gone for all.

use std::collections::HashMap;

use chatmock_simulator::Settings;
use serde_json::{Value, json};

use crate::fleet::{Fleet, QUESTION, ask, private, until};
use crate::process::{Running, chat};

pub(crate) const CASES: &[(&str, fn())] = &[
    ("a_stored_response_is_continued_and_deleted_by_any_server", stored),
    ("a_conversation_grows_on_any_server_and_its_input_stays_cached", conversation),
    ("a_chain_of_responses_goes_on_at_once_at_any_server", chain),
    ("an_answer_that_the_engine_did_not_take_is_whole_and_sent_there_later", behind),
    ("what_was_thought_before_a_call_is_known_to_any_server", reasoning),
    ("a_request_that_is_sent_again_to_another_server_gets_the_same_answer", idempotent),
    ("a_budget_holds_for_all_servers_and_outlives_an_engine_that_forgets", budgets),
    ("a_plain_turn_takes_three_calls_of_the_engine_at_most", calls),
];

/// The status and the object of an answer.
fn json_of(reply: &str) -> (u16, Value) {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let start = body.find('{').unwrap_or_else(|| panic!("{reply}"));
    (status, serde_json::from_str(&body[start..=body.rfind('}').unwrap()]).unwrap())
}

pub(crate) fn call(server: &Running, line: &str, body: &Value) -> (u16, Value) {
    let (method, path) = line.split_once(' ').unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    json_of(&server.ask(method, path, &body))
}

fn stored() {
    let mut fleet = Fleet::new(3600, Settings::default());
    let [one, two]: [Running; 2] = fleet.servers();
    let first = json!({"model": "gpt-5.5", "input": "my name is canary"});
    let (status, first) = call(&one, "POST /v1/responses", &first);
    assert_eq!(status, 200, "{first}");
    let id = first["id"].as_str().unwrap();
    let next = json!({"model": "gpt-5.5", "input": "and now?", "previous_response_id": id});
    let (status, next) = call(&two, "POST /v1/responses", &next);
    assert_eq!(status, 200, "{next}");
    let sent = fleet.backend.simulator.model_calls().pop().unwrap().json();
    assert!(sent["input"].to_string().contains("canary"), "{sent}");
    let path = format!("/v1/responses/{id}");
    assert_eq!(call(&two, &format!("GET {path}"), &Value::Null), (200, first.clone()));
    let everything = fleet.redis.ask(&["--scan"]).unwrap();
    for key in everything.lines().filter(|key| key.contains(":response:")) {
        assert!(!fleet.redis.ask(&["GET", key]).unwrap().contains("canary"), "{key}");
    }
    // While the engine is away, what is here is used; a deletion that would not hold is refused.
    fleet.redis.stop();
    assert_eq!(call(&one, &format!("GET {path}"), &Value::Null).0, 200);
    let (status, refused) = call(&one, &format!("DELETE {path}"), &Value::Null);
    assert_eq!((status, &refused["error"]["code"]), (500, &json!("not_deleted")));
    fleet.redis.start_again().unwrap();
    until("what the engine lost is a plain 404", || {
        call(&two, &format!("GET {path}"), &Value::Null).0 == 404
    });
    let (_, again) = call(&one, "POST /v1/responses", &json!({"model": "gpt-5.5", "input": "x"}));
    let path = format!("/v1/responses/{}", again["id"].as_str().unwrap());
    // A server may find the connection to the engine broken once more.
    until("the record has come", || call(&two, &format!("GET {path}"), &Value::Null).0 == 200);
    assert_eq!(call(&two, &format!("DELETE {path}"), &Value::Null).0, 200);
    assert_eq!(call(&one, &format!("GET {path}"), &Value::Null).0, 404, "gone for all");
}

/// Servers in an order without a pattern, and none twice in a row.
fn wandering(turns: usize, servers: usize) -> impl Iterator<Item = usize> {
    let mut state = 20_261_201_u64;
    let mut last = 0;
    (0..turns).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let step = 1 + usize::try_from(state >> 33).unwrap() % (servers - 1);
        last = (last + step) % servers;
        last
    })
}

/// The last event of a stream, and what it says of the response.
fn streamed(server: &Running, body: &Value) -> Value {
    let text = server.ask("POST", "/v1/responses", &body.to_string());
    let last = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back();
    let last: Value = serde_json::from_str(last.unwrap_or_else(|| panic!("{text}"))).unwrap();
    assert_eq!(last["type"], "response.completed", "{text}");
    last["response"].clone()
}

fn conversation() {
    let fleet = Fleet::new(3600, Settings::default());
    let servers: [Running; 3] = fleet.servers();
    let (_, made) = call(&servers[0], "POST /v1/conversations", &json!({}));
    let id = made["id"].as_str().unwrap();
    let (mut input, mut cached) = (0, 0);
    for (turn, server) in wandering(10, 3).enumerate() {
        // Long enough for the backend to cache it. The next turn comes to another server at once.
        let text = format!("turn {turn}: {}", "a text of some length ".repeat(1000));
        let body =
            json!({"model": "gpt-5.5", "input": text, "conversation": id, "stream": turn % 2 == 0});
        let answer = match turn % 2 {
            0 => streamed(&servers[server], &body),
            _ => call(&servers[server], "POST /v1/responses", &body).1,
        };
        // A question, a thought and an answer for each turn, wherever it is looked for.
        let list = format!("GET /v1/conversations/{id}/items?limit=100");
        let items = call(&servers[(server + turn) % 3], &list, &Value::Null).1;
        assert_eq!(items["data"].as_array().unwrap().len(), 3 * (turn + 1), "turn {turn}");
        let usage = &answer["usage"];
        let before = input;
        input = usage["input_tokens"].as_u64().unwrap();
        cached = usage["input_tokens_details"]["cached_tokens"].as_u64().unwrap();
        assert!(cached * 100 >= before * 95, "turn {turn}: {cached} of {before} tokens");
    }
    eprintln!("of the last turn's {input} tokens, {cached} came from the backend's cache");
    let keys: Vec<_> = fleet
        .backend
        .simulator
        .model_calls()
        .iter()
        .map(|call| call.json()["prompt_cache_key"].clone())
        .collect();
    assert!(keys.iter().all(|key| *key == keys[0] && key.is_string()), "{keys:?}");
}

fn chain() {
    let fleet = Fleet::new(3600, Settings::default());
    let servers: [Running; 3] = fleet.servers();
    let mut previous = Value::Null;
    for (turn, server) in wandering(10, 3).enumerate() {
        let body = json!({"model": "gpt-5.5", "input": format!("turn {turn}"),
            "previous_response_id": previous, "stream": true});
        previous = streamed(&servers[server], &body)["id"].clone();
        // A question, and for each turn before it a thought and an answer as well.
        let path =
            format!("GET /v1/responses/{}/input_items?limit=100", previous.as_str().unwrap());
        let items = call(&servers[(server + turn) % 3], &path, &Value::Null).1;
        assert_eq!(items["data"].as_array().unwrap().len(), 3 * turn + 1, "turn {turn}");
    }
}

/// What a server says of its faults.
fn faults(server: &Running) -> String {
    server.ask("GET", "/health?verbose", "")
}

fn behind() {
    let mut fleet = Fleet::new(3600, Settings::default());
    let [one, two]: [Running; 2] = fleet.servers();
    ask(&one);
    fleet.redis.stop();
    let begun = std::time::Instant::now();
    let whole = json!({"model": "gpt-5.5", "input": "hello"});
    let reply = one.ask("POST", "/v1/responses", &whole.to_string());
    assert!(reply.contains("store=changed"), "{reply}");
    let (_, kept) = json_of(&reply);
    let body = json!({"model": "gpt-5.5", "input": "hello", "stream": true});
    let streamed = streamed(&one, &body);
    until("it says so", || faults(&one).contains("shared_unreachable"));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    fleet.redis.start_again().unwrap();
    for id in [&kept["id"], &streamed["id"]] {
        let path = format!("GET /v1/responses/{}", id.as_str().unwrap());
        until("it is sent when the engine is back", || call(&two, &path, &Value::Null).0 == 200);
    }
    until("nothing is here alone", || !faults(&one).contains("shared_behind"));
}

fn reasoning() {
    let fleet = Fleet::new(3600, Settings { verify_reasoning: true, ..Settings::default() });
    let servers: [Running; 2] = fleet.servers();
    let tool = json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}});
    let mut body = json!({"model": "gpt-5.5", "tools": [tool],
        "messages": [{"role": "user", "content": "MODE:steps:4"}]});
    for turn in 0..4 {
        let (status, answer) = call(&servers[turn % 2], &format!("POST {QUESTION}"), &body);
        assert_eq!(status, 200, "{answer}");
        let message = answer["choices"][0]["message"].clone();
        let Some(calls) = message["tool_calls"].as_array() else { break };
        let messages = body["messages"].as_array_mut().unwrap();
        messages
            .push(json!({"role": "assistant", "content": message["content"], "tool_calls": calls}));
        for call in calls {
            messages.push(json!({"role": "tool", "content": "seen", "tool_call_id": call["id"]}));
        }
    }
    let sent = fleet.backend.simulator.model_calls().pop().unwrap().json();
    let items = sent["input"].as_array().unwrap();
    let count = |kind: &str| items.iter().filter(|item| item["type"] == kind).count();
    assert!(count("function_call") >= 3, "{sent}");
    assert_eq!(count("reasoning"), count("function_call"), "{sent}");
}

fn idempotent() {
    let fleet = Fleet::new(3600, Settings::default());
    let servers: [Running; 2] = fleet.servers();
    let ask = |server: &Running| {
        server.ask_with(
            ("idempotency-key", "one"),
            &format!("POST {QUESTION}"),
            &chat("hello", false),
        )
    };
    let (first, again) = (ask(&servers[0]), ask(&servers[1]));
    assert!(again.contains("idempotent-replayed: true"), "{again}");
    assert_eq!(json_of(&first), json_of(&again));
    assert_eq!(fleet.backend.simulator.model_calls().len(), 1);
}

fn budgets() {
    let fleet = Fleet::new(3600, Settings::default());
    let keys = fleet.home(0).with_file_name("api-keys");
    private(&keys, "ann:a-key-of-sixteen-and-more");
    let servers = [0, 1].map(|number| {
        let mut command = fleet.command(number, &fleet.redis.url());
        command.arg("--api-key-file").arg(&keys).args(["--budget", "ann: requests/min=6"]);
        Running::start(&mut command)
    });
    let ask = |server: &Running| {
        let key = ("x-api-key", "a-key-of-sixteen-and-more");
        let reply = server.ask_with(key, &format!("POST {QUESTION}"), &chat("hello", false));
        reply.starts_with("HTTP/1.1 200")
    };
    // A minute may begin in between, and then all of it again.
    let minute = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 60;
    loop {
        let began = minute();
        let passed = (0..16).filter(|turn| ask(&servers[turn % 2])).count();
        fleet.redis.ask(&["FLUSHALL"]).unwrap();
        let after = (0..4).filter(|turn| ask(&servers[turn % 2])).count();
        if minute() == began {
            assert!((6..=7).contains(&passed), "{passed} of 6 and one for each further server");
            assert_eq!(after, 0, "an engine that forgets gives nothing back");
            return;
        }
    }
}

/// The calls of the engine so far, by command; those within scripts are not counted.
fn engine_calls(fleet: &Fleet) -> u64 {
    const OUTER: [&str; 7] = ["get", "set", "mget", "del", "hmget", "hget", "evalsha"];
    let text = fleet.redis.ask(&["INFO", "commandstats"]).unwrap();
    let counts: HashMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="))
        .map(|(name, rest)| (name, rest.split(',').next().unwrap().parse().unwrap()))
        .collect();
    OUTER.iter().filter_map(|name| counts.get(name)).sum()
}

fn calls() {
    const TURNS: u64 = 40;
    let fleet = Fleet::new(3600, Settings::default());
    let server = fleet.server(0);
    ask(&server);
    let before = engine_calls(&fleet);
    let begun = std::time::Instant::now();
    for _ in 0..TURNS {
        ask(&server);
    }
    // The server looks twice a second at most by itself.
    let by_itself = begun.elapsed().as_secs() * 2 + 4;
    let chats = engine_calls(&fleet) - before;
    let before = engine_calls(&fleet);
    for _ in 0..TURNS {
        call(&server, "POST /v1/responses", &json!({"model": "gpt-5.5", "input": "x"}));
    }
    let responses = engine_calls(&fleet) - before;
    eprintln!("{TURNS} turns: {chats} calls of the engine; with stored responses: {responses}");
    assert!(chats <= by_itself, "{chats}");
    assert!(responses <= 3 * TURNS + by_itself, "{responses}");
}
