//! The list of models: one body for both kinds of client, kept up to date and kept in a file.

use std::time::Duration;

use chatmock_simulator::{Endpoint, Model, Script};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::dialects::ways;
use crate::harness::{CHAT, Harness, Running, chat, settings, soon};

const MODELS: &str = "/v1/models";

/// The backend's path of its list.
const LIST: &str = "GET /backend-api/codex/models";

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn one_list_serves_openais_clients_and_the_codex_program() {
    let harness = Harness::new().await;
    let reply = harness.server.get(MODELS).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let list = reply.json();
    assert_eq!(list["object"], "list");
    let expected = [
        "gpt-6.2-sol",
        "gpt-6.2-astra",
        "gpt-6.1-terra",
        "gpt-6.1-sol",
        "gpt-6-astra",
        "gpt-6-sol",
        "gpt-6-luna",
        "gpt-5.6-sol",
        "gpt-5.6-terra",
        "gpt-5.6-luna",
        "gpt-5.5",
    ];
    assert_eq!(ids(&list), expected);
    let first = &list["data"][0];
    assert_eq!((&first["object"], &first["owned_by"]), (&json!("model"), &json!("openai")));
    assert!(first["created"].as_u64().unwrap() > 1_600_000_000);
    assert_eq!(first["context_window"], 500_000);
    let codex = list["models"].as_array().unwrap();
    assert_eq!(codex.len(), 14, "hidden models are for the Codex program to hide");
    for member in ["slug", "supported_reasoning_levels", "visibility", "shell_type", "priority"] {
        assert!(!codex[0][member].is_null(), "{member}");
    }
    assert!(reply.body.len() < 64 * 1024, "prompts are not handed on");
    assert!(!reply.text().contains("You are a simulated model"));
    // The Codex program asks with its version.
    let asked = harness.server.get("/v1/models?client_version=0.171.0").await;
    assert_eq!(asked.json(), list);
    assert_eq!(harness.simulator.stats().count(LIST), 1, "the list is not fetched on demand");
}

#[tokio::test]
async fn one_model_is_found_by_its_name_hidden_or_with_an_effort() {
    let harness = Harness::new().await;
    for name in [
        "gpt-6-sol",
        "gpt-daybreak-blue-latest",
        "gpt-6-sol-high",
        "gpt-6-sol:high",
        "gpt-6-sol%3Ahigh",
        "gpt%2D6-sol",
    ] {
        let reply = harness.server.get(&format!("{MODELS}/{name}")).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let model = reply.json();
        assert_eq!(model["id"], name.replace("%3A", ":").replace("%2D", "-"));
        assert_eq!(model["object"], "model");
    }
}

#[tokio::test]
async fn an_unknown_model_is_a_404_with_near_names_everywhere() {
    let harness = Harness::new().await;
    let reply = harness.server.get("/v1/models/gpt-6-soll").await;
    let (status, kind, code, param) = reply.error();
    assert_eq!((status, kind.as_str()), (404, "invalid_request_error"));
    assert_eq!((code, param), (json!("model_not_found"), json!("model")));
    assert!(reply.message().contains("gpt-6-sol"), "{}", reply.message());
    for (dialect, stream) in ways() {
        let mut request = dialect.ask("hello", stream);
        request["model"] = json!("gpt-6-soll");
        let reply = harness.server.post(dialect.path, &request).await;
        let members = [("code", "model_not_found"), ("param", "model")];
        dialect.assert_failure(&reply, 404, &members);
        assert!(reply.message().contains("gpt-6-sol"), "{}", reply.message());
    }
    assert_eq!(harness.calls(), 0);
    for name in ["%00", "%1b[2J", "a%0Ab", "%ff%fe", "%"] {
        let reply = harness.server.get(&format!("{MODELS}/{name}")).await;
        assert_eq!(reply.error().0, 404, "{name}");
    }
}

#[tokio::test]
async fn a_hidden_model_answers() {
    let harness = Harness::new().await;
    let mut request = chat("hello", false);
    request["model"] = json!("gpt-daybreak-blue-latest");
    assert_eq!(harness.server.post(CHAT, &request).await.status, 200);
}

