//! The issuer of the plan route: registration, sign-in, renewal, revocation, discovery and keys.

use std::collections::{HashMap, HashSet};

use hyper::Response;

use super::{challenge, oauth_error};
use crate::body::Body;
use crate::error_response::ErrorResponse;
use crate::flaws::Flaw;
use crate::json::{Json, object};
use crate::record::lock;
use crate::service::{HttpRequest, html, json, redirect};
use crate::simulator::State;
use crate::tokens::{Claims, PlanGrant, Tokens, unix_now};
use crate::url_form::{Form, encode};

mod authorization;
mod id_token;

use authorization::AuthorizationRequest;
use id_token::id_token;

/// What is asked for, and usually granted.
pub(crate) const SCOPE: &str =
    "openid profile email offline_access resource.invoke chatgpt.tokens.use.direct";
/// The scope without which the plan is not used.
const PLAN_USE: &str = "chatgpt.tokens.use.direct";
/// What the tokens are for.
pub(crate) const RESOURCE: &str = "https://api.openai.com/v1";

/// The installations that are registered, and sign-ins under way.
#[derive(Debug, Default)]
pub(crate) struct ClientRegistry {
    issued: u64,
    /// The host of each client.
    hosts: HashMap<String, String>,
    codes: HashMap<String, AuthorizationCode>,
    /// States and nonces, each good for one sign-in.
    used: HashSet<String>,
}

#[derive(Debug)]
struct AuthorizationCode {
    challenge: String,
    redirect_uri: String,
    client_id: String,
    nonce: String,
}

impl ClientRegistry {
    fn register(&mut self, host: &str) -> String {
        self.issued += 1;
        let client = format!("oaiapp_simulated_{:06}", self.issued);
        self.hosts.insert(client.clone(), host.to_owned());
        client
    }

    fn code(&mut self, authorization: &AuthorizationRequest<'_>, client_id: &str) -> String {
        self.issued += 1;
        let code = format!("ac_simulated_plan_{:06}", self.issued);
        let grant = AuthorizationCode {
            challenge: authorization.challenge.to_owned(),
            redirect_uri: authorization.redirect_uri.to_owned(),
            client_id: client_id.to_owned(),
            nonce: authorization.nonce.to_owned(),
        };
        self.codes.insert(code.clone(), grant);
        code
    }
}

/// `GET /api/accounts/authorize`: sends the browser back, or shows a link that does.
pub(crate) fn authorize(
    state: &State,
    http: &HttpRequest,
) -> Result<Response<Body>, ErrorResponse> {
    if state.settings.approve_sign_in {
        return approve(state, http);
    }
    AuthorizationRequest::read(&Form::parse(http.query()), &lock(&state.registry))?;
    let query = http.query().replace('&', "&amp;").replace('"', "%22").replace('<', "%3C");
    let place = "/api/accounts/authorize/continue";
    Ok(html(&format!("<p><a href=\"{place}?{query}\">Continue with ChatGPT</a></p>")))
}

/// `GET /api/accounts/authorize/continue`: sends the browser back with a code, and at a first
/// sign-in with the client that it registered.
pub(crate) fn approve(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    let form = Form::parse(http.query());
    let mut registry = lock(&state.registry);
    let authorization = AuthorizationRequest::read(&form, &registry)?;
    registry.used.extend([authorization.state, authorization.nonce].map(str::to_owned));
    let told = if state.has(Flaw::OtherState) { "somebody-elses" } else { authorization.state };
    let (target, told) = (authorization.redirect_uri, encode(told));
    if state.has(Flaw::Denied) {
        return Ok(redirect(&format!("{target}?error=access_denied&state={told}")));
    }
    let client = match authorization.client_id {
        Some(client) => client.to_owned(),
        None => registry.register(authorization.host),
    };
    let code = encode(&registry.code(&authorization, &client));
    let named = match authorization.client_id {
        _ if state.has(Flaw::OtherClientId) => Some(registry.register("somebody else")),
        None if !state.has(Flaw::NoClientId) => Some(client),
        _ => None,
    };
    let named = named.map(|client| format!("&client_id={}", encode(&client))).unwrap_or_default();
    Ok(redirect(&format!("{target}?code={code}&state={told}{named}")))
}

/// `POST /api/accounts/oauth/token`, as a form.
pub(crate) fn token(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    let form = form(http)?;
    if form.get("resource") != RESOURCE {
        return Err(oauth_error("invalid_target", "resource is not one of this client's"));
    }
    match form.get("grant_type") {
        "authorization_code" => redeem(state, &form),
        "refresh_token" => refresh(state, &form),
        _ => Err(oauth_error("unsupported_grant_type", "this grant is not supported")),
    }
}

