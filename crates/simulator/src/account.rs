//! The endpoints of the account: models, usage and workspaces.

use serde_json::Value;

use crate::authentication;
use crate::error_response::ErrorResponse;
use crate::http::{HttpRequest, HttpResult, add_header, json};
use crate::json::{Json, object};
use crate::rate_limits::{PRIMARY, SECONDARY};
use crate::state::SharedState;
use crate::sync::lock;
use crate::timestamps::unix_now;
use crate::url_form::Form;

/// `GET /models?client_version=…`
pub(crate) fn models(state: &SharedState, http: &HttpRequest) -> HttpResult {
    authentication::codex_token(state, http)?;
    let query = Form::parse(http.query());
    let version = query.get("client_version");
    if version.is_empty() {
        return Err(ErrorResponse::missing("query", "client_version"));
    }
    let catalog = lock(&state.catalog);
    let mut response = json(200, &catalog.json(state.gated(Some(version))));
    add_header(response.headers_mut(), "etag", &catalog.etag());
    Ok(response)
}

/// `GET /models` of the plan's backend
pub(crate) fn plan_models(state: &SharedState, http: &HttpRequest) -> HttpResult {
    authentication::plan(state, http)?;
    Ok(json(200, &lock(&state.catalog).plan_json()))
}

/// `GET /models` of the public API, if the settings enable it
pub(crate) fn api_models(state: &SharedState, http: &HttpRequest) -> HttpResult {
    authentication::key(state, http)?;
    if !state.settings.api_lists_models {
        return Err(state.not_found(http));
    }
    Ok(json(200, &lock(&state.catalog).api_json()))
}

/// `GET /wham/usage`
pub(crate) fn usage(state: &SharedState, http: &HttpRequest) -> HttpResult {
    let claims = authentication::codex_token(state, http)?;
    let now = unix_now();
    let limit = object! {
        "allowed": true, "limit_reached": false,
        "primary_window": PRIMARY.json(now), "secondary_window": SECONDARY.json(now),
    };
    let none = vec![Json::from(0_u64), Json::from(0_u64)];
    let usage = object! {
        "user_id": &claims.user_id, "account_id": &claims.account_id, "email": &claims.email,
        "plan_type": &claims.plan, "rate_limit": limit, "code_review_rate_limit": Value::Null,
        "additional_rate_limits": vec![spark_limit()],
        "credits": object! {
            "has_credits": false, "unlimited": false, "overage_limit_reached": false,
            "balance": "0", "approx_local_messages": none.clone(), "approx_cloud_messages": none,
        },
        "spend_control": object! {"reached": false, "individual_limit": Value::Null},
        "rate_limit_reached_type": Value::Null,
        "rate_limit_reset_credits": object! {"available_count": available_credits(state)},
        "promo": Value::Null,
    };
    Ok(json(200, &usage))
}

/// Returns the names of the reset credits that were not spent yet.
fn open_credits(state: &SharedState) -> Vec<String> {
    let redeemed = lock(&state.redeemed);
    let all = (1..=state.settings.reset_credits).map(|number| format!("credit-{number}"));
    all.filter(|id| !redeemed.iter().any(|(spent, _)| spent == id)).collect()
}

fn available_credits(state: &SharedState) -> u64 {
    open_credits(state).len() as u64
}

/// `GET /wham/rate-limit-reset-credits`
pub(crate) fn reset_credits(state: &SharedState, http: &HttpRequest) -> HttpResult {
    authentication::codex_token(state, http)?;
    let open = open_credits(state);
    let credits = open.iter().enumerate().map(|(number, id)| {
        let expires = format!("2099-01-{:02}T12:00:00Z", number % 28 + 1);
        object! {
            "id": id, "reset_type": "codex_rate_limits", "status": "available",
            "granted_at": "2026-11-01T12:00:00Z", "expires_at": &expires,
            "title": "Full reset (weekly and 5 hours)",
        }
    });
    let credits: Vec<Json> = credits.collect();
    let list = object! {"available_count": available_credits(state), "credits": credits};
    Ok(json(200, &list))
}

/// `POST /wham/rate-limit-reset-credits/consume`
pub(crate) fn redeem(state: &SharedState, http: &HttpRequest) -> HttpResult {
    authentication::codex_token(state, http)?;
    let body: Value = serde_json::from_slice(&http.body).unwrap_or_default();
    let member = |name: &'static str| {
        let text = body[name].as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| ErrorResponse::missing("body", name))
    };
    let (credit, attempt) = (member("credit_id")?, member("redeem_request_id")?);
    let open = open_credits(state);
    let mut redeemed = lock(&state.redeemed);
    let code = if redeemed.iter().any(|(_, known)| *known == attempt) {
        "already_redeemed"
    } else if open.contains(&credit) {
        redeemed.push((credit, attempt));
        "reset"
    } else {
        "no_credit"
    };
    Ok(json(200, &object! {"code": code}))
}

fn spark_limit() -> Json {
    let limit = object! {
        "allowed": true, "limit_reached": false,
        "primary_window": Value::Null, "secondary_window": Value::Null,
    };
    object! {
        "limit_name": "GPT-5.3-Codex-Spark", "metered_feature": "codex_bengalfox",
        "rate_limit": limit,
    }
}

/// `GET /wham/accounts/check`
pub(crate) fn accounts_check(state: &SharedState, http: &HttpRequest) -> HttpResult {
    let claims = authentication::codex_token(state, http)?;
    let place = &state.settings.residency;
    let account = object! {
        "id": &claims.account_id, "name": "Personal", "plan_type": &claims.plan,
        "structure": "personal", "workspace_backend_origin": &place.origin,
        "account_routing_override": &place.routing, "profile_picture_url": Value::Null,
        "is_deactivated": false, "is_fedramp_compliant_workspace": claims.fedramp,
    };
    let accounts = object! {
        "accounts": vec![account], "account_ordering": vec![Json::from(&claims.account_id)],
        "default_account_id": &claims.account_id,
    };
    Ok(json(200, &accounts))
}
