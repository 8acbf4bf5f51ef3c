//! The issuer of the plan route: registration, sign-in, refresh, revocation, discovery and keys.

use std::sync::{Arc, Mutex, OnceLock};

use hyper::Response;

use self::authorization::{AuthorizationRequest, RESOURCE, SCOPE};
use self::clients::ClientRegistry;
use self::id_token::IdToken;
use super::oauth::{challenge, oauth_error};
use crate::body::Body;
use crate::error_response::ErrorResponse;
use crate::http::{HttpRequest, HttpResult, html, json, redirect};
use crate::issuer_fault::IssuerFault;
use crate::json::{Json, object};
use crate::signing_keys::SigningKeys;
use crate::state::SharedState;
use crate::sync::lock;
use crate::timestamps::unix_now;
use crate::tokens::{Claims, PlanGrant, Tokens};
use crate::url_form::{Form, encode};

mod authorization;
mod clients;
mod id_token;

/// The scope without which a program may not use the plan.
const PLAN_USE: &str = "chatgpt.tokens.use.direct";

/// The issuer of the plan route, with its registered clients and its fault.
#[derive(Debug)]
pub(crate) struct PlanIssuer {
    shared: Arc<SharedState>,
    clients: Mutex<ClientRegistry>,
    fault: Mutex<Option<IssuerFault>>,
    keys: OnceLock<SigningKeys>,
}

impl PlanIssuer {
    pub(crate) fn new(shared: Arc<SharedState>) -> Self {
        Self { shared, clients: Mutex::default(), fault: Mutex::default(), keys: OnceLock::new() }
    }

    /// Sets the fault of the issuer from now on, or removes it.
    pub(crate) fn set_fault(&self, fault: Option<IssuerFault>) {
        *lock(&self.fault) = fault;
    }

    fn has(&self, fault: IssuerFault) -> bool {
        *lock(&self.fault) == Some(fault)
    }

    /// Returns the keys, which are made when they are first needed.
    fn signing_keys(&self) -> &SigningKeys {
        self.keys.get_or_init(SigningKeys::make)
    }

    /// `GET /api/accounts/authorize`: redirects the browser back, or shows a link that does.
    pub(crate) fn authorize(&self, http: &HttpRequest) -> HttpResult {
        if self.shared.settings.approve_sign_in {
            return self.approve(http);
        }
        AuthorizationRequest::read(&Form::parse(http.query()), &lock(&self.clients))?;
        let query = http.query().replace('&', "&amp;").replace('"', "%22").replace('<', "%3C");
        let place = "/api/accounts/authorize/continue";
        Ok(html(&format!("<p><a href=\"{place}?{query}\">Continue with ChatGPT</a></p>")))
    }

    /// `GET /api/accounts/authorize/continue`: redirects the browser back with a code. At a first
    /// sign-in it also returns the client that it registered.
    pub(crate) fn approve(&self, http: &HttpRequest) -> HttpResult {
        let form = Form::parse(http.query());
        let mut registry = lock(&self.clients);
        let authorization = AuthorizationRequest::read(&form, &registry)?;
        registry.mark_used([authorization.state, authorization.nonce]);
        let state =
            if self.has(IssuerFault::OtherState) { "somebody-elses" } else { authorization.state };
        let (target, state) = (authorization.redirect_uri, encode(state));
        if self.has(IssuerFault::Denied) {
            return Ok(redirect(&format!("{target}?error=access_denied&state={state}")));
        }
        let client = match authorization.client_id {
            Some(client) => client.to_owned(),
            None => registry.register(authorization.host),
        };
        let code = encode(&registry.issue_code(authorization.grant(&client)));
        let named = match authorization.client_id {
            _ if self.has(IssuerFault::OtherClientId) => Some(registry.register("somebody else")),
            None if !self.has(IssuerFault::NoClientId) => Some(client),
            _ => None,
        };
        let named =
            named.map(|client| format!("&client_id={}", encode(&client))).unwrap_or_default();
        Ok(redirect(&format!("{target}?code={code}&state={state}{named}")))
    }

    /// `POST /api/accounts/oauth/token`, as a form.
    pub(crate) fn token(&self, http: &HttpRequest) -> HttpResult {
        let form = form(http)?;
        if form.get("resource") != RESOURCE {
            return Err(oauth_error("invalid_target", "resource is not one of this client's"));
        }
        match form.get("grant_type") {
            "authorization_code" => self.redeem(&form),
            "refresh_token" => self.refresh(&form),
            _ => Err(oauth_error("unsupported_grant_type", "this grant is not supported")),
        }
    }

    fn redeem(&self, form: &Form) -> HttpResult {
        let Some(code) = lock(&self.clients).redeem(form.get("code")) else {
            return Err(oauth_error("invalid_grant", "the code is unknown or was used"));
        };
        let problem = if code.client_id != form.get("client_id") {
            "the code is another client's"
        } else if code.redirect_uri != form.get("redirect_uri") {
            "redirect_uri differs"
        } else if code.challenge != challenge(form.get("code_verifier")) {
            "code_verifier does not fit"
        } else {
            let mut tokens = lock(&self.shared.tokens);
            let claims = tokens.current_claims();
            let issued = tokens.sign_in_plan(claims.clone(), self.grant(&code.client_id));
            drop(tokens);
            return Ok(self.issued_answer(&claims, &issued, Some(&code.nonce)));
        };
        Err(oauth_error("invalid_grant", problem))
    }

