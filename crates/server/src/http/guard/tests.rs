//! Tests of the guard: whose requests are let through.

use std::time::Duration;

use http::{HeaderMap, Request};

use super::*;
use crate::settings::ApiKey;

const MAX_TARGET: usize = 8 * 1024;

fn settings() -> AdmissionSettings {
    AdmissionSettings {
        hosts: ["proxy.lan", "192.168.1.5", "2001:db8::5"].map(|host| host.parse().unwrap()).into(),
        origins: ["http://localhost:3000", "app://obsidian.md"].map(|o| o.parse().unwrap()).into(),
        ..AdmissionSettings::default()
    }
}

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn check(headers: &[(&str, &str)]) -> Result<(), u16> {
    let mut head = head("POST", "/v1/chat/completions", headers);
    let admitted = Guard::new(&settings(), MAX_TARGET).admit(&mut head);
    admitted.map(|admitted| assert_eq!(admitted, Admitted::Request)).map_err(|f| f.status())
}

#[test]
fn loopback_names_and_configured_ones_are_ours() {
    for host in [
        "localhost",
        "LocalHost:8000",
        "127.0.0.1:8000",
        "127.9.9.9",
        "[::1]:80",
        "proxy.lan:1",
        "PROXY.LAN",
        "192.168.1.5:8000",
        "[2001:db8::5]:8000",
        "[2001:0db8:0::5]",
        "localhost.",
        "LOCALHOST.:8000",
        "proxy.lan.:1",
    ] {
        assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
    }
}

#[test]
fn other_names_are_refused() {
    for host in [
        "evil.test:8000",
        "127.evil.test",
        "localhost..",
        "127.0.0.1.",
        "evil.test.",
        "0.0.0.0:8000",
        "10.0.0.1",
        "localhost.evil.test",
        "127.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.01",
        "[::]",
        "[::ffff:127.0.0.1]",
        "192.168.1.50",
        "proxy.lan.evil.test",
    ] {
        assert_eq!(check(&[("host", host)]), Err(403), "{host}");
    }
}

#[test]
fn a_malformed_or_ambiguous_host_is_a_bad_request() {
    for host in [
        "localhost:99999",
        "user@localhost",
        "",
        "[::1",
        "localhost:+80",
        "a b",
        "[127.0.0.1]",
        "[localhost]",
        "::1",
        "[::1]80",
        "[::1%25lo]",
        "localhost:",
        "localhost,evil.test",
        "localhost/x",
    ] {
        assert_eq!(check(&[("host", host)]), Err(400), "{host:?}");
    }
    assert_eq!(check(&[]), Err(400));
    assert_eq!(check(&[("host", "localhost"), ("host", "localhost")]), Err(400));
}

#[test]
fn a_refused_host_is_told_the_flag_that_would_allow_it() {
    let mut head = head("GET", "/", &[("host", "nas.lan:8000")]);
    let failure = Guard::new(&settings(), MAX_TARGET).admit(&mut head).unwrap_err();
    assert!(failure.message.contains("--allow-host nas.lan"), "{failure}");
}

#[test]
fn forwarded_names_count_for_nothing() {
    assert_eq!(check(&[("host", "evil.test"), ("x-forwarded-host", "localhost")]), Err(403));
}

#[test]
fn no_web_page_is_answered_but_a_listed_one() {
    let page = |name, value| check(&[("host", "localhost"), (name, value)]);
    for origin in [
        "https://evil.test",
        "null",
        "file://",
        "",
        "*",
        "http://localhost.evil.test",
        "http://localhost",
        "http://localhost:3001",
        "http://localhost:3000/",
        "HTTP://LOCALHOST:3000",
        "https://localhost:3000",
        "http://localhost:3000 http://evil.test",
    ] {
        assert_eq!(page("origin", origin), Err(403), "{origin:?}");
    }
    assert_eq!(page("origin", "http://localhost:3000"), Ok(()));
    assert_eq!(page("origin", "app://obsidian.md"), Ok(()));
    let listed = ("origin", "http://localhost:3000");
    assert_eq!(check(&[("host", "localhost"), listed, listed]), Err(403));
    for second in [("sec-fetch-site", "cross-site"), ("referer", "http://evil.test/")] {
        assert_eq!(check(&[("host", "localhost"), listed, second]), Ok(()));
    }
}

