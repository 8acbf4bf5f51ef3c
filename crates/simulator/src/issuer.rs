//! The issuer: sign-in by browser and by device code, refresh, revocation.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Response;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::body::Body;
use crate::error_response::ErrorResponse;
use crate::json::{Json, object};
use crate::record::lock;
use crate::service::{HttpRequest, html, json, redirect};
use crate::simulator::State;
use crate::tokens::{Tokens, rfc3339};
use crate::url_form::{Form, encode};

pub(crate) mod plan;

/// The verifier of every device sign-in, where the server makes the pair.
const DEVICE_VERIFIER: &str = "simulated-device-verifier-0123456789-0123456789-01";

/// Grants under way: codes to redeem and device codes to poll.
#[derive(Debug, Default)]
pub(crate) struct PendingGrants {
    issued: u64,
    codes: HashMap<String, AuthorizationCode>,
    devices: HashMap<String, DeviceGrant>,
}

#[derive(Debug)]
struct AuthorizationCode {
    challenge: String,
    redirect_uri: String,
}

#[derive(Debug)]
struct DeviceGrant {
    user_code: String,
    pending: u32,
}

impl PendingGrants {
    fn code(&mut self, challenge: &str, redirect_uri: &str) -> String {
        self.issued += 1;
        let code = format!("ac_simulated_{:06}", self.issued);
        let grant = AuthorizationCode {
            challenge: challenge.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
        };
        self.codes.insert(code.clone(), grant);
        code
    }
}

/// `GET /oauth/authorize`: sends the browser back, or shows a link that does.
pub(crate) fn authorize(
    state: &State,
    http: &HttpRequest,
) -> Result<Response<Body>, ErrorResponse> {
    if state.settings.approve_sign_in {
        return approve(state, http);
    }
    validate_authorization(&Form::parse(http.query()))?;
    let query = http.query().replace('&', "&amp;").replace('"', "%22").replace('<', "%3C");
    let link = format!("<p><a href=\"/oauth/authorize/continue?{query}\">Continue</a></p>");
    Ok(html(&link))
}

/// `GET /oauth/authorize/continue`: sends the browser back with a code.
pub(crate) fn approve(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    let form = Form::parse(http.query());
    validate_authorization(&form)?;
    let target = form.get("redirect_uri");
    let code = lock(&state.grants).code(form.get("code_challenge"), target);
    let place = format!("{target}?code={}&state={}", encode(&code), encode(form.get("state")));
    Ok(redirect(&place))
}

fn validate_authorization(form: &Form) -> Result<(), ErrorResponse> {
    let target = form.get("redirect_uri");
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
    let problem = if form.get("response_type") != "code" {
        "response_type must be code"
    } else if form.get("client_id").is_empty() {
        "client_id is missing"
    } else if !local.iter().any(|start| target.starts_with(start)) {
        "redirect_uri is not registered"
    } else if form.get("code_challenge_method") != "S256" || form.get("code_challenge").len() != 43
    {
        "code_challenge must be an S256 one"
    } else if form.get("state").is_empty() {
        "state is missing"
    } else {
        return Ok(());
    };
    Err(oauth_error("invalid_request", problem))
}

/// `POST /oauth/token`, as JSON or as a form.
pub(crate) fn token(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    let fields = Fields::read(http)?;
    if fields.get("client_id").is_empty() {
        return Err(oauth_error("invalid_client", "client_id is missing"));
    }
    match fields.get("grant_type") {
        "refresh_token" => refresh(state, fields.get("refresh_token")),
        "authorization_code" => redeem(state, &fields),
        "urn:ietf:params:oauth:grant-type:token-exchange" => {
            Ok(json(200, &object! {"access_token": "sk-simulated"}))
        }
        _ => Err(oauth_error("unsupported_grant_type", "this grant is not supported")),
    }
}

fn refresh(state: &State, token: &str) -> Result<Response<Body>, ErrorResponse> {
    let refreshed = lock(&state.tokens).refresh(token);
    state.recorder.update(|stats| {
        stats.refreshes += 1;
        stats.refreshes_refused += u64::from(refreshed.is_err());
    });
    Ok(issued(&refreshed?, state))
}

