//! Several accounts in one home.

use time::OffsetDateTime;

use super::*;
use crate::claims::sample;
use crate::endpoint::EndpointSettings;
use crate::store::StoreChoice;
use crate::tokens::Grant;

fn file(user: &str, workspace: &str, email: &str) -> AuthFile {
    let payload = serde_json::json!({"email": email, "https://api.openai.com/auth": {
        "chatgpt_account_id": workspace, "chatgpt_user_id": user, "chatgpt_plan_type": "team"}});
    let token = sample::jwt(&payload.to_string());
    let grant = Grant {
        id_token: Some(token.clone()),
        access_token: Some(token),
        refresh_token: Some(Secret::new(format!("rt-{user}-{workspace}"))),
        ..Grant::default()
    };
    AuthFile::signed_in(&grant, OffsetDateTime::UNIX_EPOCH)
}

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::with_keyring(folder.path(), StoreChoice::File, None);
    (folder, home)
}

/// An issuer that is never called.
fn endpoint() -> Endpoint {
    Endpoint::new(EndpointSettings {
        issuer: "https://issuer.invalid",
        client_id: crate::CLIENT_ID,
        originator: "chatmock-test",
        user_agent: "chatmock-test/1.0",
    })
    .unwrap()
}

fn emails(home: &Home) -> Vec<(String, bool)> {
    let accounts = home.accounts().unwrap().into_iter();
    accounts.map(|account| (account.email.unwrap(), account.active)).collect()
}

#[test]
fn the_key_is_user_and_workspace_and_always_a_plain_file_name() {
    let key = |user, workspace| key(user, workspace, &SignInRoute::CODEX);
    assert_eq!(key(Some("user-abc"), Some("1111-22")), "user-abc@1111-22");
    assert_eq!(key(None, Some("w")), "unknown@w");
    assert_eq!(super::key(Some("u"), None, &SignInRoute::PLAN), "u@unknown+plan");
    for hostile in ["../../etc/passwd", ".hidden", "a/b\\c:d", "\u{0}\n", "é", "CON.", "a@b"] {
        let key = key(Some(hostile), Some(hostile));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_%@".contains(c);
        assert!(key.chars().all(plain) && key.matches('@').count() == 1, "{key}");
    }
    let long = "x".repeat(500);
    assert_eq!(key(Some(&long), Some("a")).len(), 64);
    assert_ne!(key(Some(&long), Some("a")), key(Some(&long), Some("b")));
}

#[test]
fn members_of_one_team_and_workspaces_of_one_person_are_apart() {
    let one = Account::of(&file("u1", "team", "a@example.org"));
    assert!(!one.is_same(&Account::of(&file("u2", "team", "b@example.org"))));
    assert!(!one.is_same(&Account::of(&file("u1", "home", "a@example.org"))));
    assert!(one.is_same(&Account::of(&file("u1", "team", "renamed@example.org"))));
    let nobody = Account::from_location_file(LocationFile::default());
    assert!(!nobody.is_same(&nobody.clone()));
}

#[tokio::test]
async fn accounts_are_listed_and_switched_by_any_of_their_names() {
    let (folder, home) = home();
    assert!(home.accounts().unwrap().is_empty());
    let work = file("u1", "team", "a@example.org").with_name("work");
    home.active().save(&work).unwrap();
    home.park_active().unwrap();
    home.active().save(&file("u1", "home", "a@example.org")).unwrap();
    home.parked("u2@team").save(&file("u2", "team", "b@example.org")).unwrap();
    assert_eq!(home.accounts().unwrap().len(), 3);

    let ambiguous = home.switch(&endpoint(), "a@example.org").await.unwrap_err();
    assert!(matches!(ambiguous, AccountError::Ambiguous(_)));
    assert!(matches!(home.switch(&endpoint(), "x").await, Err(AccountError::Unknown(_))));
    for (word, key) in [("work", "u1@team"), ("b@example.org", "u2@team"), ("home", "u1@home")] {
        let (account, let_go) = home.switch(&endpoint(), word).await.unwrap();
        assert!(let_go.is_complete(), "{let_go:?}");
        assert_eq!((account.key.as_str(), account.active), (key, true), "{word}");
        let active = home.load().unwrap().unwrap();
        assert_eq!(Account::of(&active).key, key, "{word}");
        assert_eq!(home.accounts().unwrap().len(), 3, "{word}");
        assert!(!folder.path().join(format!("accounts/{key}.json")).exists());
    }
    assert_eq!(home.switch(&endpoint(), "home").await.unwrap().0.key, "u1@home");
}

#[tokio::test]
async fn a_switch_bumps_the_generation_and_shows_in_the_stamp() {
    let (_folder, home) = home();
    home.parked("u2@team").save(&file("u2", "team", "b@example.org")).unwrap();
    home.active().save(&file("u1", "team", "a@example.org")).unwrap();
    let (stamp, before) = (
        home.active().stamp().unwrap(),
        LocationFile::read(home.active().location_file()).unwrap(),
    );
    home.switch(&endpoint(), "u2@team").await.unwrap();
    assert_ne!(home.active().stamp().unwrap(), stamp);
    assert_eq!(
        LocationFile::read(home.active().location_file()).unwrap().generation,
        before.generation + 1
    );
    assert_eq!(emails(&home)[0], ("b@example.org".to_owned(), true));
}

#[test]
fn a_stale_copy_of_the_active_account_is_not_listed_twice() {
    let (_folder, home) = home();
    let file = file("u1", "team", "a@example.org");
    home.active().save(&file).unwrap();
    home.parked("u1@team").save(&file).unwrap();
    assert_eq!(emails(&home), [("a@example.org".to_owned(), true)]);
}

#[cfg(unix)]
#[test]
fn what_is_put_aside_is_private_too() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, home) = home();
    home.active().save(&file("u1", "team", "a@example.org")).unwrap();
    home.park_active().unwrap();
    let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode();
    assert_eq!(mode("accounts") & 0o777, 0o700);
    assert_eq!(mode("accounts/u1@team.json") & 0o777, 0o600);
    assert_eq!(mode("accounts/u1@team.mark") & 0o777, 0o600);
    assert_eq!(mode("generation") & 0o777, 0o600);
}
