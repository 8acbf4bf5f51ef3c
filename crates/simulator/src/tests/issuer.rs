//! The issuer, from sign-in to revocation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::harness::{Harness, Reply};
use crate::{CLIENT_ID, Claims, Endpoint, Script, Settings, Tokens};

const FORM: &str = "application/x-www-form-urlencoded";

fn claims_of(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

async fn refresh(harness: &Harness, token: &str) -> Reply {
    let body =
        json!({"client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_token": token});
    harness.post("/oauth/token", "application/json", &body.to_string()).await
}

#[tokio::test]
async fn auth_json_holds_a_sign_in_that_works() {
    let mut harness = Harness::new().await;
    let file: Value = serde_json::from_str(&harness.simulator.auth_json()).unwrap();
    let text = |name: &str| file["tokens"][name].as_str().unwrap().to_owned();
    assert_eq!(file["auth_mode"], "chatgpt");
    assert_eq!(claims_of(&text("id_token"))["email"], "demo@example.invalid");
    let auth = &claims_of(&text("id_token"))["https://api.openai.com/auth"];
    assert_eq!(auth["chatgpt_account_id"], text("account_id"));
    assert!(claims_of(&text("access_token"))["exp"].is_i64());
    harness.tokens = Tokens { access_token: text("access_token"), ..harness.tokens };
    assert_eq!(harness.say("hello").await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let mut harness = Harness::new().await;
    harness.tokens = harness.simulator.tokens(Claims::expiring_in(-1));
    let first = refresh(&harness, &harness.tokens.refresh_token).await.json();
    assert_ne!(first["refresh_token"], harness.tokens.refresh_token);
    let again = refresh(&harness, &harness.tokens.refresh_token).await;
    assert_eq!(again.status, 401);
    assert_eq!(again.json()["error"]["code"], "refresh_token_reused");
    harness.tokens.access_token = first["access_token"].as_str().unwrap().to_owned();
    assert_eq!(harness.say("hello").await.status, 200);
    let stats = harness.simulator.stats();
    assert_eq!((stats.refreshes, stats.refreshes_refused), (2, 1));
}

#[tokio::test]
async fn reuse_ends_the_session_where_that_is_set() {
    let harness = Harness::with(Settings { revoke_on_reuse: true, ..Settings::default() }).await;
    let first = refresh(&harness, &harness.tokens.refresh_token).await.json();
    refresh(&harness, &harness.tokens.refresh_token).await;
    let next = refresh(&harness, first["refresh_token"].as_str().unwrap()).await;
    assert_eq!(next.json()["error"]["code"], "refresh_token_invalidated");
    assert_eq!(harness.say("hello").await.status, 401);
}

#[tokio::test]
async fn a_revoked_session_is_over() {
    let harness = Harness::new().await;
    let body = json!({"token": harness.tokens.refresh_token, "token_type_hint": "refresh_token"});
    let reply = harness.post("/oauth/revoke", "application/json", &body.to_string()).await;
    assert_eq!((reply.status, harness.simulator.stats().revokes), (200, 1));
    assert_eq!(harness.say("hello").await.status, 401);
    assert_eq!(refresh(&harness, &harness.tokens.refresh_token).await.status, 401);
}

#[tokio::test]
async fn a_browser_sign_in_comes_back_with_a_code_that_its_verifier_redeems() {
    let mut harness = Harness::new().await;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("verifier"));
    let target = "http%3A%2F%2F127.0.0.1%3A1455%2Fauth%2Fcallback";
    let query = format!(
        "response_type=code&client_id={CLIENT_ID}&redirect_uri={target}&state=s%201\
         &code_challenge={challenge}&code_challenge_method=S256"
    );
    let reply = harness.get(&format!("/oauth/authorize?{query}")).await;
    let place = reply.header("location").unwrap();
    assert_eq!(reply.status, 302);
    let rest = place.strip_prefix("http://127.0.0.1:1455/auth/callback?code=").unwrap();
    let code = rest.strip_suffix("&state=s%201").unwrap();
    let redeem = |verifier: &str| {
        format!(
            "grant_type=authorization_code&client_id={CLIENT_ID}&code={code}\
             &redirect_uri={target}&code_verifier={verifier}"
        )
    };
    let someone = Claims { email: "two@example.invalid".to_owned(), ..Claims::default() };
    harness.simulator.set_person(someone);
    let tokens = harness.post("/oauth/token", FORM, &redeem("verifier")).await.json();
    let claims = claims_of(tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["email"], "two@example.invalid");
    assert_eq!(claims["aud"], json!([CLIENT_ID]));
    harness.tokens.access_token = tokens["access_token"].as_str().unwrap().to_owned();
    assert_eq!(harness.say("hello").await.status, 200);
    let again = harness.post("/oauth/token", FORM, &redeem("verifier")).await;
    assert_eq!((again.status, &again.json()["error"]), (400, &json!("invalid_grant")));
    let foreign = query.replace("127.0.0.1", "example.invalid");
    assert_eq!(harness.get(&format!("/oauth/authorize?{foreign}")).await.status, 400);
}

#[tokio::test]
async fn a_person_can_be_asked_before_the_browser_goes_back() {
    let harness = Harness::with(Settings { approve_sign_in: false, ..Settings::default() }).await;
    let challenge = "c".repeat(43);
    let query = format!(
        "response_type=code&client_id=c&redirect_uri=http://localhost:1455/auth/callback&state=s\
         &code_challenge={challenge}&code_challenge_method=S256"
    );
    let page = harness.get(&format!("/oauth/authorize?{query}")).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    let link = text.split('"').find(|part| part.starts_with("/oauth/authorize/continue?"));
    let reply = harness.get(&link.unwrap().replace("&amp;", "&")).await;
    assert!(reply.header("location").unwrap().starts_with("http://localhost:1455/auth/callback?"));
}

#[tokio::test]
async fn a_device_code_is_pending_for_a_while() {
    let harness = Harness::with(Settings { device_pending: 2, ..Settings::default() }).await;
    let client = json!({"client_id": CLIENT_ID}).to_string();
    let json = "application/json";
    let device = harness.post("/api/accounts/deviceauth/usercode", json, &client).await.json();
    assert_eq!(device["interval"], "1");
    let poll =
        json!({"device_auth_id": device["device_auth_id"], "user_code": device["user_code"]});
    let poll = poll.to_string();
    for _ in 0..2 {
        let reply = harness.post("/api/accounts/deviceauth/token", json, &poll).await;
        assert_eq!(reply.status, 403);
        assert_eq!(reply.json()["error"]["code"], "deviceauth_authorization_pending");
    }
    let grant = harness.post("/api/accounts/deviceauth/token", json, &poll).await.json();
    let form = format!(
        "grant_type=authorization_code&client_id={CLIENT_ID}&code={}&redirect_uri={}\
         &code_verifier={}",
        grant["authorization_code"].as_str().unwrap(),
        crate::url_form::encode(&format!("{}/deviceauth/callback", harness.simulator.issuer())),
        grant["code_verifier"].as_str().unwrap(),
    );
    assert_eq!(harness.post("/oauth/token", FORM, &form).await.status, 200);
    assert_eq!(harness.post("/api/accounts/deviceauth/token", json, &poll).await.status, 404);
}

#[tokio::test]
async fn the_token_endpoint_plays_scripts_too() {
    let harness = Harness::new().await;
    harness.simulator.enqueue_at(Endpoint::Token, Script::json(503, &json!({})));
    assert_eq!(refresh(&harness, &harness.tokens.refresh_token).await.status, 503);
    assert_eq!(refresh(&harness, &harness.tokens.refresh_token).await.status, 200);
    let bad = harness.post("/oauth/token", "application/json", "{").await;
    assert_eq!(bad.json()["error"], "invalid_request");
}
