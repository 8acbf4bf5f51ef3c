//! The page as a program sees it: its files, its policy, its events, and whose requests it may send.

use std::time::{Duration, Instant};

use chatmock_server::ApiKey;
use chatmock_simulator::{Claims, Endpoint, Settings as Simulated};
use chatmock_testkit::client::{Connection, Request};
use serde_json::{Value, json};

use crate::harness::{CHAT, Harness, Running, chat, soon};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The events of a viewer, until one with a text comes.
async fn events(server: &Running, request: &Request, until: &str) -> Vec<(String, Value)> {
    let mut connection = Connection::open(server.address).await.unwrap();
    connection.write(&request.bytes()).await.unwrap();
    assert_eq!(connection.head().await.unwrap().status, 200);
    let text = connection.chunks_until(until).await.unwrap();
    let event = |text: &str| {
        let (name, data) = text.strip_prefix("event: ")?.split_once("\ndata: ")?;
        Some((name.to_owned(), serde_json::from_str(data).unwrap()))
    };
    text.split("\n\n").filter_map(event).collect()
}

#[tokio::test]
async fn the_files_need_no_key_hold_no_data_and_fetch_nothing_from_elsewhere() {
    let harness = Harness::with(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", "canary-key-of-ann-0123")];
    })
    .await;
    for (path, kind) in [
        ("/ui", "text/html"),
        ("/ui/", "text/html"),
        ("/ui/app.js", "text/javascript"),
        ("/ui/style.css", "text/css"),
        ("/ui/icon.svg", "image/svg+xml"),
    ] {
        let reply = harness.server.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("content-type").unwrap().starts_with(kind), "{path}");
        assert_eq!(reply.header("content-security-policy"), Some(POLICY));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        let text = reply.text();
        let outside =
            text.matches("http").count() - text.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(outside, 0, "{path} names another place");
        assert!(
            !text.contains("innerHTML") && !text.contains("style=") && !text.contains("onclick"),
            "{path}"
        );
    }
    for path in ["/ui/events", "/ui/x", "/ui/../limits"] {
        assert!([401, 404].contains(&harness.server.get(path).await.status), "{path}");
    }
    assert_eq!(harness.server.get("/ui/events").await.status, 401);
}

#[tokio::test]
async fn a_browser_that_opens_the_address_is_led_to_the_page_and_programs_are_not() {
    let keyed = Harness::with(|s| {
        s.http.admission.keys = vec![ApiKey::new("ann", "canary-key-of-ann-0123")];
    })
    .await;
    let browser = || Request::get("/").with("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let reply = keyed.server.send(browser()).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/ui")));
    for accept in ["*/*", "application/json"] {
        let reply = keyed.server.send(Request::get("/").with("accept", accept)).await;
        assert_eq!(reply.status, 401, "{accept}");
    }
    let foreign = browser().with("host", "evil.test");
    assert_eq!(keyed.server.send(foreign).await.status, 403);
    let without = Harness::with(|s| s.http.admission.ui = false).await;
    let reply = without.server.send(browser()).await;
    assert_eq!((reply.status, reply.header("location")), (200, None));
}

#[tokio::test]
async fn a_viewer_gets_the_state_and_then_what_happens() {
    let harness = Harness::new().await;
    harness.server.say("hello").await;
    let request = Request::get("/ui/events");
    let seen = events(&harness.server, &request, "\n\n").await;
    let (name, state) = &seen[0];
    assert_eq!((name.as_str(), &state["account"]["plan"]), ("state", &json!("plus")), "{state}");
    assert!(state["account"].get("email").is_none() && !state.to_string().contains('@'), "{state}");
    assert_eq!(
        (state["records"].as_array().unwrap().len(), &state["total"]["turns"]),
        (1, &json!(1))
    );
    assert!(state["limits"]["primary"]["used_percent"].is_number(), "{state}");
    let viewer = events(&harness.server, &request, "event: live");
    let asking = async {
        // It is asked again and again, whenever the viewer begins to look.
        loop {
            harness.server.say("hello").await;
            if harness.calls() > 100_000 {
                return;
            }
        }
    };
    let seen = soon(async {
        tokio::select! { seen = viewer => seen, () = asking => Vec::new() }
    })
    .await;
    assert_eq!(seen[0].0, "state");
}

#[tokio::test]
async fn a_label_sees_its_own_turns_on_the_page_with_its_account() {
    let key = |label: &str| ApiKey::new(label, &format!("canary-key-of-{label}"));
    let harness =
        Harness::with(|s| s.http.admission.keys = ["ann", "ben", "admin"].map(key).into()).await;
    for label in ["ann", "ben", "ben"] {
        let request = Request::post(CHAT, chat("hello", false).to_string());
        harness.server.send(request.with("x-api-key", &format!("canary-key-of-{label}"))).await;
    }
    for (label, turns) in [("ann", 1), ("ben", 2), ("admin", 3)] {
        let request =
            Request::get("/ui/events").with("x-api-key", &format!("canary-key-of-{label}"));
        let (_, state) = events(&harness.server, &request, "\n\n").await.remove(0);
        assert_eq!(
            (&state["total"]["turns"], state["records"].as_array().unwrap().len()),
            (&json!(turns), turns)
        );
        assert!(state["account"]["email"].as_str().unwrap().contains('@'), "{state}");
    }
}

