//! The authentication of calls: who may call which backend.

use crate::backend::Backend;
use crate::error_response::ErrorResponse;
use crate::http::HttpRequest;
use crate::state::SharedState;
use crate::sync::lock;
use crate::tokens::Claims;

/// A caller who was authenticated.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The owner of their stored responses and encrypted reasoning.
    pub(crate) owner: String,
    /// Their plan; empty if the backend does not report it.
    pub(crate) plan: String,
}

/// Authenticates a model call of a backend.
pub(crate) fn caller(
    state: &SharedState,
    http: &HttpRequest,
    backend: Backend,
) -> Result<Caller, ErrorResponse> {
    match backend {
        Backend::Codex => {
            let claims = codex(state, http)?;
            Ok(Caller { owner: claims.account_id, plan: claims.plan })
        }
        Backend::Plan => plan(state, http).map(Caller::identified_by),
        Backend::Api => key(state, http).map(Caller::identified_by),
    }
}

impl Caller {
    fn identified_by(secret: &str) -> Self {
        Self { owner: secret.to_owned(), plan: String::new() }
    }
}

/// Accepts a token of the Codex sign-in, together with the account that it belongs to.
fn codex(state: &SharedState, http: &HttpRequest) -> Result<Claims, ErrorResponse> {
    let claims = codex_token(state, http)?;
    match http.header("chatgpt-account-id") {
        None => Err(ErrorResponse::detail(400, "Missing chatgpt-account-id header")),
        Some(account) if account != claims.account_id => Err(ErrorResponse::unauthorized()),
        Some(_) => Ok(claims),
    }
}

/// Returns whose access token of the Codex sign-in a request carries.
pub(crate) fn codex_token(
    state: &SharedState,
    http: &HttpRequest,
) -> Result<Claims, ErrorResponse> {
    lock(&state.tokens).authenticate(http.bearer()?)
}

/// Accepts a token of the plan's sign-in, but none of the Codex sign-in.
pub(crate) fn plan<'c>(
    state: &SharedState,
    http: &'c HttpRequest,
) -> Result<&'c str, ErrorResponse> {
    let token = http.bearer().map_err(|_| ErrorResponse::invalid_user())?;
    let known = state.settings.plan_tokens.iter().any(|known| known == token);
    if known || lock(&state.tokens).is_valid_plan_token(token) {
        Ok(token)
    } else {
        Err(ErrorResponse::invalid_user())
    }
}

/// Accepts a key: as a bearer token, or in the header `api-key` if the settings enable that.
pub(crate) fn key<'c>(
    state: &SharedState,
    http: &'c HttpRequest,
) -> Result<&'c str, ErrorResponse> {
    let azure = state.settings.azure;
    let alone = http.header("api-key").filter(|_| azure);
    let key = alone.or_else(|| http.bearer().ok());
    let known = key.filter(|key| state.settings.api_keys.iter().any(|known| known == key));
    known.ok_or_else(|| match key {
        _ if azure => ErrorResponse::unknown_azure_key(),
        Some(key) => ErrorResponse::unknown_key(key),
        None => ErrorResponse::no_key(),
    })
}
