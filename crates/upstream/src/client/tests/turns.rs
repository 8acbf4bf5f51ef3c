//! State of a turn, reasoning that the backend cannot read, and large bodies.

use super::*;
use crate::{ApiFlavor, Hint};

const REASONED: &str = r#"{"model":"m","input":[{"type":"reasoning","encrypted_content":"x"},{"role":"user","content":"hi"}]}"#;

async fn send_body(client: &Client, body: &str) -> Result<Opened, Error> {
    let credentials = client.credentials().await?;
    let prepared = client.prepare(read_text(body).unwrap(), &credentials, Some("s"))?;
    client.send(&prepared, &credentials).await
}

fn unreadable() -> Answer {
    let body = r#"{"error":{"type":"invalid_request_error","code":"invalid_encrypted_content","message":"could not be verified","param":null}}"#;
    answer("400 Bad Request", &[], body)
}

#[tokio::test]
async fn reasoning_that_the_backend_cannot_read_is_left_out_once() {
    let backend = Backend::start([unreadable(), stream(&[], ""), unreadable()]).await;
    let client = backend.client(&CountingSource::new());
    let opened = send_body(&client, REASONED).await.unwrap();
    assert_eq!(opened.adjustments, [Adjustment::ReasoningLeftOut]);
    let requests = backend.requests();
    assert!(requests[0].contains(r#""type":"reasoning""#));
    assert!(requests[1].contains(r#""input":[{"role":"user","content":"hi"}]"#), "{}", requests[1]);
    let response = error_response(send_body(&client, BODY).await.unwrap_err());
    assert_eq!((response.status, backend.requests().len()), (400, 3));
}

#[tokio::test]
async fn the_state_of_a_turn_is_sent_with_its_later_calls_only() {
    let with_state = || stream(&["x-codex-turn-state: opaque"], "");
    let backend = Backend::start([with_state(), stream(&[], ""), stream(&[], "")]).await;
    let client = backend.client(&CountingSource::new());
    let round = BODY.replace("}]", r#"},{"type":"function_call_output","call_id":"c"}]"#);
    let next = BODY.replace("}]", r#"},{"role":"user","content":"and now?"}]"#);
    for body in [BODY, &round, &next] {
        send_body(&client, body).await.unwrap();
    }
    let sent = backend.requests();
    let states: Vec<bool> = sent.iter().map(|r| r.contains("x-codex-turn-state: opaque")).collect();
    assert_eq!(states, [false, true, false]);
}

#[tokio::test]
async fn a_large_body_is_compressed_where_that_is_configured_and_accepted() {
    let text = "many words ".repeat(1_000);
    let body = BODY.replace("hi", &text);
    for (route, packed) in
        [(UpstreamRoute::codex(), true), (UpstreamRoute::api(ApiFlavor::OpenAi), false)]
    {
        let backend = Backend::start([stream(&[], ""), stream(&[], "")]).await;
        let base = format!("http://127.0.0.1:{}/v1", backend.port);
        let config =
            Config { route: route.at(base), compress_above: Some(4096), ..Config::default() };
        let client = Client::new(config, CountingSource::new()).unwrap();
        send_body(&client, &body).await.unwrap();
        send_body(&client, BODY).await.unwrap();
        let sent = backend.requests();
        assert_eq!(sent[0].contains("content-encoding: zstd"), packed);
        assert_eq!(sent[0].len() < text.len(), packed);
        assert!(!sent[1].contains("content-encoding"));
    }
}

#[tokio::test]
async fn errors_say_what_is_probably_wrong() {
    let error = error_of(answer("404 Not Found", &[], "<html>nothing</html>")).await;
    assert_eq!(error_response(error).hint, Some(Hint::Address));
    for full in [r#"{"error":{"code":"model_not_found"}}"#, r#"{"error":{"param":"input"}}"#] {
        let error = error_of(answer("404 Not Found", &[], full)).await;
        assert_eq!(error_response(error).hint, None);
    }
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again() {
    let backend = Backend::start([answer("401 No", &[], ""), stream(&[], "")]).await;
    let route =
        UpstreamRoute::api(ApiFlavor::Generic).at(format!("http://127.0.0.1:{}/v1", backend.port));
    let config = Config { route, ..Config::default() };
    let fixed = crate::FixedCredentials::new(Some("sk-1"), "use another one").unwrap();
    let client = Client::new(config, Arc::new(fixed)).unwrap();
    let error = send_body(&client, BODY).await.unwrap_err().to_string();
    assert_eq!(error, "the backend refused the key; use another one");
    assert_eq!(backend.requests().len(), 1);
    let sent = backend.requests().remove(0);
    assert!(sent.contains("authorization: Bearer sk-1\r\n") && !sent.contains("originator"));
    assert!(!sent.contains("prompt_cache_key") && !sent.contains("client_metadata"), "{sent}");
}
