//! `login` with a code typed at a page on any machine.

use chatmock_simulator::{Endpoint, Script};
use serde_json::json;

use crate::bench::{ADA, Bench};
use crate::running::{approve, fetch};

#[test]
fn a_code_signs_in() {
    let bench = Bench::new();
    let ended = bench.run(&["login", "--device"]).with(0);
    let page = format!("{}/codex/device", bench.simulator.issuer());
    ended.says(&page).says("SIMU-00001").says("Beware:").says("Signed in as ada@example.com.");
    assert_eq!(bench.stored()["tokens"]["account_id"], "workspace-ada");
}

#[test]
fn a_code_is_the_way_where_no_browser_can_be() {
    let bench = Bench::new();
    for (name, value) in [("DISPLAY", ""), ("SSH_CONNECTION", "1 2 3 4"), ("container", "podman")] {
        let mut command = bench.program(&["login"]);
        command.env("DISPLAY", ":0").env(name, value);
        crate::running::Ended::of(&mut command).with(0).says("/codex/device").says(ADA);
    }
}

#[test]
fn a_refused_code_ends_it() {
    let bench = Bench::new();
    let denied = json!({"error": {"code": "deviceauth_access_denied", "message": "no"}});
    bench.simulator.enqueue_at(Endpoint::DeviceToken, Script::json(403, &denied));
    bench.run(&["login", "--device"]).with(4).complains("refused").complains("nothing was changed");
    assert!(!bench.file().exists());
}

#[test]
fn who_asked_for_a_code_that_is_not_offered_is_told_so() {
    let bench = Bench::new();
    let none = Script::json(404, &json!({}));
    bench.simulator.enqueue_at(Endpoint::DeviceCode, none);
    bench.run(&["login", "--device"]).with(1).complains("device sign-in is not enabled");
}

#[test]
fn who_did_not_ask_for_one_gets_the_address_instead() {
    let bench = Bench::new();
    let none = Script::json(404, &json!({}));
    bench.simulator.enqueue_at(Endpoint::DeviceCode, none);
    let mut login = bench.start(&["login"]);
    let last = approve(&login.address());
    login.type_line(&last);
    login.end().with(0).says("not offered").says("Signed in as ada@example.com.");
    assert_eq!(fetch(&format!("{}/health", bench.simulator.origin())).status, 200);
}
