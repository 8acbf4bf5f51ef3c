//! The issuer of the plan route, from registration to revocation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::harness::{Harness, Reply};
use crate::url_form::encode;
use crate::{Claims, IssuerFault, Settings};

const SCOPE: &str = "openid profile email offline_access resource.invoke chatgpt.tokens.use.direct";

const FORM: &str = "application/x-www-form-urlencoded";
const BACK: &str = "http://127.0.0.1:1455/auth/callback";
const HOST: &str = "urn:uuid:9b2f6d0c-5d0e-4a39-8f0a-0d6a4c1f2e3b";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-a-test-0123456789";

/// Returns the parameters of a first sign-in.
fn asked(number: u32) -> Vec<(&'static str, String)> {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    [
        ("client_id", "dynamic_agent_client"),
        ("agent_name_hint", "chatmock"),
        ("ext_agent_host_id", HOST),
        ("response_type", "code"),
        ("resource", "https://api.openai.com/v1"),
        ("redirect_uri", BACK),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", &format!("state-0123456789-{number}")),
        ("nonce", &format!("nonce-0123456789-{number}")),
        ("scope", SCOPE),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn text(pairs: &[(&str, String)]) -> String {
    let pair = |(name, value): &(&str, String)| format!("{name}={}", encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn put(pairs: &mut Vec<(&'static str, String)>, name: &'static str, value: Option<&str>) {
    pairs.retain(|(known, _)| *known != name);
    pairs.extend(value.map(|value| (name, value.to_owned())));
}

async fn authorize(harness: &Harness, pairs: &[(&'static str, String)]) -> Reply {
    harness.get(&format!("/api/accounts/authorize?{}", text(pairs))).await
}

/// Returns a part of the address to which the browser is redirected.
fn back(reply: &Reply, name: &str) -> Option<String> {
    let (_, query) = reply.header("location").unwrap().split_once('?').unwrap();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

async fn post(harness: &Harness, pairs: &[(&str, String)]) -> Reply {
    harness.post("/api/accounts/oauth/token", FORM, &text(pairs)).await
}

fn exchange(code: &str, client: &str) -> Vec<(&'static str, String)> {
    [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", BACK),
        ("resource", "https://api.openai.com/v1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn renewal(token: &str, client: &str) -> Vec<(&'static str, String)> {
    [
        ("grant_type", "refresh_token"),
        ("client_id", client),
        ("refresh_token", token),
        ("resource", "https://api.openai.com/v1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

#[tokio::test]
async fn a_first_sign_in_registers_and_its_tokens_are_signed_for_real() {
    let harness = Harness::new().await;
    let reply = authorize(&harness, &asked(1)).await;
    let (code, client) = (back(&reply, "code").unwrap(), back(&reply, "client_id").unwrap());
    assert!(client.starts_with("oaiapp_"), "{client}");
    let tokens = post(&harness, &exchange(&code, &client)).await.json();
    assert_eq!((&tokens["expires_in"], &tokens["token_type"]), (&3600.into(), &"Bearer".into()));
    let id_token = tokens["id_token"].as_str().unwrap();
    let (message, signature) = id_token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let payload = decode(message.split_once('.').unwrap().1);
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&payload["aud"], &payload["sub"]), (&client.as_str().into(), &"user-demo".into()));
    assert_eq!(payload["nonce"], "nonce-0123456789-1");

    let keys = harness.get("/.well-known/jwks.json").await.json();
    let part = |name: &str| decode(keys["keys"][0][name].as_str().unwrap());
    let key = RsaPublicKeyComponents { n: part("n"), e: part("e") };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &decode(signature)).unwrap();

    let again = post(&harness, &exchange(&code, &client)).await;
    assert_eq!(again.json()["error"], "invalid_grant");
    let mut later = asked(2);
    put(&mut later, "client_id", Some(&client));
    put(&mut later, "agent_name_hint", None);
    let reply = authorize(&harness, &later).await;
    assert_eq!((reply.status, back(&reply, "client_id")), (302, None));
}

#[tokio::test]
async fn an_address_that_asks_in_a_wrong_way_is_refused() {
    let harness = Harness::new().await;
    for (name, value) in [
        ("client_id", None),
        ("client_id", Some("oaiapp_unknown")),
        ("agent_name_hint", None),
        ("ext_agent_host_id", Some("urn:uuid:9b2f6d0c-5d0e-1a39-8f0a-0d6a4c1f2e3b")),
        ("response_type", Some("token")),
        ("resource", None),
        ("redirect_uri", Some("http://localhost:1455/auth/callback")),
        ("redirect_uri", Some("http://127.0.0.1:1455/elsewhere")),
        ("redirect_uri", Some("http://127.0.0.1/auth/callback")),
        ("code_challenge_method", Some("plain")),
        ("state", None),
        ("nonce", None),
        ("scope", Some("openid")),
    ] {
        let mut pairs = asked(1);
        put(&mut pairs, name, value);
        assert_eq!(authorize(&harness, &pairs).await.status, 400, "{name} {value:?}");
    }
    assert_eq!(authorize(&harness, &asked(1)).await.status, 302);
    assert_eq!(authorize(&harness, &asked(1)).await.status, 400, "state and nonce are good once");
}

#[tokio::test]
async fn the_token_endpoint_takes_forms_of_its_own_clients_only() {
    let harness = Harness::new().await;
    let reply = authorize(&harness, &asked(1)).await;
    let (code, client) = (back(&reply, "code").unwrap(), back(&reply, "client_id").unwrap());
    let json = harness.post("/api/accounts/oauth/token", "application/json", "{}").await;
    assert_eq!(json.json()["error"], "invalid_request");
    let mut form = exchange(&code, &client);
    put(&mut form, "resource", None);
    assert_eq!(post(&harness, &form).await.json()["error"], "invalid_target");
    let tokens = post(&harness, &exchange(&code, &client)).await.json();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let mut form = renewal(refresh, &client);
    put(&mut form, "scope", Some("openid"));
    assert_eq!(post(&harness, &form).await.json()["error"], "invalid_scope");
    assert_eq!(post(&harness, &renewal(refresh, "oaiapp_other")).await.status, 401);
    let next = post(&harness, &renewal(refresh, &client)).await.json();
    assert_ne!(next["refresh_token"], refresh);
    let reused = post(&harness, &renewal(refresh, &client)).await.json();
    assert_eq!(reused["error"]["code"], "refresh_token_reused");
}

#[tokio::test]
async fn a_renewal_may_come_too_early_and_a_revoked_one_not_at_all() {
    let minute = std::time::Duration::from_secs(60);
    let harness =
        Harness::with(Settings { plan_refresh_after: minute, ..Settings::default() }).await;
    let tokens = harness.simulator.plan_tokens(&Claims::default());
    let client = tokens.plan.unwrap().client_id;
    assert_eq!(post(&harness, &renewal(&tokens.refresh_token, &client)).await.status, 429);

    let harness = Harness::new().await;
    let tokens = harness.simulator.plan_tokens(&Claims::default());
    let client = tokens.plan.unwrap().client_id;
    let form = [
        ("token", tokens.refresh_token.clone()),
        ("token_type_hint", "refresh_token".to_owned()),
        ("client_id", client.clone()),
    ];
    let document = harness.get("/.well-known/openid-configuration").await.json();
    let place = document["revocation_endpoint"].as_str().unwrap().to_owned();
    let place = place.strip_prefix(&harness.simulator.origin()).unwrap();
    assert_eq!(harness.post(place, FORM, &text(&form)).await.status, 200);
    assert_eq!(post(&harness, &renewal(&tokens.refresh_token, &client)).await.status, 401);
}

#[tokio::test]
async fn tokens_of_the_plan_route_are_nothing_to_the_codex_backend() {
    let mut harness = Harness::new().await;
    harness.tokens = harness.simulator.plan_tokens(&Claims::default());
    assert_eq!(harness.say("hello").await.status, 401);
    let file: Value = serde_json::from_str(&harness.tokens.auth_json()).unwrap();
    assert_eq!((&file["route"], file["tokens"]["expires_at"].is_i64()), (&"plan".into(), true));
}

#[tokio::test]
async fn flaws_show_in_what_comes_back() {
    let harness = Harness::new().await;
    harness.simulator.set_issuer_fault(Some(IssuerFault::Denied));
    let reply = authorize(&harness, &asked(1)).await;
    assert_eq!(back(&reply, "error").as_deref(), Some("access_denied"));
    harness.simulator.set_issuer_fault(Some(IssuerFault::NoClientId));
    assert_eq!(back(&authorize(&harness, &asked(2)).await, "client_id"), None);
    harness.simulator.set_issuer_fault(Some(IssuerFault::NoDiscovery));
    assert_eq!(harness.get("/.well-known/openid-configuration").await.status, 404);
    harness.simulator.set_issuer_fault(None);
    assert_eq!(harness.get("/.well-known/openid-configuration").await.status, 200);
}
