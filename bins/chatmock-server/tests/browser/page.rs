//! The page at `/ui` in a real Chromium: bars, live turns, dark and narrow, a key, hostile names, and no word to others.

use std::path::Path;

use chatmock_testkit::blocking;
use chatmock_testkit::client::Request;
use serde_json::json;

use crate::attacker::Attacker;
use crate::driver::Driven;
use crate::harness::Harness;
use crate::process::{Running, chat, demo};

const CHAT: &str = "/v1/chat/completions";

/// A name that would be markup.
const HOSTILE: &str = "<img/src=x/onerror=document.title='owned'>";

/// Lets some programs ask for turns.
fn use_it(server: &Running, key: Option<&str>) {
    let agents = [
        ("OpenAI/Python 2.1.0", 4),
        ("claude-cli/1.0.58", 3),
        ("codex_cli_rs/0.169.0", 5),
        ("opencode/1.2", 2),
    ];
    for (agent, count) in agents {
        for number in 0..count {
            let text = "a question of some length ".repeat(number + 1);
            let request =
                Request::post(CHAT, chat(&text, number % 2 == 0)).with("user-agent", agent);
            let request = request.with("host", &server.address);
            let request = match key {
                Some(key) => request.with("x-api-key", key),
                None => request,
            };
            assert_eq!(blocking::send(&server.address, &request).unwrap().status, 200);
        }
    }
}

fn ui(server: &Running) -> String {
    format!("http://{}/ui", server.address)
}

fn assert_quiet(driven: &Driven, server: &Running) {
    assert_eq!(driven.complaints(), [json!(null); 0]);
    let own = format!("http://{}/", server.address);
    let others: Vec<_> =
        driven.requested().into_iter().filter(|url| !url.starts_with(&own)).collect();
    assert!(others.iter().all(|url| url.starts_with("data:")), "{others:?}");
}

/// Keeps a picture in the documents where `BLESS` is set.
fn keep(name: &str, picture: &[u8]) {
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{} bytes", picture.len());
    if std::env::var_os("BLESS").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), picture).unwrap();
    }
}

pub(crate) fn shown() {
    let server = Running::start(&mut demo());
    use_it(&server, None);
    let driven = Driven::start();
    driven.scheme("light");
    driven.width(1180, 1500);
    driven.open(&ui(&server));
    driven.until("document.querySelectorAll('.fill').length > 0");
    driven.until("document.querySelectorAll('#recent-rows tr').length === 14");
    assert_eq!(driven.run("return document.getElementById('link').textContent"), "live");
    // A bar is as long as the share that is used.
    let share = "const fill = document.querySelector('.fill'); return fill.getBoundingClientRect().width / fill.parentElement.getBoundingClientRect().width * 100 - Number(fill.parentElement.getAttribute('aria-valuenow'))";
    driven.until(&format!("Math.abs((() => {{ {share} }})()) < 1"));
    assert!(
        driven.run("return document.querySelectorAll('#chart-days rect').length").as_u64()
            >= Some(2)
    );
    assert!(
        driven.run("return document.querySelectorAll('#chart-clients rect').length").as_u64()
            >= Some(4)
    );
    assert_eq!(
        driven.run("return document.querySelectorAll('svg[role=img]:not([aria-label])').length"),
        0
    );
    keep("page-light.png", &driven.picture());
    driven.scheme("dark");
    driven.until("getComputedStyle(document.body).backgroundColor === 'rgb(17, 23, 22)'");
    keep("page-dark.png", &driven.picture());
    driven.scheme("light");
    driven.width(360, 780);
    driven.until("document.documentElement.scrollWidth <= 360");
    keep("page-narrow.png", &driven.picture());
    assert_quiet(&driven, &server);
}