/// Asks for the list until it holds a name.
async fn listed(server: &Running, name: &str) {
    soon(async {
        while !ids(&server.get(MODELS).await.json()).contains(&name) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_that_an_answer_shows_to_be_newer_is_fetched() {
    let harness = Harness::new().await;
    assert_eq!(harness.server.say("hello").await.status, 200);
    let mut models = harness.simulator.models();
    models.push(Model::named("gpt-7-nova"));
    harness.simulator.set_models(models);
    assert_eq!(harness.simulator.stats().count(LIST), 1);
    assert_eq!(harness.server.say("hello").await.status, 200);
    listed(&harness.server, "gpt-7-nova").await;
    assert_eq!(harness.simulator.stats().count(LIST), 2);
    let mut request = chat("hello", false);
    request["model"] = json!("gpt-7-nova");
    assert_eq!(harness.server.post(CHAT, &request).await.status, 200);
    assert_eq!(harness.simulator.stats().count(LIST), 2, "the list is known now");
}

#[tokio::test]
async fn the_list_is_fetched_at_each_interval() {
    let harness =
        Harness::with(|settings| settings.models.refresh = Duration::from_millis(20)).await;
    soon(harness.simulator.wait_for(|stats| stats.count(LIST) >= 4)).await;
    harness.simulator.set_models(vec![Model::named("gpt-7-nova")]);
    listed(&harness.server, "gpt-7-nova").await;
}

#[tokio::test]
async fn a_model_that_is_gone_from_the_list_is_not_asked_for() {
    let harness = Harness::new().await;
    harness.simulator.set_models(vec![Model::named("gpt-7-nova")]);
    let server = harness.another().await;
    let reply = server.say("hello").await;
    assert_eq!(reply.error().0, 404);
    assert!(reply.message().contains("gpt-7-nova"), "{}", reply.message());
}

/// A server over the same home whose backend is gone.
async fn cut_off(harness: &Harness) -> Running {
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let mut settings = settings(&harness.simulator, harness.home.path());
    let route = settings.upstream.route.clone();
    settings.upstream.route = route.at(format!("http://{closed}/backend-api/codex"));
    Running::start(settings).await
}

#[tokio::test]
async fn the_list_is_kept_in_a_file_for_when_the_backend_is_gone() {
    let harness = Harness::new().await;
    harness.simulator.set_models(vec![Model::named("gpt-7-nova"), Model::named("gpt-7-sol")]);
    let server = harness.another().await;
    listed(&server, "gpt-7-nova").await;
    let file = harness.home.path().join("chatmock_models_cache.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["models"][0]["slug"], "gpt-7-nova");
    assert!(kept["fetched_at"].as_u64().unwrap() > 1_600_000_000);
    assert!(kept["etag"].is_string());

    let server = cut_off(&harness).await;
    let list = server.get(MODELS).await.json();
    assert_eq!(ids(&list), ["gpt-7-nova", "gpt-7-sol"]);
    assert_eq!(list["data"][0]["created"], kept["fetched_at"]);
    assert_eq!(server.say("hello").await.error().0, 404, "a cached list knows what is unknown");
}

#[tokio::test]
async fn a_list_of_another_account_does_not_count() {
    let harness = Harness::new().await;
    harness.simulator.set_models(vec![Model::named("gpt-7-nova")]);
    listed(&harness.another().await, "gpt-7-nova").await;
    let other = chatmock_simulator::Claims::of_account("another-workspace");
    crate::harness::sign_in(harness.home.path(), &harness.simulator.tokens(other).auth_json());
    let server = cut_off(&harness).await;
    assert!(!ids(&server.get(MODELS).await.json()).contains(&"gpt-7-nova"));
}

#[tokio::test]
async fn a_damaged_file_of_the_list_is_passed_over() {
    let harness = Harness::new().await;
    harness.server.get(MODELS).await;
    for damaged in ["", "{", "[]", r#"{"fetched_at":1,"models":[]}"#, "\u{0}"] {
        std::fs::write(harness.home.path().join("chatmock_models_cache.json"), damaged).unwrap();
        let server = cut_off(&harness).await;
        assert!(ids(&server.get(MODELS).await.json()).contains(&"gpt-6-sol"), "{damaged:?}");
    }
}

#[tokio::test]
async fn without_fetching_the_file_is_still_read() {
    let harness = Harness::new().await;
    harness.server.get(MODELS).await;
    let mut offline = settings(&harness.simulator, harness.home.path());
    offline.models.sync = false;
    harness.simulator.forget_requests();
    let server = Running::start(offline).await;
    // Only a list that was fetched once refuses a name.
    assert_eq!(server.get("/v1/models/gpt-99-unheard-of").await.error().0, 404);
    let mut request = chat("hello", false);
    request["model"] = json!("gpt-99-unheard-of");
    assert_eq!(server.post(CHAT, &request).await.status, 404);
    assert!(harness.simulator.requests().is_empty());
}

#[tokio::test]
async fn the_built_in_table_refuses_no_name() {
    let home = tempfile::tempdir().unwrap();
    let harness = Harness::new().await;
    let mut offline = settings(&harness.simulator, home.path());
    offline.models.sync = false;
    crate::harness::sign_in(home.path(), &harness.simulator.auth_json());
    let server = Running::start(offline).await;
    assert!(ids(&server.get(MODELS).await.json()).contains(&"gpt-6-sol"));
    let mut request = chat("hello", false);
    request["model"] = json!("gpt-99-unheard-of");
    harness.simulator.set_models(vec![Model::named("gpt-99-unheard-of")]);
    assert_eq!(server.post(CHAT, &request).await.status, 200);
    assert_eq!(server.get("/v1/models/gpt-99-unheard-of").await.error().0, 404);
    assert!(!home.path().join("chatmock_models_cache.json").exists());
}

#[tokio::test]
async fn a_list_that_comes_later_takes_the_built_in_tables_place() {
    let harness = Harness::new().await;
    let home = tempfile::tempdir().unwrap();
    let server = Running::start(settings(&harness.simulator, home.path())).await;
    assert!(ids(&server.get(MODELS).await.json()).contains(&"gpt-5.5"), "nobody is signed in");
    harness.simulator.set_models(vec![Model::named("gpt-5.5"), Model::named("gpt-7-nova")]);
    crate::harness::sign_in(home.path(), &harness.simulator.auth_json());
    assert_eq!(server.say("hello").await.status, 200);
    listed(&server, "gpt-7-nova").await;
}

#[tokio::test]
async fn an_empty_or_broken_list_changes_nothing() {
    let harness = Harness::new().await;
    harness.server.get(MODELS).await;
    for script in [
        Script::json(200, &json!({"models": []})),
        Script::json(200, &json!({"nothing": 1})),
        Script::body(200, "text/html", "<html>"),
        Script::json(500, &json!({})),
    ] {
        for _ in 0..2 {
            harness.simulator.enqueue_at(Endpoint::Models, script.clone());
        }
        let server = harness.another().await;
        assert!(ids(&server.get(MODELS).await.json()).contains(&"gpt-6-sol"));
        assert_eq!(server.say("hello").await.status, 200);
    }
}

#[tokio::test]
async fn efforts_are_listed_as_models_where_that_is_asked_for() {
    let harness = Harness::with(|settings| settings.models.expose_efforts = true).await;
    let list = harness.server.get(MODELS).await.json();
    let names = ids(&list);
    for name in ["gpt-5.5", "gpt-5.5-low", "gpt-5.5-xhigh"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(!names.contains(&"gpt-5.5-ultra"), "it does not offer that");
    assert!(!names.iter().any(|name| name.starts_with("gpt-daybreak")));
    for name in ids(&list) {
        let reply = harness.server.get(&format!("{MODELS}/{name}")).await;
        assert_eq!(reply.status, 200, "{name}");
    }
}
