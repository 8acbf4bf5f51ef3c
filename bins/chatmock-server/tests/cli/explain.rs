//! Tests of `explain`: what it prints, what it reads, and that it asks nobody.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::process::program;

const BODY: &str = r#"{"model":"gpt-6-sol","stream":true,"temperature":0.5,"logit_bias":{"5":1},
    "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}"#;

/// Runs `explain` with an empty home and a body on its standard input.
fn explain(arguments: &[&str], body: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(&[&["explain"], arguments].concat());
    command.env("CHATGPT_LOCAL_HOME", home.path()).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that refuses its flags may end before it reads.
    let _ = child.stdin.take().unwrap().write_all(body.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(home.path().read_dir().unwrap().next().is_none(), "it wrote into the home folder");
    output
}

fn json(arguments: &[&str], body: &str) -> Value {
    let output = explain(&[&["--json"], arguments].concat(), body);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn it_prints_the_request_that_would_be_sent_and_every_reason() {
    let explained = json(&[], BODY);
    assert_eq!((&explained["dialect"], &explained["stream"]), (&"chat".into(), &true.into()));
    let request = &explained["requests"][0];
    assert_eq!(request["url"], "https://chatgpt.com/backend-api/codex/responses");
    assert_eq!(request["headers"]["authorization"], "Bearer ****");
    assert_eq!(request["headers"]["chatgpt-account-id"], "****");
    assert_eq!(request["body"]["instructions"], "Be brief.");
    assert_eq!((&request["body"]["stream"], &request["times"]), (&true.into(), &1.into()));
    let session = &explained["session"];
    assert_eq!(request["body"]["prompt_cache_key"], session["id"]);
    assert_eq!(request["headers"]["session-id"], session["id"]);
    assert!(session["from"].as_str().unwrap().starts_with("a hash of"), "{session}");
    assert_eq!(explained["signed_out"], true);
    let fields: Vec<_> =
        explained["notices"].as_array().unwrap().iter().map(|notice| &notice["field"]).collect();
    assert!(fields.contains(&&"temperature".into()) && fields.contains(&&"logit_bias".into()));
    let changes = explained["changes"].as_array().unwrap();
    for (member, change, by) in [
        ("messages", "left out", "translation"),
        ("input", "added", "translation"),
        ("store", "added", "preparation"),
        ("prompt_cache_key", "added", "preparation"),
    ] {
        let row = changes.iter().find(|row| row["member"] == member && row["by"] == by);
        let row = row.unwrap_or_else(|| panic!("{member} by {by}: {changes:?}"));
        assert!(row["change"] == change && row["why"].as_str().unwrap().len() > 10, "{row}");
    }
}

#[test]
fn every_dialect_is_explained_by_its_name_or_by_the_address_of_a_command() {
    for (dialect, path, body) in [
        (
            "chat",
            "/v1/chat/completions",
            r#"{"model":"gpt-6-sol","messages":[{"role":"user","content":"hi"}]}"#,
        ),
        ("completions", "/v1/completions", r#"{"model":"gpt-6-sol","prompt":["a","b"],"n":2}"#),
        (
            "responses",
            "/v1/responses",
            r#"{"model":"gpt-6-sol","input":"hi","prompt_cache_key":"mine"}"#,
        ),
        (
            "messages",
            "/v1/messages",
            r#"{"model":"gpt-6-sol","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
        ),
        (
            "ollama-chat",
            "/api/chat",
            r#"{"model":"gpt-6-sol","messages":[{"role":"user","content":"hi"}]}"#,
        ),
        ("ollama-generate", "/api/generate", r#"{"model":"gpt-6-sol","prompt":"hi"}"#),
        ("images", "/v1/images/generations", r#"{"prompt":"a hat"}"#),
        (
            "image_edits",
            "/v1/images/edits",
            r#"{"prompt":"a hat","images":[{"image_url":"https://example.org/a.png"}]}"#,
        ),
    ] {
        let named = json(&["--dialect", dialect], body);
        let curl = format!(
            "curl -sN http://localhost:1{path} -H 'content-type: application/json' -d '{body}'"
        );
        let typed = json(&["--curl", &curl], "");
        assert_eq!((&named["dialect"], &named), (&dialect.into(), &typed));
        assert!(named["requests"][0]["body"]["input"].is_array(), "{named}");
    }
    let prompts =
        json(&["--dialect", "completions"], r#"{"model":"gpt-6-sol","prompt":["a","b"],"n":2}"#);
    let times: Vec<_> =
        prompts["requests"].as_array().unwrap().iter().map(|one| one["times"].clone()).collect();
    assert_eq!(times, [2, 2]);
}

#[test]
fn the_session_names_the_member_that_it_came_from() {
    let key = r#"{"model":"gpt-6-sol","input":"hi","prompt_cache_key":"mine"}"#;
    let session = &json(&["--dialect", "responses"], key)["session"];
    assert_eq!((&session["id"], &session["from"]), (&"mine".into(), &"prompt_cache_key".into()));
    let curl = format!("curl http://x/v1/chat/completions -H 'X-Session-Id: s-1' -d '{BODY}'");
    let session = &json(&["--curl", &curl], "")["session"];
    assert_eq!((&session["id"], &session["from"]), (&"s-1".into(), &"x-session-id".into()));
    let named = r#"{"model":"gpt-6-sol","max_tokens":9,"messages":[{"role":"user","content":"hi"}],
        "metadata":{"user_id":"{\"session_id\":\"c-1\"}"}}"#;
    let session = &json(&["--dialect", "messages"], named)["session"];
    assert_eq!(session["from"], "metadata.user_id");
}

#[test]
fn it_asks_nobody_and_a_refusal_is_the_servers_own() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    backend.set_nonblocking(true).unwrap();
    let url = format!("http://{}/codex", backend.local_addr().unwrap());
    let issuer = format!("http://{}", backend.local_addr().unwrap());
    let explained = json(&["--upstream-url", &url, "--issuer", &issuer], BODY);
    assert_eq!(explained["requests"][0]["url"], format!("{url}/responses"));
    assert!(backend.accept().is_err(), "somebody was asked");
    let refused = explain(&["--json", "--strict"], BODY);
    assert_eq!(refused.status.code(), Some(1));
    let body: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(body["error"]["type"], "invalid_request_error");
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("refused with status 400"), "{error}");
    let refused = explain(&["--dialect", "messages", "--json"], "{}");
    let body: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(body["type"], "error", "{body}");
    for (arguments, named) in [
        (&["--dialect", "morse"][..], "no such dialect"),
        (&["--curl", "curl x --proxy y"], "--proxy of curl is not understood"),
        (&["--curl", "curl http://x/v1/models -d 1"], "refused with status 404"),
    ] {
        let refused = explain(arguments, "");
        let error = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && error.contains(named), "{arguments:?}: {error}");
    }
}

#[test]
fn the_text_for_people_has_every_part() {
    let output = explain(&[], BODY);
    let shown = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Dialect: chat, answered as a stream\n",
        "Session: ",
        "nobody is signed in",
        "\nNotices\n",
        "  temperature ignored: ",
        "\nChanges\n",
        "  messages of the request left out by translation: ",
        "POST https://chatgpt.com/backend-api/codex/responses\n",
        "\nauthorization: Bearer ****\n",
        "\n  \"instructions\": \"Be brief.\",\n",
    ] {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
}
