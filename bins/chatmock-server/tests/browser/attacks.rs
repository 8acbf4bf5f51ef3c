//! Attacks from a page of another origin, and the one page that is allowed.

use chatmock_testkit::client::Request;

use crate::attacker::Attacker;
use crate::harness::Harness;

const CHAT: &str = "/v1/chat/completions";

const FETCH: &str = r#"return attempt(`http://${DAEMON}/v1/chat/completions`, json);"#;

/// Shows a page of an origin that is not listed; returns what it saw.
fn attack(harness: &Harness, script: &str) -> String {
    harness.visit(Attacker::new(), "127.0.0.1", script)
}

/// JSON makes the browser send a preflight request.
pub(crate) fn fetch() {
    let harness = Harness::new(&[]);
    assert_eq!(attack(&harness, FETCH), "TypeError");
    harness.refused("OPTIONS", CHAT);
    harness.untouched("application/json");
}

/// Plain text needs no preflight: the request arrives, but the page cannot read the answer.
pub(crate) fn simple_post() {
    let harness = Harness::new(&[]);
    let script = r#"
        const plain = { method: "POST", headers: { "content-type": "text/plain" }, body: QUESTION };
        const address = `http://${DAEMON}/v1/chat/completions`;
        return `${await attempt(address, { ...plain, mode: "no-cors" })} ${await attempt(address, plain)}`;
    "#;
    // The page does not even get an opaque answer, because the rejection is marked for its own
    // origin.
    assert_eq!(attack(&harness, script), "TypeError TypeError");
    harness.refused("POST", CHAT);
    harness.refused("POST", CHAT);
    harness.untouched("text/plain");
}

/// A form needs neither preflight nor script. It loads another origin, so the page cannot read its
/// frame.
pub(crate) fn form() {
    let harness = Harness::new(&[]);
    let script = r#"
        const frame = document.createElement("iframe");
        frame.name = "frame";
        document.body.append(frame);
        const form = document.body.appendChild(document.createElement("form"));
        const field = form.appendChild(document.createElement("input"));
        [field.name, field.value] = QUESTION.split("=");
        form.target = "frame";
        form.method = "POST";
        form.enctype = "text/plain";
        form.action = `http://${DAEMON}/v1/chat/completions`;
        const loaded = new Promise((done) => frame.addEventListener("load", done));
        form.submit();
        await loaded;
        return `document ${frame.contentDocument}`;
    "#;
    assert_eq!(attack(&harness, script), "document null");
    harness.refused("POST", CHAT);
    harness.untouched("text/plain");
}

/// Browsers let every page open every WebSocket, so the server must check the origin.
pub(crate) fn web_socket() {
    let harness = Harness::new(&[]);
    let script = r#"
        const socket = new WebSocket(`ws://${DAEMON}/v1/responses`);
        return new Promise((done) => {
            socket.onopen = () => done("open");
            socket.onclose = (event) => done(`closed ${event.code}`);
        });
    "#;
    assert_eq!(attack(&harness, script), "closed 1006");
    harness.refused("GET", "/v1/responses");
    // A program with the same handshake is not treated as a page.
    let handshake = Request::get("/v1/responses")
        .with("connection", "upgrade, close")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(harness.ask(&handshake).status, 101);
    harness.untouched("application/json");
}

/// The first attack, from a page that is trusted.
pub(crate) fn listed() {
    let page = Attacker::new();
    let harness = Harness::new(&["--allow-origin", &page.origin()]);
    let report = harness.visit(page, "127.0.0.1", FETCH);
    assert!(report.starts_with("cors 200 "), "{report}");
    assert!(report.contains("You said: marzipan"), "{report}");
    assert_eq!(harness.calls(), 1);
}