#[test]
fn what_else_a_browser_says_of_itself_is_looked_at_without_an_origin() {
    let page = |name, value| check(&[("host", "localhost"), (name, value)]);
    for site in ["cross-site", "same-site", "", "anything"] {
        assert_eq!(page("sec-fetch-site", site), Err(403), "{site}");
    }
    for site in ["none", "same-origin"] {
        assert_eq!(page("sec-fetch-site", site), Ok(()), "{site}");
    }
    for referer in [
        "https://evil.test/x",
        "about:blank",
        "",
        "http://localhost@evil.test/",
        "http://localhost:3000@evil.test/",
        "http://localhost.evil.test/",
        "ftp://localhost/",
    ] {
        assert_eq!(page("referer", referer), Err(403), "{referer}");
    }
    for referer in ["http://localhost:8000/x", "https://proxy.lan/chat?q", "app://obsidian.md/"] {
        assert_eq!(page("referer", referer), Ok(()), "{referer}");
    }
    let two =
        [("host", "localhost"), ("referer", "http://localhost/"), ("referer", "http://evil.test/")];
    assert_eq!(check(&two), Err(403));
}

#[test]
fn a_refused_origin_is_told_the_flag_and_null_that_there_is_none() {
    let said = |origin: &str| {
        let mut head = head("GET", "/", &[("host", "localhost"), ("origin", origin)]);
        Guard::new(&settings(), MAX_TARGET).admit(&mut head).unwrap_err().message
    };
    assert!(said("https://a.test").ends_with("--allow-origin https://a.test"));
    assert!(!said("null").contains("--allow-origin"), "{}", said("null"));
}

#[test]
fn an_absolute_target_must_be_for_us_too_and_for_the_same_host() {
    let status = |target: &str, host: &str| {
        let mut head = head("GET", target, &[("host", host)]);
        Guard::new(&settings(), MAX_TARGET).admit(&mut head).map_err(|failure| failure.status())
    };
    assert_eq!(status("http://evil.test/v1/models", "localhost"), Err(403));
    assert_eq!(status("http://localhost/v1/models", "evil.test"), Err(403));
    assert_eq!(status("http://localhost/v1/models", "127.0.0.1"), Err(400));
    assert_eq!(status("http://LOCALHOST:1/v1/models", "localhost:2"), Ok(Admitted::Request));
}

#[test]
fn ambiguous_messages_are_refused() {
    let with = |name, value| check(&[("host", "localhost"), (name, value)]);
    assert_eq!(with("transfer-encoding", "gzip, chunked"), Err(400));
    assert_eq!(with("transfer-encoding", "chunked"), Ok(()));
    assert_eq!(with("content-encoding", "br"), Err(415));
    for expected in ["200-maybe", "", "100-continue, x"] {
        assert_eq!(with("expect", expected), Err(417), "{expected}");
    }
    assert_eq!(with("expect", "100-Continue"), Ok(()));
    let twice = [("host", "localhost"), ("content-type", "a/b"), ("content-type", "a/b")];
    assert_eq!(check(&twice), Err(400));
}

#[test]
fn a_web_socket_handshake_needs_a_key() {
    let with = |keys: &[&str]| {
        let mut headers = vec![("host", "localhost"), ("upgrade", "WebSocket")];
        headers.extend(keys.iter().map(|key| ("sec-websocket-key", *key)));
        check(&headers)
    };
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    assert_eq!(with(&[key]), Ok(()));
    for wrong in
        [&[][..], &[key, key], &[""], &["c2hvcnQ="], &[&key[2..]], &["dGhlIHNhbXBsZSBub25jZQ-="]]
    {
        assert_eq!(with(wrong), Err(400), "{wrong:?}");
    }
    assert_eq!(check(&[("host", "localhost"), ("upgrade", "h2c")]), Ok(()));
}

