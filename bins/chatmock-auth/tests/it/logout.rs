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

/// The tokens that the issuer was asked to end.
fn revoked(harness: &Harness) -> Vec<String> {
    let calls = harness.simulator.requests();
    let calls = calls.iter().filter(|call| call.bare_path() == "/oauth/revoke");
    calls.map(|call| call.json()["token"].as_str().unwrap().to_owned()).collect()
}

/// The refresh token in the home.
fn refresh_token(harness: &Harness) -> String {
    harness.stored()["tokens"]["refresh_token"].as_str().unwrap().to_owned()
}

/// Whether any file of the home holds a text.
fn holds(harness: &Harness, text: &str) -> bool {
    let files = std::fs::read_dir(harness.home()).unwrap().flatten();
    files
        .map(|file| file.path())
        .filter(|path| path.is_file())
        .any(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(text))
}

/// Damages the sign-in in the way of an editor: its last brace is a comma. Returns its token.
fn damage(harness: &Harness) -> String {
    let token = refresh_token(harness);
    let text = std::fs::read_to_string(harness.file()).unwrap();
    harness.put(&harness.file(), &format!("{},", text.trim_end().strip_suffix('}').unwrap()));
    token
}

#[test]
fn a_damaged_sign_in_is_ended_where_its_token_can_be_read() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let token = damage(&harness);
    harness.run(&["logout"]).with(0).says("has ended the sign-in, too");
    assert_eq!(revoked(&harness), [&*token]);
    assert!(!holds(&harness, &token));
}

#[test]
fn a_damaged_sign_in_is_ended_by_the_next_one_or_stays_for_the_sign_out() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let token = damage(&harness);
    harness.run(&["login", "--device"]).with(0).says("has ended the former tokens, too");
    assert_eq!(revoked(&harness), [&*token]);
    assert!(!holds(&harness, &token));

    // While the issuer cannot be asked, the file stays and is named.
    let token = damage(&harness);
    harness.simulator.enqueue_at(Endpoint::Revoke, Script::json(500, &json!({})));
    let login = harness.run(&["login", "--device"]).with(0).complains("auth.json.corrupt");
    login.complains("the former tokens stay valid there");
    harness.run(&["doctor"]).says("auth.json.corrupt was left behind");
    let last = refresh_token(&harness);
    harness.run(&["logout"]).with(0);
    let ended = revoked(&harness);
    assert!(ended.contains(&token) && ended.contains(&last), "{ended:?}");
    assert!(!holds(&harness, &token) && !holds(&harness, "rt_simulated"));
}

#[test]
fn the_account_that_another_one_replaces_is_ended() {
    let harness = Harness::new();
    for (before, now) in [("bob@example.com", ADA), (ADA, ADA)] {
        harness.sign_in(person(before));
        let token = refresh_token(&harness);
        harness.simulator.set_person(person(now));
        let login = harness.run(&["login", "--device", "--yes"]).with(0);
        login.says(&format!("Signed in as {now}")).says("has ended the former tokens, too");
        assert_eq!(revoked(&harness).pop().unwrap(), token);
        harness.run(&["status"]).with(0);
    }
    assert_eq!(harness.simulator.stats().revokes, 2, "the new tokens are not ended");
}

#[test]
fn tokens_that_a_killed_program_left_are_ended_and_deleted() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let own = refresh_token(&harness);
    let left = harness.simulator.tokens(person(ADA)).auth_json();
    harness.put(&harness.home().join(".auth.json.1-0-1.tmp"), &left);
    harness.run(&["doctor"]).says(".auth.json.1-0-1.tmp was left behind");
    harness.run(&["logout"]).with(0);
    let ended = revoked(&harness);
    assert!(ended.len() == 2 && ended.contains(&own), "{ended:?}");
    assert_eq!(harness.left_overs().len(), 0);
    // Also where nobody is signed in.
    harness.put(&harness.home().join(".auth.json.1-0-1.tmp"), &left);
    harness.run(&["logout"]).with(0).says("Nobody is signed in.");
    assert_eq!((revoked(&harness).len(), harness.left_overs().len()), (3, 0));
}

#[test]
fn a_renewal_takes_over_what_a_killed_one_could_not_save() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let spent = harness.stored();
    harness.run(&["refresh"]).with(0);
    let renewed = std::fs::read_to_string(harness.file()).unwrap();
    // As after a kill between the write and the rename.
    harness.put(&harness.home().join(".auth.json.1-0-1.tmp"), &renewed);
    harness.put(&harness.file(), &spent.to_string());
    harness.run(&["refresh"]).with(0).says("Renewed");
    assert_eq!(harness.simulator.stats().refreshes, 1, "the spent token is not sent again");
    assert_eq!(std::fs::read_to_string(harness.file()).unwrap(), renewed);
    assert_eq!(harness.left_overs().len(), 0);
}

#[test]
fn a_keyring_that_cannot_be_read_keeps_all_as_it_is_unless_it_is_forced() {
    let harness = Harness::new();
    let note = harness.home().join("generation");
    let text = r#"{"generation":3,"place":"keyring","email":"ada@example.com"}"#;
    harness.put(&note, text);
    let ended = harness.run(&["logout"]).with(1).complains("nothing was ended or deleted");
    ended.complains("--force").complains("keyring");
    assert_eq!(std::fs::read_to_string(&note).unwrap(), text);
    let ended = harness.run(&["logout", "--force"]).with(1);
    ended.complains("tokens stay on this machine: the keyring").complains("stays valid");
    harness.run(&["status"]).with(3);
    // It is not forgotten.
    harness.run(&["logout"]).with(1).complains("tokens stay on this machine: the keyring");
    assert_eq!(harness.simulator.stats().revokes, 0);
}
