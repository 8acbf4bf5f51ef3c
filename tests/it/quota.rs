//! The quota guard and budgets, over sockets: what they change and refuse in each dialect.

use chatmock_server::upstream::{ApiFlavor, UpstreamRoute};
use chatmock_server::{ApiKey, Server, Settings};
use chatmock_testkit::client::{Reply, Request};
use serde_json::json;

use crate::dialects::{dialects, ways};
use crate::harness::{CHAT, Harness, chat, settings, settings_by, soon};

/// A harness whose server has rules, and knows limits: 12 % of 5 hours and 40 % of the week.
async fn guarded(rules: &[&str]) -> Harness {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let harness = Harness::with(|s: &mut Settings| s.http.admin.guard = rules).await;
    // The first answer brings the limits, so no rule holds before it.
    assert_eq!(harness.server.say("hello").await.status, 200);
    harness
}

#[tokio::test]
async fn a_rule_refuses_in_the_shape_of_every_dialect_and_spends_nothing() {
    let rule = "weekly>30%:refuse";
    let harness = guarded(&["5h>50%:model=gpt-5.5", rule]).await;
    let calls = harness.calls();
    for (dialect, stream) in ways() {
        let reply = harness.server.post(dialect.path, &dialect.ask("hello", stream)).await;
        assert_eq!(reply.status, 429, "{}: {}", dialect.name, reply.text());
        assert!(reply.text().contains("weekly>30%:refuse"), "{}", reply.text());
        assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() > 3600);
    }
    assert_eq!(harness.calls(), calls);
    let usage = harness.server.get("/usage?records=1").await.json();
    assert_eq!(usage["records"][0]["status"], 429);
}

#[tokio::test]
async fn a_rule_lowers_the_effort_of_every_dialect_with_a_notice() {
    let harness = guarded(&["weekly>30%:effort<=low"]).await;
    for dialect in dialects() {
        let reply = harness.server.post(dialect.path, &dialect.ask("hello", false)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(harness.sent()["reasoning"]["effort"], "low", "{}", dialect.name);
        assert!(notices(&reply).contains("=clamped"), "{}", notices(&reply));
    }
    for (asked, sent) in [("high", "low"), ("low", "low")] {
        let mut body = chat("hello", false);
        body["reasoning_effort"] = json!(asked);
        let reply = harness.server.post(CHAT, &body).await;
        assert_eq!(harness.sent()["reasoning"]["effort"], sent, "{asked}");
        assert_eq!(
            notices(&reply).contains("=clamped"),
            asked == "high",
            "{asked}: {}",
            notices(&reply)
        );
    }
}

fn notices(reply: &Reply) -> String {
    reply.header("x-chatmock-notices").unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_rule_lets_another_model_answer() {
    let harness = guarded(&["weekly>30%:model=gpt-5.4"]).await;
    let models = harness.server.get("/v1/models").await.json();
    let mut ids =
        models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap());
    let other = ids.find(|id| *id != "gpt-5.5").unwrap().to_owned();
    let harness = guarded(&[&format!("weekly>30%:model={other}")]).await;
    let reply = harness.server.say("hello").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(harness.sent()["model"], json!(other));
    assert!(notices(&reply).contains("model=changed"), "{}", notices(&reply));
}

#[tokio::test]
async fn a_rule_that_can_never_hold_or_names_no_model_ends_the_start() {
    let harness = Harness::new().await;
    let check = async |mut settings: Settings, rule: &str| {
        settings.http.admin.guard = vec![rule.parse().unwrap()];
        Server::new(settings).unwrap().check_guard().await
    };
    let own = || settings(&harness.simulator, harness.home.path());
    assert_eq!(check(own(), "weekly>1%:refuse").await, Ok(()));
    assert_eq!(check(own(), "weekly>1%:model=gpt-5.5").await, Ok(()));
    let error = check(own(), "weekly>1%:model=no-such-model").await.unwrap_err();
    assert!(error.contains("no-such-model") && error.contains("not listed"), "{error}");
    let api = settings_by(UpstreamRoute::api(ApiFlavor::OpenAi), &harness.simulator);
    let error = check(api, "weekly>1%:refuse").await.unwrap_err();
    assert!(error.contains("no windows"), "{error}");
}

#[tokio::test]
async fn a_budget_holds_its_label_and_no_other() {
    let key = |label: &str| ApiKey::new(label, &format!("canary-key-of-{label}"));
    let harness = Harness::with(|s| {
        s.http.admission.keys = ["ann", "ben", "eve"].map(key).into();
        let budgets = ["ann: tokens/day=10", "ben: requests/min=2", "eve: concurrent=1"];
        s.http.admin.budgets = budgets.map(|budget| budget.parse().unwrap()).into();
        s.http.turns.wait = std::time::Duration::from_millis(50);
    })
    .await;
    let ask = |label: &str, text: &str| {
        let request = Request::post(CHAT, chat(text, true).to_string());
        request.with("x-api-key", &format!("canary-key-of-{label}"))
    };
    assert_eq!(harness.server.send(ask("ann", "hello")).await.status, 200);
    let spent = harness.server.send(ask("ann", "hello")).await;
    assert_eq!((spent.status, spent.error().2), (429, json!("budget_used_up")));
    assert!(spent.text().contains("ann: tokens/day=10"), "{}", spent.text());
    // They are counted by the minute, which may end between two of them.
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(harness.server.send(ask("ben", "hello")).await.status);
    }
    assert!(statuses[0] == 200 && statuses.contains(&429), "{statuses:?}");
    let mut running =
        chatmock_testkit::client::Connection::open(harness.server.address).await.unwrap();
    running.write(&ask("eve", "MODE:slow:100:50").bytes()).await.unwrap();
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    let second = harness.server.send(ask("eve", "hello")).await;
    assert_eq!((second.status, second.error().2), (429, json!("too_many_turns_per_label")));
    assert!(second.text().contains("--budget"), "{}", second.text());
}

#[tokio::test]
async fn a_short_request_that_continues_a_long_answer_counts_once() {
    let harness = Harness::with(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", "canary-key-of-ann")];
        s.http.admin.budgets = vec!["ann: requests/min=2".parse().unwrap()];
    })
    .await;
    let ask = |body: serde_json::Value| {
        let request = Request::post("/v1/responses", body.to_string());
        harness.server.send(request.with("x-api-key", "canary-key-of-ann"))
    };
    let long = "word ".repeat(40_000);
    let first = ask(json!({"model": "gpt-5.5", "store": true, "input": long})).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let id = first.json()["id"].clone();
    // It is planned as a short one, and again once its conversation is known to be long.
    let more = json!({"model": "gpt-5.5", "previous_response_id": id, "input": "go on"});
    let second = ask(more).await;
    assert_eq!(second.status, 200, "{}", second.text());
}
