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
        "rate_limit_reset_credits": object! {"available_count": 0_u64},
        "promo": Value::Null,
    };
    Ok(json(200, &usage))
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
