//! The health of a server: alive, ready, and what is wrong, by one table.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chatmock_server::{ApiKey, LogControl, LogLevel};
use chatmock_simulator::Claims;
use chatmock_testkit::client::{Connection, Request};
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, Running, chat, settings, sign_in, soon};

/// The codes of the faults that a server reports.
async fn faults(server: &Running) -> Vec<String> {
    let health = server.get("/health?verbose").await.json();
    let faults = health["faults"].as_array().unwrap();
    for fault in faults {
        for member in ["message", "fix"] {
            assert!(fault[member].as_str().is_some_and(|words| !words.is_empty()), "{fault}");
        }
        assert!(["warning", "failing"].contains(&fault["severity"].as_str().unwrap()), "{fault}");
        assert!(fault["since"].as_u64().unwrap() > 0, "{fault}");
    }
    faults.iter().map(|fault| fault["code"].as_str().unwrap().to_owned()).collect()
}

/// The status and the one word of an answer.
async fn word(server: &Running, path: &str) -> (u16, Value) {
    let reply = server.get(path).await;
    (reply.status, reply.json()["status"].clone())
}

#[tokio::test]
async fn a_server_is_ready_once_the_sign_in_is_read_and_until_it_stops() {
    let mut harness = Harness::new().await;
    assert_eq!(word(&harness.server, "/live").await, (200, json!("live")));
    soon(async {
        while word(&harness.server, "/ready").await.0 != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(word(&harness.server, "/ready").await, (200, json!("ready")));
    let mut open = harness.server.begin(CHAT, &chat("MODE:slow:20:30", true)).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    harness.server.stop();
    soon(async {
        while Connection::open(harness.server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let head = open.head().await.unwrap();
    assert!(open.body(head).await.unwrap().whole);
}

#[tokio::test]
async fn nobody_signed_in_is_a_fault_that_a_sign_in_mends() {
    let (log, _guard) = crate::log::listen();
    let mut harness = Harness::new().await;
    let auth_json = std::fs::read_to_string(harness.home.path().join("auth.json")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    harness.server = Running::start(settings(&harness.simulator, empty.path())).await;
    assert_eq!(word(&harness.server, "/ready").await, (503, json!("signed_out")));
    assert_eq!(word(&harness.server, "/live").await, (200, json!("live")));
    assert_eq!(word(&harness.server, "/health").await, (200, json!("ok")));
    assert!(faults(&harness.server).await.contains(&"signed_out".to_owned()));
    sign_in(empty.path(), &auth_json);
    assert_eq!(word(&harness.server, "/ready").await, (200, json!("ready")));
    assert!(!faults(&harness.server).await.contains(&"signed_out".to_owned()));
    assert!(log.text().contains("signed in again"), "{}", log.text());
}

#[tokio::test]
async fn another_account_is_reported_once_and_by_name() {
    let (log, _guard) = crate::log::listen();
    let harness = Harness::new().await;
    assert_eq!(harness.server.say("hello").await.status, 200);
    assert!(!log.text().contains("signed in as"), "{}", log.text());
    let other = Claims {
        email: "second@example.com".into(),
        account_id: "second".into(),
        ..Claims::default()
    };
    sign_in(harness.home.path(), &harness.simulator.tokens(other).auth_json());
    assert_eq!(harness.server.say("hello").await.status, 200);
    assert_eq!(harness.server.say("hello").await.status, 200);
    assert_eq!(
        log.text().matches("signed in as second@example.com (").count(),
        1,
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn a_limit_is_near_and_then_reached_as_the_answers_say() {
    let harness = Harness::new().await;
    assert_eq!(harness.server.say("hello").await.status, 200);
    assert_eq!(faults(&harness.server).await, [""; 0]);
    assert_eq!(harness.server.say("MODE:429").await.status, 429);
    assert_eq!(faults(&harness.server).await, ["limit_reached"]);
}

#[tokio::test]
async fn with_keys_only_one_word_is_told_without_one() {
    let key = "canary-key-of-ann-0123";
    let harness = Harness::with(|s| s.http.admission.keys = vec![ApiKey::new("ann", key)]).await;
    for path in ["/health", "/live", "/ready", "/health?verbose=false"] {
        let reply = harness.server.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.json().as_object().unwrap().len(), 1, "{path}: {}", reply.text());
    }
    for path in ["/health?verbose", "/health?a=b&verbose=1", "/live/x", "/limits"] {
        assert_eq!(harness.server.get(path).await.status, 401, "{path}");
    }
    let keyed = Request::get("/health?verbose").with("x-api-key", key);
    assert_eq!(harness.server.send(keyed).await.json()["faults"], json!([]));
}

/// A log that notes what is asked of it.
#[derive(Debug)]
struct Log(Mutex<LogLevel>, AtomicU64);

impl LogControl for Log {
    fn level(&self) -> LogLevel {
        *self.0.lock().unwrap()
    }

    fn set_level(&self, level: LogLevel) {
        *self.0.lock().unwrap() = level;
    }

    fn lines_lost(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }
}

fn log() -> Arc<Log> {
    Arc::new(Log(Mutex::new(LogLevel::Info), AtomicU64::new(0)))
}

const LEVEL: &str = "/admin/log-level";

#[tokio::test]
async fn the_level_of_the_log_is_changed_by_a_program_with_a_key_and_by_no_page() {
    let (key, log) = ("canary-key-of-ann-0123", log());
    let held = Arc::clone(&log);
    let harness = Harness::with(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", key)];
        s.http.admission.origins = vec!["http://localhost:3000".parse().unwrap()];
        s.http.admin.log = Some(held);
    })
    .await;
    let ask = |body: &str| Request::post(LEVEL, body).with("x-api-key", key);
    let page = ask(r#"{"level":"debug"}"#).with("origin", "http://localhost:3000");
    assert_eq!(harness.server.send(page).await.status, 403);
    for wrong in ["", "{}", r#"{"level":"trace"}"#, r#"{"level":7}"#] {
        assert_eq!(harness.server.send(ask(wrong)).await.status, 400, "{wrong}");
    }
    assert_eq!(harness.server.post(LEVEL, &json!({"level": "debug"})).await.status, 401);
    assert_eq!(log.level(), LogLevel::Info);
    let reply = harness.server.send(ask(r#"{"level":"debug"}"#)).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"level": "debug"})));
    assert_eq!(log.level(), LogLevel::Debug);
}

#[tokio::test]
async fn without_keys_the_level_of_the_log_is_nobodys_to_change() {
    let (log, held) = (log(), log());
    let held_too = Arc::clone(&held);
    let harness = Harness::with(|s| s.http.admin.log = Some(held_too)).await;
    assert_eq!(harness.server.post(LEVEL, &json!({"level": "debug"})).await.status, 404);
    assert_eq!(held.level(), log.level());
    held.1.store(7, Ordering::Relaxed);
    assert_eq!(faults(&harness.server).await, ["log_lost"]);
}

#[tokio::test]
async fn one_failed_call_is_no_fault_yet() {
    let harness = Harness::with(|s| {
        s.upstream.route = s.upstream.route.clone().at("http://127.0.0.1:9/");
        s.models.sync = false;
    })
    .await;
    assert_eq!(harness.server.say("hello").await.status, 502);
    assert_eq!(faults(&harness.server).await, [""; 0]);
}
