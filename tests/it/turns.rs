//! Turns that go well: both dialects, streamed and whole, and their heads.

use chatmock_simulator::{Mode, Script, Step};
use chatmock_testkit::client::{Connection, Reply, Request};
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, RESPONSES, chat, output_text, responses, said, streamed};

#[tokio::test]
async fn a_whole_chat_reply_is_a_completion() {
    let harness = Harness::new().await;
    let reply = harness.server.say("hello there").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let body = reply.json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "gpt-5.5");
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl"), "{body}");
    assert!(body["created"].as_u64().unwrap() > 1_600_000_000);
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["message"]["content"], "You said: hello there");
    assert_eq!((&choice["finish_reason"], &choice["index"]), (&json!("stop"), &json!(0)));
    assert!(body["usage"]["total_tokens"].as_u64().unwrap() > 0, "{body}");
}

#[tokio::test]
async fn a_streamed_chat_reply_begins_with_the_role_and_ends_once() {
    let harness = Harness::new().await;
    let mut request = chat("hello there", true);
    request["stream_options"] = json!({"include_usage": true});
    let reply = harness.server.post(CHAT, &request).await;
    assert!(reply.whole && reply.text().ends_with("data: [DONE]\n\n"), "{}", reply.text());
    let events = reply.events();
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let ends = events.iter().filter(|e| e["choices"][0]["finish_reason"].is_string()).count();
    assert_eq!(ends, 1);
    let ids: Vec<&Value> = events.iter().map(|event| &event["id"]).collect();
    assert!(ids.iter().all(|id| *id == ids[0] && id.is_string()));
    let last = events.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["completion_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_streamed_answer_joins_to_the_whole_one() {
    let harness = Harness::new().await;
    for text in ["hello", "MODE:reasoning", "MODE:separators", "MODE:search", "MODE:keepalive"] {
        let whole = harness.server.say(text).await;
        let stream = harness.server.post(CHAT, &chat(text, true)).await;
        assert_eq!(streamed(&stream), said(&whole), "chat, {text}");
        assert!(!said(&whole).is_empty(), "{text}");
        let whole = harness.server.post(RESPONSES, &responses(text, false)).await.json();
        let stream = harness.server.post(RESPONSES, &responses(text, true)).await;
        let events = stream.events();
        let deltas = events.iter().filter(|e| e["type"] == "response.output_text.delta");
        let joined: String = deltas.filter_map(|event| event["delta"].as_str()).collect();
        assert_eq!(joined, output_text(&whole), "responses, {text}");
        assert_eq!(output_text(&events.last().unwrap()["response"]), joined, "{text}");
    }
}

#[tokio::test]
async fn a_whole_response_has_its_output_though_the_backend_left_it_out() {
    let harness = Harness::new().await;
    let reply = harness.server.post(RESPONSES, &responses("hello there", false)).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let body = reply.json();
    assert_eq!((&body["object"], &body["status"]), (&json!("response"), &json!("completed")));
    assert_eq!(output_text(&body), "You said: hello there");
    assert!(body["usage"]["output_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn public_events_reach_a_responses_client_byte_for_byte() {
    let harness = Harness::new().await;
    // A response that lacks a member, or says of one what is not so here, would be made whole.
    let members = r#""object":"response","created_at":1,"incomplete_details":null,"model":"m","previous_response_id":null,"instructions":null,"error":null,"tools":[],"tool_choice":"auto","truncation":"disabled","parallel_tool_calls":true,"text":{"format":{"type":"text"}},"top_p":1.0,"presence_penalty":0,"frequency_penalty":0,"top_logprobs":0,"temperature":1.00,"reasoning":null,"usage":null,"max_output_tokens":null,"max_tool_calls":null,"store":false,"background":false,"service_tier":"auto","metadata":{},"safety_identifier":null,"prompt_cache_key":null"#;
    let created = format!(
        r#"{{"type":"response.created","response":{{"id":"resp_1","status":"in_progress","completed_at":null,"output":[],{members}}},"sequence_number":0,"x_big":123456789012345678901234567890,"x_exp":1E2}}"#
    );
    let unknown = r#"{"sequence_number":1,"type":"response.never_heard_of","delta":"a\u0062\/"}"#;
    let private = r#"{"type":"codex.rate_limits","rate_limits":{"primary":null}}"#;
    let done = format!(
        r#"{{"type":"response.completed","sequence_number":2,"response":{{"id":"resp_1","status":"completed","completed_at":2,"output":[{{"type":"message","id":"msg_1","role":"assistant","content":[]}}],{members},"x":1.0}}}}"#
    );
    let script = Script::events([&*created, unknown, private, &*done]);
    harness.simulator.enqueue(script.then(Step::Event(r#"{"type":"keepalive"}"#.into())));
    let mut request = responses("hello", true);
    request["store"] = json!(false);
    let reply = harness.server.post(RESPONSES, &request).await;
    let framed = |kind: &str, data: &str| format!("event: {kind}\ndata: {data}\n\n");
    let expected = [
        framed("response.created", &created),
        framed("response.never_heard_of", unknown),
        framed("response.completed", &done),
    ];
    assert_eq!(reply.text(), expected.concat());
}

#[tokio::test]
async fn the_framing_of_the_backends_stream_does_not_show() {
    let harness = Harness::new().await;
    for mode in [
        Mode::Cr,
        Mode::Crlf,
        Mode::Bom,
        Mode::NoSpace,
        Mode::MultilineData,
        Mode::WrongEventName,
        Mode::Bytewise,
        Mode::EarlyHints,
    ] {
        let text = format!("MODE:{}", mode.name());
        let expected = format!("You said: {text}");
        assert_eq!(said(&harness.server.say(&text).await), expected, "{mode:?}");
        let stream = harness.server.post(CHAT, &chat(&text, true)).await;
        assert_eq!(streamed(&stream), expected, "{mode:?}");
        let whole = harness.server.post(RESPONSES, &responses(&text, false)).await;
        assert_eq!(output_text(&whole.json()), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn characters_that_other_programs_break_at_arrive_as_they_were() {
    let harness = Harness::new().await;
    let separators = "a\u{2028}b\u{2029}c\u{85}d\re\nf\tg\u{0}h\"i\\j </script>";
    for (mode, expected) in
        [(Mode::Separators, separators), (Mode::InvalidUtf8, "left \u{fffd}\u{fffd} right")]
    {
        harness.simulator.enqueue(mode);
        assert_eq!(said(&harness.server.say("hello").await), expected, "{mode:?}");
        harness.simulator.enqueue(mode);
        let stream = harness.server.post(CHAT, &chat("hello", true)).await;
        assert_eq!(streamed(&stream), expected, "{mode:?}");
        harness.simulator.enqueue(mode);
        let whole = harness.server.post(RESPONSES, &responses("hello", false)).await;
        assert_eq!(output_text(&whole.json()), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn two_hundred_streams_at_once_are_all_complete() {
    let harness = Harness::new().await;
    let streams = (0..200).map(|n| {
        let path = if n % 2 == 0 { CHAT } else { RESPONSES };
        let request = crate::harness::ask(path, &format!("number {n}"), true);
        let server = &harness.server;
        async move { (n, server.post(path, &request).await) }
    });
    for (n, reply) in futures::future::join_all(streams).await {
        assert!(reply.status == 200 && reply.whole, "{n}: {}", reply.text());
        let end = if n % 2 == 0 { "data: [DONE]" } else { "response.completed" };
        assert!(reply.text().contains(end), "{n}: {}", reply.text());
    }
    assert_eq!(harness.simulator.stats().open_streams, 0);
}

#[tokio::test]
async fn tool_calls_of_a_stream_have_stable_indices() {
    let harness = Harness::new().await;
    harness.simulator.enqueue(Mode::ParallelCalls);
    let reply = harness.server.post(CHAT, &chat("hello", true)).await;
    let mut calls = [String::new(), String::new()];
    let events = reply.events();
    for call in events
        .iter()
        .flat_map(|e| e["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten())
    {
        let index = call["index"].as_u64().unwrap() as usize;
        calls[index].push_str(call["function"]["arguments"].as_str().unwrap_or_default());
    }
    for arguments in calls {
        serde_json::from_str::<Value>(&arguments).expect("whole arguments");
    }
    let end = events.iter().find_map(|e| e["choices"][0]["finish_reason"].as_str());
    assert_eq!(end, Some("tool_calls"));
}

#[tokio::test]
async fn several_choices_are_several_calls_and_one_stream() {
    let harness = Harness::new().await;
    let mut request = chat("hello", true);
    request["n"] = json!(3);
    let reply = harness.server.post(CHAT, &request).await;
    let events = reply.events();
    for choice in 0..3 {
        let of = |e: &&Value| e["choices"][0]["index"] == choice;
        let texts = events.iter().filter(of).map(|e| &e["choices"][0]["delta"]["content"]);
        let text: String = texts.filter_map(Value::as_str).collect();
        assert_eq!(text, "You said: hello");
    }
    assert_eq!(reply.text().matches("[DONE]").count(), 1);
    assert_eq!(harness.calls(), 3);
    request["stream"] = json!(false);
    assert_eq!(harness.server.post(CHAT, &request).await.json()["choices"][2]["index"], 2);
}

fn assert_head(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert!(reply.header("x-request-id").is_some_and(|id| id.starts_with("req_")));
    assert_eq!(reply.header("x-codex-plan-type"), Some("plus"));
    assert!(reply.header("x-codex-primary-used-percent").is_some());
    for (name, _) in &reply.headers {
        let leaked = ["set-cookie", "server", "openai-model", "x-models-etag"];
        assert!(!leaked.contains(&name.as_str()) && !name.starts_with("cf-"), "{name}");
        assert!(!name.starts_with("access-control-"), "{name}");
        assert_ne!(name, "x-codex-turn-state");
    }
}

#[tokio::test]
async fn answers_carry_the_limits_and_nothing_else_of_the_backends_head() {
    let harness = Harness::new().await;
    for path in [CHAT, RESPONSES] {
        let stream = harness.server.post(path, &crate::harness::ask(path, "hi", true)).await;
        assert_eq!(stream.header("content-type"), Some("text/event-stream; charset=utf-8"));
        assert_eq!(stream.header("x-accel-buffering"), Some("no"));
        assert_eq!(stream.header("transfer-encoding"), Some("chunked"));
        assert_head(&stream);
        let whole = harness.server.post(path, &crate::harness::ask(path, "hi", false)).await;
        assert_eq!(whole.header("x-accel-buffering"), None);
        assert_head(&whole);
        assert_ne!(stream.header("x-request-id"), whole.header("x-request-id"));
    }
}

#[tokio::test]
async fn what_was_not_simply_honoured_is_named_in_a_header() {
    let harness = Harness::new().await;
    let mut request = chat("hello", true);
    request["temperature"] = json!(0.2);
    request["max_tokens"] = json!(500);
    request["x_unheard_of"] = json!(1);
    let reply = harness.server.post(CHAT, &request).await;
    let notices = reply.header("x-chatmock-notices").unwrap();
    for notice in ["temperature=ignored", "max_tokens=emulated", "x_unheard_of=ignored"] {
        assert!(notices.split(", ").any(|named| named == notice), "{notices}");
    }
    let mut request = responses("hello", false);
    request["temperature"] = json!(0.2);
    let reply = harness.server.post(RESPONSES, &request).await;
    assert_eq!(reply.header("x-chatmock-notices"), Some("temperature=ignored"));
    let reply = harness.server.say("hello").await;
    assert_eq!(reply.header("x-chatmock-notices"), None);
}

#[tokio::test]
async fn strict_refuses_what_would_be_ignored_and_nothing_else() {
    let harness = Harness::with(|settings| settings.policy.strict = true).await;
    for path in [CHAT, RESPONSES] {
        let mut request = crate::harness::ask(path, "hello", false);
        request["temperature"] = json!(0.2);
        let (status, kind, code, param) = harness.server.post(path, &request).await.error();
        assert_eq!((status, kind.as_str()), (400, "invalid_request_error"), "{path}");
        assert_eq!((code, param), (json!("unsupported_parameter"), json!("temperature")));
    }
    assert_eq!(harness.calls(), 0);
    let mut request = chat("hello", false);
    request["max_tokens"] = json!(500);
    assert_eq!(harness.server.post(CHAT, &request).await.status, 200);
}

#[tokio::test]
async fn one_connection_serves_many_turns() {
    let harness = Harness::new().await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    for stream in [true, false, true, false] {
        let request = Request::post(CHAT, chat("hello", stream).to_string());
        let reply = connection.send(&request).await.unwrap();
        assert!(reply.status == 200 && reply.whole);
    }
}