pub(crate) fn live_under_load() {
    let server = Running::start(&mut demo());
    let driven = Driven::start();
    driven.open(&ui(&server));
    driven.until("document.getElementById('link').textContent === 'live'");
    let running: Vec<_> =
        (0..60).map(|_| server.open("POST", CHAT, &chat("MODE:slow:200:100", true))).collect();
    driven.until("document.getElementById('tile-running').textContent === '60'");
    driven.until("document.querySelectorAll('#live-list li').length === 50");
    drop(running);
    driven.until("document.getElementById('tile-running').textContent === '0'");
    driven.until("document.querySelectorAll('#recent-rows .left').length === 60");
    assert_quiet(&driven, &server);
}

pub(crate) fn key_dialog() {
    let key = "0123456789abcdef";
    let server = Running::start(demo().args(["--api-key", &format!("ann:{key}")]));
    use_it(&server, Some(key));
    let driven = Driven::start();
    driven.open(&ui(&server));
    driven.until("document.getElementById('key-dialog').open");
    // It needs no mouse: the field has the focus.
    driven.press("wrong\u{e007}");
    driven.until("document.getElementById('key-fault').textContent.includes('not one of')");
    driven.press(&format!("{key}\u{e007}"));
    driven.until("document.querySelectorAll('#recent-rows tr').length === 14");
    assert_eq!(driven.run("return document.getElementById('key-dialog').open"), false);
    assert!(
        driven
            .run("return document.getElementById('account').textContent")
            .as_str()
            .unwrap()
            .contains('@')
    );
    let addresses = driven.requested();
    assert!(!addresses.iter().any(|url| url.contains(key)), "{addresses:?}");
    // It is gone with the tab, and kept over a reload.
    driven.open(&ui(&server));
    driven.until("document.getElementById('link').textContent === 'live'");
}

pub(crate) fn hostile_names_are_text() {
    let server = Running::start(&mut demo());
    let hostile = |field: &str| {
        let request =
            Request::post(CHAT, format!(r#"{{"model":"{HOSTILE}","{field}":1,"messages":[]}}"#));
        let request =
            request.with("user-agent", &format!("{HOSTILE} x")).with("host", &server.address);
        blocking::send(&server.address, &request).unwrap()
    };
    assert!(hostile(HOSTILE).status >= 400);
    let driven = Driven::start();
    driven.open(&ui(&server));
    driven.until("document.querySelectorAll('#recent-rows tr').length === 1");
    assert_eq!(driven.run("return document.querySelectorAll('main img').length"), 0);
    assert_eq!(driven.run("return document.title"), "ChatMock");
    assert!(
        driven
            .run("return document.getElementById('recent-rows').textContent")
            .as_str()
            .unwrap()
            .contains("<img/src")
    );
    assert_quiet(&driven, &server);
}

pub(crate) fn tried() {
    let server = Running::start(&mut demo());
    let driven = Driven::start();
    driven.open(&ui(&server));
    driven.until("document.getElementById('model').options.length > 0");
    driven.run("document.getElementById('message').focus()");
    driven.press("marzipan\u{e007}");
    driven.until("document.getElementById('chat').textContent.includes('You said: marzipan')");
    driven.run("document.getElementById('client').value = 'Claude Code'; document.getElementById('client').dispatchEvent(new Event('change'))");
    let snippet = driven.run("return document.getElementById('snippet').textContent");
    assert!(snippet.as_str().unwrap().contains(&server.address), "{snippet}");
    assert_quiet(&driven, &server);
}

/// A page of another origin reads neither the page nor its events, and cannot show it in a frame.
pub(crate) fn foreign() {
    let harness = Harness::new(&[]);
    let script = r#"
        const read = async (path) => { try { await fetch(`http://${DAEMON}${path}`); return "read"; } catch { return "refused"; } };
        return `${await read("/ui")} ${await read("/ui/events")} ${await read("/usage")} ${await read("/metrics")}`;
    "#;
    let seen = harness.visit(Attacker::new(), "127.0.0.1", script);
    assert_eq!(seen, "refused refused refused refused");
}
