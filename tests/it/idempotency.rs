//! Nothing twice: requests that say that they are the same share one answer, and quota is spent once.

mod retries;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use chatmock_server::{ApiKey, Settings};
use chatmock_simulator::{Mode, Script, Step};
use chatmock_testkit::client::{Connection, Reply, Request};
use serde_json::{Value, json};

use crate::dialects::{dialects, ways};
use crate::harness::{CHAT, Harness, RESPONSES, Running, chat, responses, settings, soon};

const REPLAYED: &str = "idempotent-replayed";
const COMPACT: &str = "/v1/responses/compact";
/// The header in which the vendors' libraries count their retries.
const RETRY: &str = "x-stainless-retry-count";
const SHORT: Duration = Duration::from_millis(200);

fn keyed(path: &str, body: &Value, key: &str) -> Request {
    Request::post(path, body.to_string()).with("idempotency-key", key)
}

fn tried(path: &str, body: &Value, count: u32) -> Request {
    Request::post(path, body.to_string()).with(RETRY, &count.to_string())
}

impl Harness {
    async fn start(&self, request: &Request) -> Connection {
        Connection::begin(self.server.address, &request.bytes()).await.unwrap()
    }

    /// Waits until the server has seen the end of every other connection.
    async fn is_alone(&self) {
        let only = |text: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix("chatmock_connections "));
            line.is_some_and(|count| count.parse() == Ok(1.0))
        };
        let mut connection = Connection::open(self.server.address).await.unwrap();
        soon(async {
            while !only(&connection.send(&Request::get("/metrics")).await.unwrap().text()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn turns(&self) -> Value {
        self.server.get("/usage").await.json()["total"]["turns"].clone()
    }

    /// Starts the server anew with changed settings, over the same home and backend.
    async fn restart(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self { simulator, home, server } = self;
        server.ended().await;
        let mut settings = settings(&simulator, home.path());
        change(&mut settings);
        Self { server: Running::start(settings).await, simulator, home }
    }
}

/// Asserts that an answer is that of another request, byte for byte.
fn assert_same(first: &Reply, again: &Reply, name: &str) {
    assert_eq!(first.header(REPLAYED), None, "{name}");
    assert_eq!(again.header(REPLAYED), Some("true"), "{name}: {}", again.text());
    assert_eq!((first.status, &first.body), (again.status, &again.body), "{name}");
    assert!(first.whole && again.whole, "{name}");
    for header in ["content-type", "x-chatmock-notices", "x-accel-buffering"] {
        assert_eq!(first.header(header), again.header(header), "{name}");
    }
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"), "{name}");
}

async fn whole(mut connection: Connection) -> Reply {
    let head = connection.head().await.unwrap();
    connection.body(head).await.unwrap()
}

#[tokio::test]
async fn a_key_gives_the_same_answer_in_every_dialect_streamed_and_whole() {
    let harness = Harness::new().await;
    let mut asked: Vec<_> = ways()
        .into_iter()
        .map(|(dialect, stream)| (dialect.path, dialect.ask("MODE:reasoning", stream)))
        .collect();
    let input = json!([{"role": "user", "content": "I am Ada"}]);
    let background = json!({"model": "gpt-5.5", "input": "hello", "background": true});
    asked.push((RESPONSES, background));
    asked.push((COMPACT, json!({"model": "gpt-5.5", "input": input})));
    let mut calls = 0;
    for (number, (path, body)) in asked.iter().enumerate() {
        let request = keyed(path, body, &format!("key-{number}"));
        let first = harness.server.send(request.clone()).await;
        assert_eq!(first.status, 200, "{path}: {}", first.text());
        calls += 1;
        // One in the background is told of before it is made.
        soon(harness.simulator.wait_for(|stats| stats.responses() == calls)).await;
        for _ in 0..2 {
            assert_same(&first, &harness.server.send(request.clone()).await, path);
        }
        assert_eq!(harness.calls(), calls, "{path}");
        // Without the key, or under another one, it is a question like any other.
        harness.server.send(Request::post(path, body.to_string())).await;
        let other = harness.server.send(keyed(path, body, &format!("other-{number}"))).await;
        assert_eq!(other.header(REPLAYED), None);
        calls += 2;
        soon(harness.simulator.wait_for(|stats| stats.responses() == calls)).await;
    }
    soon(async {
        while harness.turns().await != json!(calls) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn another_body_or_path_under_a_key_is_refused_in_the_words_of_each_dialect() {
    let harness = Harness::new().await;
    for dialect in dialects() {
        let ask = |text| keyed(dialect.path, &dialect.ask(text, false), dialect.name);
        assert_eq!(harness.server.send(ask("hello")).await.status, 200);
        let refused = harness.server.send(ask("hello there")).await;
        dialect.assert_failure(&refused, 422, &[("code", "idempotency_key_reused")]);
    }
    let calls = harness.calls();
    let body = json!({"model": "gpt-5.5", "input": "hi"});
    assert_eq!(harness.server.send(keyed(RESPONSES, &body, "paths")).await.status, 200);
    let refused = harness.server.send(keyed(COMPACT, &body, "paths")).await;
    assert_eq!((refused.status, harness.calls()), (422, calls + 1), "{}", refused.text());
    // While the first is under way, too.
    let slow = harness.start(&keyed(CHAT, &chat("MODE:slow:10:30", true), "slow")).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    let refused = harness.server.send(keyed(CHAT, &chat("hello", true), "slow")).await;
    assert_eq!(refused.status, 422);
    assert!(whole(slow).await.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_header_that_is_no_key_is_refused() {
    let harness = Harness::new().await;
    let long = "k".repeat(256);
    for key in ["", "  ", "caf\u{e9}", &long] {
        let refused = harness.server.send(keyed(CHAT, &chat("hello", false), key)).await;
        assert_eq!(refused.error().2, json!("invalid_idempotency_key"), "{key:?}");
    }
    let two = keyed(CHAT, &chat("hello", false), "one").with("idempotency-key", "two");
    assert_eq!(harness.server.send(two).await.status, 400);
    assert_eq!(harness.calls(), 0);
    let longest = keyed(CHAT, &chat("hello", false), &"k".repeat(255));
    assert_eq!(harness.server.send(longest).await.status, 200);
}

#[tokio::test]
async fn requests_that_come_while_the_first_runs_join_it_and_count_once() {
    // A second turn would have no place.
    let harness = Harness::with(|s| s.http.turns.max = 1).await;
    for (number, (dialect, stream)) in (1..).zip(ways()) {
        let body = dialect.ask("MODE:slow:20:20", stream);
        let request = keyed(dialect.path, &body, &format!("{dialect}-{stream}"));
        let mut first = harness.start(&request).await;
        let head = if stream {
            let head = first.head().await.unwrap();
            let _ = first.chunks_until("2 ").await.unwrap();
            Some(head)
        } else {
            soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
            None
        };
        let joined = [harness.start(&request).await, harness.start(&request).await];
        let [second, third] =
            futures::future::join_all(joined.map(whole)).await.try_into().unwrap();
        assert_eq!((second.status, third.header(REPLAYED)), (200, Some("true")), "{dialect}");
        assert_eq!(second.body, third.body, "{dialect}");
        let end = match head {
            Some(head) => first.body(head).await.unwrap().body,
            None => whole(first).await.body,
        };
        assert!(second.body.ends_with(&end) && !end.is_empty(), "{dialect}");
        assert!(dialect.text(&second, stream).contains("1 2 3 "), "{}", second.text());
        assert_eq!(harness.calls(), number, "{dialect}");
        assert_eq!(harness.turns().await, json!(number), "{dialect}");
    }
}

#[tokio::test]
async fn a_turn_goes_on_without_its_client_which_finds_the_answer_later() {
    let harness = Harness::new().await;
    for (number, (dialect, stream)) in (1..).zip(ways()) {
        let request =
            keyed(dialect.path, &dialect.ask("MODE:slow:8:20", stream), &format!("{number}"));
        let first = harness.start(&request).await;
        soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
        drop(first);
        soon(harness.simulator.wait_for(|stats| stats.closed_streams.len() == number)).await;
        let again = harness.server.send(request).await;
        assert!(dialect.text(&again, stream).contains("7 8"), "{}", again.text());
        assert_eq!(again.header(REPLAYED), Some("true"));
    }
    let stats = harness.simulator.stats();
    assert_eq!((stats.cancelled_streams, harness.calls()), (0, ways().len() as u64));
}

#[tokio::test]
async fn a_turn_that_nobody_comes_back_to_is_cancelled() {
    let harness = Harness::with(|s| s.http.streams.rejoin = SHORT).await;
    let body = chat("MODE:slow:100000:5", true);
    for (number, key) in [(1, true), (2, false)] {
        let request = |count| match key {
            true => keyed(CHAT, &body, "key"),
            false => tried(CHAT, &body, count),
        };
        let mut first = harness.start(&request(0)).await;
        let _ = first.head().await.unwrap();
        // The last that leaves counts.
        let mut second = harness.start(&request(1)).await;
        let _ = second.head().await.unwrap();
        drop(first);
        let _ = second.chunks_until("100 ").await.unwrap();
        assert_eq!(harness.simulator.stats().cancelled_streams, number - 1);
        drop(second);
        soon(harness.simulator.wait_for(|stats| stats.cancelled_streams == number)).await;
    }
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn what_is_refused_here_limited_or_broken_is_not_kept() {
    let harness = Harness::new().await;
    let unread = json!({"model": "gpt-5.5", "messages": 1});
    for _ in 0..2 {
        let refused = harness.server.send(keyed(CHAT, &unread, "unread")).await;
        assert_eq!((refused.status, refused.header(REPLAYED)), (400, None));
    }
    let modes = ["429", "429-rate", "503", "server-error", "fail-after", "cut", "fail-rate"];
    for (mode, stream) in modes.into_iter().flat_map(|mode| [(mode, true), (mode, false)]) {
        let request =
            keyed(CHAT, &chat(&format!("MODE:{mode}"), stream), &format!("{mode} {stream}"));
        let before = harness.calls();
        for round in 1..=2 {
            let reply = harness.server.send(request.clone()).await;
            assert_eq!((reply.header(REPLAYED), harness.calls()), (None, before + round), "{mode}");
        }
    }
    // So a later try may succeed, and is kept.
    harness.simulator.enqueue(Mode::Unavailable);
    let request = keyed(CHAT, &chat("hello", false), "later");
    assert_eq!(harness.server.send(request.clone()).await.status, 503);
    let first = harness.server.send(request.clone()).await;
    assert_same(&first, &harness.server.send(request).await, "later");
}

#[tokio::test]
async fn an_error_that_came_after_spending_is_kept() {
    let harness = Harness::new().await;
    for (dialect, stream) in ways() {
        let steps = Script::mode(Mode::FailAfter).steps.into_iter().map(|step| match step {
            Step::Event(event) => Step::Event(event.replace("server_error", "invalid_prompt")),
            other => other,
        });
        harness.simulator.enqueue(Script::stream(steps.collect()));
        let calls = harness.calls();
        let request =
            keyed(dialect.path, &dialect.ask("hello", stream), &format!("{dialect}{stream}"));
        let first = harness.server.send(request.clone()).await;
        assert_eq!(first.status == 200, stream, "{}", first.text());
        let again = harness.server.send(request).await;
        assert_same(&first, &again, dialect.name);
        assert_eq!(harness.calls(), calls + 1, "{dialect}");
    }
}

fn two_keys(settings: &mut Settings) {
    let key = |name: &str| ApiKey::new(name, &format!("sk-{name}-0123456789"));
    settings.http.admission.keys = vec![key("ann"), key("bob")];
}

fn by(name: &str, request: Request) -> Request {
    request.with("authorization", &format!("Bearer sk-{name}-0123456789"))
}

#[tokio::test]
async fn a_label_never_sees_the_answers_of_another() {
    let harness = Harness::with(two_keys).await;
    let body = chat("hello", false);
    let first = harness.server.send(by("ann", keyed(CHAT, &body, "same"))).await;
    let other = harness.server.send(by("bob", keyed(CHAT, &body, "same"))).await;
    assert_eq!((other.status, other.header(REPLAYED), harness.calls()), (200, None, 2));
    let different = by("bob", keyed(CHAT, &chat("something else", false), "another"));
    assert_eq!(harness.server.send(different).await.status, 200, "no word of ann's keys");
    assert_same(&first, &harness.server.send(by("ann", keyed(CHAT, &body, "same"))).await, "ann");
    // Nor does a retry join another's.
    let slow = harness.start(&by("ann", tried(CHAT, &chat("MODE:slow:10:30", true), 0))).await;
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 1)).await;
    let calls = harness.calls();
    let retry = by("bob", tried(CHAT, &chat("MODE:slow:10:30", true), 1));
    assert_eq!(harness.server.send(retry).await.header(REPLAYED), None);
    assert_eq!(harness.calls(), calls + 1);
    drop(slow);
}

/// Returns whether a folder has a file with this text in it; every file must be its owner's alone.
fn holds(folder: &Path, text: &str) -> bool {
    let mut found = false;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            found |= holds(&path, text);
        } else {
            assert_eq!(mode, 0o600, "{}", path.display());
            let bytes = std::fs::read(&path).unwrap();
            found |= bytes.windows(text.len()).any(|part| part == text.as_bytes());
        }
    }
    found
}

#[tokio::test]
async fn with_a_state_folder_answers_outlive_the_server_sealed_and_those_not_stored_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let keep = |settings: &mut Settings| settings.http.responses.directory = Some(state.clone());
    let harness = Harness::with(keep).await;
    let stored = keyed(RESPONSES, &responses("xylophone", true), "stored");
    let mut body = responses("xylophone", true);
    body["store"] = json!(false);
    let unstored = keyed(RESPONSES, &body, "unstored");
    let first = harness.server.send(stored.clone()).await;
    let second = harness.server.send(unstored.clone()).await;
    assert_same(&second, &harness.server.send(unstored.clone()).await, "in memory");
    let harness = harness.restart(keep).await;
    assert_same(&first, &harness.server.send(stored.clone()).await, "after a restart");
    assert_eq!(harness.server.send(unstored).await.header(REPLAYED), None);
    assert_eq!(harness.calls(), 3);
    assert!(state.join("answers").is_dir() && !holds(&state, "xylophone"));
    // A response that is deleted takes the answers with it that hold it.
    let id = first.events().last().unwrap()["response"]["id"].as_str().unwrap().to_owned();
    let deleted = Request::new("DELETE", &format!("{RESPONSES}/{id}"));
    assert_eq!(harness.server.send(deleted).await.status, 200);
    let harness = harness.restart(keep).await;
    assert_eq!(harness.server.send(stored).await.header(REPLAYED), None);
    assert_eq!(harness.calls(), 4);
}

#[tokio::test]
async fn a_sign_out_takes_the_answers_with_it() {
    let harness = Harness::new().await;
    let request = keyed(CHAT, &chat("hello", false), "key");
    assert_eq!(harness.server.send(request.clone()).await.status, 200);
    let auth = harness.home.path().join("auth.json");
    let signed_in = std::fs::read(&auth).unwrap();
    std::fs::remove_file(&auth).unwrap();
    assert_eq!(harness.server.send(request.clone()).await.status, 401);
    std::fs::write(&auth, signed_in).unwrap();
    assert_eq!(harness.server.send(request).await.header(REPLAYED), None);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_nobody_up() {
    let harness = Harness::new().await;
    // 12 MiB, many times what sockets take up.
    for (key, text) in [(true, "MODE:flood:192:65536"), (false, "MODE:flood:193:65536")] {
        let body = chat(text, true);
        let request = |count| match key {
            true => keyed(CHAT, &body, "flood"),
            false => tried(CHAT, &body, count),
        };
        let first = harness.start(&request(0)).await;
        soon(harness.simulator.wait_for(|stats| stats.streams >= 1)).await;
        let mut slow = harness.start(&request(1)).await;
        let first = whole(first).await;
        assert!(first.whole && first.text().ends_with("data: [DONE]\n\n"));
        // All of it is held for a key, and only what is new for a retry.
        let head = slow.head().await.unwrap();
        let slow = slow.body(head).await.unwrap();
        assert_eq!(slow.whole, key);
        if key {
            assert_eq!(slow.body, first.body);
        }
    }
}
