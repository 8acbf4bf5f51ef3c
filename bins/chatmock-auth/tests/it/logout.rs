//! `logout`.

use chatmock_simulator::{Endpoint, Script};
use serde_json::json;

use crate::harness::{ADA, Harness, person};

#[test]
fn the_issuer_is_told_and_the_tokens_are_deleted() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let refresh = harness.stored()["tokens"]["refresh_token"].clone();
    harness
        .run(&["logout"])
        .with(0)
        .says("Signed out ada@example.com")
        .says("has ended the sign-in, too");
    assert_eq!(harness.simulator.stats().revokes, 1);
    let told = harness.simulator.requests().pop().unwrap();
    assert_eq!((told.bare_path(), &told.json()["token"]), ("/oauth/revoke", &refresh));
    assert!(!harness.file().exists());
    harness.run(&["logout"]).with(0).says("Nobody is signed in.");
    assert_eq!(harness.simulator.stats().revokes, 1);
}

#[test]
fn an_issuer_that_fails_does_not_keep_the_tokens_here() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    harness.simulator.enqueue_at(Endpoint::Revoke, Script::json(500, &json!({})));
    let ended = harness.run(&["logout"]).with(0).says("tokens on this machine are deleted");
    ended
        .complains("status 500, so the tokens stay valid there")
        .complains("Log out of all devices");
    assert!(!harness.file().exists());
}

#[test]
fn a_damaged_sign_in_can_be_left_too() {
    let harness = Harness::new();
    harness.put(&harness.file(), "{\"tokens\": {\"access_token\": ");
    harness.run(&["status"]).with(3).complains("damaged").complains("chatmock-auth login");
    harness.run(&["logout"]).with(0).says("no token to revoke");
    assert!(!harness.file().exists());
}
