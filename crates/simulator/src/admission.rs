//! Admission: who may call which backend.

use crate::backend::Backend;
use crate::record::lock;
use crate::refusal::Refusal;
use crate::service::Call;
use crate::simulator::State;
use crate::tokens::Claims;

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// What their stored responses and sealed reasoning belong to.
    pub(crate) owner: String,
    /// Their plan, empty where the backend does not tell.
    pub(crate) plan: String,
}

/// Lets somebody in to a backend's model calls.
pub(crate) fn caller(state: &State, call: &Call, backend: Backend) -> Result<Caller, Refusal> {
    match backend {
        Backend::Codex => {
            let claims = codex(state, call)?;
            Ok(Caller { owner: claims.account_id, plan: claims.plan })
        }
        Backend::Plan => plan(state, call).map(Caller::known_by),
        Backend::Api => key(state, call).map(Caller::known_by),
    }
}

impl Caller {
    fn known_by(secret: &str) -> Self {
        Self { owner: secret.to_owned(), plan: String::new() }
    }
}

/// Lets in the account that the token is for, and no other.
fn codex(state: &State, call: &Call) -> Result<Claims, Refusal> {
    let claims = state.admit(call)?;
    match call.header("chatgpt-account-id") {
        None => Err(Refusal::detail(400, "Missing chatgpt-account-id header")),
        Some(account) if account != claims.account_id => Err(Refusal::unauthorized()),
        Some(_) => Ok(claims),
    }
}

/// Lets in a token of the plan's sign-in; those of the Codex sign-in are none.
pub(crate) fn plan<'c>(state: &State, call: &'c Call) -> Result<&'c str, Refusal> {
    let token = call.bearer().map_err(|_| Refusal::invalid_user())?;
    let known = state.settings.plan_tokens.iter().any(|known| known == token);
    if known || lock(&state.tokens).is_good_plan(token) {
        Ok(token)
    } else {
        Err(Refusal::invalid_user())
    }
}

/// Lets in a key: a bearer token, or the `api-key` header where the settings have it.
pub(crate) fn key<'c>(state: &State, call: &'c Call) -> Result<&'c str, Refusal> {
    let azure = state.settings.azure;
    let alone = call.header("api-key").filter(|_| azure);
    let key = alone.or_else(|| call.bearer().ok());
    let known = key.filter(|key| state.settings.api_keys.iter().any(|known| known == key));
    known.ok_or_else(|| match key {
        _ if azure => Refusal::unknown_azure_key(),
        Some(key) => Refusal::unknown_key(key),
        None => Refusal::no_key(),
    })
}
