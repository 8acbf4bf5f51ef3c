//! What anyone on this machine, or any page in the browser, may send to the listener.

use chatmock_auth::{CallbackVerdict, Denial, SignInError};
use chatmock_simulator::{Endpoint, Script};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::harness::{Harness, UnderWay};
use crate::http::{Reply, get, path_of, raw};

/// The sign-in goes on, and its own answer is still taken.
async fn goes_on(under_way: &UnderWay) {
    let back = under_way.approved().await;
    assert_eq!(under_way.attempt.offer(&back), CallbackVerdict::Accepted);
}

fn is_guarded(reply: &Reply) {
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("connection", "close"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{:?}", reply.head);
    }
    assert!(reply.header("access-control-allow-origin").is_none());
    assert!(reply.header("location").is_none());
}

#[tokio::test]
async fn unexpected_requests_are_refused_and_the_listener_stays() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    let state = under_way.state();
    for (path, status) in [
        ("/auth/callback".to_owned(), 400),
        ("/auth/callback?code=x".to_owned(), 400),
        ("/auth/callback?code=x&state=wrong".to_owned(), 400),
        (format!("/auth/callback?state={state}"), 400),
        (format!("/auth/callback?state={state}&code="), 400),
        (format!("/auth/callback?state={state}&state={state}&code=x"), 400),
        ("/auth/callback?error=access_denied".to_owned(), 400),
        ("/auth/callback?error=access_denied&state=wrong".to_owned(), 400),
        ("/favicon.ico".to_owned(), 404),
        ("/".to_owned(), 404),
        ("/robots.txt".to_owned(), 404),
        ("/cancel".to_owned(), 404),
        ("/success".to_owned(), 404),
        (format!("/auth/callback/?code=x&state={state}"), 404),
        (format!("/auth/callback?code={}&state={state}", "a".repeat(9_000)), 414),
        (format!("/auth/callback?code={}&state={state}", "a".repeat(60_000)), 414),
    ] {
        let reply = get(under_way.address, &path, "").await;
        let shown = &path[..path.len().min(80)];
        assert_eq!(reply.status, status, "{shown}: {:?}", reply.head);
        is_guarded(&reply);
        assert!(!reply.body.contains(&state) && !reply.body.contains("wrong"), "{shown}");
    }
    let huge = format!("/auth/callback?code={}&state={state}", "a".repeat(100_000));
    assert_eq!(get(under_way.address, &huge, "").await.status, 414);
    assert_eq!(harness.token_calls(), 0);
    goes_on(&under_way).await;
}

#[tokio::test]
async fn only_requests_that_name_this_machine_are_answered() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    let path = path_of(&under_way.approved().await);
    let port = under_way.address.port();
    for head in [
        format!("GET {path} HTTP/1.1\r\nHost: evil.test:{port}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1.evil.test\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: localhost.evil.test\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: 0.0.0.0:{port}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: 10.0.0.1\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1@evil.test\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: [::1\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: \r\n"),
        format!("GET {path} HTTP/1.1\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.test\r\n"),
        format!("GET http://evil.test{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"),
    ] {
        let reply = raw(under_way.address, &format!("{head}\r\n")).await;
        assert_eq!(reply.status, 403, "{head}");
        is_guarded(&reply);
    }
    let forwarded = "X-Forwarded-Host: 127.0.0.1\r\n";
    let text = format!("GET {path} HTTP/1.1\r\nHost: evil.test\r\n{forwarded}\r\n");
    assert_eq!(raw(under_way.address, &text).await.status, 403);
    goes_on(&under_way).await;
}

#[tokio::test]
async fn looking_ahead_and_other_methods_do_not_spend_the_code() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    let back = under_way.approved().await;
    let path = path_of(&back);
    for ahead in [
        "Sec-Purpose: prefetch\r\n",
        "sec-purpose: prefetch;prerender\r\n",
        "Purpose: prefetch\r\n",
        "X-Moz: Prefetch\r\n",
    ] {
        assert_eq!(get(under_way.address, &path, ahead).await.status, 400, "{ahead}");
    }
    let host = under_way.address;
    for method in ["HEAD", "POST", "OPTIONS", "PUT"] {
        let text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        let reply = raw(host, &text).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")), "{method}");
    }
    assert_eq!(under_way.attempt.offer(&back), CallbackVerdict::Accepted);
}

