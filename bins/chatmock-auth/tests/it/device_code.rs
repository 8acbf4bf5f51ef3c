//! `login` with a code typed at a page on any machine.

use chatmock_simulator::{Endpoint, Script};
use serde_json::json;

use crate::harness::{ADA, Harness};
use crate::process::{approve, fetch};

#[test]
fn a_code_signs_in() {
    let harness = Harness::new();
    let ended = harness.run(&["login", "--device"]).with(0);
    let page = format!("{}/codex/device", harness.simulator.issuer());
    ended.says(&page).says("SIMU-00001").says("Beware:").says("Signed in as ada@example.com.");
    assert_eq!(harness.stored()["tokens"]["account_id"], "workspace-ada");
}

#[test]
fn a_code_is_the_way_where_no_browser_can_be() {
    let harness = Harness::new();
    for (name, value) in [("DISPLAY", ""), ("SSH_CONNECTION", "1 2 3 4"), ("container", "podman")] {
        let mut command = harness.program(&["login"]);
        command.env("DISPLAY", ":0").env(name, value);
        crate::process::Ended::of(&mut command).with(0).says("/codex/device").says(ADA);
    }
}

#[test]
fn a_refused_code_ends_it() {
    let harness = Harness::new();
    let denied = json!({"error": {"code": "deviceauth_access_denied", "message": "no"}});
    harness.simulator.enqueue_at(Endpoint::DeviceToken, Script::json(403, &denied));
    harness
        .run(&["login", "--device"])
        .with(4)
        .complains("refused")
        .complains("nothing was changed");
    assert!(!harness.file().exists());
}

#[test]
fn who_asked_for_a_code_that_is_not_offered_is_told_so() {
    let harness = Harness::new();
    let none = Script::json(404, &json!({}));
    harness.simulator.enqueue_at(Endpoint::DeviceCode, none);
    harness.run(&["login", "--device"]).with(1).complains("device sign-in is not enabled");
}

#[test]
fn who_did_not_ask_for_one_gets_the_address_instead() {
    let harness = Harness::new();
    let none = Script::json(404, &json!({}));
    harness.simulator.enqueue_at(Endpoint::DeviceCode, none);
    let mut login = harness.start(&["login"]);
    let last = approve(&login.address());
    login.type_line(&last);
    login.end().with(0).says("not enabled here").says("Signed in as ada@example.com.");
    assert_eq!(fetch(&format!("{}/health", harness.simulator.origin())).status, 200);
}
