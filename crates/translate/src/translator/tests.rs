//! Tests of the driver of whole turns.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::{Backend, Chat, Completions, FailureKind, OllamaChat, Responses};

const EVENTS: &str = concat!(
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hello\"}\n\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"output\":[]}}\n\n",
);

fn translator() -> Translator {
    Translator::new(Catalog::builtin(), Policy::default())
}

fn chat(more: &str) -> PreparedTurn<Chat> {
    let body =
        format!(r#"{{"model":"gpt-6-sol","messages":[{{"role":"user","content":"hi"}}]{more}}}"#);
    translator().turn(Chat, body.as_bytes(), 7).unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn a_request_has_all_that_a_backend_without_memory_needs() {
    let turn = chat("");
    let request = json(&turn.requests()[0]);
    assert_eq!((&request["stream"], &request["store"]), (&true.into(), &false.into()));
    assert_eq!(request["include"][0], "reasoning.encrypted_content");
    assert_eq!(request["instructions"], "");
    assert_eq!((turn.is_streamed(), turn.content_type()), (false, "application/json"));
}

#[test]
fn what_a_client_wants_included_stays_its_own() {
    let included = |more: &str| {
        let body = format!(r#"{{"model":"gpt-6-sol","input":"hi"{more}}}"#);
        let turn = translator().turn(Responses, body.as_bytes(), 7).unwrap();
        json(&turn.requests()[0])["include"].clone()
    };
    assert_eq!(included(""), serde_json::json!(["reasoning.encrypted_content"]));
    let own = r#"["web_search_call.action.sources"]"#;
    assert_eq!(included(&format!(r#","include":{own}"#)).to_string(), own);
}

#[test]
fn a_stream_is_the_same_however_the_bytes_are_cut() {
    let reply = |size: usize| {
        let mut reply = chat(r#","stream":true"#).stream();
        for piece in EVENTS.as_bytes().chunks(size) {
            reply.push(0, Bytes::copy_from_slice(piece));
        }
        reply.close(0);
        assert!(reply.is_over() && reply.failure().is_none());
        reply.take().unwrap()
    };
    let whole = reply(EVENTS.len());
    assert!(whole.ends_with(b"data: [DONE]\n\n"));
    for size in [1, 7, 64] {
        assert_eq!(reply(size), whole, "{size}");
    }
}

#[test]
fn each_choice_and_prompt_is_a_request_and_a_part_of_the_reply() {
    let turn = chat(r#","n":2"#);
    assert_eq!(turn.requests().len(), 2);
    assert!(turn.notices().iter().any(|notice| notice.field == "n"));
    let mut reply = turn.whole();
    reply.push(1, EVENTS.into()).unwrap();
    assert!(!reply.is_complete());
    reply.push(0, EVENTS.into()).unwrap();
    let reply = json(&reply.finish(Duration::ZERO).unwrap());
    let texts: Vec<_> = reply["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["message"]["content"].clone())
        .collect();
    assert_eq!(texts, ["Hello", "Hello"]);
    let body = br#"{"model":"gpt-6-sol","prompt":["a","b"]}"#;
    let turn = translator().turn(Completions, body, 7).unwrap();
    let inputs: Vec<_> =
        turn.requests().iter().map(|request| json(request)["input"].to_string()).collect();
    assert!(inputs.len() == 2 && inputs[0].contains("\"a\"") && inputs[1].contains("\"b\""));
}

#[test]
fn an_answer_that_breaks_off_is_never_whole() {
    let cut = &EVENTS[..EVENTS.rfind("data:").unwrap()];
    let mut reply = chat(r#","stream":true"#).stream();
    reply.push(0, cut.into());
    reply.close(0);
    assert_eq!(reply.failure().unwrap().code.as_deref(), Some("upstream_incomplete"));
    let sent = String::from_utf8(reply.take().unwrap().to_vec()).unwrap();
    assert!(sent.contains("\"error\"") && !sent.contains("\"finish_reason\":\"stop\""), "{sent}");
    let mut reply = chat("").whole();
    reply.push(0, cut.into()).unwrap();
    assert_eq!(reply.finish(Duration::ZERO).unwrap_err().kind, FailureKind::Failed);
}

#[test]
fn an_answer_of_json_in_place_of_a_stream_is_named_as_such() {
    let mut reply = chat(r#","stream":true"#).stream();
    reply.push(0, " {\"id\":\"resp_1\"}".into());
    reply.close(0);
    let failure = reply.failure().unwrap();
    assert_eq!(failure.code.as_deref(), Some("upstream_unexpected"));
    assert!(failure.message.contains("JSON in place of a stream"), "{failure}");
}

#[test]
fn a_backend_decides_what_is_passed_on() {
    let body = br#"{"model":"m","temperature":0.5,"messages":[{"role":"user","content":"hi"}]}"#;
    let of = |backend| {
        let translator =
            Translator::new(Catalog::unknown().opened(true), Policy::for_backend(backend));
        let turn = translator.turn(Chat, body, 7).unwrap();
        (json(&turn.requests()[0]), turn.notices().len())
    };
    let (request, notices) = of(Backend::codex());
    assert!(request.get("temperature").is_none() && notices == 1, "{request}");
    for backend in [Backend::openai(), Backend::generic()] {
        let (request, notices) = of(backend);
        assert_eq!((&request["temperature"], notices), (&0.5.into(), 0), "{request}");
    }
    assert_eq!(of(Backend::generic()).0["store"], false);
}

#[test]
fn a_turn_without_a_question_needs_no_request() {
    let turn = translator().turn(OllamaChat, br#"{"model":"gpt-6-sol","messages":[]}"#, 7).unwrap();
    assert!(turn.requests().is_empty());
    let mut reply = turn.stream();
    assert!(reply.is_over());
    assert_eq!(json(&reply.take().unwrap())["done_reason"], "load");
    let reply = turn.whole().finish(Duration::ZERO).unwrap();
    assert_eq!(json(&reply)["done_reason"], "load");
}

#[test]
fn a_refusal_is_worded_by_the_vendor_of_the_dialect() {
    let failure =
        refused(429, Some(3), br#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#);
    let (status, body) = refusal(Chat, &failure);
    assert_eq!((status, json(&body)["error"]["message"].as_str()), (429, Some("slow down")));
    let (status, body) = refusal(OllamaChat, &failure);
    assert_eq!((status, json(&body)["error"].as_str()), (429, Some("slow down")));
    let empty = translator().turn(Chat, br#"{"model":"gpt-6-sol","messages":[]}"#, 7).unwrap_err();
    let (status, body) = refusal(Chat, &empty);
    assert_eq!((status, json(&body)["error"]["param"].as_str()), (400, Some("messages")));
}
