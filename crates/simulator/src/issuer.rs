//! The issuer of the Codex sign-in: browser and device code, refresh, revocation.

use std::sync::{Arc, Mutex};

use hyper::Response;
use time::{Duration, OffsetDateTime};

use self::grants::{DevicePoll, PendingGrants};
use self::oauth::{Fields, challenge, device_error, oauth_error};
use self::plan::PlanIssuer;
use crate::body::Body;
use crate::error_response::ErrorResponse;
use crate::http::{HttpRequest, HttpResult, html, json, redirect};
use crate::json::object;
use crate::state::SharedState;
use crate::sync::lock;
use crate::timestamps::rfc3339;
use crate::tokens::Tokens;
use crate::url_form::{Form, encode};

mod grants;
mod oauth;
mod plan;

/// The verifier of every device sign-in, for which the server makes both parts.
const DEVICE_VERIFIER: &str = "simulated-device-verifier-0123456789-0123456789-01";

/// The issuer, with its pending sign-ins.
#[derive(Debug)]
pub(crate) struct Issuer {
    shared: Arc<SharedState>,
    grants: Mutex<PendingGrants>,
    /// The issuer of the plan route.
    pub(crate) plan: PlanIssuer,
}

impl Issuer {
    pub(crate) fn new(shared: Arc<SharedState>) -> Self {
        let plan = PlanIssuer::new(Arc::clone(&shared));
        Self { shared, grants: Mutex::default(), plan }
    }

    /// `GET /oauth/authorize`: redirects the browser back, or shows a link that does.
    pub(crate) fn authorize(&self, http: &HttpRequest) -> HttpResult {
        if self.shared.settings.approve_sign_in {
            return self.approve(http);
        }
        validate_authorization(&Form::parse(http.query()))?;
        let query = http.query().replace('&', "&amp;").replace('"', "%22").replace('<', "%3C");
        let link = format!("<p><a href=\"/oauth/authorize/continue?{query}\">Continue</a></p>");
        Ok(html(&link))
    }

    /// `GET /oauth/authorize/continue`: redirects the browser back with a code.
    pub(crate) fn approve(&self, http: &HttpRequest) -> HttpResult {
        let form = Form::parse(http.query());
        validate_authorization(&form)?;
        let target = form.get("redirect_uri");
        let code = lock(&self.grants).issue_code(form.get("code_challenge"), target);
        let place = format!("{target}?code={}&state={}", encode(&code), encode(form.get("state")));
        Ok(redirect(&place))
    }

    /// `POST /oauth/token`, as JSON or as a form.
    pub(crate) fn token(&self, http: &HttpRequest) -> HttpResult {
        let fields = Fields::read(http)?;
        if fields.get("client_id").is_empty() {
            return Err(oauth_error("invalid_client", "client_id is missing"));
        }
        match fields.get("grant_type") {
            "refresh_token" => self.refresh(fields.get("refresh_token")),
            "authorization_code" => self.redeem(&fields),
            "urn:ietf:params:oauth:grant-type:token-exchange" => {
                Ok(json(200, &object! {"access_token": "sk-simulated"}))
            }
            _ => Err(oauth_error("unsupported_grant_type", "this grant is not supported")),
        }
    }

    fn refresh(&self, token: &str) -> HttpResult {
        let refreshed = lock(&self.shared.tokens).refresh(token);
        self.shared.recorder.update(|stats| {
            stats.refreshes += 1;
            stats.refreshes_refused += u64::from(refreshed.is_err());
        });
        Ok(self.issued(&refreshed?))
    }

    fn redeem(&self, fields: &Fields) -> HttpResult {
        let Some(code) = lock(&self.grants).redeem(fields.get("code")) else {
            return Err(oauth_error("invalid_grant", "the code is unknown or was used"));
        };
        if code.redirect_uri != fields.get("redirect_uri") {
            return Err(oauth_error("invalid_grant", "redirect_uri differs"));
        }
        if code.challenge != challenge(fields.get("code_verifier")) {
            return Err(oauth_error("invalid_grant", "code_verifier does not fit"));
        }
        let mut tokens = lock(&self.shared.tokens);
        tokens.set_audience(fields.get("client_id"));
        let claims = tokens.current_claims();
        let tokens = tokens.sign_in(claims);
        Ok(self.issued(&tokens))
    }

    fn issued(&self, tokens: &Tokens) -> Response<Body> {
        let body = object! {
            "id_token": &tokens.id_token,
            "access_token": &tokens.access_token,
            "refresh_token": &tokens.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.shared.settings.token_life.as_secs(),
            "scope": "openid profile email offline_access",
        };
        json(200, &body)
    }

    /// `POST /oauth/revoke`
    pub(crate) fn revoke(&self, http: &HttpRequest) -> HttpResult {
        let fields = Fields::read(http)?;
        lock(&self.shared.tokens).revoke(fields.get("token"));
        self.shared.recorder.update(|stats| stats.revokes += 1);
        Ok(json(200, &object! {}))
    }

    /// `POST /api/accounts/deviceauth/usercode`
    pub(crate) fn device_code(&self, http: &HttpRequest) -> HttpResult {
        let fields = Fields::read(http)?;
        if fields.get("client_id").is_empty() {
            return Err(oauth_error("invalid_client", "client_id is missing"));
        }
        let (id, user_code) = lock(&self.grants).issue_device(self.shared.settings.device_pending);
        let body = object! {
            "device_auth_id": id,
            "user_code": user_code,
            "interval": self.shared.settings.device_interval.to_string(),
            "expires_at": rfc3339(OffsetDateTime::now_utc() + Duration::minutes(15)),
        };
        Ok(json(200, &body))
    }

    /// `POST /api/accounts/deviceauth/token`: pending for some polls, then a code.
    pub(crate) fn device_token(&self, http: &HttpRequest) -> HttpResult {
        let fields = Fields::read(http)?;
        let mut grants = lock(&self.grants);
        match grants.poll_device(fields.get("device_auth_id"), fields.get("user_code")) {
            DevicePoll::Unknown => {
                let message = "There is no such device code.";
                return Err(device_error(404, "deviceauth_not_found", message));
            }
            DevicePoll::Pending => {
                let message = "Device authorization is pending.";
                return Err(device_error(403, "deviceauth_authorization_pending", message));
            }
            DevicePoll::Approved => {}
        }
        let challenge = challenge(DEVICE_VERIFIER);
        let callback = format!("{}/deviceauth/callback", self.shared.origin);
        let code = grants.issue_code(&challenge, &callback);
        let body = object! {
            "authorization_code": code,
            "code_challenge": challenge,
            "code_verifier": DEVICE_VERIFIER,
        };
        Ok(json(200, &body))
    }
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
