//! What servers tell each other of themselves: the list of models, what was used, and answers without their clients.

use chatmock_simulator::Settings;
use serde_json::{Value, json};

use crate::fleet::{Fleet, QUESTION, ask, until};
use crate::process::{Running, chat};
use crate::records::call;

pub(crate) const CASES: &[(&str, fn())] = &[
    ("one_server_fetches_the_list_of_models_for_all", models),
    ("usage_metrics_and_page_tell_what_all_servers_used_and_each", usage),
    ("a_background_response_is_polled_cancelled_and_deleted_at_any_server", background),
    ("a_background_response_whose_server_died_fails_with_a_reason", orphan),
    ("stored_completions_are_listed_alike_by_all_servers", completions),
];

fn models() {
    let fleet = Fleet::new(3600, Settings::default());
    let list = |server: &Running| call(server, "GET /v1/models", &Value::Null).1["data"].clone();
    let first = fleet.server(0);
    ask(&first);
    let fetched = || {
        let stats = fleet.backend.simulator.stats();
        stats
            .requests
            .iter()
            .filter(|(name, _)| name.contains("models"))
            .map(|(_, n)| n)
            .sum::<u64>()
    };
    until("the list is in the engine", || {
        !fleet.redis.ask(&["KEYS", "*:models:*"]).unwrap().is_empty()
    });
    let before = fetched();
    let others = [1, 2].map(|number| fleet.server(number));
    for other in &others {
        ask(other);
        assert_eq!(list(other), list(&first));
    }
    assert_eq!((before, fetched()), (1, 1), "the others took what the first had fetched");
}

fn usage() {
    let fleet = Fleet::new(3600, Settings::default());
    let servers: [Running; 3] = fleet.servers();
    for (number, server) in servers.iter().enumerate() {
        (0..=number).for_each(|_| drop(ask(server)));
    }
    let report = |server: &Running| call(server, "GET /usage?by=model", &Value::Null).1;
    for server in &servers {
        until("it has heard of all turns", || report(server)["total"]["turns"] == 6);
        let report = report(server);
        let each = report["servers"].as_array().unwrap();
        let mut turns: Vec<_> = each.iter().map(|one| one["turns"].as_u64().unwrap()).collect();
        turns.sort_unstable();
        assert_eq!(turns, [1, 2, 3], "{report}");
        assert_eq!(each.iter().filter(|one| one["here"] == true).count(), 1, "{report}");
        let rows: u64 = report["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["turns"].as_u64().unwrap())
            .sum();
        assert_eq!(rows, 6, "{report}");
        let metrics = server.ask("GET", "/metrics", "");
        let turns =
            metrics.lines().filter(|line| line.starts_with("chatmock_fleet_turns{")).count();
        assert_eq!(turns, 3, "{metrics}");
    }
    let mut page = servers[0].open("GET", "/ui/events", "");
    assert_eq!(page.head().unwrap().status, 200);
    let state = page.chunks_until("\"models\":").unwrap();
    let state = state.split_once("\"servers\":").unwrap().1;
    assert_eq!(state.split_once("],").unwrap().0.matches("\"name\":").count(), 3, "{state}");
}

/// Begins an answer that takes a minute.
fn begun(server: &Running) -> String {
    let body = json!({"model": "gpt-5.5", "input": "MODE:slow:600:100", "background": true});
    let (status, answer) = call(server, "POST /v1/responses", &body);
    assert_eq!(status, 200, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

fn background() {
    let fleet = Fleet::new(3600, Settings::default());
    let [one, two]: [Running; 2] = fleet.servers();
    let id = begun(&one);
    let get = format!("GET /v1/responses/{id}");
    let (status, polled) = call(&two, &get, &Value::Null);
    assert_eq!(status, 200, "{polled}");
    assert!(["queued", "in_progress"].contains(&polled["status"].as_str().unwrap()), "{polled}");
    let (status, refused) = call(&two, &format!("{get}?stream=true"), &Value::Null);
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("made_elsewhere")));
    let (status, ended) = call(&two, &format!("POST /v1/responses/{id}/cancel"), &Value::Null);
    assert_eq!((status, &ended["status"]), (200, &json!("cancelled")), "{ended}");
    assert_eq!(call(&one, &get, &Value::Null).1["status"], "cancelled");
    // One that is deleted elsewhere comes to its end, and is gone for all.
    let id = begun(&one);
    let path = format!("/v1/responses/{id}");
    assert_eq!(call(&two, &format!("DELETE {path}"), &Value::Null).0, 200);
    assert_eq!(call(&two, &format!("GET {path}"), &Value::Null).0, 404);
    // One that ends by itself.
    let body = json!({"model": "gpt-5.5", "input": "hello", "background": true});
    let (_, short) = call(&one, "POST /v1/responses", &body);
    let path = format!("GET /v1/responses/{}", short["id"].as_str().unwrap());
    until("it is complete elsewhere", || {
        call(&two, &path, &Value::Null).1["status"] == "completed"
    });
}

fn orphan() {
    let fleet = Fleet::new(3600, Settings::default());
    let [one, two]: [Running; 2] = fleet.servers();
    let id = begun(&one);
    one.signal("KILL");
    let mut last = Value::Null;
    until("nobody makes it any more", || {
        last = call(&two, &format!("GET /v1/responses/{id}"), &Value::Null).1;
        last["status"] == "failed"
    });
    let why = last["error"]["message"].as_str().unwrap();
    assert!(why.contains("the server ended before the answer was complete"), "{last}");
}

fn completions() {
    let fleet = Fleet::new(3600, Settings::default());
    let servers: [Running; 2] = fleet.servers();
    let made = [0, 1, 0].map(|server| {
        let mut body: Value = serde_json::from_str(&chat("hello", false)).unwrap();
        body["store"] = json!(true);
        let (status, answer) = call(&servers[server], &format!("POST {QUESTION}"), &body);
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    });
    let listed = |server: &Running| {
        let list = call(server, &format!("GET {QUESTION}"), &Value::Null).1;
        let mut ids: Vec<_> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    };
    let mut all = made.to_vec();
    all.sort_unstable();
    for server in &servers {
        assert_eq!(listed(server), all);
    }
    let gone = format!("DELETE {QUESTION}/{}", made[0]);
    assert_eq!(call(&servers[1], &gone, &Value::Null).0, 200);
    all.retain(|id| *id != made[0]);
    for server in &servers {
        assert_eq!(listed(server), all, "what is deleted is gone for all");
    }
}