fn redeem(state: &State, form: &Form) -> Result<Response<Body>, ErrorResponse> {
    let Some(code) = lock(&state.registry).codes.remove(form.get("code")) else {
        return Err(oauth_error("invalid_grant", "the code is unknown or was used"));
    };
    let problem = if code.client_id != form.get("client_id") {
        "the code is another client's"
    } else if code.redirect_uri != form.get("redirect_uri") {
        "redirect_uri differs"
    } else if code.challenge != challenge(form.get("code_verifier")) {
        "code_verifier does not fit"
    } else {
        let mut tokens = lock(&state.tokens);
        let claims = tokens.current_claims();
        let issued = tokens.sign_in_plan(claims.clone(), grant(state, &code.client_id));
        drop(tokens);
        return Ok(issued_answer(state, &claims, &issued, Some(&code.nonce)));
    };
    Err(oauth_error("invalid_grant", problem))
}

fn refresh(state: &State, form: &Form) -> Result<Response<Body>, ErrorResponse> {
    if !form.get("scope").is_empty() {
        return Err(oauth_error("invalid_scope", "scope does not belong here"));
    }
    let renewed = |old: PlanGrant| PlanGrant { scope: old.scope, ..grant(state, &old.client_id) };
    let (token, client) = (form.get("refresh_token"), form.get("client_id"));
    let refreshed = lock(&state.tokens).refresh_plan(token, client, renewed);
    state.recorder.update(|stats| {
        stats.refreshes += 1;
        stats.refreshes_refused += u64::from(refreshed.is_err());
    });
    let (tokens, mut claims) = refreshed?;
    if state.has(Flaw::OtherPerson) {
        claims.user_id.push_str("-other");
    }
    Ok(issued_answer(state, &claims, &tokens, None))
}

/// `POST /api/accounts/oauth/revoke`, as a form.
pub(crate) fn revoke(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    let form = form(http)?;
    let known = lock(&state.registry).hosts.contains_key(form.get("client_id"));
    if !known || form.get("token_type_hint") != "refresh_token" {
        return Err(oauth_error("invalid_client", "client_id or token_type_hint is not right"));
    }
    lock(&state.tokens).revoke(form.get("token"));
    state.recorder.update(|stats| stats.revokes += 1);
    Ok(json(200, &object! {}))
}

/// `GET /.well-known/openid-configuration`
pub(crate) fn discovery(state: &State) -> Result<Response<Body>, ErrorResponse> {
    if state.has(Flaw::NoDiscovery) {
        return Err(ErrorResponse::detail(404, "Not Found"));
    }
    let origin = state.origin.as_str();
    let at = |flaw, elsewhere: &str, path: &str| {
        if state.has(flaw) { elsewhere.to_owned() } else { format!("{origin}{path}") }
    };
    let document = object! {
        "issuer": at(Flaw::DiscoveryOfAnother, "https://other.example", ""),
        "authorization_endpoint": format!("{origin}/api/accounts/authorize"),
        "token_endpoint": format!("{origin}/api/accounts/oauth/token"),
        "jwks_uri": at(Flaw::KeysElsewhere, "http://192.0.2.1/keys", "/.well-known/jwks.json"),
        "revocation_endpoint":
            at(Flaw::RevocationElsewhere, "https://other.example/revoke", "/api/accounts/oauth/revoke"),
        "id_token_signing_alg_values_supported": vec![Json::from("RS256")],
    };
    Ok(json(200, &document))
}

/// `GET /.well-known/jwks.json`
pub(crate) fn keys(state: &State) -> Result<Response<Body>, ErrorResponse> {
    Ok(json(200, &state.keys().published()))
}

/// Signs somebody in without any request: on an installation of their own.
pub(crate) fn sign_in(state: &State, claims: &Claims) -> Tokens {
    let client = lock(&state.registry).register("urn:uuid:00000000-0000-4000-8000-000000000000");
    let tokens = lock(&state.tokens).sign_in_plan(claims.clone(), grant(state, &client));
    Tokens { id_token: id_token(state, claims, &client, None), ..tokens }
}

fn grant(state: &State, client_id: &str) -> PlanGrant {
    let after = |span: std::time::Duration| {
        unix_now().saturating_add(span.as_secs().try_into().unwrap_or(i64::MAX))
    };
    let scopes = SCOPE.split(' ').filter(|scope| *scope != PLAN_USE || !state.has(Flaw::NoPlanUse));
    PlanGrant {
        client_id: client_id.to_owned(),
        scope: scopes.collect::<Vec<_>>().join(" "),
        expires_at: after(state.settings.plan_token_life),
        earliest_refresh_at: after(state.settings.plan_refresh_after),
    }
}

fn issued_answer(
    state: &State,
    claims: &Claims,
    tokens: &Tokens,
    nonce: Option<&str>,
) -> Response<Body> {
    let Some(plan) = &tokens.plan else { return json(500, &object! {}) };
    let body = object! {
        "access_token": &tokens.access_token,
        "refresh_token": &tokens.refresh_token,
        "id_token": id_token(state, claims, &plan.client_id, nonce),
        "token_type": "Bearer",
        "expires_in": plan.expires_at.saturating_sub(unix_now()),
        "scope": &plan.scope,
        "earliest_refresh_at": plan.earliest_refresh_at,
    };
    json(200, &body)
}

fn form(http: &HttpRequest) -> Result<Form, ErrorResponse> {
    let kind = http.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(oauth_error("invalid_request", "the body must be a form"));
    }
    Ok(Form::parse(&String::from_utf8_lossy(&http.body)))
}
