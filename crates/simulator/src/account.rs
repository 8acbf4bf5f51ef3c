//! The account: models, usage, workspaces, and the limit headers.

use hyper::Response;
use serde_json::Value;

use crate::authentication;
use crate::body::Body;
use crate::error_response::ErrorResponse;
use crate::json::{Json, object};
use crate::record::lock;
use crate::service::{HttpRequest, add_header, json, not_found};
use crate::simulator::State;
use crate::tokens::unix_now;
use crate::url_form::Form;

const PRIMARY: Window = Window { used: 12, minutes: 300, left: 9_000 };
const SECONDARY: Window = Window { used: 40, minutes: 10_080, left: 300_000 };

/// A limit's window: percent used, length in minutes, seconds until it starts again.
struct Window {
    used: i64,
    minutes: i64,
    left: i64,
}

impl Window {
    fn json(&self, now: i64) -> Json {
        object! {
            "used_percent": self.used, "limit_window_seconds": self.minutes * 60,
            "reset_after_seconds": self.left, "reset_at": now + self.left,
        }
    }
}

/// `GET /models?client_version=…`
pub(crate) fn models(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    state.admit(http)?;
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
pub(crate) fn plan_models(
    state: &State,
    http: &HttpRequest,
) -> Result<Response<Body>, ErrorResponse> {
    authentication::plan(state, http)?;
    Ok(json(200, &lock(&state.catalog).plan_json()))
}

/// `GET /models` of the public API, where the settings have it
pub(crate) fn api_models(
    state: &State,
    http: &HttpRequest,
) -> Result<Response<Body>, ErrorResponse> {
    authentication::key(state, http)?;
    if !state.settings.api_lists_models {
        return Err(not_found(state, http));
    }
    Ok(json(200, &lock(&state.catalog).api_json()))
}

/// `GET /wham/usage`
pub(crate) fn usage(state: &State, http: &HttpRequest) -> Result<Response<Body>, ErrorResponse> {
    let claims = state.admit(http)?;
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
pub(crate) fn accounts_check(
    state: &State,
    http: &HttpRequest,
) -> Result<Response<Body>, ErrorResponse> {
    let claims = state.admit(http)?;
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

/// The limit headers of a model call.
pub(crate) fn limit_headers(plan: &str, now: i64) -> Vec<(&'static str, String)> {
    vec![
        ("x-codex-active-limit", "codex".to_owned()),
        ("x-codex-plan-type", plan.to_owned()),
        ("x-codex-primary-used-percent", PRIMARY.used.to_string()),
        ("x-codex-primary-window-minutes", PRIMARY.minutes.to_string()),
        ("x-codex-primary-reset-at", (now + PRIMARY.left).to_string()),
        ("x-codex-primary-reset-after-seconds", PRIMARY.left.to_string()),
        ("x-codex-secondary-used-percent", SECONDARY.used.to_string()),
        ("x-codex-secondary-window-minutes", SECONDARY.minutes.to_string()),
        ("x-codex-secondary-reset-at", (now + SECONDARY.left).to_string()),
        ("x-codex-secondary-reset-after-seconds", SECONDARY.left.to_string()),
        ("x-codex-primary-over-secondary-limit-percent", "0".to_owned()),
        ("x-codex-credits-has-credits", "False".to_owned()),
        ("x-codex-credits-unlimited", "False".to_owned()),
        ("x-codex-credits-balance", String::new()),
        ("x-codex-bengalfox-primary-used-percent", "0".to_owned()),
        ("x-codex-bengalfox-primary-window-minutes", "0".to_owned()),
        ("x-codex-bengalfox-primary-reset-at", String::new()),
        ("x-codex-bengalfox-limit-name", "GPT-5.3-Codex-Spark".to_owned()),
    ]
}
