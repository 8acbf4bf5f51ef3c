//! Chains: what a connection remembers, what the store does, and warm-ups.

use serde_json::{Value, json};

use super::{create, kinds, response, say, with};
use crate::harness::{Harness, output_text};

/// A request that goes on from an answer, stored nowhere.
fn after(id: &str, text: &str) -> Value {
    with(text, &json!({"previous_response_id": id, "store": false}))
}

fn is_lost(events: &[Value]) -> bool {
    events[0]["error"]["code"] == "previous_response_not_found"
        && events[0]["error"]["param"] == "previous_response_id"
}

#[tokio::test]
async fn a_connection_goes_on_from_its_latest_answer_although_nothing_is_stored() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let (first, _) = say(&mut socket, &with("one", &json!({"store": false}))).await;
    let (second, _) = say(&mut socket, &after(&first, "two")).await;
    let input = harness.sent()["input"].to_string();
    assert!(
        input.contains("\"one\"") && input.contains("You said: one") && input.contains("\"two\""),
        "{input}"
    );
    assert!(
        is_lost(&socket.ask(&after(&first, "three")).await.unwrap()),
        "only the latest is kept"
    );
    let events = socket.ask(&after(&second, "three")).await.unwrap();
    assert_eq!(events[0]["response"]["previous_response_id"], json!(second));
    let mut other = harness.server.socket().await;
    let third = response(&events)["id"].as_str().unwrap();
    assert!(is_lost(&other.ask(&after(third, "four")).await.unwrap()), "another connection");
    assert_eq!(harness.server.get(&format!("/v1/responses/{third}")).await.status, 404);
}

#[tokio::test]
async fn a_stored_answer_is_found_on_any_connection_and_over_http() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let (first, _) = say(&mut socket, &create("one")).await;
    say(&mut socket, &create("between")).await;
    assert_eq!(harness.server.get(&format!("/v1/responses/{first}")).await.status, 200);
    let mut other = harness.server.socket().await;
    say(&mut other, &after(&first, "two")).await;
    assert!(harness.sent()["input"].to_string().contains("You said: one"));
}

#[tokio::test]
async fn a_continuation_that_fails_evicts_what_it_went_on_from() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for failing in ["MODE:429", "MODE:fail-after"] {
        let (first, _) = say(&mut socket, &with("one", &json!({"store": false}))).await;
        socket.ask(&after(&first, failing)).await.unwrap();
        assert!(is_lost(&socket.ask(&after(&first, "two")).await.unwrap()), "{failing}");
        let (first, _) = say(&mut socket, &with("one", &json!({"store": false}))).await;
        let fork = with(
            failing,
            &json!({"previous_response_id": first, "store": false, "stream_id": "fork"}),
        );
        socket.ask(&fork).await.unwrap();
        say(&mut socket, &after(&first, "two")).await;
    }
}

#[tokio::test]
async fn a_warm_up_costs_nothing_and_is_part_of_the_chain() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    for store in [true, false] {
        let before = harness.calls();
        let members = json!({"generate": false, "store": store, "instructions": "Be kind.",
            "input": [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "held"}]}]});
        let events = socket.ask(&with("", &members)).await.unwrap();
        let expected = ["response.created", "response.in_progress", "response.completed"];
        assert_eq!(kinds(&events), expected);
        let warm = response(&events);
        assert_eq!((&warm["output"], &warm["usage"]["output_tokens"]), (&json!([]), &json!(0)));
        assert_eq!(harness.calls(), before, "nothing is asked of the backend");
        let id = warm["id"].as_str().unwrap();
        let next = with("two", &json!({"previous_response_id": id, "store": store}));
        say(&mut socket, &next).await;
        assert!(harness.sent()["input"].to_string().contains("held"));
    }
    let (first, _) = say(&mut socket, &with("one", &json!({"store": false}))).await;
    let later = with(
        "",
        &json!({"generate": false, "store": false, "previous_response_id": first, "input": []}),
    );
    let before = harness.calls();
    let (warm, text) = say(&mut socket, &later).await;
    assert_eq!((harness.calls(), text.as_str()), (before, ""), "a later warm-up is one, too");
    say(&mut socket, &after(&warm, "two")).await;
    assert!(harness.sent()["input"].to_string().contains("You said: one"));
}

#[tokio::test]
async fn tools_are_called_and_answered_in_a_chain() {
    let harness = Harness::new().await;
    let mut socket = harness.server.socket().await;
    let tools = json!([{"type": "function", "name": "get_weather", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}}}}]);
    let request =
        with("Please call get_weather for Rome", &json!({"store": false, "tools": tools}));
    let events = socket.ask(&request).await.unwrap();
    let answer = response(&events);
    let call =
        answer["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call");
    let call = call.unwrap_or_else(|| panic!("{answer}"));
    let output =
        json!([{"type": "function_call_output", "call_id": call["call_id"], "output": "12 C"}]);
    let members = json!({"store": false, "tools": tools, "previous_response_id": answer["id"], "input": output});
    let events = socket.ask(&with("", &members)).await.unwrap();
    assert!(!output_text(response(&events)).is_empty(), "{events:?}");
}
