//! What is saved, and whose sign-in it replaces.

use std::cell::Cell;

use chatmock_auth::{CodeExchange, Home, SignIn, SignInError, StoreChoice, StoreError};
use chatmock_simulator::{Claims, Endpoint, Script};
use serde_json::json;

use crate::harness::Harness;

async fn code_of(harness: &Harness, claims: Claims) -> CodeExchange {
    harness.simulator.set_person(claims);
    let under_way = harness.begin().await;
    under_way.paste().await;
    under_way.attempt.code().await.unwrap()
}

fn colleague() -> Claims {
    Claims {
        user_id: "user-two".to_owned(),
        email: "two@example.invalid".to_owned(),
        ..Claims::default()
    }
}

#[tokio::test]
async fn another_account_is_replaced_only_by_consent() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let before = harness.stored();

    let exchange = code_of(&harness, colleague()).await;
    let asked = Cell::new(0);
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    let refused = obtained.save(async |other| {
        asked.set(asked.get() + 1);
        assert_eq!(other.email.as_deref(), Some("demo@example.invalid"));
        false
    });
    assert!(matches!(refused.await, Err(SignInError::Kept)));
    assert_eq!((harness.stored(), asked.get()), (before.clone(), 1));
    assert_eq!(harness.simulator.stats().revokes, 1, "what is not wanted is ended");

    let exchange = code_of(&harness, colleague()).await;
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    let signed_in = obtained.save(async |_| true).await.unwrap();
    assert_eq!(signed_in.account.email.as_deref(), Some("two@example.invalid"));
    assert_ne!(harness.stored(), before);
    assert_eq!(harness.home.accounts().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_account_is_renewed_without_a_question() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let before = harness.stored();
    let exchange = code_of(&harness, Claims::default()).await;
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    obtained.save(async |_| panic!("it is the same account")).await.unwrap();
    assert_ne!(harness.stored(), before);
}

#[tokio::test]
async fn a_workspace_of_the_same_person_is_another_account() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let exchange = code_of(&harness, Claims::of_account("other-workspace")).await;
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    assert!(matches!(obtained.save(async |_| false).await, Err(SignInError::Kept)));
}

#[tokio::test]
async fn an_account_that_changes_while_the_person_thinks_is_asked_about_again() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let exchange = code_of(&harness, colleague()).await;
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    let asked = Cell::new(0);
    let path = harness.folder.path().join("auth.json");
    let third = harness.simulator.tokens(Claims::of_account("third")).auth_json();
    let saved = obtained.save(async |other| {
        asked.set(asked.get() + 1);
        if asked.get() == 1 {
            std::fs::write(&path, &third).unwrap();
            return true;
        }
        assert_eq!(other.workspace.as_deref(), Some("third"));
        false
    });
    assert!(matches!(saved.await, Err(SignInError::Kept)));
    assert_eq!(asked.get(), 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), third);
}

#[tokio::test]
async fn a_named_account_puts_the_present_one_aside() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let first = harness.stored();
    let exchange = code_of(&harness, colleague()).await;
    let sign_in = SignIn { name: Some("work"), ..harness.sign_in() };
    let obtained = sign_in.obtain(&exchange).await.unwrap();
    let signed_in = obtained.save(async |_| panic!("nothing is replaced")).await.unwrap();
    assert_eq!(signed_in.account.name.as_deref(), Some("work"));
    assert_eq!(signed_in.put_aside.unwrap().email.as_deref(), Some("demo@example.invalid"));
    let accounts = harness.home.accounts().unwrap();
    assert_eq!(accounts.len(), 2);
    assert!(accounts[0].active && accounts[0].name.as_deref() == Some("work"));
    harness.home.switch(&harness.endpoint, "demo@example.invalid").await.unwrap();
    assert_eq!(harness.stored(), first);
    harness.home.switch(&harness.endpoint, "work").await.unwrap();
    assert_ne!(harness.stored(), first);
}

