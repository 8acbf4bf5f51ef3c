//! Streams: public events copied, private ones left out, broken ends repaired.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::Responses;
use crate::tests::support::{
    added, call, completed, created, data, done, error, event, failed, incomplete, message,
    response, settled, shape, stream, text, whole, with_id,
};

fn streamed(events: &[String]) -> String {
    stream::<Responses>(&shape(), events)
}

/// The event as it stands in a stream.
fn wire(event: &str) -> String {
    let value: Value = serde_json::from_str(event).unwrap();
    format!("event: {}\ndata: {event}\n\n", value["type"].as_str().unwrap())
}

/// Names and kinds of a stream's events; both must agree.
fn kinds(stream: &str) -> Vec<String> {
    let names: Vec<String> =
        stream.lines().filter_map(|l| l.strip_prefix("event: ")).map(str::to_owned).collect();
    let kinds: Vec<String> =
        data(stream).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, kinds);
    kinds
}

#[test]
fn public_events_are_copied_to_the_byte() {
    let odd =
        r#"{"type":"response.brand_new","n":1E2,"s":"caf\u00e9\/", "o":{"z":1,"a":2}}"#.to_owned();
    let late = r#"{ "sequence_number" : 7, "type" : "response.output_text.done" , "text":"a" }"#
        .to_owned();
    let whole = response(&json!({"output": ["LAST"], "status": "completed", "completed_at": 1}));
    let whole = whole.to_string().replace(r#""LAST""#, r#"{"a":1E2}"#);
    let end = format!(r#"{{"type":"response.completed","response":{whole}}}"#);
    let events = [created(), odd, text(0, "a"), late, end];
    let expected: String = events.iter().map(|event| wire(event)).collect();
    assert_eq!(streamed(&events), expected);
}

#[test]
fn what_is_meant_for_the_backend_s_own_client_is_left_out() {
    let private: Vec<String> = [
        "codex.rate_limits",
        "codex.response.metadata",
        "codex.brand_new",
        "keepalive",
        "response.metadata",
        "response.safety_buffering",
        "responsesapi.websocket_timing",
    ]
    .iter()
    .map(|kind| event(kind, &json!({"sequence_number": 3})))
    .collect();
    let mut events = vec![created()];
    events.extend(private);
    events.extend(["[DONE]".to_owned(), text(0, "a"), completed()]);
    assert_eq!(
        kinds(&streamed(&events)),
        ["response.created", "response.output_text.delta", "response.completed"]
    );
}

#[test]
fn an_empty_output_is_filled_from_the_finished_items_in_their_order() {
    let (hi, f) = (message(None, "Hi"), call("a", "f", "{}"));
    let events = [created(), done(2, &f), done(0, &hi), completed()];
    let stream = streamed(&events);
    let last = data(&stream).pop().unwrap();
    let (hi, f) = (with_id(0, hi), with_id(2, f));
    assert_eq!(last["response"]["output"], json!([hi, f]));
    let mut before: Value = serde_json::from_str(&completed()).unwrap();
    before["response"]["output"] = json!([hi, f]);
    assert_eq!(last, before);
    assert_eq!(whole::<Responses>(&shape(), &events).unwrap(), before["response"]);
}

#[test]
fn filled_items_keep_their_bytes_and_the_event_its_order() {
    let item = r#"{"type":"message","id":"msg_1","z":1E2, "a":"\u00e9","content":[]}"#;
    let whole = response(&json!({"status": "incomplete"})).to_string();
    let end = format!(
        r#"{{"type":"response.incomplete","sequence_number":9,"response":{whole},"y":-0.0}}"#
    );
    let events = [
        created(),
        format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#),
        end.clone(),
    ];
    let expected = end.replace(r#""output":[]"#, &format!(r#""output":[{item}]"#));
    assert!(streamed(&events).contains(&expected), "{}", streamed(&events));
}

#[test]
fn an_output_that_is_there_is_left_alone() {
    let output = json!({"output": [{"type": "message", "id": "msg_9"}], "completed_at": 1});
    let end = event("response.completed", &json!({"response": response(&output)}));
    let mut said = message(None, "Hi");
    said["id"] = "msg_9".into();
    let events = [created(), done(0, &said), end.clone()];
    assert!(streamed(&events).ends_with(&wire(&end)));
    let missing = event("response.completed", &json!({"response": {"id": "r"}}));
    let filled = data(&streamed(&[done(0, &said), missing])).pop().unwrap();
    assert_eq!(filled["response"]["output"], json!([said]));
}

#[test]
fn nothing_follows_the_terminal_event() {
    for end in [completed(), incomplete("content_filter"), failed("server_error", "m")] {
        let events = [created(), end.clone(), text(0, "late"), completed()];
        assert_eq!(streamed(&events), wire(&created()) + &wire(&end));
    }
}

#[test]
fn a_cut_stream_ends_in_a_made_failure() {
    let mut item = message(None, "Hi");
    item["id"] = "msg_1".into();
    let begun = r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","status":"in_progress","x":1E2,"output":[]}}"#.to_owned();
    let last = event(
        "response.output_item.done",
        &json!({"sequence_number": 8, "output_index": 0, "item": item}),
    );
    let made = data(&streamed(&[begun, last])).pop().unwrap();
    assert_eq!((&made["type"], &made["sequence_number"]), (&json!("response.failed"), &json!(9)));
    let response = &made["response"];
    assert_eq!(
        (&response["id"], &response["status"], &response["x"]),
        (&json!("r"), &json!("failed"), &json!(100.0))
    );
    assert_eq!(response["error"]["code"], "server_error");
    assert!(response["error"]["message"].as_str().unwrap().ends_with("(upstream_incomplete)"));
    assert_eq!(response["output"], json!([item]));
    assert!(!streamed(&[created()]).contains("[DONE]"));
}

#[test]
fn a_stream_cut_before_it_began_ends_in_an_error() {
    let made = data(&streamed(&[]));
    let message = &made[0]["message"];
    let error = json!({"type": "server_error", "code": "upstream_incomplete", "message": message, "param": null});
    let expected = json!({"type": "error", "sequence_number": 0, "code": "upstream_incomplete", "message": message, "param": null, "error": error});
    assert_eq!(made, [expected]);
    assert_eq!(kinds(&streamed(&[])), ["error"]);
}

#[test]
fn a_made_failure_has_a_word_that_the_api_knows() {
    for (code, told) in [
        ("server_error", "server_error"),
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("usage_limit_reached", "rate_limit_exceeded"),
        ("bio_policy", "bio_policy"),
        ("server_is_overloaded", "server_error"),
    ] {
        let error = event("error", &json!({"code": code, "message": "m"}));
        let made = data(&streamed(&[created(), error])).pop().unwrap();
        let error = &made["response"]["error"];
        assert_eq!(error["code"], told, "{code}");
        assert!(error["message"].as_str().unwrap().starts_with('m'), "{error}");
        assert_eq!(error["message"].as_str().unwrap().contains(code), code != told, "{error}");
    }
}

#[test]
fn an_item_has_one_id_in_all_its_events() {
    let item = |id: &str, text: &str| {
        let mut item = message(None, text);
        item["id"] = id.into();
        item
    };
    let delta = |id: &str, text: &str| {
        event(
            "response.output_text.delta",
            &json!({"output_index": 0, "item_id": id, "delta": text}),
        )
    };
    let part = event(
        "response.content_part.done",
        &json!({"output_index": 0, "item_id": "c", "content_index": 0}),
    );
    let other = json!({"output": [item("d", "Hi")], "status": "completed", "completed_at": 1});
    let end = event("response.completed", &json!({"response": response(&other)}));
    for first in ["msg_a", ""] {
        let script = [
            created(),
            added(0, &item(first, "")),
            delta("b", "H"),
            text(0, "i"),
            part.clone(),
            done(0, &item("c", "Hi")),
            end.clone(),
        ];
        let events = data(&streamed(&script));
        let id = &events[1]["item"]["id"];
        assert!(id.as_str().unwrap().starts_with("msg_"), "{id}");
        for at in [2, 3, 4] {
            assert_eq!(events[at]["item_id"], *id);
        }
        assert_eq!(events[5]["item"]["id"], *id);
        assert_eq!(events[6]["response"]["output"][0]["id"], *id);
    }
}

#[test]
fn the_clients_names_of_tools_come_back_in_every_event() {
    let tools = r#"[{"type":"function","name":"mcp.files/read","parameters":{"type":"object","properties":{}},"strict":false}]"#;
    let body = format!(
        r#"{{"model":"m","input":[],"tools":{tools},"tool_choice":{{"type":"function","name":"mcp.files/read"}}}}"#
    );
    let settled = settled::<Responses>(&body, &crate::Policy::default()).unwrap();
    let short = settled.body["tools"][0]["name"].as_str().unwrap().to_owned();
    assert!(short.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{short}");
    assert_eq!(settled.body["tool_choice"]["name"], short);
    let echoed =
        json!({"tools": settled.body["tools"], "tool_choice": settled.body["tool_choice"]});
    let begun = event("response.created", &json!({"response": response(&echoed)}));
    let f = call("c", &short, "{\"x\":\"y\"}");
    let arguments = event(
        "response.function_call_arguments.done",
        &json!({"output_index": 0, "name": short, "arguments": "{}"}),
    );
    let end = json!({"output": [f], "status": "completed"});
    let end = event("response.completed", &json!({"response": response(&end)}));
    for end in [end, completed()] {
        let script = [begun.clone(), added(0, &f), arguments.clone(), done(0, &f), end];
        let stream = stream::<Responses>(&settled.shape, &script);
        assert!(!stream.contains(&short), "{stream}");
        let events = data(&stream);
        for name in [
            &events[0]["response"]["tools"][0]["name"],
            &events[0]["response"]["tool_choice"]["name"],
            &events[1]["item"]["name"],
            &events[2]["name"],
            &events[3]["item"]["name"],
            &events[4]["response"]["output"][0]["name"],
        ] {
            assert_eq!(name, "mcp.files/read");
        }
    }
}

#[test]
fn a_call_without_arguments_has_an_empty_object_where_it_is_done() {
    let none = call("a", "f", "");
    let done_event = r#"{"type":"response.function_call_arguments.done","output_index":0,"item_id":"fc_1","arguments" : ""}"#;
    let begun = event("response.output_item.added", &json!({"output_index": 0, "item": none}));
    let text = r#"{"arguments":""}"#;
    let said = message(None, text);
    for output in [json!([]), json!([none, said])] {
        let end = event(
            "response.completed",
            &json!({"response": response(&json!({"output": output, "status": "completed"}))}),
        );
        let events =
            [created(), begun.clone(), done_event.to_owned(), done(0, &none), done(1, &said), end];
        let seen = data(&streamed(&events));
        let arguments = |index: usize| &seen[index]["item"]["arguments"];
        assert_eq!((arguments(1), arguments(3)), (&json!(""), &json!("{}")));
        assert_eq!(seen[2]["arguments"], "{}");
        let last = &seen[5]["response"]["output"];
        assert_eq!(last[0]["arguments"], "{}");
        assert_eq!(last[1]["content"][0]["text"], text);
        let reply = whole::<Responses>(&shape(), &events).unwrap();
        assert_eq!(reply["output"], *last);
    }
}

#[test]
fn padding_is_left_out_where_the_client_wants_none() {
    let padded =
        r#"{"type":"response.output_text.delta","output_index":0,"delta":"a","obfuscation":"xyz"}"#;
    for (options, kept) in [("", true), ("false", false), ("true", true)] {
        let options = match options {
            "" => String::new(),
            said => format!(r#","stream_options":{{"include_obfuscation":{said}}}"#),
        };
        let body = format!(r#"{{"model":"m","input":[]{options}}}"#);
        let settled = settled::<Responses>(&body, &crate::Policy::default()).unwrap();
        assert!(settled.notices.is_empty() && settled.body.get("stream_options").is_none());
        let stream =
            stream::<Responses>(&settled.shape, &[created(), padded.to_owned(), completed()]);
        assert_eq!(stream.contains(r#","obfuscation":"xyz""#), kept, "{stream}");
    }
}

#[test]
fn an_error_is_followed_by_a_made_failure() {
    let error = event(
        "error",
        &json!({"sequence_number": 4, "code": "server_error", "message": "m", "param": null}),
    );
    let stream = streamed(&[created(), error.clone(), failed("late", "late")]);
    assert_eq!(kinds(&stream), ["response.created", "error", "response.failed"]);
    assert!(stream.contains(&wire(&error)));
    let made = data(&stream).pop().unwrap();
    assert_eq!(made["response"]["error"], json!({"code": "server_error", "message": "m"}));
    assert_eq!(made["sequence_number"], 5);
    // Without a response there is nothing that could be said to have failed.
    assert_eq!(kinds(&streamed(&[error])), ["error"]);
}

#[test]
fn a_failure_that_the_backend_told_is_told_once() {
    let stream = streamed(&[created(), failed("rate_limit_exceeded", "m")]);
    assert_eq!(kinds(&stream), ["response.created", "response.failed"]);
}

#[test]
fn a_whole_reply_is_the_terminal_response_or_a_failure() {
    let end =
        r#"{"type":"response.completed","response":{"id":"r","n":1E2,"output":[{"a":"\u00e9"}]}}"#
            .to_owned();
    assert_eq!(whole::<Responses>(&shape(), &[created(), end]).unwrap()["n"], json!(100.0));
    let cut = whole::<Responses>(&shape(), &[created(), incomplete("max_output_tokens")]).unwrap();
    assert_eq!(cut["incomplete_details"]["reason"], "max_output_tokens");
    let failure =
        whole::<Responses>(&shape(), &[created(), failed("context_length_exceeded", "m")])
            .unwrap_err();
    let error = error::<Responses>(&failure);
    assert_eq!(
        (failure.status(), &error["error"]["code"]),
        (400, &json!("context_length_exceeded"))
    );
    assert_eq!(whole::<Responses>(&shape(), &[created()]).unwrap_err().status(), 502);
}

#[test]
fn a_response_that_cannot_be_filled_is_the_whole_reply_as_it_came() {
    let twice = r#"{"type":"response.completed","response":{"id":"r","status":"a","status":"b"}}"#;
    let events = [created(), done(0, &message(None, "Hi")), twice.to_owned()];
    assert_eq!(whole::<Responses>(&shape(), &events).unwrap()["id"], "r");
}

#[test]
fn a_kind_with_a_line_end_in_it_makes_no_field_of_its_own() {
    let odd = r#"{"type":"a\ndata: x","n":1}"#.to_owned();
    assert_eq!(
        streamed(std::slice::from_ref(&odd)).lines().next().unwrap(),
        format!("data: {odd}")
    );
}

fn odd_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1E2".to_owned()),
        Just("-0.0".to_owned()),
        Just("123456789012345678901234567890".to_owned()),
        Just("\"caf\\u00e9\\/\\ud83d\\ude00\"".to_owned()),
        Just("{\"z\": 1, \"a\": [ ]}".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

proptest! {
    #[test]
    fn any_public_event_passes_byte_for_byte(
        members in prop::collection::btree_map("x_[a-z]{1,4}", odd_value(), 0..5),
        kind in prop_oneof![Just("response.output_text.done"), Just("response.brand_new"), Just("response.content_part.added")],
        leading in any::<bool>(),
    ) {
        let mut parts: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        let place = if leading { 0 } else { parts.len() };
        parts.insert(place, format!("\"type\":\"{kind}\""));
        let event = format!("{{{}}}", parts.join(","));
        let streamed = streamed(&[created(), event.clone(), completed()]);
        prop_assert!(streamed.contains(&format!("event: {kind}\ndata: {event}\n\n")), "{}", streamed);
    }

    #[test]
    fn a_mended_end_keeps_everything_else(
        members in prop::collection::btree_map("x_[a-z]{1,4}", odd_value(), 0..4),
        item in prop::collection::btree_map("x_[a-z]{1,4}", odd_value(), 0..4),
    ) {
        let join = |members: &std::collections::BTreeMap<String, String>| {
            members.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect::<String>()
        };
        let item = format!("{{\"type\":\"brand_new\"{}}}", join(&item));
        let done = format!("{{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{item}}}");
        let end = |output: &str| {
            let whole = response(&json!({"status": "completed", "completed_at": 1})).to_string();
            let whole = whole.replace(r#""output":[]"#, &format!(r#""output":[{output}]"#));
            let (more, whole) = (join(&members), whole.strip_suffix('}').unwrap());
            format!("{{\"type\":\"response.completed\"{more},\"response\":{whole}{more}}}}}")
        };
        let streamed = streamed(&[done, end("")]);
        let expected = format!("data: {}\n\n", end(&item));
        prop_assert!(streamed.ends_with(&expected), "{} {}", streamed, expected);
    }
}
