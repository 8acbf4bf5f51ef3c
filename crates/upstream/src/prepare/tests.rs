//! Tests of what the backend gets.

use chatmock_protocol::json::read_text;

use super::*;

fn prepared(body: &str) -> Result<Prepared, Error> {
    let session = SessionId::named("sid").unwrap();
    prepare(read_text(body).unwrap(), &session, &UpstreamRoute::codex())
}

fn text(body: &str) -> String {
    String::from_utf8(prepared(body).unwrap().body().to_vec()).unwrap()
}

/// The members added to a request that has none of them.
const TAIL: &str = r#""store":false,"stream":true,"instructions":"","include":["reasoning.encrypted_content"],"prompt_cache_key":"sid","client_metadata":{"session_id":"sid","thread_id":"sid"}}"#;

#[test]
fn a_bare_request_gets_all_that_the_backend_insists_on() {
    assert_eq!(text(r#"{"model":"m","input":[]}"#), format!(r#"{{"model":"m","input":[],{TAIL}"#));
}

#[test]
fn what_is_not_changed_keeps_its_place_and_its_bytes() {
    let body = r#"{"stream":false,"input":[ {"a":"\u00e9\/","n":12345678901234567890123} ],"instructions":"a\u0062","store":true,"model":"m","include":["reasoning.encrypted_content" ],"client_metadata":{"mine":"1","session_id":"old"},"prompt_cache_key":"theirs","tools":[{"type":"web_search"}],"tool_choice":"required","parallel_tool_calls":false}"#;
    let expected = r#"{"stream":true,"input":[ {"a":"\u00e9\/","n":12345678901234567890123} ],"instructions":"a\u0062","store":false,"model":"m","include":["reasoning.encrypted_content" ],"client_metadata":{"mine":"1","session_id":"sid","thread_id":"sid"},"prompt_cache_key":"sid","tools":[{"type":"web_search"}],"tool_choice":"required","parallel_tool_calls":false}"#;
    assert_eq!(text(body), expected);
    assert!(prepared(body).unwrap().removed().is_empty());
}

#[test]
fn the_room_for_a_body_is_what_it_takes() {
    for body in [r#"{"a":1}"#, r#"{"input":[ 1E2,"\u00e9" ], "model" : "m","":null}"#] {
        let request = read_text(body).unwrap();
        assert_eq!(serialize(&request).unwrap().len(), serialized_length(&request));
    }
}

#[test]
fn refused_members_are_taken_out_and_named() {
    let body = r#"{"temperature":0.5,"model":"m","user":null,"max_output_tokens":9,"input":[],"top_p":null}"#;
    assert_eq!(text(body), format!(r#"{{"model":"m","input":[],{TAIL}"#));
    assert_eq!(prepared(body).unwrap().removed(), ["max_output_tokens", "temperature"]);
}

#[test]
fn only_known_members_go_to_a_backend_that_refuses_others() {
    let body = r#"{"x_new":1E2,"model":"m","seed":1,"messages":null,"n":1,"stop":[],"frequency_penalty":0.0,"input":[]}"#;
    assert_eq!(text(body), format!(r#"{{"model":"m","input":[],{TAIL}"#));
    assert_eq!(prepared(body).unwrap().removed(), ["seed", "x_new"]);
}

#[test]
fn choices_among_no_tools_are_taken_out() {
    for tools in ["", r#""tools":null,"#, r#""tools": [ ],"#] {
        let body = |choice| {
            format!(r#"{{{tools}"tool_choice":{choice},"parallel_tool_calls":true,"input":[]}}"#)
        };
        assert!(!text(&body(r#""auto""#)).contains("tool_choice"));
        assert!(!text(&body(r#""auto""#)).contains("parallel"));
        assert!(prepared(&body(r#""auto""#)).unwrap().removed().is_empty());
        assert_eq!(prepared(&body(r#""required""#)).unwrap().removed(), ["tool_choice"]);
    }
}

#[test]
fn an_include_list_is_completed() {
    let body = r#"{"input":[],"include":["a\u0062"]}"#;
    assert!(text(body).contains(r#""include":["reasoning.encrypted_content"]"#));
    assert_eq!(prepared(body).unwrap().removed(), ["include[0] (ab)"]);
    let null = r#"{"include":null,"input":[],"instructions":null}"#;
    let expected = r#"{"include":["reasoning.encrypted_content"],"input":[],"instructions":"","#;
    assert!(text(null).starts_with(expected), "{}", text(null));
}

#[test]
fn members_of_a_wrong_type_are_named() {
    for (body, at_fault) in [
        (r#"{"model":"m"}"#, "input"),
        (r#"{"input":"text"}"#, "input"),
        (r#"{"input":[],"instructions":["a"]}"#, "instructions"),
        (r#"{"input":[],"include":"a"}"#, "include"),
        (r#"{"input":[],"client_metadata":"a"}"#, "client_metadata"),
        (r#"{"input":[],"client_metadata":{"a":1}}"#, "client_metadata"),
    ] {
        let error = prepared(body).unwrap_err();
        assert!(matches!(error, Error::Request { param, .. } if param == at_fault), "{error:?}");
    }
}