#[tokio::test]
async fn a_keeper_follows_the_active_account_without_a_restart() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let keeper = harness.keeper();
    let email = async || keeper.current().await.unwrap().email.clone().unwrap();
    assert_eq!(email().await, "demo@example.invalid");
    let exchange = code_of(&harness, colleague()).await;
    let sign_in = SignIn { name: Some("work"), ..harness.sign_in() };
    sign_in.obtain(&exchange).await.unwrap().save(async |_| true).await.unwrap();
    assert_eq!(email().await, "two@example.invalid");
    harness.home.switch(&harness.endpoint, "demo@example.invalid").await.unwrap();
    assert_eq!(email().await, "demo@example.invalid");
    chatmock_auth::sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(keeper.current().await.is_err());
}

#[tokio::test]
async fn another_workspace_than_the_one_asked_for_is_not_saved() {
    let harness = Harness::new().await;
    let wanted = ["wanted".to_owned()];
    for (workspace, good) in [("wanted", true), ("other", false)] {
        let exchange = code_of(&harness, Claims::of_account(workspace)).await;
        let sign_in = SignIn { workspaces: &wanted, ..harness.sign_in() };
        let obtained = sign_in.obtain(&exchange).await;
        assert_eq!(obtained.is_ok(), good);
        if let Err(error) = obtained {
            assert!(matches!(&error, SignInError::OtherWorkspace { got } if got == "other"));
        }
    }
    assert_eq!(harness.stored(), None);
    assert_eq!(harness.simulator.stats().revokes, 1);
}

#[tokio::test]
async fn tokens_that_a_keyring_does_not_take_are_ended_at_the_issuer() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let before = harness.stored();
    // Without a keyring, `--store keyring` fails.
    let home = Home::with_keyring(harness.folder.path(), StoreChoice::Keyring, None);
    let exchange = code_of(&harness, colleague()).await;
    let sign_in = SignIn { home: &home, ..harness.sign_in() };
    let obtained = sign_in.obtain(&exchange).await.unwrap();
    let saved = obtained.save(async |_| true).await;
    assert!(matches!(saved, Err(SignInError::Store(StoreError::Keyring(_)))), "{saved:?}");
    assert_eq!((harness.stored(), harness.simulator.stats().revokes), (before.clone(), 1));
    let calls = harness.simulator.requests();
    let told = calls.iter().rfind(|call| call.path == "/oauth/revoke").unwrap().json();
    assert_ne!(told["token"].as_str(), before.as_deref(), "the present sign-in goes on");
    // An issuer that cannot be told hides no reason.
    harness.simulator.enqueue_at(Endpoint::Revoke, Script::json(500, &json!({})));
    let exchange = code_of(&harness, colleague()).await;
    let obtained = sign_in.obtain(&exchange).await.unwrap();
    let saved = obtained.save(async |_| true).await;
    assert!(matches!(saved, Err(SignInError::Store(StoreError::Keyring(_)))), "{saved:?}");
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_by_a_new_sign_in() {
    let harness = Harness::new().await;
    std::fs::write(harness.folder.path().join("auth.json"), "{\"tokens\":").unwrap();
    harness.signed_in(Claims::default()).await;
    assert!(harness.stored().is_some());
    assert!(harness.folder.path().join("auth.json.corrupt").exists());
}

#[tokio::test]
async fn a_sign_in_without_a_workspace_is_saved_as_it_is() {
    let harness = Harness::new().await;
    let token = harness.simulator.tokens(Claims { account_id: String::new(), ..Claims::default() });
    let grant = json!({"id_token": token.id_token, "access_token": token.access_token,
        "refresh_token": token.refresh_token});
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(200, &grant));
    let exchange = code_of(&harness, Claims::default()).await;
    let obtained = harness.sign_in().obtain(&exchange).await.unwrap();
    assert_eq!(obtained.account().key, "user-demo@unknown");
    obtained.save(async |_| true).await.unwrap();
    assert!(harness.stored().is_some());
}
