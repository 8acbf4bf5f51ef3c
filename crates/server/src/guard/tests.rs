//! Tests of the guard: whose requests are let through.

use http::Request;

use super::*;

fn check(headers: &[(&str, &str)]) -> Result<(), u16> {
    let mut request = Request::builder().method("POST").uri("/v1/chat/completions");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    Guard::new(vec!["proxy.lan".to_owned()]).check(&head).map_err(|failure| failure.status())
}

#[test]
fn loopback_names_and_configured_ones_are_ours() {
    for host in
        ["localhost", "LocalHost:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:80", "proxy.lan:1"]
    {
        assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
    }
}

#[test]
fn other_names_are_refused() {
    for host in [
        "evil.test:8000",
        "127.evil.test",
        "localhost.",
        "0.0.0.0:8000",
        "10.0.0.1",
        "localhost.evil.test",
    ] {
        assert_eq!(check(&[("host", host)]), Err(403), "{host}");
    }
}

#[test]
fn a_malformed_or_ambiguous_host_is_a_bad_request() {
    for host in ["localhost:99999", "user@localhost", "", "[::1", "localhost:+80", "a b"] {
        assert_eq!(check(&[("host", host)]), Err(400), "{host:?}");
    }
    assert_eq!(check(&[]), Err(400));
    assert_eq!(check(&[("host", "localhost"), ("host", "localhost")]), Err(400));
}

#[test]
fn forwarded_names_count_for_nothing() {
    assert_eq!(check(&[("host", "evil.test"), ("x-forwarded-host", "localhost")]), Err(403));
}

#[test]
fn no_web_page_is_answered() {
    let page = |name, value| check(&[("host", "localhost"), (name, value)]);
    for origin in ["https://evil.test", "null", "file://", "", "http://localhost.evil.test"] {
        assert_eq!(page("origin", origin), Err(403), "{origin:?}");
    }
    assert_eq!(page("sec-fetch-site", "cross-site"), Err(403));
    assert_eq!(page("sec-fetch-site", "same-site"), Err(403));
    assert_eq!(page("sec-fetch-site", "none"), Ok(()));
    assert_eq!(page("referer", "https://evil.test/x"), Err(403));
    assert_eq!(page("referer", "http://localhost:8000/x"), Ok(()));
}

#[test]
fn an_absolute_target_must_be_for_us_too() {
    let (head, ()) = Request::get("http://evil.test/v1/models")
        .header("host", "localhost")
        .body(())
        .unwrap()
        .into_parts();
    assert_eq!(Guard::default().check(&head).map_err(|failure| failure.status()), Err(403));
}

#[test]
fn ambiguous_messages_are_refused() {
    let with = |name, value| check(&[("host", "localhost"), (name, value)]);
    assert_eq!(with("transfer-encoding", "gzip, chunked"), Err(400));
    assert_eq!(with("transfer-encoding", "chunked"), Ok(()));
    assert_eq!(with("content-encoding", "br"), Err(415));
    let twice = [("host", "localhost"), ("content-type", "a/b"), ("content-type", "a/b")];
    assert_eq!(check(&twice), Err(400));
}
