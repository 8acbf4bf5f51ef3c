//! `import`: another program's sign-in is looked at and never shared.

use chatmock_simulator::Claims;

use crate::harness::{ADA, Harness, person};
use crate::process::{approve, fetch};

const BOB: &str = "bob@example.com";

fn codex(harness: &Harness, claims: Claims) -> std::path::PathBuf {
    let file = harness.beside("codex").join("auth.json");
    harness.put(&file, &harness.simulator.tokens(claims).auth_json());
    file
}

#[test]
fn the_codex_clis_account_gets_a_sign_in_of_our_own() {
    let harness = Harness::new();
    let file = codex(&harness, person(ADA));
    let before = std::fs::read(&file).unwrap();
    let mut import = harness.start(&["import", "codex", "--no-browser"]);
    import.until("the Codex CLI");
    let address = import.address();
    assert!(address.contains("allowed_workspace_id=workspace-ada"), "{address}");
    assert_eq!(fetch(&approve(&address)).status, 200);
    import.end().with(0).says("two programs that renew the same sign-in").says("Signed in as ada");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let theirs: serde_json::Value = serde_json::from_slice(&before).unwrap();
    assert_ne!(harness.stored()["tokens"]["refresh_token"], theirs["tokens"]["refresh_token"]);
}

#[test]
fn a_sign_in_of_another_workspace_is_not_taken_for_it() {
    let harness = Harness::new();
    codex(&harness, person(BOB));
    let mut import = harness.start(&["import", "--no-browser"]);
    assert_eq!(fetch(&approve(&import.address())).status, 200);
    import.end().with(1).complains("nothing was saved");
    assert!(!harness.file().exists());
}

#[test]
fn a_program_out_of_use_can_be_taken_over() {
    let harness = Harness::new();
    let tokens = harness.simulator.tokens(person(ADA));
    let file = harness.beside("old").join("auth.json");
    let text = serde_json::json!({"OPENAI_API_KEY": null, "last_refresh": "2026-01-01T00:00:00Z",
        "tokens": {"id_token": tokens.id_token, "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token, "account_id": tokens.account_id}});
    harness.put(&file, &text.to_string());
    let folder = file.parent().unwrap().display().to_string();
    let ended = harness.run(&["import", "chatmock", &folder, "--take-over"]).with(0);
    ended.says("Written by  the Python ChatMock").says("Taken over: ada@example.com");
    harness.run(&["refresh"]).with(0);
}

#[test]
fn what_is_no_sign_in_is_told_apart() {
    let harness = Harness::new();
    harness.run(&["import"]).with(3).complains("chatmock-auth login");
    let file = harness.beside("codex").join("auth.json");
    harness.put(&file, r#"{"OPENAI_API_KEY": "sk-canary"}"#);
    let ended = harness.run(&["import", "codex"]).with(3).complains("API key");
    assert!(!format!("{ended:?}").contains("sk-canary"));
    harness.put(&file, "{}");
    harness.run(&["import", "codex"]).with(3).complains("no sign-in");
    harness.put(&file, "nonsense");
    harness.run(&["import", "codex"]).with(1).complains("damaged");
}

#[test]
fn our_own_sign_in_is_used_as_it_is() {
    let harness = Harness::new();
    harness.sign_in(person(ADA));
    let home = harness.home().display().to_string();
    harness.run(&["import", "chatmock", &home]).with(0).says("already in use here");
}
