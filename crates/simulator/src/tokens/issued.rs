//! The issued tokens, and which of them are valid.
//!
//! Tokens form a session (`family`), as they do at the real issuer: each refresh uses up one
//! refresh token and issues the next. The simulator has to remember used tokens, because the real
//! issuer ends a whole session when one is used twice, and that is the mistake that clients must be
//! tested for. Nothing is ever removed; a run is short.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{CLIENT_ID, Claims, PlanGrant, Tokens};
use crate::error_response::ErrorResponse;
use crate::json::{Json, members, object};
use crate::timestamps::unix_now;

#[derive(Clone, Debug)]
struct AccessToken {
    claims: Claims,
    exp: Option<i64>,
    family: u64,
    invalidated: bool,
    plan: bool,
}

#[derive(Clone, Debug)]
struct RefreshToken {
    claims: Claims,
    family: u64,
    spent: bool,
    plan: Option<PlanGrant>,
}

/// A refresh token that was used.
struct SpentToken {
    family: u64,
    claims: Claims,
    plan: Option<PlanGrant>,
}

/// The tokens that were issued, with their state.
#[derive(Debug)]
pub(crate) struct IssuedTokens {
    issuer: String,
    life: i64,
    revoke_on_reuse: bool,
    person: Claims,
    audience: String,
    issued: u64,
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
    ended: HashSet<u64>,
}

impl IssuedTokens {
    pub(crate) fn new(issuer: String, life: Duration, revoke_on_reuse: bool) -> Self {
        Self {
            issuer,
            life: life.as_secs().try_into().unwrap_or(i64::MAX),
            revoke_on_reuse,
            person: Claims::default(),
            audience: CLIENT_ID.to_owned(),
            issued: 0,
            access: HashMap::new(),
            refresh: HashMap::new(),
            ended: HashSet::new(),
        }
    }

    /// Issues the tokens of a new session.
    pub(crate) fn sign_in(&mut self, claims: Claims) -> Tokens {
        let family = self.issued;
        self.issue(claims, family)
    }

    /// Issues the tokens of a new session of the plan route, without an id token.
    pub(crate) fn sign_in_plan(&mut self, claims: Claims, grant: PlanGrant) -> Tokens {
        let family = self.issued;
        self.issue_plan(claims, family, grant)
    }

    /// Changes the person who signs in from now on.
    pub(crate) fn set_person(&mut self, person: Claims) {
        self.person = person;
    }

    /// Changes the OAuth client in the audience of id tokens.
    pub(crate) fn set_audience(&mut self, client_id: &str) {
        client_id.clone_into(&mut self.audience);
    }

    /// Returns the claims of the person who signs in now, with the lifetime of the settings if they
    /// have one.
    pub(crate) fn current_claims(&self) -> Claims {
        let person = self.person.clone();
        Claims { expires_in: person.expires_in.map(|_| self.life), ..person }
    }

    fn issue(&mut self, claims: Claims, family: u64) -> Tokens {
        self.issued += 1;
        let now = unix_now();
        let exp = claims.expires_in.map(|seconds| now.saturating_add(seconds));
        let tokens = Tokens {
            id_token: self.id_token(&claims, now),
            access_token: self.access_token(&claims, now, exp),
            refresh_token: format!("rt_simulated_{now:x}_{:06}", self.issued),
            account_id: claims.account_id.clone(),
            issuer: self.issuer.clone(),
            plan: None,
        };
        let plan = tokens.plan.is_some();
        self.record(&tokens, AccessToken { claims, exp, family, invalidated: false, plan });
        tokens
    }

    fn issue_plan(&mut self, claims: Claims, family: u64, grant: PlanGrant) -> Tokens {
        self.issued += 1;
        let now = unix_now();
        let exp = Some(grant.expires_at);
        let tokens = Tokens {
            id_token: String::new(),
            access_token: format!("at_simulated_{now:x}_{:06}", self.issued),
            refresh_token: format!("rt_simulated_{now:x}_{:06}", self.issued),
            account_id: claims.account_id.clone(),
            issuer: self.issuer.clone(),
            plan: Some(grant),
        };
        let plan = tokens.plan.is_some();
        self.record(&tokens, AccessToken { claims, exp, family, invalidated: false, plan });
        tokens
    }

    /// Records new tokens, `access` being the record of the access token.
    fn record(&mut self, tokens: &Tokens, access: AccessToken) {
        let refresh = RefreshToken {
            claims: access.claims.clone(),
            family: access.family,
            spent: false,
            plan: tokens.plan.clone(),
        };
        self.access.insert(tokens.access_token.clone(), access);
        self.refresh.insert(tokens.refresh_token.clone(), refresh);
    }

    /// Uses a refresh token of the Codex route; returns the next tokens of its session.
    pub(crate) fn refresh(&mut self, token: &str) -> Result<Tokens, ErrorResponse> {
        let SpentToken { family, mut claims, .. } = self.spend(token, None)?;
        claims.expires_in = claims.expires_in.map(|_| self.life);
        Ok(self.issue(claims, family))
    }

