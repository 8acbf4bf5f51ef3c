//! The plan route from registration to sign-out, against the simulated issuer.

use chatmock_auth::{Account, KeeperError, Revocation, Route, SignIn, sign_out};
use chatmock_simulator::{Claims, Endpoint, Flaw, Script, Settings};
use serde_json::{Value, json};

use crate::bench::Bench;

/// The form of the last call to a path.
pub(crate) fn last_form(bench: &Bench, path: &str) -> Vec<(String, String)> {
    let calls = bench.simulator.requests();
    let call = calls.iter().rev().find(|call| call.path == path).unwrap();
    assert_eq!(call.header("content-type"), Some("application/x-www-form-urlencoded"));
    form_urlencoded::parse(&call.body).into_owned().collect()
}

fn registration(bench: &Bench) -> Value {
    let text = std::fs::read(bench.folder.path().join("registration.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn names(form: &[(String, String)]) -> Vec<&str> {
    form.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn a_first_sign_in_registers_and_the_second_is_made_with_the_issued_client() {
    let bench = Bench::of_plan().await;
    let signed_in = bench.signed_in(Claims::default()).await;
    assert!(signed_in.usable && signed_in.expires.is_some());
    assert_eq!(signed_in.account.route, Route::PLAN);
    assert_eq!(signed_in.account.key, "user-demo@unknown+plan");
    let form = last_form(&bench, "/api/accounts/oauth/token");
    let expected = ["grant_type", "client_id", "code", "redirect_uri", "code_verifier", "resource"];
    assert_eq!(names(&form), expected);
    let first = registration(&bench);
    assert!(first["client_id"].as_str().unwrap().starts_with("oaiapp_"), "{first}");
    assert_eq!(form[1].1, first["client_id"].as_str().unwrap());
    assert_eq!(
        (&first["subject"], &first["email"]),
        (&json!("user-demo"), &json!("demo@example.invalid"))
    );
    assert!(first["scope"].as_str().unwrap().ends_with("chatgpt.tokens.use.direct"));

    let file: Value =
        serde_json::from_slice(&std::fs::read(bench.folder.path().join("auth.json")).unwrap())
            .unwrap();
    assert_eq!(file["route"], "plan");
    assert_eq!(file["tokens"]["oauth_provenance"]["client_id"], first["client_id"]);

    bench.signed_in(Claims::default()).await;
    assert_eq!(registration(&bench), first);
    let calls = bench.simulator.requests();
    let opened = calls.iter().rev().find(|call| call.bare_path().ends_with("authorize")).unwrap();
    assert!(opened.path.contains(first["client_id"].as_str().unwrap()), "{}", opened.path);
    assert!(!opened.path.contains("agent_name_hint"), "{}", opened.path);
}

#[tokio::test]
async fn a_sign_in_that_the_simulator_made_up_is_handed_out_and_renewed() {
    let bench = Bench::of_plan().await;
    let text = bench.simulator.plan_tokens(&Claims::default()).auth_json();
    let path = bench.folder.path().join("auth.json");
    chatmock_auth::write_private(&path, text.as_bytes()).unwrap();
    let session = bench.keeper().current().await.unwrap();
    assert_eq!((session.account_id.as_deref(), session.fedramp), (None, false));
    assert_ne!(bench.keeper().refresh().await.unwrap().access_token, session.access_token);
}

#[tokio::test]
async fn a_session_is_for_the_route_that_is_asked_for() {
    let mut bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    let session = bench.keeper().current().await.unwrap();
    assert!(session.access_token.expose().starts_with("at_simulated"));
    assert_eq!(session.email.as_deref(), Some("demo@example.invalid"));
    bench.route = Route::CODEX;
    let error = bench.keeper().current().await.unwrap_err();
    assert!(matches!(error, KeeperError::OtherRoute { .. }), "{error}");
    assert!(error.to_string().contains("--route plan"), "{error}");
    assert_eq!(bench.simulator.stats().refreshes, 0);
}

#[tokio::test]
async fn a_renewal_is_a_form_with_the_resource_and_without_a_scope() {
    let bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    let (keeper, before) = (bench.keeper(), bench.stored().unwrap());
    let old = keeper.current().await.unwrap();
    let new = keeper.refresh().await.unwrap();
    assert_ne!(old.access_token, new.access_token);
    let form = last_form(&bench, "/api/accounts/oauth/token");
    assert_eq!(names(&form), ["grant_type", "client_id", "refresh_token", "resource"]);
    assert_eq!((form[0].1.as_str(), &form[2].1), ("refresh_token", &before));
    assert_ne!(bench.stored().unwrap(), before, "the refresh token rotates");
    assert_eq!(keeper.refresh().await.map(|_| bench.simulator.stats().refreshes).unwrap(), 2);
}

#[tokio::test]
async fn many_at_once_renew_once() {
    let life = std::time::Duration::from_secs(3600);
    let bench = Bench::with(Settings { plan_token_life: life, ..Settings::default() }).await;
    let bench = Bench { route: Route::PLAN, ..bench };
    bench.signed_in(Claims::default()).await;
    let keepers = [bench.keeper(), bench.keeper()];
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
    assert_eq!((tokens.len(), bench.simulator.stats().refreshes), (1, 1));
}

#[tokio::test]
async fn nothing_is_renewed_before_the_issuer_allows_it() {
    let hour = std::time::Duration::from_secs(3600);
    let settings =
        Settings { plan_refresh_after: hour / 2, plan_token_life: hour, ..Settings::default() };
    let bench = Bench { route: Route::PLAN, ..Bench::with(settings).await };
    bench.signed_in(Claims::default()).await;
    let keeper = bench.keeper();
    let session = keeper.current().await.unwrap();
    let error = keeper.renew(&session.access_token).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the sign-in service allows no renewal yet");
    assert_eq!(bench.simulator.stats().refreshes, 0);
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
        let bench = Bench::of_plan().await;
        bench.signed_in(Claims::default()).await;
        let (keeper, before) = (bench.keeper(), registration(&bench));
        let refusal = Script::json(400, &json!({"error": code}));
        bench.simulator.enqueue_at(Endpoint::PlanToken, refusal);
        let error = keeper.refresh().await.unwrap_err();
        assert!(matches!(error, KeeperError::SignInExpired { .. }), "{code}: {error}");
        assert!(error.to_string().ends_with("chatmock-auth login --route plan"), "{error}");
        assert_eq!(bench.stored(), None, "{code}");
        assert_eq!(registration(&bench), before, "{code}");
        let error = keeper.current().await.unwrap_err();
        assert_eq!(error.to_string(), "sign in first: chatmock-auth login --route plan");
        bench.signed_in(Claims::default()).await;
        keeper.current().await.unwrap();
    }
}

#[tokio::test]
async fn a_passing_failure_of_a_renewal_keeps_the_tokens() {
    let bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    for status in [400, 429, 503] {
        let failure = Script::json(status, &json!({"error": "server_error"}));
        bench.simulator.enqueue_at(Endpoint::PlanToken, failure);
        let error = bench.keeper().refresh().await.unwrap_err();
        assert!(matches!(error, KeeperError::Unavailable(_)), "{status}: {error}");
    }
    bench.keeper().refresh().await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_that_was_used_elsewhere_ends_the_sign_in() {
    let bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    let copy = std::fs::read(bench.folder.path().join("auth.json")).unwrap();
    bench.keeper().refresh().await.unwrap();
    std::fs::write(bench.folder.path().join("auth.json"), copy).unwrap();
    let error = bench.keeper().refresh().await.unwrap_err();
    assert!(error.to_string().contains("already used"), "{error}");
    assert_eq!(bench.stored(), None);
}

#[tokio::test]
async fn who_does_not_allow_the_use_of_the_plan_is_signed_in_without_it() {
    let bench = Bench::of_plan().await;
    bench.simulator.set_flaw(Some(Flaw::NoPlanUse));
    let signed_in = bench.signed_in(Claims::default()).await;
    assert!(!signed_in.usable);
    let keeper = bench.keeper();
    for error in [keeper.current().await.unwrap_err(), keeper.refresh().await.unwrap_err()] {
        assert!(matches!(error, KeeperError::NotAllowed { .. }), "{error}");
        assert!(error.to_string().ends_with("chatmock-auth login --route plan"), "{error}");
    }
    assert_eq!(bench.simulator.stats().refreshes, 0);
    bench.simulator.set_flaw(None);
    assert!(bench.signed_in(Claims::default()).await.usable);
    keeper.current().await.unwrap();
}

#[tokio::test]
async fn a_sign_out_is_told_by_form_and_keeps_the_registration() {
    let bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    let (before, refresh) = (registration(&bench), bench.stored().unwrap());
    let out = sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done), "{out:?}");
    let form = last_form(&bench, "/api/accounts/oauth/revoke");
    let client = before["client_id"].as_str().unwrap();
    let expected =
        [("token", &*refresh), ("token_type_hint", "refresh_token"), ("client_id", client)];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!((bench.stored(), registration(&bench)), (None, before));
}

#[tokio::test]
async fn both_routes_of_one_person_are_two_accounts_of_a_home() {
    let mut bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    bench.route = Route::CODEX;
    let under_way = bench.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.outcome().await.unwrap();
    let sign_in = SignIn { name: Some("codex"), ..bench.sign_in() };
    let saved = sign_in.obtain(&exchange).await.unwrap().save(async |_| true).await.unwrap();
    assert_eq!(saved.put_aside.unwrap().route, Route::PLAN);
    let routes = |accounts: Vec<Account>| -> Vec<String> {
        accounts.iter().map(|account| account.route.to_string()).collect()
    };
    assert_eq!(routes(bench.home.accounts().unwrap()), ["codex", "plan"]);
    bench.keeper().current().await.unwrap();
    bench.home.switch("user-demo@unknown+plan").await.unwrap();
    bench.route = Route::PLAN;
    bench.keeper().current().await.unwrap();
    let out = sign_out(&bench.home, &bench.endpoint, Some("codex")).await.unwrap().unwrap();
    assert!(matches!(out.revocation, Revocation::Done));
    assert_eq!(bench.simulator.stats().count("POST /oauth/revoke"), 1);
}
