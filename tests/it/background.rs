//! Answers that are made without their clients: asked for, read, cancelled, and ended by whatever ends them.

use std::time::Duration;

use chatmock_server::upstream::{ApiFlavor, UpstreamRoute};
use chatmock_server::{ApiKey, BackgroundLimits, StoreSettings};
use chatmock_simulator::Simulator;
use chatmock_testkit::client::{Connection, Reply, Request};
use serde_json::{Value, json};

use crate::harness::{
    CHAT, Harness, RESPONSES, Running, output_text, responses, settings_by, soon,
};

fn asked(text: &str, stream: bool) -> Value {
    let mut request = responses(text, stream);
    request["background"] = json!(true);
    request
}

/// Begins an answer and returns its path.
async fn begun(server: &Running, text: &str) -> String {
    let reply = server.post(RESPONSES, &asked(text, false)).await;
    let response = reply.json();
    assert_eq!(reply.status, 200, "{response}");
    let said = ["status", "background", "store", "output", "error"].map(|name| &response[name]);
    assert_eq!(said, [&json!("queued"), &json!(true), &json!(true), &json!([]), &Value::Null]);
    path_of(&response)
}

fn path_of(response: &Value) -> String {
    format!("{RESPONSES}/{}", response["id"].as_str().unwrap())
}

/// Waits for the end of an answer, and returns its events.
async fn events(server: &Running, path: &str) -> Vec<Value> {
    let reply = server.get(&format!("{path}?stream=true")).await;
    assert!(reply.header("content-type").unwrap().starts_with("text/event-stream"));
    reply.events()
}

/// Waits for the end of an answer that fails, and returns the reason.
async fn end(server: &Running, path: &str) -> String {
    let last = events(server, path).await.pop().unwrap();
    assert_eq!(last["type"], "response.failed", "{last}");
    let response = server.get(path).await.json();
    assert_eq!(last["response"], response);
    assert_eq!((&response["status"], &response["store"]), (&json!("failed"), &json!(true)));
    response["error"].to_string()
}

/// Reads an answer until its text has begun.
async fn attached(server: &Running, path: &str) -> Connection {
    let mut connection = Connection::open(server.address).await.unwrap();
    let request = Request::get(&format!("{path}?stream=true"));
    connection.write(&request.bytes()).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
    connection.chunks_until("output_text.delta").await.unwrap();
    connection
}

async fn cancel(server: &Running, path: &str) -> Reply {
    server.send(Request::post(&format!("{path}/cancel"), "")).await
}

#[tokio::test]
async fn an_answer_is_made_without_its_client_and_asked_for_later() {
    let harness = Harness::new().await;
    let path = begun(&harness.server, "hello").await;
    let events = events(&harness.server, &path).await;
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let first = ["response.created", "response.queued", "response.in_progress"];
    assert_eq!((&kinds[..3], kinds.last()), (&first[..], Some(&"response.completed")));
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
        let id =
            event["response"].get("id").map(|id| format!("{RESPONSES}/{}", id.as_str().unwrap()));
        assert!(id.is_none_or(|id| id == path), "{event}");
    }
    let response = harness.server.get(&path).await.json();
    assert_eq!(response, events.last().unwrap()["response"]);
    assert_eq!(
        (output_text(&response), &response["background"]),
        ("You said: hello".to_owned(), &json!(true))
    );
    let rest = harness.server.get(&format!("{path}?stream=true&starting_after=4")).await.events();
    assert_eq!(rest, events[5..]);
    let sent = harness.sent();
    assert!(sent.get("background").is_none() && sent["store"] == json!(false), "{sent}");
    let mut next = responses("and now?", false);
    next["previous_response_id"] = response["id"].clone();
    assert_eq!(harness.server.post(RESPONSES, &next).await.status, 200);
    assert!(harness.sent()["input"].to_string().contains("You said: hello"));
    let items = harness.server.get(&format!("{path}/input_items")).await.json();
    assert_eq!(items["data"][0]["content"][0]["text"], "hello");
    assert_eq!(cancel(&harness.server, &path).await.json(), response, "it is complete");
    assert_eq!(harness.server.send(Request::new("DELETE", &path)).await.status, 200);
    assert_eq!(harness.server.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_streamed_one_goes_on_when_its_client_leaves() {
    let harness = Harness::new().await;
    let mut connection = harness.server.begin(RESPONSES, &asked("MODE:slow:20:10", true)).await;
    assert_eq!(connection.head().await.unwrap().status, 200);
    let read = connection.chunks_until("output_text.delta").await.unwrap();
    drop(connection);
    let data = read.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let created: Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&created["type"], &created["response"]["status"]),
        (&json!("response.created"), &json!("queued"))
    );
    let path = path_of(&created["response"]);
    let events = events(&harness.server, &path).await;
    assert_eq!(events.last().unwrap()["response"]["status"], "completed");
    assert_eq!(harness.simulator.stats().cancelled_streams, 0);
}

