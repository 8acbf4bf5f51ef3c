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

#[test]
fn any_refusal_of_a_code_is_told_in_the_service_s_words_and_leads_to_the_address() {
    for (status, words) in
        [(403, "Codes are off in this workspace."), (400, "Not for this plan."), (500, "")]
    {
        let harness = Harness::new();
        let refused = json!({"error": {"message": words, "code": "something_new"}});
        harness.simulator.enqueue_at(Endpoint::DeviceCode, Script::json(status, &refused));
        let mut login = harness.start(&["login"]);
        let last = approve(&login.address());
        login.type_line(&last);
        login.end().with(0).says(words).says("Signing in with the address instead").says(ADA);
        harness.simulator.enqueue_at(Endpoint::DeviceCode, Script::json(status, &refused));
        harness.run(&["login", "--device"]).with(1).complains(words);
    }
}

#[test]
fn a_word_that_is_not_known_does_not_end_the_wait() {
    let harness = Harness::new();
    for (status, code) in [(403, "deviceauth_authorization_unknown"), (400, "something_new")] {
        let unknown =
            json!({"error": {"code": code, "message": "Device authorization is unknown."}});
        harness.simulator.enqueue_at(Endpoint::DeviceToken, Script::json(status, &unknown));
    }
    harness.run(&["login", "--device"]).with(0).says(ADA);
}

#[test]
fn what_to_do_where_the_page_allows_no_codes_is_said_beside_the_code() {
    let harness = Harness::new();
    let ended = harness.run(&["login", "--device"]).with(0);
    ended.says("If the page does not allow codes").says("chatmock-auth login --no-browser");
}