fn shared(method: &str, headers: &[(&str, &str)]) -> HeaderMap {
    let guard = Guard::new(&settings(), MAX_TARGET);
    let mut head = head(method, "/v1/models", headers);
    let mut reply = match guard.admit(&mut head) {
        Ok(Admitted::Preflight) => Guard::preflight(&head),
        _ => crate::http::response::options("GET"),
    };
    guard.allow_origin(guard.listed_origin(&head.headers), &mut reply);
    reply.headers().clone()
}

#[test]
fn a_listed_origin_may_read_replies_and_no_other() {
    let listed = [("host", "localhost"), ("origin", "app://obsidian.md")];
    let headers = shared("GET", &listed);
    assert_eq!(headers["access-control-allow-origin"], "app://obsidian.md");
    assert_eq!(headers["vary"], "Origin");
    assert!(headers["access-control-expose-headers"].to_str().unwrap().contains("x-request-id"));
    assert!(!headers.contains_key("access-control-allow-credentials"));
    for headers in [
        shared("GET", &[("host", "localhost")]),
        shared("GET", &[("host", "localhost"), ("origin", "http://evil.test")]),
        shared(
            "OPTIONS",
            &[("host", "localhost"), ("origin", "null"), ("access-control-request-method", "POST")],
        ),
    ] {
        assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control")));
        assert_eq!(headers["vary"], "Origin");
    }
}

#[test]
fn a_preflight_gets_fixed_lists_without_a_key() {
    let settings = AdmissionSettings { keys: vec![ApiKey::new("a", "right")], ..settings() };
    let asks = [
        ("host", "localhost"),
        ("origin", "http://localhost:3000"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-evil"),
    ];
    let mut head = head("OPTIONS", "/v1/models", &asks);
    assert_eq!(Guard::new(&settings, MAX_TARGET).admit(&mut head), Ok(Admitted::Preflight));
    let headers = shared("OPTIONS", &asks);
    assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, POST, DELETE");
    let allowed = headers["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("authorization") && !allowed.contains("x-evil"), "{allowed}");
    assert_eq!(headers["access-control-max-age"], "600");
    assert!(!headers.contains_key("access-control-allow-private-network"));
    let private = ("access-control-request-private-network", "true");
    let headers = shared("OPTIONS", &[&asks[..], &[private]].concat());
    assert_eq!(headers["access-control-allow-private-network"], "true");
}

#[test]
fn all_but_health_needs_a_key_where_keys_are_set() {
    let settings = AdmissionSettings { keys: vec![ApiKey::new("ann", "right")], ..settings() };
    let guard = Guard::new(&settings, MAX_TARGET);
    let asked = |method: &str, path: &str, key: &str| {
        let mut head = head(method, path, &[("host", "localhost"), ("authorization", key)]);
        guard.admit(&mut head).map_err(|failure| failure.status())?;
        Ok(Caller::of(&head.extensions).label().map(str::to_owned))
    };
    assert_eq!(asked("GET", "/v1/models", "Bearer right"), Ok(Some("ann".to_owned())));
    assert_eq!(asked("GET", "/health", "Bearer wrong"), Ok(None));
    for (method, path) in
        [("GET", "/"), ("OPTIONS", "/v1/models"), ("POST", "/health"), ("GET", "/none")]
    {
        assert_eq!(asked(method, path, "Bearer wrong"), Err(401), "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_wrong_keys_are_put_off_and_right_ones_never() {
    let keys = vec![ApiKey::new("ann", "right")];
    let guard = Guard::new(&AdmissionSettings { keys, wrong_keys: 3, ..settings() }, MAX_TARGET);
    let status = |key: &str| {
        let mut head = head("GET", "/", &[("host", "localhost"), ("x-api-key", key)]);
        guard.admit(&mut head).map_err(|failure| (failure.status(), failure.retry_after()))
    };
    for _ in 0..2 {
        for expected in [(401, None), (401, None), (401, None), (429, Some(1)), (429, Some(1))] {
            assert_eq!(status("wrong"), Err(expected));
            assert_eq!(status("right"), Ok(Admitted::Request));
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}
