//! The plan route from registration to sign-out, against the simulated issuer.

use chatmock_auth::{Account, KeeperError, Revocation, SignIn, SignInRoute, sign_out};
use chatmock_simulator::{Claims, Endpoint, IssuerFault, Script, Settings};
use serde_json::{Value, json};

use crate::harness::Harness;

/// The form of the last call to a path.
pub(crate) fn last_form(harness: &Harness, path: &str) -> Vec<(String, String)> {
    let calls = harness.simulator.requests();
    let call = calls.iter().rev().find(|call| call.path == path).unwrap();
    assert_eq!(call.header("content-type"), Some("application/x-www-form-urlencoded"));
    form_urlencoded::parse(&call.body).into_owned().collect()
}

fn registration(harness: &Harness) -> Value {
    let text = std::fs::read(harness.folder.path().join("registration.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn names(form: &[(String, String)]) -> Vec<&str> {
    form.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn a_first_sign_in_registers_and_the_second_is_made_with_the_issued_client() {
    let harness = Harness::of_plan().await;
    let signed_in = harness.signed_in(Claims::default()).await;
    assert!(signed_in.usable && signed_in.expires.is_some());
    assert_eq!(signed_in.account.route, SignInRoute::PLAN);
    assert_eq!(signed_in.account.key, "user-demo@unknown+plan");
    let form = last_form(&harness, "/api/accounts/oauth/token");
    let expected = ["grant_type", "client_id", "code", "redirect_uri", "code_verifier", "resource"];
    assert_eq!(names(&form), expected);
    let first = registration(&harness);
    assert!(first["client_id"].as_str().unwrap().starts_with("oaiapp_"), "{first}");
    assert_eq!(form[1].1, first["client_id"].as_str().unwrap());
    assert_eq!(
        (&first["subject"], &first["email"]),
        (&json!("user-demo"), &json!("demo@example.invalid"))
    );
    assert!(first["scope"].as_str().unwrap().ends_with("chatgpt.tokens.use.direct"));

    let file: Value =
        serde_json::from_slice(&std::fs::read(harness.folder.path().join("auth.json")).unwrap())
            .unwrap();
    assert_eq!(file["route"], "plan");
    assert_eq!(file["tokens"]["oauth_provenance"]["client_id"], first["client_id"]);

    harness.signed_in(Claims::default()).await;
    assert_eq!(registration(&harness), first);
    let calls = harness.simulator.requests();
    let opened = calls.iter().rev().find(|call| call.bare_path().ends_with("authorize")).unwrap();
    assert!(opened.path.contains(first["client_id"].as_str().unwrap()), "{}", opened.path);
    assert!(!opened.path.contains("agent_name_hint"), "{}", opened.path);
}

#[tokio::test]
async fn a_sign_in_that_the_simulator_made_up_is_handed_out_and_renewed() {
    let harness = Harness::of_plan().await;
    let text = harness.simulator.plan_tokens(&Claims::default()).auth_json();
    let path = harness.folder.path().join("auth.json");
    chatmock_auth::write_private(&path, text.as_bytes()).unwrap();
    let session = harness.keeper().current().await.unwrap();
    assert_eq!((session.account_id.as_deref(), session.fedramp), (None, false));
    assert_ne!(harness.keeper().refresh().await.unwrap().access_token, session.access_token);
}

#[tokio::test]
async fn a_session_is_for_the_route_that_is_asked_for() {
    let mut harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    let session = harness.keeper().current().await.unwrap();
    assert!(session.access_token.expose().starts_with("at_simulated"));
    assert_eq!(session.email.as_deref(), Some("demo@example.invalid"));
    harness.route = SignInRoute::CODEX;
    let error = harness.keeper().current().await.unwrap_err();
    assert!(matches!(error, KeeperError::OtherRoute { .. }), "{error}");
    assert!(error.to_string().contains("--route plan"), "{error}");
    assert_eq!(harness.simulator.stats().refreshes, 0);
}

#[tokio::test]
async fn a_renewal_is_a_form_with_the_resource_and_without_a_scope() {
    let harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    let (keeper, before) = (harness.keeper(), harness.stored().unwrap());
    let old = keeper.current().await.unwrap();
    let new = keeper.refresh().await.unwrap();
    assert_ne!(old.access_token, new.access_token);
    let form = last_form(&harness, "/api/accounts/oauth/token");
    assert_eq!(names(&form), ["grant_type", "client_id", "refresh_token", "resource"]);
    assert_eq!((form[0].1.as_str(), &form[2].1), ("refresh_token", &before));
    assert_ne!(harness.stored().unwrap(), before, "the refresh token rotates");
    assert_eq!(keeper.refresh().await.map(|_| harness.simulator.stats().refreshes).unwrap(), 2);
}

#[tokio::test]
async fn many_at_once_renew_once() {
    let life = std::time::Duration::from_secs(3600);
    let harness = Harness::with(Settings { plan_token_life: life, ..Settings::default() }).await;
    let harness = Harness { route: SignInRoute::PLAN, ..harness };
    harness.signed_in(Claims::default()).await;
    let keepers = [harness.keeper(), harness.keeper()];
    let stale = keepers[0].current().await.unwrap().access_token.clone();
    keepers[1].current().await.unwrap();
    let renewals = (0..20).map(|n| {
        let (keeper, stale) = (keepers[n % 2].clone(), stale.clone());
        tokio::spawn(async move { keeper.renew(&stale).await.unwrap().access_token.clone() })
    });
    let mut tokens = Vec::new();
    for renewal in renewals.collect::<Vec<_>>() {
        tokens.push(renewal.await.unwrap().expose().to_owned());
    }
    tokens.dedup();
    assert_eq!((tokens.len(), harness.simulator.stats().refreshes), (1, 1));
}

#[tokio::test]
async fn nothing_is_renewed_before_the_issuer_allows_it() {
    let hour = std::time::Duration::from_secs(3600);
    let settings =
        Settings { plan_refresh_after: hour / 2, plan_token_life: hour, ..Settings::default() };
    let harness = Harness { route: SignInRoute::PLAN, ..Harness::with(settings).await };
    harness.signed_in(Claims::default()).await;
    let keeper = harness.keeper();
    let session = keeper.current().await.unwrap();
    let error = keeper.renew(&session.access_token).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the sign-in service allows no renewal yet");
    assert_eq!(harness.simulator.stats().refreshes, 0);
    assert_eq!(keeper.current().await.unwrap().access_token, session.access_token);
}

#[tokio::test]
async fn an_ended_sign_in_loses_its_tokens_and_keeps_its_registration() {
    for code in [
        "invalid_grant",
        "invalid_refresh_token",
        "token_expired",
        "refresh_token_expired",
        "refresh_token_invalidated",
        "refresh_token_reused",
    ] {
        let harness = Harness::of_plan().await;
        harness.signed_in(Claims::default()).await;
        let (keeper, before) = (harness.keeper(), registration(&harness));
        let refusal = Script::json(400, &json!({"error": code}));
        harness.simulator.enqueue_at(Endpoint::PlanToken, refusal);
        let error = keeper.refresh().await.unwrap_err();
        assert!(matches!(error, KeeperError::SignInExpired { .. }), "{code}: {error}");
        assert!(error.to_string().ends_with("chatmock-auth login --route plan"), "{error}");
        assert_eq!(harness.stored(), None, "{code}");
        assert_eq!(registration(&harness), before, "{code}");
        let error = keeper.current().await.unwrap_err();
        assert_eq!(error.to_string(), "sign in first: chatmock-auth login --route plan");
        harness.signed_in(Claims::default()).await;
        keeper.current().await.unwrap();
    }
}

#[tokio::test]
async fn a_passing_failure_of_a_renewal_keeps_the_tokens() {
    let harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    for status in [400, 429, 503] {
        let failure = Script::json(status, &json!({"error": "server_error"}));
        harness.simulator.enqueue_at(Endpoint::PlanToken, failure);
        let error = harness.keeper().refresh().await.unwrap_err();
        assert!(matches!(error, KeeperError::Unavailable(_)), "{status}: {error}");
    }
    harness.keeper().refresh().await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_was_used_elsewhere_ends_the_sign_in() {
    let harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    let copy = std::fs::read(harness.folder.path().join("auth.json")).unwrap();
    harness.keeper().refresh().await.unwrap();
    std::fs::write(harness.folder.path().join("auth.json"), copy).unwrap();
    let error = harness.keeper().refresh().await.unwrap_err();
    assert!(error.to_string().contains("already used"), "{error}");
    assert_eq!(harness.stored(), None);
}

#[tokio::test]
async fn who_does_not_allow_the_use_of_the_plan_is_signed_in_without_it() {
    let harness = Harness::of_plan().await;
    harness.simulator.set_issuer_fault(Some(IssuerFault::NoPlanUse));
    let signed_in = harness.signed_in(Claims::default()).await;
    assert!(!signed_in.usable);
    let keeper = harness.keeper();
    for error in [keeper.current().await.unwrap_err(), keeper.refresh().await.unwrap_err()] {
        assert!(matches!(error, KeeperError::NotAllowed { .. }), "{error}");
        assert!(error.to_string().ends_with("chatmock-auth login --route plan"), "{error}");
    }
    assert_eq!(harness.simulator.stats().refreshes, 0);
    harness.simulator.set_issuer_fault(None);
    assert!(harness.signed_in(Claims::default()).await.usable);
    keeper.current().await.unwrap();
}

#[tokio::test]
async fn a_sign_out_is_told_by_form_and_keeps_the_registration() {
    let harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    let (before, refresh) = (registration(&harness), harness.stored().unwrap());
    let out = sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done), "{out:?}");
    let form = last_form(&harness, "/api/accounts/oauth/revoke");
    let client = before["client_id"].as_str().unwrap();
    let expected =
        [("token", &*refresh), ("token_type_hint", "refresh_token"), ("client_id", client)];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!((harness.stored(), registration(&harness)), (None, before));
}

#[tokio::test]
async fn both_routes_of_one_person_are_two_accounts_of_a_home() {
    let mut harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    harness.route = SignInRoute::CODEX;
    let under_way = harness.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.code().await.unwrap();
    let sign_in = SignIn { name: Some("codex"), ..harness.sign_in() };
    let saved = sign_in.obtain(&exchange).await.unwrap().save(async |_| true).await.unwrap();
    assert_eq!(saved.put_aside.unwrap().route, SignInRoute::PLAN);
    let routes = |accounts: Vec<Account>| -> Vec<String> {
        accounts.iter().map(|account| account.route.to_string()).collect()
    };
    assert_eq!(routes(harness.home.accounts().unwrap()), ["codex", "plan"]);
    harness.keeper().current().await.unwrap();
    harness.home.switch(&harness.endpoint, "user-demo@unknown+plan").await.unwrap();
    harness.route = SignInRoute::PLAN;
    harness.keeper().current().await.unwrap();
    let out = sign_out(&harness.home, &harness.endpoint, Some("codex")).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done));
    assert_eq!(harness.simulator.stats().count("POST /oauth/revoke"), 1);
}