#[tokio::test]
async fn the_own_page_may_send_requests_and_no_other() {
    let harness = Harness::new().await;
    let own = format!("127.0.0.1:{}", harness.server.address.port());
    let ask = |origin: &str, site: &str| {
        let request = Request::post(CHAT, chat("hello", false).to_string());
        request.with("host", &own).with("origin", origin).with("sec-fetch-site", site)
    };
    let same = format!("http://{own}");
    assert_eq!(harness.server.send(ask(&same, "same-origin")).await.status, 200);
    let other_port = "http://127.0.0.1:1";
    for (origin, site) in [
        (same.as_str(), "same-site"),
        (&same, "cross-site"),
        (&same, "none"),
        (other_port, "same-origin"),
        ("http://evil.test", "same-origin"),
        ("http://127.0.0.1", "same-origin"),
        ("null", "same-origin"),
        (&format!("ftp://{own}"), "same-origin"),
    ] {
        assert_eq!(harness.server.send(ask(origin, site)).await.status, 403, "{origin} {site}");
    }
    let silent = Request::post(CHAT, chat("hello", false).to_string());
    let silent = silent.with("host", &own).with("origin", &same);
    assert_eq!(harness.server.send(silent).await.status, 403, "a browser that does not say it");
    let twice = ask(&same, "same-origin").with("origin", "http://evil.test");
    assert_eq!(harness.server.send(twice).await.status, 403);
}

#[tokio::test]
async fn a_server_without_the_page_serves_none_and_trusts_none() {
    let harness = Harness::with(|s| s.http.admission.ui = false).await;
    for path in ["/ui", "/ui/app.js", "/ui/events"] {
        assert_eq!(harness.server.get(path).await.status, 404, "{path}");
    }
    let own = format!("127.0.0.1:{}", harness.server.address.port());
    let request = Request::post(CHAT, chat("hello", false).to_string()).with("host", &own);
    let request =
        request.with("origin", &format!("http://{own}")).with("sec-fetch-site", "same-origin");
    assert_eq!(harness.server.send(request).await.status, 403);
}

#[tokio::test]
async fn a_thousand_viewers_some_of_whom_do_not_read_cost_no_request() {
    let mut harness = Harness::new().await;
    let mut viewers = Vec::new();
    for _ in 0..1_000 {
        let mut viewer = Connection::open(harness.server.address).await.unwrap();
        viewer.write(&Request::get("/ui/events").bytes()).await.unwrap();
        viewers.push(viewer);
    }
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(harness.server.say("hello").await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for viewer in viewers.iter_mut().take(10) {
        assert_eq!(viewer.head().await.unwrap().status, 200);
    }
    // Viewers do not hold up the end.
    harness.server.stop();
    let Harness { server, .. } = harness;
    drop(viewers);
    soon(server.ended()).await;
}

#[tokio::test]
async fn viewers_are_let_go_of_when_the_server_stops() {
    let harness = Harness::new().await;
    let mut viewer = Connection::open(harness.server.address).await.unwrap();
    viewer.write(&Request::get("/ui/events").bytes()).await.unwrap();
    let head = viewer.head().await.unwrap();
    let began = Instant::now();
    let (served, reply) =
        soon(async { tokio::join!(harness.server.ended(), viewer.body(head)) }).await;
    assert!(reply.unwrap().whole && began.elapsed() < Duration::from_secs(5), "{served:?}");
}

#[tokio::test]
async fn the_limits_are_asked_for_once_and_only_while_somebody_looks() {
    let simulated = Simulated { reset_credits: 2, ..Simulated::default() };
    let harness = Harness::of(simulated, Claims::default(), |_| {}).await;
    let asked = || harness.simulator.stats().count(Endpoint::Usage.name());
    for path in ["/ui", "/limits", "/metrics"] {
        harness.server.get(path).await;
    }
    assert_eq!(asked(), 0);
    let request = Request::get("/ui/events");
    let looks = [(); 4].map(|()| events(&harness.server, &request, "\"reset_credits\":2"));
    let seen = soon(futures::future::join_all(looks)).await;
    let (_, state) = seen[0].last().unwrap();
    assert_eq!(state["limits"]["primary"]["used_percent"], 12.0, "{state}");
    assert_eq!(asked(), 1);
    // Answers to turns do not have the reset credits, and say nothing against them.
    harness.server.say("hello").await;
    let limits = harness.server.get("/limits").await.json();
    assert_eq!(limits["limits"]["reset_credits"], 2, "{limits}");
    let _ = soon(events(&harness.server, &request, "\n\n")).await;
    assert_eq!((asked(), harness.simulator.stats().count(Endpoint::Redeem.name())), (1, 0));
}
