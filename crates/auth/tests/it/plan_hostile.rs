//! An issuer of the plan route that is wrong or hostile, and answers that were mixed up.

use chatmock_auth::{BadIdToken, Denial, EndpointError, Revocation, SignInError, sign_out};
use chatmock_simulator::{Claims, Endpoint, Flaw, Script};
use serde_json::json;

use crate::bench::Bench;
use crate::wire::follow;

/// Tries a sign-in up to the tokens.
async fn tried(bench: &Bench) -> Result<(), SignInError> {
    let under_way = bench.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.outcome().await.unwrap();
    bench.sign_in().obtain(&exchange).await.map(drop)
}

#[tokio::test]
async fn an_id_token_that_is_not_the_one_asked_for_is_not_believed() {
    let bench = Bench::of_plan().await;
    for (flaw, expected) in [
        (Flaw::OtherNonce, BadIdToken::OtherSignIn),
        (Flaw::NoNonce, BadIdToken::OtherSignIn),
        (Flaw::OtherAudience, BadIdToken::OtherAudience),
        (Flaw::MoreAudiences, BadIdToken::OtherAudience),
        (Flaw::OtherIssuer, BadIdToken::OtherIssuer),
        (Flaw::Expired, BadIdToken::Ended),
        (Flaw::NoExpiry, BadIdToken::Incomplete),
        (Flaw::NoSubject, BadIdToken::Incomplete),
        (Flaw::ForeignKey, BadIdToken::Forged),
        (Flaw::UnknownKey, BadIdToken::UnknownKey),
        (Flaw::Unsigned, BadIdToken::Unsigned),
        (Flaw::Symmetric, BadIdToken::Algorithm),
    ] {
        bench.simulator.set_flaw(Some(flaw));
        let error = tried(&bench).await.unwrap_err();
        let told = matches!(&error, SignInError::IdToken(found) if *found == expected);
        assert!(told, "{flaw:?}: {error:?}");
        assert_eq!(bench.stored(), None, "{flaw:?}");
        let text = std::fs::read_to_string(bench.folder.path().join("registration.json")).unwrap();
        assert!(!text.contains("oaiapp"), "{flaw:?}: only a sign-in registers");
    }
    bench.simulator.set_flaw(Some(Flaw::Elliptic));
    tried(&bench).await.unwrap();
}

#[tokio::test]
async fn a_description_that_points_elsewhere_is_not_followed_and_spends_no_code() {
    let bench = Bench::of_plan().await;
    for flaw in [Flaw::DiscoveryOfAnother, Flaw::KeysElsewhere, Flaw::NoDiscovery] {
        bench.simulator.set_flaw(Some(flaw));
        let error = tried(&bench).await.unwrap_err();
        let told = matches!(
            error,
            SignInError::Endpoint(EndpointError::Discovery(_) | EndpointError::Status(404))
        );
        assert!(told, "{flaw:?}: {error:?}");
    }
    bench.simulator.set_flaw(None);
    let huge = Script::body(200, "application/json", " ".repeat(2 << 20));
    for (endpoint, script) in [
        (Endpoint::Discovery, huge.clone()),
        (Endpoint::Keys, huge),
        (Endpoint::Keys, Script::json(200, &json!({}))),
        (Endpoint::Keys, Script::json(500, &json!({"keys": []}))),
        (Endpoint::Discovery, Script::json(302, &json!({}))),
    ] {
        bench.simulator.enqueue_at(endpoint, script);
        assert!(matches!(tried(&bench).await, Err(SignInError::Endpoint(_))), "{endpoint:?}");
    }
    assert_eq!(bench.simulator.stats().count("POST /api/accounts/oauth/token"), 0);
}

#[tokio::test]
async fn a_refresh_token_is_not_sent_to_another_host_to_be_revoked() {
    let bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    bench.simulator.set_flaw(Some(Flaw::RevocationElsewhere));
    let out = sign_out(&bench.home, &bench.endpoint, None).await.unwrap().unwrap();
    let Revocation::Failed(error) = out.revocation else { panic!("{out:?}") };
    assert!(matches!(error, EndpointError::Discovery(_)), "{error:?}");
    assert_eq!(bench.stored(), None);
}

#[tokio::test]
async fn an_answer_without_the_right_client_or_with_a_no_ends_it() {
    let bench = Bench::of_plan().await;
    for (flaw, expected) in [(Flaw::NoClientId, Some(Denial::NotRegistered)), (Flaw::Denied, None)]
    {
        bench.simulator.set_flaw(Some(flaw));
        let under_way = bench.begin().await;
        under_way.paste().await;
        let denial = under_way.attempt.outcome().await.unwrap_err();
        match expected {
            Some(expected) => assert_eq!(denial, expected),
            None => assert!(denial.to_string().contains("access_denied"), "{denial}"),
        }
    }
    bench.simulator.set_flaw(None);
    bench.signed_in(Claims::default()).await;
    bench.simulator.set_flaw(Some(Flaw::OtherClientId));
    let under_way = bench.begin().await;
    under_way.paste().await;
    assert_eq!(under_way.attempt.outcome().await.unwrap_err(), Denial::OtherClient);
}

#[tokio::test]
async fn a_client_that_was_mixed_up_at_a_first_sign_in_buys_nothing() {
    let bench = Bench::of_plan().await;
    bench.simulator.set_flaw(Some(Flaw::OtherClientId));
    let error = tried(&bench).await.unwrap_err();
    assert!(matches!(error, SignInError::Endpoint(EndpointError::NotRedeemed(_))), "{error:?}");
    assert_eq!(bench.stored(), None);
}

#[tokio::test]
async fn an_answer_with_another_state_is_a_stray() {
    let bench = Bench::of_plan().await;
    bench.simulator.set_flaw(Some(Flaw::OtherState));
    let under_way = bench.begin().await;
    let back = follow(&under_way.url).await;
    let verdict = under_way.attempt.offer(&back);
    assert!(matches!(verdict, chatmock_auth::Verdict::Stray(_)), "{verdict:?}");
    assert_eq!(bench.simulator.stats().count("POST /api/accounts/oauth/token"), 0);
}

#[tokio::test]
async fn renewed_tokens_of_another_person_are_thrown_away() {
    let bench = Bench::of_plan().await;
    bench.signed_in(Claims::default()).await;
    bench.simulator.set_flaw(Some(Flaw::OtherPerson));
    let error = bench.keeper().refresh().await.unwrap_err();
    assert!(error.to_string().contains("another account"), "{error}");
}