fn redeem(state: &State, fields: &Fields) -> Result<Response<Body>, ErrorResponse> {
    let Some(code) = lock(&state.grants).codes.remove(fields.get("code")) else {
        return Err(oauth_error("invalid_grant", "the code is unknown or was used"));
    };
    if code.redirect_uri != fields.get("redirect_uri") {
        return Err(oauth_error("invalid_grant", "redirect_uri differs"));
    }
    if code.challenge != challenge(fields.get("code_verifier")) {
        return Err(oauth_error("invalid_grant", "code_verifier does not fit"));
    }
    let mut tokens = lock(&state.tokens);
    tokens.set_audience(fields.get("client_id"));
    let claims = tokens.current_claims();
    let tokens = tokens.sign_in(claims);
    Ok(issued(&tokens, state))
}

fn issued(tokens: &Tokens, state: &State) -> Response<Body> {
    let body = object! {
        "id_token": &tokens.id_token,
        "access_token": &tokens.access_token,
        "refresh_token": &tokens.refresh_token,
        "token_type": "Bearer",
        "expires_in": state.settings.token_life.as_secs(),
        "scope": "openid profile email offline_access",
    };
    json(200, &body)
}

/// `POST /oauth/revoke`
pub(crate) fn revoke(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    let fields = Fields::read(http)?;
    lock(&state.tokens).revoke(fields.get("token"));
    state.recorder.update(|stats| stats.revokes += 1);
    Ok(json(200, &object! {}))
}

/// `POST /api/accounts/deviceauth/usercode`
pub(crate) fn device_code(
    state: &State,
    http: &HttpRequest,
) -> Result<Response<Body>, ErrorResponse> {
    let fields = Fields::read(http)?;
    if fields.get("client_id").is_empty() {
        return Err(oauth_error("invalid_client", "client_id is missing"));
    }
    let mut grants = lock(&state.grants);
    grants.issued += 1;
    let id = format!("deviceauth_{:06}", grants.issued);
    let user_code = format!("SIMU-{:05}", grants.issued);
    let pending = state.settings.device_pending;
    grants.devices.insert(id.clone(), DeviceGrant { user_code: user_code.clone(), pending });
    let body = object! {
        "device_auth_id": id,
        "user_code": user_code,
        "interval": state.settings.device_interval.to_string(),
        "expires_at": rfc3339(OffsetDateTime::now_utc() + Duration::minutes(15)),
    };
    Ok(json(200, &body))
}

/// `POST /api/accounts/deviceauth/token`: pending so many times, then a code.
pub(crate) fn device_token(
    state: &State,
    http: &HttpRequest,
) -> Result<Response<Body>, ErrorResponse> {
    let fields = Fields::read(http)?;
    let mut grants = lock(&state.grants);
    let id = fields.get("device_auth_id");
    let known = grants.devices.get_mut(id);
    let Some(device) = known.filter(|device| device.user_code == fields.get("user_code")) else {
        return Err(device_error(404, "deviceauth_not_found", "There is no such device code."));
    };
    if device.pending > 0 {
        device.pending -= 1;
        let message = "Device authorization is pending.";
        return Err(device_error(403, "deviceauth_authorization_pending", message));
    }
    grants.devices.remove(id);
    let challenge = challenge(DEVICE_VERIFIER);
    let code = grants.code(&challenge, &format!("{}/deviceauth/callback", state.origin));
    let body = object! {
        "authorization_code": code,
        "code_challenge": challenge,
        "code_verifier": DEVICE_VERIFIER,
    };
    Ok(json(200, &body))
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

fn oauth_error(code: &str, description: &str) -> ErrorResponse {
    let body = object! {"error": code, "error_description": description};
    ErrorResponse { status: 400, body }
}

fn device_error(status: u16, code: &str, message: &str) -> ErrorResponse {
    ErrorResponse { status, body: object! {"error": object! {"code": code, "message": message}} }
}

/// The fields of a body, JSON or form.
enum Fields {
    Json(Value),
    Form(Form),
}

impl Fields {
    fn read(http: &HttpRequest) -> Result<Self, ErrorResponse> {
        let kind = http.header("content-type").unwrap_or_default();
        let text = String::from_utf8_lossy(&http.body);
        if kind.starts_with("application/json") {
            let json = serde_json::from_str(&text);
            return json
                .map(Self::Json)
                .map_err(|_| oauth_error("invalid_request", "the body is not JSON"));
        }
        if kind.starts_with("application/x-www-form-urlencoded") {
            return Ok(Self::Form(Form::parse(&text)));
        }
        Err(ErrorResponse { status: 415, body: Json::Object(Vec::new()) })
    }

    fn get(&self, name: &str) -> &str {
        match self {
            Self::Json(json) => json[name].as_str().unwrap_or_default(),
            Self::Form(form) => form.get(name),
        }
    }
}
