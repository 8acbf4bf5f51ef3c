//! `reset-credit`: spends one, and only where somebody said yes.

use chatmock_simulator::{Endpoint, Settings};
use serde_json::{Value, json};

use crate::harness::{ADA, Harness, person};

fn with_credits(count: u64) -> Harness {
    let harness = Harness::with(Settings { reset_credits: count, ..Settings::default() });
    harness.sign_in(person(ADA));
    harness
}

fn redemptions(harness: &Harness) -> u64 {
    harness.simulator.stats().count(Endpoint::Redeem.name())
}

#[test]
fn nothing_is_spent_without_a_yes() {
    let harness = with_credits(2);
    let ended = harness.run(&["reset-credit"]).with(4);
    let ended =
        ended.says("Reset credits: 2. The next to expire is \"Full reset (weekly and 5 hours)\"");
    assert!(ended.err.contains("--yes"), "{ended:?}");
    assert_eq!(redemptions(&harness), 0);
}

#[test]
fn a_yes_spends_one_and_status_tells_how_many_are_left() {
    let harness = with_credits(2);
    harness.run(&["status"]).with(0).says("  Resets      2 credits (chatmock-auth reset-credit)");
    harness.run(&["reset-credit", "--yes"]).with(0).says("Spent one; 1 left.");
    assert_eq!(redemptions(&harness), 1);
    let status: Value =
        serde_json::from_str(&harness.run(&["status", "--json"]).with(0).out).unwrap();
    assert_eq!(status["usage"]["reset_credits"], json!(1));
    harness.run(&["reset-credit", "--yes"]).with(0).says("0 left");
    harness.run(&["reset-credit", "--yes"]).with(1).complains("the account has no reset credit");
    assert_eq!(redemptions(&harness), 2);
}

#[test]
fn nobody_has_no_credits() {
    let harness = Harness::new();
    harness.run(&["reset-credit", "--yes"]).with(3);
}
