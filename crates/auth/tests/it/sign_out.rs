//! Signing out: told to the issuer, then deleted, whatever it says.

use chatmock_auth::{AccountError, Revocation, SignIn, sign_out};
use chatmock_simulator::{Claims, Endpoint, Script};
use serde_json::json;

use crate::bench::{Bench, endpoint};

#[tokio::test]
async fn a_sign_out_ends_the_sign_in_at_the_issuer_and_here() {
    let bench = Bench::new().await;
    bench.signed_in(Claims::default()).await;
    let refresh = bench.stored().unwrap();
    let out = sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done), "{out:?}");
    assert_eq!(out.account.unwrap().email.as_deref(), Some("demo@example.invalid"));
    assert!(!bench.folder.path().join("auth.json").exists());
    assert_eq!(bench.simulator.stats().revokes, 1);
    let calls = bench.simulator.requests();
    let call = calls.iter().find(|call| call.path == "/oauth/revoke").unwrap();
    let expected = json!({"token": refresh, "token_type_hint": "refresh_token",
        "client_id": chatmock_auth::CLIENT_ID});
    assert_eq!(call.json(), expected);
    assert_eq!(call.header("originator"), Some("chatmock-test"));
    assert!(sign_out(&bench.home, &bench.endpoint, None).await.unwrap().is_none());
    assert_eq!(bench.simulator.stats().revokes, 1);
}

#[tokio::test]
async fn without_a_refresh_token_the_access_token_is_revoked() {
    let bench = Bench::new().await;
    let text = r#"{"tokens":{"access_token":"access-only"}}"#;
    std::fs::write(bench.folder.path().join("auth.json"), text).unwrap();
    let out = sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done));
    let expected = json!({"token": "access-only", "token_type_hint": "access_token"});
    assert_eq!(bench.simulator.requests().last().unwrap().json(), expected);
}

#[tokio::test]
async fn the_tokens_go_also_when_the_issuer_says_no_or_nothing() {
    let bench = Bench::new().await;
    bench.signed_in(Claims::default()).await;
    bench.simulator.enqueue_at(Endpoint::Revoke, Script::json(503, &json!({})));
    let out = sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Failed(_)), "{out:?}");
    assert_eq!(bench.stored(), None);

    bench.signed_in(Claims::default()).await;
    let Bench { simulator, endpoint, home, folder, .. } = bench;
    drop(simulator);
    let out = sign_out(&home, &endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Failed(_)), "{out:?}");
    assert!(!folder.path().join("auth.json").exists());
}

#[tokio::test]
async fn a_token_is_never_sent_to_another_issuer_than_its_own() {
    let (bench, other) = (Bench::new().await, Bench::new().await);
    bench.signed_in(Claims::default()).await;
    let elsewhere = endpoint(&other.simulator.issuer());
    let out = sign_out(&bench.home, &elsewhere, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::OtherIssuer), "{out:?}");
    assert_eq!(other.simulator.stats().count("POST /oauth/revoke"), 0);
    assert_eq!(bench.stored(), None);
}

#[tokio::test]
async fn a_damaged_sign_in_can_be_left_too() {
    let bench = Bench::new().await;
    std::fs::write(bench.folder.path().join("auth.json"), "{").unwrap();
    let out = sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Nothing), "{out:?}");
    assert!(!bench.folder.path().join("auth.json").exists());
}

#[tokio::test]
async fn what_a_killed_program_left_of_a_save_goes_too() {
    let bench = Bench::new().await;
    let account = bench.signed_in(Claims::default()).await.account;
    let aside = bench.folder.path().join("accounts");
    std::fs::create_dir_all(&aside).unwrap();
    let leave = |folder: &std::path::Path, name: &str| {
        let path = folder.join(name);
        std::fs::write(&path, "{\"tokens\":{\"refresh_token\":\"left\"}}").unwrap();
        path
    };
    let left = [
        leave(bench.folder.path(), ".auth.json.1-0-1.tmp"),
        leave(bench.folder.path(), ".auth.json.77-3-1795338000000.tmp"),
        leave(&aside, &format!(".{}.json.1-0-1.tmp", account.key)),
    ];
    let others = [
        leave(bench.folder.path(), "auth.json.tmp"),
        leave(bench.folder.path(), ".auth.jsonx.tmp"),
        leave(&aside, ".user-other@workspace.json.1-0-1.tmp"),
    ];
    sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    assert!(left.iter().all(|path| !path.exists()) && others.iter().all(|path| path.exists()));
    // Also where nobody is signed in any more.
    let left = leave(bench.folder.path(), ".auth.json.1-0-1.tmp");
    assert!(sign_out(&bench.home, &bench.endpoint, None).await.unwrap().is_none());
    assert!(!left.exists());
}

#[tokio::test]
async fn a_left_over_that_cannot_be_removed_keeps_nobody_signed_in() {
    let bench = Bench::new().await;
    bench.signed_in(Claims::default()).await;
    let stuck = bench.folder.path().join(".auth.json.1-0-1.tmp");
    std::fs::create_dir(&stuck).unwrap();
    let other = bench.folder.path().join(".auth.json.2-0-1.tmp");
    std::fs::write(&other, "").unwrap();
    let out = sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done));
    assert!(bench.stored().is_none() && !other.exists() && stuck.exists());
}

#[tokio::test]
async fn one_of_several_accounts_is_left_and_the_others_stay() {
    let bench = Bench::new().await;
    bench.signed_in(Claims::default()).await;
    bench.simulator.seat(Claims::of_account("second"));
    let under_way = bench.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.outcome().await.unwrap();
    let sign_in = SignIn { name: Some("work"), ..bench.sign_in() };
    sign_in.obtain(&exchange).await.unwrap().save(async |_| true).await.unwrap();
    let active = bench.stored();
    let unknown = sign_out(&bench.home, &bench.endpoint, Some("nobody")).await;
    assert!(matches!(unknown, Err(AccountError::Unknown(_))));
    let first = Claims::default().account_id;
    let out = sign_out(&bench.home, &bench.endpoint, Some(&first)).await.unwrap().unwrap();
    assert!(!out.account.unwrap().active);
    assert_eq!(bench.stored(), active);
    assert_eq!(bench.home.accounts().unwrap().len(), 1);
    let out = sign_out(&bench.home, &bench.endpoint, Some("work")).await.unwrap().unwrap();
    assert!(out.account.unwrap().active);
    assert!(bench.home.accounts().unwrap().is_empty());
    assert_eq!(bench.simulator.stats().revokes, 2);
}
