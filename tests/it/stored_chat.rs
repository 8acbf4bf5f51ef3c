//! Chat completions that are stored: kept here, listed, labelled and deleted, on every route.

use chatmock_server::upstream::{ApiFlavor, UpstreamRoute};
use chatmock_server::{ApiKey, StoreSettings};
use chatmock_simulator::{Settings as Simulated, Simulator};
use chatmock_testkit::client::{Reply, Request};
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, Running, chat, said, settings, settings_by, streamed};

/// A request that is to be stored, under a label.
fn stored(text: &str, stream: bool, label: &str) -> Value {
    let mut request = chat(text, stream);
    request["store"] = json!(true);
    request["metadata"] = json!({"label": label});
    request
}

async fn list(server: &Running, query: &str) -> Vec<String> {
    let list = server.get(&format!("{CHAT}{query}")).await;
    assert_eq!((list.status, &list.json()["object"]), (200, &json!("list")), "{}", list.text());
    let list = list.json();
    let ids = list["data"].as_array().unwrap().iter();
    ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

async fn delete(server: &Running, path: &str) -> Reply {
    server.send(Request::new("DELETE", path)).await
}

#[tokio::test]
async fn what_is_asked_for_with_store_is_kept_whole_whichever_way_it_was_given() {
    let harness = Harness::new().await;
    let server = &harness.server;
    for text in ["hello", "get_weather city=Oslo"] {
        let mut request = stored(text, false, "a");
        request["tools"] = json!([{"type": "function", "function": {"name": "get_weather"}}]);
        let whole = server.post(CHAT, &request).await;
        assert_eq!(whole.header("x-chatmock-notices"), None);
        let kept =
            server.get(&format!("{CHAT}/{}", whole.json()["id"].as_str().unwrap())).await.json();
        assert_eq!(kept["metadata"], json!({"label": "a"}));
        assert_eq!(kept["tools"], request["tools"]);
        for name in ["id", "object", "created", "model", "choices", "usage"] {
            assert_eq!(kept[name], whole.json()[name], "{name}");
        }
        request["stream"] = json!(true);
        let stream = server.post(CHAT, &request).await;
        let id = stream.events()[0]["id"].as_str().unwrap().to_owned();
        let again = server.get(&format!("{CHAT}/{id}")).await.json();
        assert_eq!(again["object"], "chat.completion");
        assert_eq!(again["choices"][0]["finish_reason"], kept["choices"][0]["finish_reason"]);
        let message = |one: &Value| one["choices"][0]["message"]["content"].clone();
        assert_eq!(message(&again), message(&kept), "{text}");
        assert_eq!(message(&again).as_str().unwrap_or_default(), streamed(&stream));
    }
    let sent = harness.sent();
    assert!(sent.get("metadata").is_none() && sent["store"] == json!(false), "{sent}");
    let before = list(server, "").await;
    assert_eq!(before.len(), 4);
    for request in [
        chat("hello", false),
        json!({"model": "gpt-5.5", "store": false, "messages": chat("x", false)["messages"]}),
    ] {
        let unkept = server.post(CHAT, &request).await.json();
        assert_eq!(
            server.get(&format!("{CHAT}/{}", unkept["id"].as_str().unwrap())).await.status,
            404
        );
    }
    let broken = server.post(CHAT, &stored("MODE:cut", true, "a")).await;
    assert_eq!(broken.status, 200);
    assert_eq!(list(server, "").await, before, "without store, or without an end, nothing is kept");
}

#[tokio::test]
async fn they_are_listed_by_page_model_and_label() {
    let harness = Harness::new().await;
    let server = &harness.server;
    let mut ids = Vec::new();
    for (text, label) in [("one", "a"), ("two", "b"), ("three", "a")] {
        let reply = server.post(CHAT, &stored(text, false, label)).await.json();
        ids.push(reply["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(list(server, "").await, ids);
    assert_eq!(list(server, "?order=desc&limit=2").await, [ids[2].clone(), ids[1].clone()]);
    assert_eq!(list(server, &format!("?after={}", ids[0])).await, ids[1..]);
    assert_eq!(list(server, "?metadata[label]=a").await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(list(server, "?metadata%5Blabel%5D=b&model=gpt-5.5").await, ids[1..2]);
    assert!(list(server, "?model=other").await.is_empty());
    let page = server.get(&format!("{CHAT}?limit=1")).await.json();
    assert_eq!(
        (&page["has_more"], &page["first_id"], &page["last_id"]),
        (&json!(true), &json!(ids[0]), &json!(ids[0]))
    );
    for (query, param) in [("limit=x", "limit"), ("order=x", "order"), ("after=x", "after")] {
        let refused = server.get(&format!("{CHAT}?{query}")).await;
        assert_eq!((refused.status, refused.error().3), (400, json!(param)));
    }
}

#[tokio::test]
async fn they_have_messages_and_labels_until_they_are_deleted() {
    let harness = Harness::new().await;
    let server = &harness.server;
    let reply = server.post(CHAT, &stored("one", false, "a")).await.json();
    let ids = [reply["id"].as_str().unwrap().to_owned()];
    let path = format!("{CHAT}/{}", ids[0]);
    let mut parts = stored("x", false, "c");
    parts["messages"] = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    ]);
    let reply = server.post(CHAT, &parts).await.json();
    let other = format!("{CHAT}/{}", reply["id"].as_str().unwrap());
    let messages = server.get(&format!("{other}/messages")).await.json();
    let [system, user] = &messages["data"].as_array().unwrap()[..] else { panic!("{messages}") };
    assert_eq!((&system["content"], &system["content_parts"]), (&json!("Be brief."), &Value::Null));
    assert_eq!(user["content_parts"], json!([{"type": "text", "text": "hi"}]));
    assert!(system["id"].is_string() && system["id"] != user["id"]);
    let last = server.get(&format!("{other}/messages?order=desc&limit=1")).await.json();
    assert_eq!(last["data"], json!([user]));
    let changed = server.post(&path, &json!({"metadata": {"label": "z"}})).await.json();
    assert_eq!((&changed["id"], &changed["metadata"]), (&json!(ids[0]), &json!({"label": "z"})));
    assert_eq!(server.get(&path).await.json(), changed);
    for body in [json!({}), json!({"metadata": {"a": 1}}), json!({"metadata": 7})] {
        let refused = server.post(&path, &body).await;
        assert_eq!((refused.status, refused.error().3), (400, json!("metadata")), "{body}");
    }
    let mut wrong = stored("x", false, "a");
    wrong["metadata"] = json!({"a": 1});
    assert_eq!(server.post(CHAT, &wrong).await.error().3, json!("metadata"));
    let deleted = delete(server, &path).await.json();
    assert_eq!(
        deleted,
        json!({"object": "chat.completion.deleted", "id": ids[0], "deleted": true})
    );
    for request in [
        Request::get(&path),
        Request::get(&format!("{path}/messages")),
        Request::new("DELETE", &path),
        Request::post(&path, json!({"metadata": {}}).to_string()),
    ] {
        assert_eq!(server.send(request).await.status, 404);
    }
    assert!(!list(server, "").await.contains(&ids[0]));
}

#[tokio::test]
async fn they_belong_to_the_key_that_asked_and_outlive_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let kept =
        StoreSettings { directory: Some(state.path().to_owned()), ..StoreSettings::default() };
    let change = |settings: &mut chatmock_server::Settings| {
        settings.http.responses = kept.clone();
        settings.http.admission.keys =
            vec![ApiKey::new("ann", "sk-ann-0123456789"), ApiKey::new("bob", "sk-bob-0123456789")];
    };
    let harness = Harness::with(change).await;
    let by = |request: Request, name: &str| {
        request.with("authorization", &format!("Bearer sk-{name}-0123456789"))
    };
    let ask = Request::post(CHAT, stored("hello", false, "a").to_string());
    let reply = harness.server.send(by(ask, "ann")).await.json();
    let path = format!("{CHAT}/{}", reply["id"].as_str().unwrap());
    let seen = async |server: &Running, name: &str| {
        let one = server.send(by(Request::get(&path), name)).await.status;
        let all = server.send(by(Request::get(CHAT), name)).await.json();
        (one, all["data"].as_array().unwrap().len())
    };
    assert_eq!(seen(&harness.server, "ann").await, (200, 1));
    assert_eq!(seen(&harness.server, "bob").await, (404, 0));
    let Harness { simulator, home, server } = harness;
    server.ended().await;
    let start = async || {
        let mut settings = settings(&simulator, home.path());
        change(&mut settings);
        Running::start(settings).await
    };
    let server = start().await;
    assert_eq!(seen(&server, "ann").await, (200, 1));
    assert_eq!(server.send(by(Request::new("DELETE", &path), "bob")).await.status, 404);
    assert_eq!(server.send(by(Request::new("DELETE", &path), "ann")).await.status, 200);
    server.ended().await;
    assert_eq!(seen(&start().await, "ann").await, (404, 0));
}

#[tokio::test]
async fn they_are_kept_here_on_every_route() {
    for route in [UpstreamRoute::plan(), UpstreamRoute::api(ApiFlavor::OpenAi)] {
        let simulator = Simulator::start(Simulated::default()).await.unwrap();
        let server = Running::start(settings_by(route.clone(), &simulator)).await;
        let reply = server.post(CHAT, &stored("hello", false, "a")).await;
        assert_eq!((reply.status, said(&reply)), (200, "You said: hello".to_owned()));
        let sent = simulator.model_calls().pop().unwrap().json();
        assert_eq!(sent["store"], json!(false), "{}", route.name());
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(list(&server, "").await, std::slice::from_ref(&id));
        assert_eq!(delete(&server, &format!("{CHAT}/{id}")).await.status, 200);
    }
}
