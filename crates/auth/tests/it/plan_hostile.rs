//! An issuer of the plan route that is wrong or hostile, and answers that were mixed up.

use chatmock_auth::{BadIdToken, Denial, EndpointError, Revocation, SignInError, sign_out};
use chatmock_simulator::{Claims, Endpoint, IssuerFault, Script};
use serde_json::json;

use crate::harness::Harness;
use crate::http::follow;

/// Tries a sign-in up to the tokens.
async fn tried(harness: &Harness) -> Result<(), SignInError> {
    let under_way = harness.begin().await;
    under_way.paste().await;
    let exchange = under_way.attempt.code().await.unwrap();
    harness.sign_in().obtain(&exchange).await.map(drop)
}

#[tokio::test]
async fn an_id_token_that_is_not_the_one_asked_for_is_not_believed() {
    let harness = Harness::of_plan().await;
    for (flaw, expected) in [
        (IssuerFault::OtherNonce, BadIdToken::OtherSignIn),
        (IssuerFault::NoNonce, BadIdToken::OtherSignIn),
        (IssuerFault::OtherAudience, BadIdToken::OtherAudience),
        (IssuerFault::MoreAudiences, BadIdToken::OtherAudience),
        (IssuerFault::OtherIssuer, BadIdToken::OtherIssuer),
        (IssuerFault::Expired, BadIdToken::Ended),
        (IssuerFault::NoExpiry, BadIdToken::Incomplete),
        (IssuerFault::NoSubject, BadIdToken::Incomplete),
        (IssuerFault::ForeignKey, BadIdToken::Forged),
        (IssuerFault::UnknownKey, BadIdToken::UnknownKey),
        (IssuerFault::Unsigned, BadIdToken::Unsigned),
        (IssuerFault::Symmetric, BadIdToken::Algorithm),
    ] {
        harness.simulator.set_issuer_fault(Some(flaw));
        let error = tried(&harness).await.unwrap_err();
        let told = matches!(&error, SignInError::IdToken(found) if *found == expected);
        assert!(told, "{flaw:?}: {error:?}");
        assert_eq!(harness.stored(), None, "{flaw:?}");
        let text =
            std::fs::read_to_string(harness.folder.path().join("registration.json")).unwrap();
        assert!(!text.contains("oaiapp"), "{flaw:?}: only a sign-in registers");
    }
    harness.simulator.set_issuer_fault(Some(IssuerFault::Elliptic));
    tried(&harness).await.unwrap();
}

#[tokio::test]
async fn a_description_that_points_elsewhere_is_not_followed_and_spends_no_code() {
    let harness = Harness::of_plan().await;
    for flaw in
        [IssuerFault::DiscoveryOfAnother, IssuerFault::KeysElsewhere, IssuerFault::NoDiscovery]
    {
        harness.simulator.set_issuer_fault(Some(flaw));
        let error = tried(&harness).await.unwrap_err();
        let told = matches!(
            error,
            SignInError::Endpoint(EndpointError::Discovery(_) | EndpointError::Status(404))
        );
        assert!(told, "{flaw:?}: {error:?}");
    }
    harness.simulator.set_issuer_fault(None);
    let huge = Script::body(200, "application/json", " ".repeat(2 << 20));
    for (endpoint, script) in [
        (Endpoint::Discovery, huge.clone()),
        (Endpoint::Keys, huge),
        (Endpoint::Keys, Script::json(200, &json!({}))),
        (Endpoint::Keys, Script::json(500, &json!({"keys": []}))),
        (Endpoint::Discovery, Script::json(302, &json!({}))),
    ] {
        harness.simulator.enqueue_at(endpoint, script);
        assert!(matches!(tried(&harness).await, Err(SignInError::Endpoint(_))), "{endpoint:?}");
    }
    assert_eq!(harness.simulator.stats().count("POST /api/accounts/oauth/token"), 0);
}

#[tokio::test]
async fn a_refresh_token_is_not_sent_to_another_host_to_be_revoked() {
    let harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    harness.simulator.set_issuer_fault(Some(IssuerFault::RevocationElsewhere));
    let out = sign_out(&harness.home, &harness.endpoint, None).await.unwrap().unwrap();
    let Revocation::Failed(error) = out.revocation else { panic!("{out:?}") };
    assert!(matches!(error, EndpointError::Discovery(_)), "{error:?}");
    assert_eq!(harness.stored(), None);
}

#[tokio::test]
async fn an_answer_without_the_right_client_or_with_a_no_ends_it() {
    let harness = Harness::of_plan().await;
    for (flaw, expected) in
        [(IssuerFault::NoClientId, Some(Denial::NotRegistered)), (IssuerFault::Denied, None)]
    {
        harness.simulator.set_issuer_fault(Some(flaw));
        let under_way = harness.begin().await;
        under_way.paste().await;
        let denial = under_way.attempt.code().await.unwrap_err();
        match expected {
            Some(expected) => assert_eq!(denial, expected),
            None => assert!(denial.to_string().contains("access_denied"), "{denial}"),
        }
    }
    harness.simulator.set_issuer_fault(None);
    harness.signed_in(Claims::default()).await;
    harness.simulator.set_issuer_fault(Some(IssuerFault::OtherClientId));
    let under_way = harness.begin().await;
    under_way.paste().await;
    assert_eq!(under_way.attempt.code().await.unwrap_err(), Denial::OtherClient);
}

#[tokio::test]
async fn a_client_that_was_mixed_up_at_a_first_sign_in_buys_nothing() {
    let harness = Harness::of_plan().await;
    harness.simulator.set_issuer_fault(Some(IssuerFault::OtherClientId));
    let error = tried(&harness).await.unwrap_err();
    assert!(matches!(error, SignInError::Endpoint(EndpointError::NotRedeemed(..))), "{error:?}");
    assert_eq!(harness.stored(), None);
}

#[tokio::test]
async fn an_answer_with_another_state_is_unexpected() {
    let harness = Harness::of_plan().await;
    harness.simulator.set_issuer_fault(Some(IssuerFault::OtherState));
    let under_way = harness.begin().await;
    let back = follow(&under_way.url).await;
    let verdict = under_way.attempt.offer(&back);
    assert!(matches!(verdict, chatmock_auth::CallbackVerdict::Unexpected(_)), "{verdict:?}");
    assert_eq!(harness.simulator.stats().count("POST /api/accounts/oauth/token"), 0);
}

#[tokio::test]
async fn renewed_tokens_of_another_person_are_thrown_away() {
    let harness = Harness::of_plan().await;
    harness.signed_in(Claims::default()).await;
    harness.simulator.set_issuer_fault(Some(IssuerFault::OtherPerson));
    let error = harness.keeper().refresh().await.unwrap_err();
    assert!(error.to_string().contains("another account"), "{error}");
}
