//! `logout`.

use chatmock_simulator::{Endpoint, Script};
use serde_json::json;

use crate::bench::{ADA, Bench, person};

#[test]
fn the_issuer_is_told_and_the_tokens_are_deleted() {
    let bench = Bench::new();
    bench.sign_in(person(ADA));
    let refresh = bench.stored()["tokens"]["refresh_token"].clone();
    bench
        .run(&["logout"])
        .with(0)
        .says("Signed out ada@example.com")
        .says("has ended the sign-in, too");
    assert_eq!(bench.simulator.stats().revokes, 1);
    let told = bench.simulator.requests().pop().unwrap();
    assert_eq!((told.bare_path(), &told.json()["token"]), ("/oauth/revoke", &refresh));
    assert!(!bench.file().exists());
    bench.run(&["logout"]).with(0).says("Nobody is signed in.");
    assert_eq!(bench.simulator.stats().revokes, 1);
}

#[test]
fn an_issuer_that_fails_does_not_keep_the_tokens_here() {
    let bench = Bench::new();
    bench.sign_in(person(ADA));
    bench.simulator.enqueue_at(Endpoint::Revoke, Script::json(500, &json!({})));
    let ended = bench.run(&["logout"]).with(0).says("deleted here");
    ended.complains("status 500, so they stay good there").complains("Log out of all devices");
    assert!(!bench.file().exists());
}

#[test]
fn a_damaged_sign_in_can_be_left_too() {
    let bench = Bench::new();
    bench.put(&bench.file(), "{\"tokens\": {\"access_token\": ");
    bench.run(&["status"]).with(3).complains("damaged").complains("chatmock-auth login");
    bench.run(&["logout"]).with(0).says("no token to end");
    assert!(!bench.file().exists());
}
