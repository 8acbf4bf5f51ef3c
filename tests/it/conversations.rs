//! Conversations that are kept here, kept streams that are read again, and what cannot be cancelled.

use chatmock_server::ApiKey;
use chatmock_testkit::client::{Reply, Request};
use serde_json::{Value, json};

use crate::harness::{Harness, RESPONSES, output_text, responses};

const CONVERSATIONS: &str = "/v1/conversations";

async fn delete(harness: &Harness, path: &str) -> Reply {
    harness.server.send(Request::new("DELETE", path)).await
}

/// A conversation with these items; returns its path.
async fn begun(harness: &Harness, items: &Value) -> (String, String) {
    let reply =
        harness.server.post(CONVERSATIONS, &json!({"items": items, "metadata": {"a": "b"}})).await;
    let conversation = reply.json();
    assert_eq!(
        (reply.status, &conversation["object"]),
        (200, &json!("conversation")),
        "{conversation}"
    );
    assert_eq!(conversation["metadata"], json!({"a": "b"}));
    let id = conversation["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("conv_"), "{id}");
    (format!("{CONVERSATIONS}/{id}"), id)
}

fn said(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": text})
}

async fn texts(harness: &Harness, path: &str) -> Vec<String> {
    let list = harness.server.get(&format!("{path}/items?order=asc&limit=100")).await.json();
    let items = list["data"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["content"][0]["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_conversation_is_made_read_changed_and_deleted() {
    let harness = Harness::new().await;
    let (path, id) = begun(&harness, &json!([said("first")])).await;
    assert_eq!(harness.server.get(&path).await.json()["id"], id.as_str());
    let changed = harness.server.post(&path, &json!({"metadata": {"c": "d"}})).await.json();
    assert_eq!(changed["metadata"], json!({"c": "d"}));
    let added = harness
        .server
        .post(&format!("{path}/items"), &json!({"items": [said("second")]}))
        .await
        .json();
    assert_eq!(
        (added["object"].as_str(), added["data"].as_array().unwrap().len()),
        (Some("list"), 1)
    );
    assert_eq!(texts(&harness, &path).await, ["first", "second"]);
    let item = added["first_id"].as_str().unwrap();
    let one = harness.server.get(&format!("{path}/items/{item}")).await.json();
    assert_eq!((&one["id"], &one["content"][0]["text"]), (&json!(item), &json!("second")));
    assert_eq!(delete(&harness, &format!("{path}/items/{item}")).await.json()["id"], id.as_str());
    assert_eq!(texts(&harness, &path).await, ["first"]);
    assert_eq!(harness.server.get(&format!("{path}/items/{item}")).await.status, 404);
    let deleted = delete(&harness, &path).await.json();
    assert_eq!(
        (&deleted["object"], &deleted["deleted"]),
        (&json!("conversation.deleted"), &json!(true))
    );
    for path in [path.clone(), format!("{path}/items")] {
        assert_eq!(harness.server.get(&path).await.status, 404);
    }
    let empty = harness.server.send(Request::post(CONVERSATIONS, "")).await;
    assert_eq!(empty.status, 200, "{}", empty.text());
    for (body, param) in [
        (json!({"items": "hello"}), "items"),
        (json!({"items": [1]}), "items"),
        (json!({"items": vec![said("x"); 21]}), "items"),
        (json!({"metadata": 7}), "metadata"),
    ] {
        let refused = harness.server.post(CONVERSATIONS, &body).await;
        assert_eq!((refused.status, refused.error().3), (400, json!(param)), "{body}");
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn answers_go_on_from_a_conversation_and_are_added_to_it() {
    let harness = Harness::new().await;
    let (path, id) = begun(&harness, &json!([said("before")])).await;
    for (text, stream, conversation) in
        [("one", false, json!(id)), ("two", true, json!({"id": id}))]
    {
        let mut request = responses(text, stream);
        request["conversation"] = conversation;
        request["store"] = json!(!stream);
        let reply = harness.server.post(RESPONSES, &request).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let response = match stream {
            true => reply.events().pop().unwrap()["response"].clone(),
            false => reply.json(),
        };
        assert_eq!(response["conversation"], json!({"id": id}));
        assert!(harness.sent().get("conversation").is_none());
    }
    let sent = harness.sent()["input"].to_string();
    assert!(sent.contains("before") && sent.contains("You said: one"), "{sent}");
    let texts = texts(&harness, &path).await;
    let texts: Vec<&str> =
        texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    assert_eq!(texts, ["before", "one", "You said: one", "two", "You said: two"]);
    let mut both = responses("three", false);
    both["conversation"] = json!(id);
    both["previous_response_id"] = json!("resp_1");
    for (name, value, status) in [
        ("conversation", json!("conv_none"), 404),
        ("conversation", json!(7), 400),
        ("conversation", json!({}), 400),
    ] {
        let mut request = responses("three", false);
        request[name] = value;
        let refused = harness.server.post(RESPONSES, &request).await;
        assert_eq!(
            (refused.status, refused.error().3),
            (status, json!("conversation")),
            "{request}"
        );
    }
    assert_eq!(harness.server.post(RESPONSES, &both).await.status, 400);
    let mut template = responses("three", false);
    template["prompt"] = json!({"id": "pmpt_1"});
    let refused = harness.server.post(RESPONSES, &template).await;
    assert_eq!((refused.status, refused.error().3), (400, json!("prompt")));
}

#[tokio::test]
async fn a_conversation_belongs_to_the_key_that_made_it() {
    let harness = Harness::with(|settings| {
        settings.http.admission.keys =
            vec![ApiKey::new("ann", "sk-ann-0123456789"), ApiKey::new("bob", "sk-bob-0123456789")];
    })
    .await;
    let by = |request: Request, name: &str| {
        request.with("authorization", &format!("Bearer sk-{name}-0123456789"))
    };
    let made = harness.server.send(by(Request::post(CONVERSATIONS, "{}"), "ann")).await.json();
    let path = format!("{CONVERSATIONS}/{}", made["id"].as_str().unwrap());
    for (name, status) in [("ann", 200), ("bob", 404)] {
        assert_eq!(harness.server.send(by(Request::get(&path), name)).await.status, status);
    }
}

#[tokio::test]
async fn a_kept_response_is_streamed_again_from_any_event_on() {
    let harness = Harness::new().await;
    for text in ["hello", "MODE:reasoning", "MODE:parallel-calls", "MODE:refusal"] {
        let stream = harness.server.post(RESPONSES, &responses(text, true)).await.events();
        let response = &stream.last().unwrap()["response"];
        let path = format!("{RESPONSES}/{}", response["id"].as_str().unwrap());
        let replayed = harness.server.get(&format!("{path}?stream=true")).await;
        assert!(replayed.header("content-type").unwrap().starts_with("text/event-stream"));
        let events = replayed.events();
        assert_eq!(
            (&events[0]["type"], events.last().unwrap()),
            (&json!("response.created"), &{
                let mut last = stream.last().unwrap().clone();
                last["sequence_number"] = json!(events.len() - 1);
                last
            })
        );
        let done = |events: &[Value]| -> Vec<Value> {
            let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
            done.map(|event| event["item"].clone()).collect()
        };
        assert_eq!(done(&events), done(&stream), "{text}");
        let rest =
            harness.server.get(&format!("{path}?stream=true&starting_after=2")).await.events();
        assert_eq!(rest, events[3..], "{text}");
        assert_eq!(harness.server.get(&path).await.json(), *response);
    }
    let wrong =
        harness.server.get(&format!("{RESPONSES}/resp_1?stream=true&starting_after=x")).await;
    assert_eq!((wrong.status, wrong.error().3), (400, json!("starting_after")));
}

#[tokio::test]
async fn what_is_complete_cannot_be_cancelled() {
    let harness = Harness::new().await;
    let response = harness.server.post(RESPONSES, &responses("hello", false)).await.json();
    assert_eq!(output_text(&response), "You said: hello");
    let path = format!("{RESPONSES}/{}/cancel", response["id"].as_str().unwrap());
    let refused = harness.server.send(Request::post(&path, "")).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.message().contains("Cannot cancel"), "{}", refused.text());
    let unknown =
        harness.server.send(Request::post(&format!("{RESPONSES}/resp_no/cancel"), "")).await;
    assert_eq!(unknown.status, 404);
}
