//! The usage ledger: what the log says of each turn, added up, and whose turns whom it shows.

use std::collections::BTreeMap;
use std::time::Duration;

use chatmock_server::{ApiKey, UsageBy, UsageQuery, stored_usage};
use chatmock_testkit::client::Request;
use serde_json::{Value, json};

use crate::dialects::ways;
use crate::harness::{CHAT, Harness, RESPONSES, Running, chat, responses, settings, soon};
use crate::log::listen;

const TOKENS: [&str; 3] = ["input_tokens", "cached_tokens", "output_tokens"];

/// The sums of the log's lines about turns.
fn logged(log: &str) -> BTreeMap<&'static str, u64> {
    let turns = log.lines().filter(|line| line.contains("input_tokens="));
    let mut sums: BTreeMap<&str, u64> = TOKENS.iter().map(|name| (*name, 0)).collect();
    for line in turns {
        for name in TOKENS {
            let (_, rest) = line.split_once(&format!(" {name}=")).unwrap();
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            *sums.get_mut(name).unwrap() += number.parse::<u64>().unwrap();
        }
    }
    sums
}

/// The sums of a report's rows.
fn summed(report: &Value, members: &[&'static str]) -> BTreeMap<&'static str, u64> {
    let rows = report["rows"].as_array().unwrap();
    let sum = |name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).sum();
    members.iter().map(|name| (*name, sum(name))).collect()
}

/// The number of turns after which the ledger is compared with the log.
fn turns() -> usize {
    let asked = std::env::var("CHATMOCK_TEST_TURNS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(480)
}

#[tokio::test]
async fn the_ledger_agrees_with_the_log_to_the_token_however_turns_end() {
    let (log, _guard) = listen();
    let mut harness = Harness::new().await;
    let mut asked = 0_u64;
    for round in 0..turns().div_ceil(ways().len()) {
        for (dialect, stream) in ways() {
            let mode = ["", "MODE:fail-after", "MODE:cut", "MODE:429"][round % 4];
            let body = dialect.ask(&format!("{} {mode}", "word ".repeat(round % 40)), stream);
            let request = Request::post(dialect.path, body.to_string());
            harness
                .server
                .send(request.with("user-agent", &format!("agent-{}/1", round % 3)))
                .await;
            asked += 1;
        }
    }
    let mut reports = Vec::new();
    for by in UsageBy::ALL {
        reports.push(harness.server.get(&format!("/usage?by={}", by.as_str())).await.json());
    }
    harness.server.stop();
    let Harness { server, .. } = harness;
    server.ended().await;
    let expected = logged(&log.text());
    println!("{asked} turns, {expected:?}");
    assert!(expected["input_tokens"] > 0 && expected["output_tokens"] > 0, "{expected:?}");
    for report in &reports {
        let total = &report["total"];
        assert_eq!(summed(report, &TOKENS), expected, "{report}");
        assert_eq!(summed(report, &["turns"])["turns"], asked);
        for name in TOKENS.iter().chain(&["turns", "failed", "reasoning_tokens"]) {
            assert_eq!(summed(report, &[name])[name], total[name].as_u64().unwrap(), "{report}");
        }
        assert_eq!(report["lost"], 0);
    }
    let names = |report: &Value| report["rows"].as_array().unwrap().len();
    // The dialects, and the three programs.
    assert_eq!(names(&reports[4]), ways().len() / 2, "{}", reports[4]);
    assert_eq!(names(&reports[2]), 3, "{}", reports[2]);
}

async fn keyed() -> Harness {
    let key = |label: &str| ApiKey::new(label, &format!("canary-key-of-{label}"));
    Harness::with(|s| s.http.admission.keys = ["ann", "ben", "admin"].map(key).into()).await
}

async fn usage_of(server: &Running, label: &str, query: &str) -> Value {
    let request = Request::get(&format!("/usage?{query}"));
    let reply = server.send(request.with("x-api-key", &format!("canary-key-of-{label}"))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_label_sees_its_own_turns_and_admin_all() {
    let harness = keyed().await;
    assert_eq!(harness.server.get("/usage").await.status, 401);
    for (label, count) in [("ann", 2), ("ben", 3)] {
        for _ in 0..count {
            let body = json!({"model": "gpt-5.5", "seed": 7, "messages": [{"role": "user", "content": "canary-text"}]});
            let request = Request::post(CHAT, body.to_string());
            let key = format!("canary-key-of-{label}");
            let request = request.with("x-api-key", &key).with("user-agent", "<b>agent/1");
            assert_eq!(harness.server.send(request).await.status, 200);
        }
    }
    for (label, turns) in [("ann", 2), ("ben", 3), ("admin", 5)] {
        let report = usage_of(&harness.server, label, "by=key&records=9").await;
        assert_eq!(report["total"]["turns"], turns, "{report}");
        let records = report["records"].as_array().unwrap();
        assert_eq!(records.len(), turns);
        for record in records {
            assert!(label == "admin" || record["label"] == label, "{record}");
            assert_eq!(
                (&record["client"], &record["notices"]),
                (&json!("<b>agent"), &json!(["seed"]))
            );
            assert_eq!((&record["status"], &record["outcome"]), (&json!(200), &json!("complete")));
            assert_eq!((&record["dialect"], &record["path"]), (&json!("chat"), &json!(CHAT)));
            assert!(record["request_id"].as_str().unwrap().starts_with("req_"), "{record}");
        }
        assert!(!report.to_string().contains("canary"), "{report}");
    }
}

#[tokio::test]
async fn without_keys_no_turn_is_shown_with_its_notices_and_errors() {
    let harness = Harness::new().await;
    let body =
        json!({"model": "gpt-5.5", "seed": 7, "messages": [{"role": "user", "content": "hi"}]});
    harness.server.post(CHAT, &body).await;
    harness.server.post(CHAT, &chat("MODE:429", false)).await;
    harness.server.post(RESPONSES, &json!({"model": "no-such-model", "input": "hi"})).await;
    let report = harness.server.get("/usage?records=9&since=1h").await.json();
    let statuses: Vec<_> =
        report["records"].as_array().unwrap().iter().map(|r| &r["status"]).collect();
    assert_eq!(statuses, [&json!(404), &json!(429), &json!(200)]);
    assert_eq!(report["total"]["failed"], 2);
    for record in report["records"].as_array().unwrap() {
        assert_eq!((&record["notices"], &record["code"]), (&json!([]), &json!(null)));
    }
}

#[tokio::test]
async fn a_question_that_cannot_be_read_is_refused_with_the_member() {
    let harness = Harness::new().await;
    for (query, param) in [
        ("since=yesterday", "since"),
        ("by=colour", "by"),
        ("records=-1", "records"),
        ("since=7d&until=8d", "until"),
    ] {
        let reply = harness.server.get(&format!("/usage?{query}")).await;
        assert_eq!((reply.status, reply.error().3), (400, json!(param)), "{query}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_is_on_record() {
    let harness = Harness::new().await;
    let connection = harness.server.begin(CHAT, &chat("MODE:mute", true)).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    drop(connection);
    soon(async {
        while harness.server.get("/usage").await.json()["total"]["turns"] != 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let report = harness.server.get("/usage?records=1").await.json();
    let record = &report["records"][0];
    assert_eq!((&record["status"], &record["outcome"]), (&json!(499), &json!("left")), "{record}");
}

#[tokio::test]
async fn with_a_folder_for_state_the_usage_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut harness = Harness::new().await;
    for round in 1..=3 {
        let mut settings = settings(&harness.simulator, harness.home.path());
        settings.http.responses.directory = Some(folder.path().to_owned());
        let old = std::mem::replace(&mut harness.server, Running::start(settings).await);
        drop(old);
        for stream in [false, true] {
            let reply = harness.server.post(RESPONSES, &responses("hello", stream)).await;
            assert_eq!(reply.status, 200);
        }
        let report = harness.server.get("/usage?by=model").await.json();
        assert_eq!(report["total"]["turns"], 2 * round);
        let settings = crate::harness::settings(&harness.simulator, harness.home.path());
        let old = std::mem::replace(&mut harness.server, Running::start(settings).await);
        old.ended().await;
        let query = UsageQuery { since: Some(Duration::from_secs(3600)), ..UsageQuery::default() };
        let stored: Value =
            serde_json::from_str(&stored_usage(folder.path(), &query).unwrap().json()).unwrap();
        assert_eq!(stored["total"], report["total"]);
    }
}