    fn refresh(&self, form: &Form) -> HttpResult {
        if !form.get("scope").is_empty() {
            return Err(oauth_error("invalid_scope", "scope does not belong here"));
        }
        let renewed = |old: PlanGrant| PlanGrant { scope: old.scope, ..self.grant(&old.client_id) };
        let (token, client) = (form.get("refresh_token"), form.get("client_id"));
        let refreshed = lock(&self.shared.tokens).refresh_plan(token, client, renewed);
        self.shared.recorder.update(|stats| {
            stats.refreshes += 1;
            stats.refreshes_refused += u64::from(refreshed.is_err());
        });
        let (tokens, mut claims) = refreshed?;
        if self.has(IssuerFault::OtherPerson) {
            claims.user_id.push_str("-other");
        }
        Ok(self.issued_answer(&claims, &tokens, None))
    }

    /// `POST /api/accounts/oauth/revoke`, as a form.
    pub(crate) fn revoke(&self, http: &HttpRequest) -> HttpResult {
        let form = form(http)?;
        let known = lock(&self.clients).host(form.get("client_id")).is_some();
        if !known || form.get("token_type_hint") != "refresh_token" {
            return Err(oauth_error("invalid_client", "client_id or token_type_hint is not right"));
        }
        lock(&self.shared.tokens).revoke(form.get("token"));
        self.shared.recorder.update(|stats| stats.revokes += 1);
        Ok(json(200, &object! {}))
    }

    /// `GET /.well-known/openid-configuration`
    pub(crate) fn discovery(&self) -> HttpResult {
        if self.has(IssuerFault::NoDiscovery) {
            return Err(ErrorResponse::detail(404, "Not Found"));
        }
        let origin = self.shared.origin.as_str();
        let at = |fault, elsewhere: &str, path: &str| {
            if self.has(fault) { elsewhere.to_owned() } else { format!("{origin}{path}") }
        };
        let document = object! {
            "issuer": at(IssuerFault::DiscoveryOfAnother, "https://other.example", ""),
            "authorization_endpoint": format!("{origin}/api/accounts/authorize"),
            "token_endpoint": format!("{origin}/api/accounts/oauth/token"),
            "jwks_uri": at(IssuerFault::KeysElsewhere, "http://192.0.2.1/keys", "/.well-known/jwks.json"),
            "revocation_endpoint":
                at(IssuerFault::RevocationElsewhere, "https://other.example/revoke", "/api/accounts/oauth/revoke"),
            "id_token_signing_alg_values_supported": vec![Json::from("RS256")],
        };
        Ok(json(200, &document))
    }

    /// `GET /.well-known/jwks.json`
    pub(crate) fn keys(&self) -> HttpResult {
        Ok(json(200, &self.signing_keys().published()))
    }

    /// Signs a person in without any request, on an installation of their own.
    pub(crate) fn sign_in(&self, claims: &Claims) -> Tokens {
        let client = lock(&self.clients).register("urn:uuid:00000000-0000-4000-8000-000000000000");
        let tokens = lock(&self.shared.tokens).sign_in_plan(claims.clone(), self.grant(&client));
        Tokens { id_token: self.id_token(claims, &client, None), ..tokens }
    }

    fn id_token(&self, claims: &Claims, client_id: &str, nonce: Option<&str>) -> String {
        let (fault, issuer) = (*lock(&self.fault), self.shared.origin.as_str());
        IdToken { fault, issuer, claims, client_id, nonce }.sign(self.signing_keys())
    }

    fn grant(&self, client_id: &str) -> PlanGrant {
        let after = |span: std::time::Duration| {
            unix_now().saturating_add(span.as_secs().try_into().unwrap_or(i64::MAX))
        };
        let scopes = SCOPE
            .split(' ')
            .filter(|scope| *scope != PLAN_USE || !self.has(IssuerFault::NoPlanUse));
        PlanGrant {
            client_id: client_id.to_owned(),
            scope: scopes.collect::<Vec<_>>().join(" "),
            expires_at: after(self.shared.settings.plan_token_life),
            earliest_refresh_at: after(self.shared.settings.plan_refresh_after),
        }
    }

    fn issued_answer(
        &self,
        claims: &Claims,
        tokens: &Tokens,
        nonce: Option<&str>,
    ) -> Response<Body> {
        let Some(plan) = &tokens.plan else { return json(500, &object! {}) };
        let body = object! {
            "access_token": &tokens.access_token,
            "refresh_token": &tokens.refresh_token,
            "id_token": self.id_token(claims, &plan.client_id, nonce),
            "token_type": "Bearer",
            "expires_in": plan.expires_at.saturating_sub(unix_now()),
            "scope": &plan.scope,
            "earliest_refresh_at": plan.earliest_refresh_at,
        };
        json(200, &body)
    }
}

fn form(http: &HttpRequest) -> Result<Form, ErrorResponse> {
    let kind = http.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(oauth_error("invalid_request", "the body must be a form"));
    }
    Ok(Form::parse(&String::from_utf8_lossy(&http.body)))
}