#[tokio::test]
async fn the_right_answer_twice_costs_one_exchange() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    let (address, path) = (under_way.address, path_of(&under_way.approved().await));
    let first = {
        let path = path.clone();
        tokio::spawn(async move { get(address, &path, "").await })
    };
    let exchange = under_way.attempt.code().await.unwrap();
    let second = get(address, &path, "").await;
    assert_eq!(second.status, 410);
    is_guarded(&second);
    harness.sign_in().obtain(&exchange).await.unwrap();
    under_way.attempt.settle(chatmock_auth::LoginOutcome::NotSignedIn);
    let first = first.await.unwrap();
    assert_eq!(first.status, 200);
    assert!(first.body.contains("not signed in"), "{}", first.body);
    is_guarded(&first);
    assert_eq!(get(address, &path, "").await.status, 410);
    assert_eq!(harness.token_calls(), 1);
}

#[tokio::test]
async fn an_error_with_the_right_state_ends_it_with_that_reason_and_nothing_is_reflected() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    let query = format!(
        "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E&state={}",
        under_way.state()
    );
    under_way.attempt.settle(chatmock_auth::LoginOutcome::NotSignedIn);
    let page = get(under_way.address, &format!("/auth/callback?{query}"), "").await;
    assert_eq!(page.status, 200);
    is_guarded(&page);
    assert!(!page.body.contains("alert") && !page.body.contains("access_denied"), "{}", page.body);
    let denial = under_way.attempt.code().await.unwrap_err();
    assert!(matches!(denial, Denial::Refused { code, .. } if code == "access_denied"));
    assert_eq!(harness.token_calls(), 0);
}

#[tokio::test]
async fn idle_connections_do_not_keep_the_browser_out() {
    let harness = Harness::new().await;
    let under_way = harness.begin().await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(under_way.address).await.unwrap());
    }
    let path = path_of(&under_way.approved().await);
    under_way.attempt.settle(chatmock_auth::LoginOutcome::SignedIn);
    assert_eq!(get(under_way.address, &path, "").await.status, 200);
    under_way.listening.close().await;
    assert!(TcpStream::connect(under_way.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_grant_that_is_not_whole_is_refused_and_nothing_is_saved() {
    let harness = Harness::new().await;
    let good = harness.simulator.tokens(Default::default());
    let grant = |id_token: &str, refresh: Value| {
        Script::json(
            200,
            &json!({"id_token": id_token, "access_token": good.access_token,
            "refresh_token": refresh, "pad": ""}),
        )
    };
    let unsigned = good.id_token.split_once('.').unwrap().1;
    let unsigned = format!("eyJhbGciOiJub25lIn0.{unsigned}");
    let huge = json!({"id_token": good.id_token, "access_token": good.access_token,
        "refresh_token": "rt", "pad": "x".repeat(2 << 20)});
    for (name, script) in [
        ("no refresh token", grant(&good.id_token, Value::Null)),
        ("empty refresh token", grant(&good.id_token, json!(""))),
        ("no id token", grant("", json!("rt"))),
        ("bad id token", grant("not.a.jwt", json!("rt"))),
        ("alg none", grant(&unsigned, json!("rt"))),
        ("2 MB", Script::json(200, &huge)),
        ("no JSON", Script::json(200, &json!("text"))),
        ("refused", Script::json(400, &json!({"error": "invalid_grant"}))),
        ("redirected", Script::json(307, &json!({}))),
        ("broken", Script::json(500, &json!({}))),
    ] {
        harness.simulator.enqueue_at(Endpoint::Token, script);
        let under_way = harness.begin().await;
        under_way.paste().await;
        let exchange = under_way.attempt.code().await.unwrap();
        let error = harness.sign_in().obtain(&exchange).await.unwrap_err();
        let told = matches!(
            error,
            SignInError::Incomplete(_) | SignInError::IdToken(_) | SignInError::Endpoint(_)
        );
        assert!(told, "{name}: {error:?}");
        assert!(!harness.folder.path().join("auth.json").exists(), "{name}");
    }
    assert!(harness.folder.path().read_dir().unwrap().next().is_none());
}

#[tokio::test]
async fn an_id_token_for_another_program_or_of_another_service_is_not_believed() {
    let harness = Harness::new().await;
    let other = chatmock_simulator::Simulator::start(Default::default()).await.unwrap();
    let tokens = other.tokens(Default::default());
    let grant = json!({"id_token": tokens.id_token, "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token});
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(200, &grant));
    let under_way = harness.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.code().await.unwrap();
    let error = harness.sign_in().obtain(&exchange).await.unwrap_err();
    assert!(matches!(error, SignInError::IdToken(_)), "{error:?}");
}
