//! Calls to a scripted backend, and to addresses where there is none.

use chatmock_protocol::json::read_text;

use super::*;
use crate::client::testing::{Answer, Backend, CountingSource, SOON, answer, open_stream, stream};
use crate::{Adjustment, CredentialError, Opened, Proxy, TlsFault};

const BODY: &str = r#"{"model":"m","input":[{"role":"user","content":"hi"}]}"#;

async fn send(client: &Client) -> Result<Opened, Error> {
    let credentials = client.credentials().await?;
    let prepared = client.prepare(read_text(BODY).unwrap(), &credentials, None)?;
    client.send(&prepared, &credentials).await
}

/// Sends a request to a backend with one answer and returns the error.
async fn error_of(script: Answer) -> Error {
    let backend = Backend::start([script]).await;
    let error = send(&backend.client(&CountingSource::new())).await.unwrap_err();
    let shown = format!("{error:?} {error}");
    assert!(!shown.contains("token-0") && !shown.contains("127.0.0.1"), "{shown}");
    error
}

fn error_response(error: Error) -> crate::ErrorResponse {
    match error {
        Error::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn exactly_the_honest_headers_are_sent() {
    let backend = Backend::start([stream(&[], "")]).await;
    let client = backend.client(&CountingSource::new());
    let credentials = client.credentials().await.unwrap();
    let prepared = client.prepare(read_text(BODY).unwrap(), &credentials, None).unwrap();
    client.send(&prepared, &credentials).await.unwrap();

    let requests = backend.requests();
    let (head, body) = requests.first().unwrap().split_once("\r\n\r\n").unwrap();
    assert_eq!(body.as_bytes(), prepared.body());
    let mut lines: Vec<_> = head.lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "POST /backend-api/codex/responses HTTP/1.1");
    let via = lines.iter().position(|line| line.starts_with("via: 1.1 chatmock-"));
    lines.remove(via.expect("a backend at another address could be this program"));
    lines.sort_unstable();
    let session = prepared.session();
    let mut expected = vec![
        "accept: text/event-stream".to_owned(),
        "authorization: Bearer token-0".into(),
        "chatgpt-account-id: acct-1".into(),
        format!("content-length: {}", prepared.body().len()),
        "content-type: application/json".into(),
        format!("host: 127.0.0.1:{}", backend.port),
        "originator: chatmock".into(),
        format!("session-id: {session}"),
        format!("thread-id: {session}"),
        format!("user-agent: chatmock/{}", env!("CARGO_PKG_VERSION")),
        "version: 0.171.0".into(),
        format!("x-client-request-id: {session}"),
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_fedramp_workspace_is_named_and_an_unknown_account_is_not() {
    let backend = Backend::start([stream(&[], "")]).await;
    let client = backend.client(&CountingSource::new());
    let credentials = Arc::new(Credentials::new("t", None, true).unwrap());
    let prepared = client.prepare(read_text(BODY).unwrap(), &credentials, Some("mine")).unwrap();
    client.send(&prepared, &credentials).await.unwrap();
    let request = backend.requests().remove(0);
    assert!(request.contains("x-openai-fedramp: true\r\n"));
    assert!(request.contains("session-id: mine\r\n"));
    assert!(!request.contains("chatgpt-account-id"));
}

#[tokio::test]
async fn an_answer_opens_with_what_its_head_reports() {
    let headers = [
        "x-codex-primary-used-percent: 12",
        "x-codex-primary-window-minutes: 10080",
        "x-models-etag: W/\"abc\"",
        "openai-model: gpt-6-sol",
        "x-request-id: req-1",
        "set-cookie: a=b",
    ];
    let backend = Backend::start([stream(&headers, "data: {\"a\":1}\n\ndata: b\n\n")]).await;
    let mut opened = send(&backend.client(&CountingSource::new())).await.unwrap();
    assert_eq!(opened.limits.unwrap().primary.unwrap().window_minutes, 10_080);
    assert_eq!(opened.limit_headers.len(), 2);
    assert_eq!(opened.models_etag.as_deref(), Some("W/\"abc\""));
    assert_eq!(opened.adjustments, [Adjustment::OtherModel { served: "gpt-6-sol".into() }]);
    assert_eq!(opened.request_id.as_deref(), Some("req-1"));
    assert_eq!(opened.events.next().await.unwrap().unwrap().text(), "{\"a\":1}");
    assert_eq!(opened.events.next().await.unwrap().unwrap().text(), "b");
    assert!(opened.events.next().await.is_none());
}

#[tokio::test]
async fn early_hints_before_the_answer_are_skipped() {
    let Answer::Close(bytes) = stream(&[], "data: a\n\n") else { panic!() };
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".as_slice();
    let backend = Backend::start([Answer::Close([hints, &bytes].concat())]).await;
    let mut opened = send(&backend.client(&CountingSource::new())).await.unwrap();
    assert!(opened.events.next().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_call_repeated_once() {
    let refused = answer("401 Unauthorized", &[], r#"{"detail":"Unauthorized"}"#);
    let backend = Backend::start([refused, stream(&[], "data: a\n\n")]).await;
    let source = CountingSource::new();
    let mut opened = send(&backend.client(&source)).await.unwrap();
    assert!(opened.events.next().await.unwrap().is_ok());
    let requests = backend.requests();
    assert_eq!((requests.len(), source.renewals()), (2, 1));
    let (first, second) = (&requests[0], &requests[1]);
    assert_eq!(first.replace("token-0", "token-1"), *second);
}

#[tokio::test]
async fn a_second_refusal_ends_the_call_after_one_renewal() {
    let refused = || {
        let body = r#"{"error":{"message":"again","code":"token_invalidated"},"status":401}"#;
        answer("401 Unauthorized", &[], body)
    };
    let backend = Backend::start([refused(), refused(), refused()]).await;
    let source = CountingSource::new();
    let response = error_response(send(&backend.client(&source)).await.unwrap_err());
    assert_eq!((response.status, response.error.code.as_deref()), (401, Some("token_invalidated")));
    assert_eq!((backend.requests().len(), source.renewals()), (2, 1));
}

#[tokio::test]
async fn a_renewal_that_fails_says_why() {
    let backend = Backend::start([answer("401 Unauthorized", &[], "")]).await;
    let fault = CredentialError::SignedOut("sign in first".into());
    let error = send(&backend.client(&CountingSource::failing(fault.clone()))).await.unwrap_err();
    assert!(matches!(error, Error::Credentials(ref why) if *why == fault), "{error:?}");
    assert_eq!(error.to_string(), "sign in first");
    assert_eq!(backend.requests().len(), 1);
}

#[tokio::test]
async fn a_limit_is_reported_with_its_reset_and_windows() {
    let body = r#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been
        reached","plan_type":"plus","resets_at":1795360000,"resets_in_seconds":21000}}"#;
    let body = body.replace("\n        ", " ");
    let headers = [
        "retry-after: 1e99",
        "content-type: text/plain",
        "x-oai-request-id: req-2",
        "x-codex-primary-used-percent: 100",
        "x-codex-primary-window-minutes: 300",
    ];
    let response = error_response(error_of(answer("429 Too Many Requests", &headers, body)).await);
    assert_eq!((response.status, response.retry_after), (429, Some(21_000)));
    assert_eq!(response.error.kind.as_deref(), Some("usage_limit_reached"));
    assert_eq!(response.request_id.as_deref(), Some("req-2"));
    assert_eq!(response.limits.unwrap().primary.unwrap().used_percent, 100.0);
}

#[tokio::test]
async fn five_megabytes_of_html_are_neither_read_nor_shown() {
    let page = format!("<html>{}</html>", "x".repeat(5 * 1024 * 1024));
    let response =
        error_response(error_of(answer("500 Oops", &["content-type: text/html"], page)).await);
    assert_eq!((response.status, response.error.message), (500, None));
}

#[tokio::test]
async fn an_error_body_that_is_cut_still_gives_its_status() {
    let head = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 100\r\n\r\nshort".to_vec();
    let response = error_response(error_of(Answer::Close(head)).await);
    assert_eq!((response.status, response.error.message.as_deref()), (502, Some("short")));
}

#[tokio::test]
async fn a_bot_check_is_recognised_and_renews_nothing() {
    let checks = [
        answer("403 Forbidden", &["cf-mitigated: challenge", "cf-ray: ray-1"], "<html>"),
        answer("401 Unauthorized", &["cf-mitigated: challenge"], ""),
        answer("503 Unavailable", &["content-type: text/html; charset=UTF-8"], "wait"),
        answer("403 Forbidden", &[], "\n<!DOCTYPE html>"),
    ];
    let backend = Backend::start(checks).await;
    let source = CountingSource::new();
    let client = backend.client(&source);
    for status in [403, 401, 503, 403] {
        let error = send(&client).await.unwrap_err();
        assert!(
            matches!(error, Error::Challenge { status: seen, .. } if seen == status),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains('<'));
    }
    assert_eq!((backend.requests().len(), source.renewals()), (4, 0));
}

#[tokio::test]
async fn a_forbidden_call_with_json_is_an_ordinary_error_response() {
    let error = error_of(answer("403 Forbidden", &[], r#"{"detail":"no"}"#)).await;
    assert_eq!(error_response(error).error.message.as_deref(), Some("no"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Backend::start([]).await;
    let location = format!("location: http://127.0.0.1:{}/", elsewhere.port);
    let error = error_of(answer("307 Temporary Redirect", &[&location], "")).await;
    assert!(matches!(error, Error::Unexpected { status: 307, .. }), "{error:?}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_success_that_is_not_an_event_stream_is_refused() {
    let error = error_of(answer("200 OK", &["content-type: text/html"], "<html>")).await;
    let Error::Unexpected { status: 200, content_type } = &error else { panic!("{error:?}") };
    assert_eq!(content_type.as_deref(), Some("text/html"));
    assert_eq!(error.to_string(), "the backend answered with status 200 and text/html");
}

#[tokio::test]
async fn an_error_in_a_success_keeps_its_message() {
    let body = r#"{"error":{"message":"no channel for this model","code":"no_channel"}}"#;
    let error = error_of(answer("200 OK", &["content-type: application/json"], body)).await;
    let refusal = error_response(error);
    assert_eq!((refusal.status, refusal.error.code.as_deref()), (502, Some("no_channel")));
    assert_eq!(refusal.error.message.as_deref(), Some("no channel for this model"));
    let answered = r#"{"id":"chatcmpl-1","error":null,"choices":[]}"#;
    let error = error_of(answer("200 OK", &["content-type: application/json"], answered)).await;
    assert!(matches!(error, Error::Unexpected { status: 200, .. }), "{error:?}");
}

#[tokio::test]
async fn a_stream_without_content_type_or_with_parameters_in_it_is_accepted() {
    let with_parameters = answer("200 OK", &["content-type: Text/Event-Stream; charset=utf-8"], "");
    let backend = Backend::start([answer("200 OK", &[], "data: a\n\n"), with_parameters]).await;
    let client = backend.client(&CountingSource::new());
    assert!(send(&client).await.unwrap().events.next().await.unwrap().is_ok());
    assert!(send(&client).await.is_ok());
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_cut() {
    let backend = Backend::start([Answer::Close(open_stream("data: a\n\ndata: b"))]).await;
    let mut opened = send(&backend.client(&CountingSource::new())).await.unwrap();
    assert_eq!(opened.events.next().await.unwrap().unwrap().text(), "a");
    let error = opened.events.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Cut(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("127.0.0.1"));
    assert!(opened.events.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_falls_silent_stalls_and_is_closed() {
    let mut backend = Backend::start([Answer::Hold(open_stream("data: a\n\n"))]).await;
    let limits = Limits { idle: SOON, ..Limits::default() };
    let mut opened = send(&backend.client_within(&CountingSource::new(), limits)).await.unwrap();
    assert!(opened.events.next().await.unwrap().is_ok());
    let error = opened.events.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Stalled { limit } if limit == SOON), "{error:?}");
    backend.closed().await;
}

#[tokio::test]
async fn dropping_the_events_closes_the_call() {
    let mut backend = Backend::start([Answer::Hold(open_stream("data: a\n\n"))]).await;
    let mut opened = send(&backend.client(&CountingSource::new())).await.unwrap();
    assert!(opened.events.next().await.unwrap().is_ok());
    drop(opened);
    backend.closed().await;
}

#[tokio::test]
async fn a_backend_that_never_answers_meets_the_limit() {
    for silence in [Answer::Hold(Vec::new()), Answer::Hold(b"HTTP/1.1 20".to_vec())] {
        let mut backend = Backend::start([silence]).await;
        let limits = Limits { header: SOON, ..Limits::default() };
        let error = send(&backend.client_within(&CountingSource::new(), limits)).await.unwrap_err();
        assert!(matches!(error, Error::HeaderTimeout { limit } if limit == SOON), "{error:?}");
        backend.closed().await;
    }
}

#[tokio::test]
async fn a_head_over_the_limit_breaks_the_call() {
    let many = "x-a: b\r\n".repeat(10_000);
    let large = format!("x-a: {}\r\n", "b".repeat(1024 * 1024));
    for headers in [many, large] {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes();
        let error = error_of(Answer::Close(head)).await;
        assert!(matches!(error, Error::Broken(_)), "{error:?}");
    }
    let error = error_of(Answer::Close(Vec::new())).await;
    assert!(matches!(error, Error::Broken(_)), "{error:?}");
}

/// A client of an address without a scripted backend.
fn client_of(base: &str, proxy: Proxy) -> Client {
    // Long, since a resolver without a network may be slow.
    let limits = Limits { connect: Duration::from_secs(60), ..Limits::default() };
    let config =
        Config { route: UpstreamRoute::codex().at(base), proxy, limits, ..Config::default() };
    Client::new(config, CountingSource::new()).unwrap()
}

#[tokio::test]
async fn a_closed_port_refuses_the_connection() {
    let base = format!("http://127.0.0.1:{}/codex", closed_port());
    let error = send(&client_of(&base, Proxy::Environment)).await.unwrap_err();
    assert!(matches!(error, Error::ConnectRefused(_)), "{error:?}");
}

#[tokio::test]
async fn a_backend_that_speaks_no_tls_is_not_called_in_plain() {
    let backend = Backend::start([answer("200 OK", &[], "")]).await;
    let base = format!("https://127.0.0.1:{}/codex", backend.port);
    let error = send(&client_of(&base, Proxy::Off)).await.unwrap_err();
    assert!(matches!(error, Error::Tls { fault: TlsFault::Handshake, .. }), "{error:?}");
    assert_eq!(backend.requests(), ["tls"]);
}

#[tokio::test]
async fn a_handshake_that_never_ends_meets_the_connect_limit() {
    let backend = Backend::start([Answer::Hold(Vec::new())]).await;
    let base = format!("https://127.0.0.1:{}/codex", backend.port);
    let limits = Limits { connect: SOON, ..Limits::default() };
    let config = Config { route: UpstreamRoute::codex().at(base), limits, ..Config::default() };
    let error = send(&Client::new(config, CountingSource::new()).unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::ConnectTimeout(_)), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_fails_is_named_as_the_cause() {
    let proxy = Backend::start([answer("407 Who Are You", &[], "")]).await;
    let address = format!("http://name:password@127.0.0.1:{}", proxy.port);
    let client = client_of("https://backend.invalid/codex", Proxy::At(address));
    let error = send(&client).await.unwrap_err();
    assert!(matches!(error, Error::Proxy(_)), "{error:?}");
    assert!(!format!("{error:?} {client:?}").contains("password"));
    assert!(proxy.requests().remove(0).starts_with("CONNECT backend.invalid:443 "));

    for scheme in ["http", "socks5", "socks5h"] {
        let address = format!("{scheme}://127.0.0.1:{}", closed_port());
        let error = send(&client_of("https://192.0.2.1/codex", Proxy::At(address))).await;
        assert!(matches!(error, Err(Error::Proxy(_))), "{scheme}: {error:?}");
    }
}

#[tokio::test]
async fn a_backend_on_this_machine_is_called_without_a_proxy() {
    let proxy = Backend::start([]).await;
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let base = format!("http://127.0.0.1:{}/codex", closed_port());
    let error = send(&client_of(&base, Proxy::At(address))).await.unwrap_err();
    assert!(matches!(error, Error::ConnectRefused(_)), "{error:?}");
    assert!(proxy.requests().is_empty());
}

fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_recognised() {
    let client = client_of("https://backend.invalid/codex", Proxy::Off);
    let error = send(&client).await.unwrap_err();
    assert!(matches!(error, Error::Dns(_)), "{error:?}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let config = |base: &str, proxy: &str| Config {
        route: UpstreamRoute::codex().at(base),
        proxy: Proxy::At(proxy.into()),
        ..Config::default()
    };
    for config in [
        config("http://example.org/codex", "http://127.0.0.1:9"),
        config("https://example.org/codex", "http://user:secret@:::"),
    ] {
        let error = Client::new(config, CountingSource::new()).unwrap_err();
        assert!(matches!(error, Error::Settings { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"));
    }
}

mod kept;
mod retries;
mod turns;
