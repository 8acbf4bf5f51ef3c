//! Signing out: revoked at the issuer, then deleted whatever it answers.

use chatmock_auth::{AccountError, Revocation, SignIn, sign_out};
use chatmock_simulator::{Claims, Endpoint, Script};
use serde_json::json;

use crate::harness::{Harness, endpoint};

#[tokio::test]
async fn a_sign_out_ends_the_sign_in_at_the_issuer_and_here() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let refresh = harness.stored().unwrap();
    let out = sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done), "{out:?}");
    assert_eq!(out.account.unwrap().email.as_deref(), Some("demo@example.invalid"));
    assert!(!harness.folder.path().join("auth.json").exists());
    assert_eq!(harness.simulator.stats().revokes, 1);
    let calls = harness.simulator.requests();
    let call = calls.iter().find(|call| call.path == "/oauth/revoke").unwrap();
    let expected = json!({"token": refresh, "token_type_hint": "refresh_token",
        "client_id": chatmock_auth::CLIENT_ID});
    assert_eq!(call.json(), expected);
    assert_eq!(call.header("originator"), Some("chatmock-test"));
    assert!(sign_out(&harness.home, &harness.endpoint, None).await.unwrap().is_none());
    assert_eq!(harness.simulator.stats().revokes, 1);
}

#[tokio::test]
async fn without_a_refresh_token_the_access_token_is_revoked() {
    let harness = Harness::new().await;
    let text = r#"{"tokens":{"access_token":"access-only"}}"#;
    std::fs::write(harness.folder.path().join("auth.json"), text).unwrap();
    let out = sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done));
    let expected = json!({"token": "access-only", "token_type_hint": "access_token"});
    assert_eq!(harness.simulator.requests().last().unwrap().json(), expected);
}

#[tokio::test]
async fn the_tokens_go_also_when_the_issuer_says_no_or_nothing() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    harness.simulator.enqueue_at(Endpoint::Revoke, Script::json(503, &json!({})));
    let out = sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Failed(_)), "{out:?}");
    assert_eq!(harness.stored(), None);

    harness.signed_in(Claims::default()).await;
    let Harness { simulator, endpoint, home, folder, .. } = harness;
    drop(simulator);
    let out = sign_out(&home, &endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Failed(_)), "{out:?}");
    assert!(!folder.path().join("auth.json").exists());
}

#[tokio::test]
async fn a_token_is_never_sent_to_another_issuer_than_its_own() {
    let (harness, other) = (Harness::new().await, Harness::new().await);
    harness.signed_in(Claims::default()).await;
    let elsewhere = endpoint(&other.simulator.issuer());
    let out = sign_out(&harness.home, &elsewhere, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::OtherIssuer), "{out:?}");
    assert_eq!(other.simulator.stats().count("POST /oauth/revoke"), 0);
    assert_eq!(harness.stored(), None);
}

#[tokio::test]
async fn a_damaged_sign_in_can_be_left_too() {
    let harness = Harness::new().await;
    std::fs::write(harness.folder.path().join("auth.json"), "{").unwrap();
    let out = sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Nothing), "{out:?}");
    assert!(!harness.folder.path().join("auth.json").exists());
}

#[tokio::test]
async fn what_a_killed_program_left_of_a_save_goes_too() {
    let harness = Harness::new().await;
    let account = harness.signed_in(Claims::default()).await.account;
    let aside = harness.folder.path().join("accounts");
    std::fs::create_dir_all(&aside).unwrap();
    let leave = |folder: &std::path::Path, name: &str| {
        let path = folder.join(name);
        std::fs::write(&path, "{\"tokens\":{\"refresh_token\":\"left\"}}").unwrap();
        path
    };
    let left = [
        leave(harness.folder.path(), ".auth.json.1-0-1.tmp"),
        leave(harness.folder.path(), ".auth.json.77-3-1795338000000.tmp"),
        leave(&aside, &format!(".{}.json.1-0-1.tmp", account.key)),
    ];
    let others = [
        leave(harness.folder.path(), "auth.json.tmp"),
        leave(harness.folder.path(), ".auth.jsonx.tmp"),
        leave(&aside, ".user-other@workspace.json.1-0-1.tmp"),
    ];
    sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(left.iter().all(|path| !path.exists()) && others.iter().all(|path| path.exists()));
    // Also where nobody is signed in any more.
    let left = leave(harness.folder.path(), ".auth.json.1-0-1.tmp");
    assert!(sign_out(&harness.home, &harness.endpoint, None).await.unwrap().is_none());
    assert!(!left.exists());
}

#[tokio::test]
async fn a_left_over_that_cannot_be_removed_keeps_nobody_signed_in() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    let stuck = harness.folder.path().join(".auth.json.1-0-1.tmp");
    std::fs::create_dir(&stuck).unwrap();
    let other = harness.folder.path().join(".auth.json.2-0-1.tmp");
    std::fs::write(&other, "").unwrap();
    let out = sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done));
    assert!(harness.stored().is_none() && !other.exists() && stuck.exists());
}

#[tokio::test]
async fn one_of_several_accounts_is_left_and_the_others_stay() {
    let harness = Harness::new().await;
    harness.signed_in(Claims::default()).await;
    harness.simulator.set_person(Claims::of_account("second"));
    let under_way = harness.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.code().await.unwrap();
    let sign_in = SignIn { name: Some("work"), ..harness.sign_in() };
    sign_in.obtain(&exchange).await.unwrap().save(async |_| true).await.unwrap();
    let active = harness.stored();
    let unknown = sign_out(&harness.home, &harness.endpoint, Some("nobody")).await;
    assert!(matches!(unknown, Err(AccountError::Unknown(_))));
    let first = Claims::default().account_id;
    let out = sign_out(&harness.home, &harness.endpoint, Some(&first)).await.unwrap().unwrap();
    assert!(!out.account.unwrap().active);
    assert_eq!(harness.stored(), active);
    assert_eq!(harness.home.accounts().unwrap().len(), 1);
    let out = sign_out(&harness.home, &harness.endpoint, Some("work")).await.unwrap().unwrap();
    assert!(out.account.unwrap().active);
    assert!(harness.home.accounts().unwrap().is_empty());
    assert_eq!(harness.simulator.stats().revokes, 2);
}