#[tokio::test]
async fn a_cancelled_one_ends_at_once_and_its_call_with_it() {
    let harness = Harness::new().await;
    let path = begun(&harness.server, "MODE:stall-after").await;
    let mut reader = attached(&harness.server, &path).await;
    assert_eq!(harness.server.get(&path).await.json()["status"], "in_progress");
    let mut next = responses("and now?", false);
    next["previous_response_id"] = json!(path.rsplit('/').next());
    let refused = harness.server.post(RESPONSES, &next).await;
    assert_eq!(refused.error().2, "previous_response_not_complete");
    let cancelled = cancel(&harness.server, &path).await;
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("cancelled")));
    reader.chunks_until("response.failed").await.unwrap();
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
    assert_eq!(harness.simulator.stats().cancelled_streams, 1);
    assert_eq!(cancel(&harness.server, &path).await.json(), cancelled.json());
    assert_eq!(harness.server.get(&path).await.json(), cancelled.json());
    let running = begun(&harness.server, "MODE:stall-after").await;
    drop(attached(&harness.server, &running).await);
    assert_eq!(harness.server.send(Request::new("DELETE", &running)).await.status, 200);
    assert_eq!(harness.server.get(&running).await.status, 404);
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn each_caller_has_four_at_once_and_finds_its_own_alone() {
    let harness = Harness::with(|settings| {
        settings.http.admission.keys =
            vec![ApiKey::new("ann", "sk-ann-0123456789"), ApiKey::new("bob", "sk-bob-0123456789")];
        settings.http.background = BackgroundLimits { all: 5, ..BackgroundLimits::default() };
    })
    .await;
    let by = |request: Request, name: &str| {
        harness.server.send(request.with("authorization", &format!("Bearer sk-{name}-0123456789")))
    };
    let ask = || Request::post(RESPONSES, asked("MODE:stall-after", false).to_string());
    let mut paths = Vec::new();
    for _ in 0..4 {
        paths.push(path_of(&by(ask(), "ann").await.json()));
    }
    let refused = by(ask(), "ann").await;
    let (status, kind, code, _) = refused.error();
    assert_eq!(
        (status, &*kind, code),
        (429, "rate_limit_error", json!("too_many_background_responses"))
    );
    assert!(refused.header("retry-after").is_some());
    assert_eq!(by(ask(), "bob").await.status, 200);
    let all = by(ask(), "bob").await;
    assert!(all.status == 429 && all.message().contains("there are 5"), "{}", all.text());
    for (name, status) in [("bob", 404), ("ann", 200)] {
        for request in [Request::get(&paths[0]), Request::post(&format!("{}/cancel", paths[0]), "")]
        {
            assert_eq!(by(request, name).await.status, status, "{name}");
        }
    }
    assert_eq!(by(ask(), "bob").await.status, 200, "one was cancelled");
}

