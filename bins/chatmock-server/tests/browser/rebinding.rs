//! DNS rebinding: a name of the attacker leads to this machine, so that the browser sees one site.

use crate::attacker::Attacker;
use crate::harness::{Harness, REBOUND, shown};

/// Lists the models and asks a question, at the page's own host and port.
const OWN_PORT: &str = r#"
    const post = await attempt("/v1/chat/completions", json);
    return `${post}\n${await attempt("/v1/models")}`;
"#;

/// The daemon, opened under the attacker's name.
pub(crate) fn opened() {
    let harness = Harness::new(&[]);
    let address = harness.daemon.address.replace("127.0.0.1", REBOUND);
    let text = shown(&format!("http://{address}/"));
    assert!(text.contains("does not answer for the host rebind.test"), "{text}");
    harness.refused("GET", "/");
    harness.untouched("application/json");
}

/// A page of that name at the attacker's port, which calls the daemon's port: the same site,
/// another origin.
pub(crate) fn other_port() {
    let harness = Harness::new(&[]);
    let script = r#"
        const daemon = DAEMON.replace("127.0.0.1", location.hostname);
        const models = await attempt(`http://${daemon}/v1/models`);
        const plain = { method: "POST", body: QUESTION, mode: "no-cors" };
        return `${models} ${await attempt(`http://${daemon}/v1/chat/completions`, plain)}`;
    "#;
    assert_eq!(harness.visit(Attacker::new(), REBOUND, script), "TypeError TypeError");
    harness.refused("GET", "/v1/models");
    harness.refused("POST", "/v1/chat/completions");
    harness.untouched("text/plain");
}

/// A page whose own port leads to the daemon by now, so that the browser allows it everything.
pub(crate) fn same_origin() {
    let harness = Harness::new(&[]);
    let report = harness.visit(Attacker::new(), REBOUND, OWN_PORT);
    let answers: Vec<&str> = report.lines().collect();
    assert_eq!(answers.len(), 2, "{report}");
    for answer in answers {
        assert!(answer.starts_with("basic 403 "), "{report}");
        assert!(answer.contains("host_not_allowed"), "{report}");
    }
    harness.refused("POST", "/v1/chat/completions");
    harness.refused("GET", "/v1/models");
    harness.untouched("application/json");
}

/// The same page with a listed name, which shows that only the name was rejected before.
pub(crate) fn listed() {
    let page = Attacker::new();
    let origin = page.origin().replace("127.0.0.1", REBOUND);
    let flags = ["--allow-host", REBOUND, "--allow-origin", &origin, "--allow-unauthenticated"];
    let harness = Harness::new(&flags);
    let report = harness.visit(page, REBOUND, OWN_PORT);
    let (post, models) = report.split_once('\n').unwrap();
    assert!(post.starts_with("basic 200 ") && post.contains("You said: marzipan"), "{report}");
    assert!(models.starts_with("basic 200 ") && models.contains("gpt-5.5"), "{report}");
    assert_eq!(harness.calls(), 1);
}