    /// Uses a refresh token of the plan route; `life` sets the lifetime of the next tokens.
    pub(crate) fn refresh_plan(
        &mut self,
        token: &str,
        client_id: &str,
        life: impl Fn(PlanGrant) -> PlanGrant,
    ) -> Result<(Tokens, Claims), ErrorResponse> {
        let SpentToken { family, claims, plan } = self.spend(token, Some(client_id))?;
        let grant = plan.ok_or_else(ErrorResponse::unauthorized)?;
        Ok((self.issue_plan(claims.clone(), family, life(grant)), claims))
    }

    fn spend(&mut self, token: &str, client_id: Option<&str>) -> Result<SpentToken, ErrorResponse> {
        let known = self.refresh.get_mut(token).filter(|refresh| {
            refresh.plan.as_ref().map(|plan| plan.client_id.as_str()) == client_id
        });
        let Some(refresh) = known else {
            return Err(refused("refresh_token_invalidated", "This refresh token is not known."));
        };
        if self.ended.contains(&refresh.family) {
            return Err(refused("refresh_token_invalidated", "This session has been signed out."));
        }
        if refresh.spent {
            if self.revoke_on_reuse {
                self.ended.insert(refresh.family);
            }
            let message =
                "Your refresh token has already been used to generate a new access token.";
            return Err(refused("refresh_token_reused", message));
        }
        let early = refresh.plan.as_ref().is_some_and(|plan| plan.earliest_refresh_at > unix_now());
        if early {
            let message = "This refresh token may not be used yet.";
            return Err(ErrorResponse { status: 429, ..refused("refresh_too_early", message) });
        }
        refresh.spent = true;
        let plan = refresh.plan.clone();
        Ok(SpentToken { family: refresh.family, claims: refresh.claims.clone(), plan })
    }

    /// Ends the session of a refresh or access token.
    pub(crate) fn revoke(&mut self, token: &str) {
        let family = self.refresh.get(token).map(|refresh| refresh.family);
        let family = family.or_else(|| self.access.get(token).map(|access| access.family));
        self.ended.extend(family);
    }

    /// Invalidates all access tokens; refresh tokens stay valid.
    pub(crate) fn invalidate(&mut self) {
        self.access.values_mut().for_each(|access| access.invalidated = true);
    }

    /// Returns whether this is a valid access token of the plan route.
    pub(crate) fn is_valid_plan_token(&self, token: &str) -> bool {
        self.access.get(token).is_some_and(|access| {
            let ended = access.invalidated || self.ended.contains(&access.family);
            access.plan && !ended && access.exp.is_none_or(|exp| exp > unix_now())
        })
    }

    /// Returns whose access token of the Codex route this is.
    pub(crate) fn authenticate(&self, token: &str) -> Result<Claims, ErrorResponse> {
        let access = self.access.get(token).filter(|access| !access.plan);
        let access = access.ok_or_else(ErrorResponse::unauthorized)?;
        if access.invalidated || self.ended.contains(&access.family) {
            let message = "Your authentication token has been invalidated. Please try signing in \
                           again.";
            return Err(ErrorResponse::token(message, "token_invalidated"));
        }
        if access.exp.is_some_and(|exp| exp <= unix_now()) {
            let message = "Provided authentication token is expired. Please try signing in again.";
            return Err(ErrorResponse::token(message, "token_expired"));
        }
        Ok(access.claims.clone())
    }

    fn id_token(&self, claims: &Claims, now: i64) -> String {
        let organization = object! {
            "id": "org-demo", "title": "Personal", "role": "owner", "is_default": true,
        };
        let auth = object! {
            "chatgpt_account_id": &claims.account_id, "chatgpt_plan_type": &claims.plan,
            "chatgpt_user_id": &claims.user_id, "user_id": &claims.user_id,
            "chatgpt_account_is_fedramp": claims.fedramp, "organizations": vec![organization],
        };
        jwt(&object! {
            "iss": &self.issuer, "aud": vec![Json::from(self.audience.as_str())], "iat": now,
            "exp": now.saturating_add(3600), "sub": &claims.user_id, "email": &claims.email,
            "jti": format!("id-{}", self.issued), "https://api.openai.com/auth": auth,
        })
    }

    fn access_token(&self, claims: &Claims, now: i64, exp: Option<i64>) -> String {
        let auth = object! {
            "chatgpt_account_id": &claims.account_id, "chatgpt_plan_type": &claims.plan,
            "chatgpt_user_id": &claims.user_id, "user_id": &claims.user_id,
        };
        let mut payload = members! {
            "iss": &self.issuer, "aud": vec![Json::from("https://api.openai.com/v1")], "iat": now,
        };
        payload.extend(exp.map(|exp| ("exp", Json::from(exp))));
        payload.extend(members! {
            "sub": &claims.user_id, "jti": format!("access-{}", self.issued),
            "https://api.openai.com/auth": auth,
            "https://api.openai.com/profile":
                object! {"email": &claims.email, "email_verified": true},
        });
        jwt(&Json::Object(payload))
    }
}

/// Returns a JWT with a made-up signature. Readers reject a token that declares that it has none.
fn jwt(payload: &Json) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = object! {"alg": "RS256", "typ": "JWT", "kid": "simulated"};
    [part(&header.text()), part(&payload.text()), part("made-up signature")].join(".")
}

fn refused(code: &str, message: &str) -> ErrorResponse {
    let error = object! {"message": message, "type": "invalid_request_error", "code": code};
    ErrorResponse { status: 401, body: object! {"error": error} }
}