#[tokio::test]
async fn what_breaks_is_kept_with_the_reason() {
    let harness =
        Harness::with(|settings| settings.http.background.life = Duration::from_secs(1)).await;
    for (text, code) in [
        ("MODE:429", "rate_limit_exceeded"),
        ("MODE:fail-after", "server_error"),
        ("MODE:cut", "upstream_incomplete"),
        ("MODE:stall-after", "background_time_limit"),
    ] {
        let path = begun(&harness.server, text).await;
        let reason = end(&harness.server, &path).await;
        assert!(reason.contains(code), "{text}: {reason}");
    }
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn they_take_places_of_turns() {
    let harness = Harness::with(|settings| {
        settings.http.turns.max = 1;
        settings.http.turns.wait = Duration::from_millis(50);
    })
    .await;
    let running = begun(&harness.server, "MODE:stall-after").await;
    drop(attached(&harness.server, &running).await);
    assert_eq!(harness.server.say("hello").await.error().2, "too_many_turns");
    let path = begun(&harness.server, "hello").await;
    assert!(end(&harness.server, &path).await.contains("too_many_turns"));
}

#[tokio::test]
async fn a_sign_out_ends_them() {
    let harness = Harness::new().await;
    let path = begun(&harness.server, "MODE:stall-after").await;
    let mut reader = attached(&harness.server, &path).await;
    std::fs::remove_file(harness.home.path().join("auth.json")).unwrap();
    let rest = reader.chunks_until("response.failed").await.unwrap();
    assert!(rest.contains("signed_out"), "{rest}");
    soon(harness.simulator.wait_for(|stats| stats.open_streams == 0)).await;
}

#[tokio::test]
async fn the_end_of_the_server_ends_them_and_the_next_one_knows() {
    let state = tempfile::tempdir().unwrap();
    let kept =
        StoreSettings { directory: Some(state.path().to_owned()), ..StoreSettings::default() };
    let mut harness = Harness::with(|settings| settings.http.responses = kept.clone()).await;
    let path = begun(&harness.server, "MODE:stall-after").await;
    let mut reader = attached(&harness.server, &path).await;
    harness.server.stop();
    reader.chunks_until("response.failed").await.unwrap();
    drop(reader);
    let Harness { simulator, home, server } = harness;
    server.ended().await;
    let mut settings = crate::harness::settings(&simulator, home.path());
    settings.http.responses = kept;
    let server = Running::start(settings).await;
    assert!(end(&server, &path).await.contains("server_stopping"));
    assert_eq!(simulator.stats().responses(), 1, "it was not begun again");
}

#[tokio::test]
async fn they_are_refused_where_they_could_not_be_asked_for() {
    let harness = Harness::new().await;
    let mut unkept = asked("hello", false);
    unkept["store"] = json!(false);
    for (path, request) in [
        (RESPONSES, unkept),
        (CHAT, asked("hello", false)),
        ("/v1/responses/compact", asked("hello", false)),
    ] {
        let refused = harness.server.post(path, &request).await;
        assert_eq!((refused.status, refused.error().3), (400, json!("background")), "{path}");
    }
    let mut create = asked("hello", false);
    create["type"] = json!("response.create");
    let refused = harness.server.socket().await.ask(&create).await.unwrap().pop().unwrap();
    assert_eq!(
        (&refused["type"], &refused["error"]["param"]),
        (&json!("error"), &json!("background"))
    );
    let mut unknown = asked("hello", false);
    unknown["model"] = json!("nonesuch");
    assert_eq!(harness.server.post(RESPONSES, &unknown).await.status, 404);
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn they_are_kept_here_whatever_the_backend_keeps() {
    for name in ["plan", "api"] {
        let simulator = Simulator::start(chatmock_simulator::Settings::default()).await.unwrap();
        let route = if name == "api" {
            UpstreamRoute::api(ApiFlavor::OpenAi)
        } else {
            UpstreamRoute::plan()
        };
        let server = Running::start(settings_by(route, &simulator)).await;
        let path = begun(&server, "hello").await;
        events(&server, &path).await;
        let response = server.get(&path).await.json();
        assert_eq!(
            (output_text(&response), &response["store"]),
            ("You said: hello".to_owned(), &json!(true))
        );
        let sent = simulator.model_calls().pop().unwrap().json();
        assert!(sent.get("background").is_none() && sent["store"] == json!(false), "{sent}");
        let mut next = responses("and now?", false);
        next["previous_response_id"] = response["id"].clone();
        let reply = server.post(RESPONSES, &next).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert_eq!(server.send(Request::new("DELETE", &path)).await.status, 200);
    }
}
