//! Bodies that are wrong: a 4xx that says what and where, and no call to the backend.

use chatmock_simulator::Mode;
use chatmock_testkit::client::{Connection, Reply, Request};
use serde_json::{Value, json};

use crate::dialects::dialects;
use crate::harness::{CHAT, Harness, RESPONSES, chat};

/// Asserts a refusal of the request in OpenAI's shape.
fn assert_bad(harness: &Harness, reply: &Reply, param: Option<&str>, what: &str) {
    let shown: String = what.chars().take(120).collect();
    let (status, kind, _, found) = reply.error();
    assert_eq!(
        (status, kind.as_str()),
        (400, "invalid_request_error"),
        "{shown}: {}",
        reply.text()
    );
    if let Some(param) = param {
        assert_eq!(found, param, "{shown}: {}", reply.text());
    }
    assert!(reply.body.len() < 2000, "{shown}: {} bytes", reply.body.len());
    assert_eq!(harness.calls(), 0, "{shown}");
}

async fn post(harness: &Harness, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    harness.server.send(Request::post(path, body)).await
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_400_in_every_dialect() {
    let harness = Harness::new().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 18] = [
        b"",
        b" ",
        b"{",
        br#"{"a":1,}"#,
        br#"{"a":1 "b":2}"#,
        b"null",
        b"[]",
        b"1",
        br#""text""#,
        b"true",
        b"{}{}",
        br#"{"model":"gpt-5.5"} x"#,
        b"// comment\n{}",
        b"{'model':'gpt-5.5'}",
        b"{\"model\":\"\xff\xfe\"}",
        br#"{"model":NaN}"#,
        b"model=gpt-5.5&messages=hello",
        deep.as_bytes(),
    ];
    for body in bodies {
        for dialect in dialects() {
            let reply = post(&harness, dialect.path, body).await;
            let shown: String = String::from_utf8_lossy(body).chars().take(120).collect();
            dialect.assert_failure(&reply, 400, &[("type", "invalid_request_error")]);
            assert!(reply.body.len() < 2000, "{shown}: {} bytes", reply.body.len());
            assert_eq!(harness.calls(), 0, "{shown}");
        }
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_is_passed_over() {
    let harness = Harness::new().await;
    for (path, body) in
        [(CHAT, chat("hello", false)), (RESPONSES, crate::harness::responses("hello", false))]
    {
        let reply = post(&harness, path, format!("\u{feff}{body}")).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn nesting_beyond_the_limit_is_a_400_that_names_it() {
    let harness = Harness::new().await;
    let deep = format!("{}1{}", "[".repeat(130), "]".repeat(130));
    for body in [
        format!(
            r#"{{"model":"gpt-5.5","messages":[{{"role":"user","content":"a"}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{{"a":{deep}}}}}}}]}}"#
        ),
        format!(r#"{{"model":"gpt-5.5","input":"a","x":{deep}}}"#),
    ] {
        let path = if body.contains("messages") { CHAT } else { RESPONSES };
        let reply = post(&harness, path, body.clone()).await;
        assert_bad(&harness, &reply, None, &body);
        assert!(reply.message().contains("128"), "{}", reply.message());
    }
}

#[tokio::test]
async fn wrong_shapes_of_a_chat_request_are_named_by_their_path() {
    let harness = Harness::new().await;
    for (member, value, param) in [
        ("model", "5", "model"),
        ("model", "{}", "model"),
        ("model", r#""""#, "model"),
        ("model", r#""  ""#, "model"),
        ("model", "null", "model"),
        ("messages", "null", "messages"),
        ("messages", "[]", "messages"),
        ("messages", "{}", "messages"),
        ("messages", r#""hello""#, "messages"),
        ("messages", "[null]", "messages[0]"),
        ("messages", "[1]", "messages[0]"),
        ("messages", "[[]]", "messages[0]"),
        ("messages", "[{}]", "messages[0].role"),
        ("messages", r#"[{"role":"wizard","content":"x"}]"#, "messages[0].role"),
        ("messages", r#"[{"role":"user"}]"#, "messages[0].content"),
        ("messages", r#"[{"role":"user","content":null}]"#, "messages[0].content"),
        ("messages", r#"[{"role":"user","content":[]}]"#, "messages[0].content"),
        ("messages", r#"[{"role":"user","content":{}}]"#, "messages[0].content"),
        ("messages", r#"[{"role":"user","content":[null]}]"#, "messages[0].content[0]"),
        ("messages", r#"[{"role":"user","content":[{}]}]"#, "messages[0].content[0].type"),
        (
            "messages",
            r#"[{"role":"user","content":[{"type":"bogus"}]}]"#,
            "messages[0].content[0].type",
        ),
        (
            "messages",
            r#"[{"role":"user","content":[{"type":"image_url"}]}]"#,
            "messages[0].content[0].image_url",
        ),
        ("messages", r#"[{"role":"tool","content":"x"}]"#, "messages[0].tool_call_id"),
        ("tools", "1", "tools"),
        ("tools", "[1]", "tools[0]"),
        ("tools", r#"[{"type":"function"}]"#, "tools[0].name"),
        ("tools", r#"[{"type":"function","function":{}}]"#, "tools[0].function.name"),
        ("stream", r#""yes""#, "stream"),
        ("stream", "1", "stream"),
        ("n", "1000", "n"),
        ("n", "0", "n"),
        ("n", "-1", "n"),
        ("n", "1.5", "n"),
        ("max_tokens", r#""many""#, "max_tokens"),
        ("max_tokens", "-1", "max_tokens"),
        ("max_tokens", "1e400", "max_tokens"),
        ("temperature", r#""hot""#, "temperature"),
        ("reasoning_effort", r#""heroic""#, "reasoning_effort"),
        ("response_format", r#"{"type":"yaml"}"#, "response_format.type"),
    ] {
        let members =
            [("model", r#""gpt-5.5""#), ("messages", r#"[{"role":"user","content":"a"}]"#)];
        let members = members.into_iter().filter(|(name, _)| *name != member);
        let members = members.chain([(member, value)]);
        let members: Vec<String> = members.map(|(n, v)| format!("\"{n}\":{v}")).collect();
        let body = format!("{{{}}}", members.join(","));
        assert_bad(&harness, &post(&harness, CHAT, body.clone()).await, Some(param), &body);
    }
}

#[tokio::test]
async fn wrong_shapes_of_a_responses_request_are_named_by_their_path() {
    let harness = Harness::new().await;
    for (body, param) in [
        (r#"{"input":"a"}"#, "model"),
        (r#"{"model":5,"input":"a"}"#, "model"),
        (r#"{"model":"gpt-5.5"}"#, "input"),
        (r#"{"model":"gpt-5.5","input":null}"#, "input"),
        (r#"{"model":"gpt-5.5","input":5}"#, "input"),
        (r#"{"model":"gpt-5.5","input":"a","stream":"yes"}"#, "stream"),
        (r#"{"model":"gpt-5.5","input":"a","instructions":5}"#, "instructions"),
        (r#"{"model":"gpt-5.5","input":"a","include":"x"}"#, "include"),
        (r#"{"model":"gpt-5.5","input":"a","client_metadata":[]}"#, "client_metadata"),
        (r#"{"model":"gpt-5.5","input":"a","tools":{}}"#, "tools"),
        (r#"{"model":"gpt-5.5","input":"a","reasoning":"low"}"#, "reasoning"),
        (r#"{"model":"gpt-5.5","input":"a","reasoning":{"effort":"heroic"}}"#, "reasoning.effort"),
        (r#"{"model":"gpt-5.5","input":"a","previous_response_id":"r"}"#, "previous_response_id"),
        (r#"{"model":"gpt-5.5","input":"a","background":"yes"}"#, "background"),
    ] {
        assert_bad(&harness, &post(&harness, RESPONSES, body).await, Some(param), body);
    }
}

#[tokio::test]
async fn numbers_beyond_their_range_are_refused_and_null_is_nothing() {
    let harness = Harness::new().await;
    let with = |member: &str| {
        let rest = r#""model":"gpt-5.5","messages":[{"role":"user","content":"a"}]"#;
        format!("{{{rest},{member}}}")
    };
    let long = format!("\"max_tokens\":{}", "9".repeat(5000));
    for member in [r#""temperature":1e400"#, long.as_str(), r#""n":4294967297"#] {
        assert_bad(&harness, &post(&harness, CHAT, with(member)).await, None, member);
    }
    for member in [
        r#""max_tokens":null"#,
        r#""temperature":null"#,
        r#""tools":null"#,
        r#""tool_choice":null"#,
        r#""stream":null"#,
        r#""stop":null"#,
        r#""n":null"#,
        r#""response_format":null"#,
        r#""user":null"#,
    ] {
        let reply = post(&harness, CHAT, with(member)).await;
        assert_eq!(reply.status, 200, "{member}: {}", reply.text());
        assert_eq!(reply.header("x-chatmock-notices"), None, "{member}");
    }
}

#[tokio::test]
async fn a_name_that_comes_twice_is_refused() {
    let harness = Harness::new().await;
    for (path, body) in [
        (CHAT, r#"{"model":"gpt-5.5","model":"x","messages":[{"role":"user","content":"a"}]}"#),
        (CHAT, r#"{"model":"gpt-5.5","messages":[{"role":"user","role":"x","content":"a"}]}"#),
        (RESPONSES, r#"{"model":"gpt-5.5","input":"a","input":"b"}"#),
    ] {
        let reply = post(&harness, path, body).await;
        assert_bad(&harness, &reply, None, body);
        assert!(reply.message().contains("duplicate"), "{}", reply.message());
    }
}

#[tokio::test]
async fn a_refusal_does_not_repeat_a_long_value() {
    let harness = Harness::new().await;
    let long = "prompt ".repeat(20_000);
    for body in [
        json!({"model": "gpt-5.5", "messages": long}),
        json!({"model": "gpt-5.5", "messages": [long]}),
        json!({"model": long, "messages": [{"role": "user", "content": "a"}]}),
        json!({"model": "gpt-5.5", "messages": [{"role": long, "content": "a"}]}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": [long]}]}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": [{"type": long}]}]}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "a"}], "stream": long}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "a"}], "n": long}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "a"}],
            "reasoning_effort": long}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "a"}],
            "tool_choice": long, "tools": [{"type": "function", "function": {"name": "f"}}]}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "a"}],
            "tools": [{"type": long}]}),
        json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "a"}],
            "response_format": {"type": long}}),
        json!({"model": "gpt-5.5", "input": {"a": long}}),
        json!({"model": "gpt-5.5", "input": "a", "stream": long}),
        json!({"model": "gpt-5.5", "input": "a", "reasoning": long}),
        json!({"model": "gpt-5.5", "input": "a", "reasoning": {"effort": long}}),
        json!({"model": "gpt-5.5", "input": "a", "include": [{"a": long}]}),
    ] {
        let path = if body.get("messages").is_some() { CHAT } else { RESPONSES };
        let reply = harness.server.post(path, &body).await;
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert!(matches!(reply.status, 400 | 404), "{keys:?}: {}", reply.status);
        let size = reply.body.len();
        assert!(size < 2000, "{keys:?}: {size} bytes, {}", &reply.text()[..300]);
    }
    assert_eq!(harness.calls(), 0);
}

#[tokio::test]
async fn large_and_numerous_things_are_answered_in_time() {
    let harness = Harness::new().await;
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {}}});
    let mut tools = chat("hello", false);
    let numbered = |n: usize| {
        let mut tool = tool.clone();
        tool["function"]["name"] = json!(format!("f{n}"));
        tool
    };
    tools["tools"] = (0..10_000).map(numbered).collect();
    harness.simulator.enqueue(Mode::Refusal);
    assert_eq!(harness.server.post(CHAT, &tools).await.status, 200);
    let mut key = chat("hello", false);
    key["k".repeat(1 << 20)] = json!(1);
    let reply = harness.server.post(CHAT, &key).await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("x-chatmock-notices").unwrap().len() < 4096);
    let mut many = chat("hello", false);
    for n in 0..2000 {
        many[format!("x{n}")] = json!(1);
    }
    let reply = harness.server.post(CHAT, &many).await;
    assert!(reply.header("x-chatmock-notices").unwrap().ends_with(" more"), "{:?}", reply.headers);
}

#[tokio::test]
async fn an_address_in_a_message_is_handed_on_and_never_fetched() {
    let harness = Harness::new().await;
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/picture.png", listener.local_addr().unwrap());
    let request = json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]}]});
    let reply = harness.server.post(CHAT, &request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(harness.sent().to_string().contains(&url));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_that_the_client_gets_to_read() {
    let harness = Harness::with(|settings| settings.http.sizes.max_body = 1 << 20).await;
    let body = chat(&"x".repeat(20 << 20), false).to_string();
    for chunked in [false, true] {
        let mut connection = Connection::open(harness.server.address).await.unwrap();
        let mut request = Request::new("POST", CHAT).with("content-type", "application/json");
        request = match chunked {
            true => request.with("transfer-encoding", "chunked"),
            false => request.with("content-length", &body.len().to_string()),
        };
        connection.write(&request.bytes()).await.unwrap();
        if chunked {
            connection
                .write(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes())
                .await
                .unwrap();
        } else {
            connection.write(body.as_bytes()).await.unwrap();
        }
        let head = connection.head().await.unwrap();
        let reply = connection.body(head).await.unwrap();
        let (status, kind, _, _) = reply.error();
        assert_eq!((status, kind.as_str()), (413, "invalid_request_error"), "chunked: {chunked}");
        assert!(reply.message().contains("1048576"), "{}", reply.message());
    }
    assert_eq!(harness.calls(), 0);
    let fits = chat(&"x".repeat(1 << 19), false);
    harness.simulator.enqueue(Mode::Refusal);
    assert_eq!(harness.server.post(CHAT, &fits).await.status, 200);
}

#[tokio::test]
async fn a_client_that_waits_for_leave_is_refused_before_it_sends() {
    let harness = Harness::with(|settings| settings.http.sizes.max_body = 1 << 20).await;
    let mut connection = Connection::open(harness.server.address).await.unwrap();
    let request = Request::new("POST", CHAT).with("expect", "100-continue");
    connection.write(&request.with("content-length", "20000000").bytes()).await.unwrap();
    let start = std::time::Instant::now();
    let reply = connection.head().await.unwrap();
    assert_eq!(connection.body(reply).await.unwrap().error().0, 413);
    assert!(start.elapsed().as_secs() < 3, "it was waited for a body that never comes");
}

#[tokio::test]
async fn a_large_body_for_a_path_that_is_not_served_gets_its_404() {
    let harness = Harness::new().await;
    let body = vec![b'x'; 8 << 20];
    for path in ["/v1/embeddings", "/v1/moderations", "/v1/models"] {
        let reply = harness.server.send(Request::post(path, body.clone())).await;
        assert!(matches!(reply.error().0, 400 | 404 | 405), "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn names_from_a_client_break_no_header() {
    let harness = Harness::new().await;
    let mut request = chat("hello", false);
    request["a\r\nx-evil: 1"] = json!(1);
    request["prompt_cache_key"] = json!("k\r\nx-evil: 1");
    request["user"] = json!("\u{0}\n");
    let reply = harness.server.post(CHAT, &request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-evil"), None);
    let call = harness.simulator.model_calls().pop().unwrap();
    assert_eq!(call.header("x-evil"), None);
    request["model"] = json!("a\nERROR fake\u{1b}[2J");
    let reply = harness.server.post(CHAT, &request).await;
    assert_eq!(reply.error().0, 404);
    let message: Value = reply.json()["error"]["message"].clone();
    assert!(!message.as_str().unwrap().contains(['\n', '\u{1b}']), "{message}");
}
