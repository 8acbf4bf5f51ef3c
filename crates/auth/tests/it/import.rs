//! Other programs' sign-in files.

use chatmock_auth::Freshness;
use chatmock_auth::import::{Advice, Writer, examine};
use chatmock_simulator::Claims;
use serde_json::{Value, json};

use crate::harness::Harness;

/// The file of the Python ChatMock for these tokens.
fn python(text: &str) -> String {
    let file: Value = serde_json::from_str(text).unwrap();
    let mut tokens = file["tokens"].clone();
    tokens.as_object_mut().unwrap().retain(|name, _| {
        ["id_token", "access_token", "refresh_token", "account_id"].contains(&name.as_str())
    });
    json!({"OPENAI_API_KEY": "", "tokens": tokens, "last_refresh": file["last_refresh"]})
        .to_string()
}

#[tokio::test]
async fn each_file_is_told_by_what_is_in_it() {
    let harness = Harness::new().await;
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("auth.json");
    assert!(examine(&path, &harness.home).unwrap().is_none());
    let codex = harness.simulator.tokens(Claims::expiring_in(-5)).auth_json();
    for (text, writer, advice) in [
        (codex.clone(), Writer::CodexCli, Advice::SignInAnew),
        (python(&codex), Writer::PythonChatMock, Advice::SignInAnew),
        (
            r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-x"}"#.to_owned(),
            Writer::CodexCli,
            Advice::OnlyApiKey,
        ),
        ("{}".to_owned(), Writer::PythonChatMock, Advice::Nothing),
    ] {
        std::fs::write(&path, &text).unwrap();
        let found = examine(&path, &harness.home).unwrap().unwrap();
        assert_eq!((found.writer, found.advice), (writer, advice));
        assert_eq!(found.account.is_some(), advice == Advice::SignInAnew);
        assert_eq!(found.freshness, Freshness::Expired);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is only read");
    }
    assert_eq!(harness.stored(), None);
}

#[tokio::test]
async fn the_homes_own_file_is_used_whoever_wrote_it() {
    let harness = Harness::new().await;
    let path = harness.folder.path().join("auth.json");
    std::fs::write(&path, python(&harness.simulator.auth_json())).unwrap();
    let found = examine(&path, &harness.home).unwrap().unwrap();
    assert_eq!((found.writer, found.advice), (Writer::PythonChatMock, Advice::UseAsIs));
    harness.keeper().current().await.unwrap();
    harness.signed_in(Claims::default()).await;
    let found = examine(&path, &harness.home).unwrap().unwrap();
    assert_eq!((found.writer, found.advice), (Writer::ChatMock, Advice::UseAsIs));
}

#[tokio::test]
async fn a_token_that_two_programs_hold_is_found() {
    let harness = Harness::new().await;
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("auth.json");
    let text = harness.simulator.auth_json();
    std::fs::write(&path, &text).unwrap();
    std::fs::write(harness.folder.path().join("auth.json"), &text).unwrap();
    let found = examine(&path, &harness.home).unwrap().unwrap();
    assert_eq!(found.advice, Advice::SharedAlready);
}

#[tokio::test]
async fn a_retired_programs_sign_in_can_be_taken_over() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::of_account("present")).await;
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("auth.json");
    std::fs::write(&path, python(&harness.simulator.auth_json())).unwrap();
    let found = examine(&path, &harness.home).unwrap().unwrap();
    let (account, let_go) = found.take_over(&harness.home, &harness.endpoint).await.unwrap();
    assert!(let_go.is_complete(), "{let_go:?}");
    assert_eq!(account.workspace, Some(Claims::default().account_id));
    assert_eq!(harness.home.accounts().unwrap().len(), 2, "the present one is put aside");
    harness.keeper().current().await.unwrap();
    harness.keeper().refresh().await.unwrap();
    assert_eq!(harness.simulator.stats().refreshes, 1);
}
