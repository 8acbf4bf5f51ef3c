//! The authorization request of the plan route, checked as the documents describe it.

use super::clients::{AuthorizationCode, ClientRegistry};
use crate::error_response::ErrorResponse;
use crate::issuer::oauth::oauth_error;
use crate::url_form::Form;

/// The scopes that a client requests, and usually gets.
pub(super) const SCOPE: &str =
    "openid profile email offline_access resource.invoke chatgpt.tokens.use.direct";
/// The API that the tokens are for.
pub(super) const RESOURCE: &str = "https://api.openai.com/v1";
/// The client id of an installation that is not registered yet.
const DYNAMIC: &str = "dynamic_agent_client";

/// A valid authorization request.
#[derive(Debug)]
pub(super) struct AuthorizationRequest<'f> {
    /// The client; `None` at a first sign-in.
    pub(super) client_id: Option<&'f str>,
    pub(super) host: &'f str,
    pub(super) redirect_uri: &'f str,
    pub(super) challenge: &'f str,
    pub(super) state: &'f str,
    pub(super) nonce: &'f str,
}

impl<'f> AuthorizationRequest<'f> {
    /// Returns the grant for this request, for a client.
    pub(super) fn grant(&self, client_id: &str) -> AuthorizationCode {
        AuthorizationCode {
            challenge: self.challenge.to_owned(),
            redirect_uri: self.redirect_uri.to_owned(),
            client_id: client_id.to_owned(),
            nonce: self.nonce.to_owned(),
        }
    }

    pub(super) fn read(form: &'f Form, registry: &ClientRegistry) -> Result<Self, ErrorResponse> {
        let client_id = form.get("client_id");
        let authorization = Self {
            client_id: (client_id != DYNAMIC).then_some(client_id),
            host: form.get("ext_agent_host_id"),
            redirect_uri: form.get("redirect_uri"),
            challenge: form.get("code_challenge"),
            state: form.get("state"),
            nonce: form.get("nonce"),
        };
        let problem = authorization.client_problem(form, registry);
        match problem.or_else(|| authorization.problem(form, registry)) {
            None => Ok(authorization),
            Some(problem) => Err(oauth_error("invalid_request", problem)),
        }
    }

    fn client_problem(&self, form: &Form, registry: &ClientRegistry) -> Option<&'static str> {
        let named = !form.get("agent_name_hint").is_empty();
        match self.client_id {
            None if !named => Some("agent_name_hint is missing"),
            None => None,
            Some("") => Some("client_id is missing"),
            Some(_) if named => Some("agent_name_hint is for first sign-ins"),
            Some(client) => match registry.host(client) {
                None => Some("client_id is not registered"),
                Some(host) if host != self.host => Some("ext_agent_host_id is not this client's"),
                Some(_) => None,
            },
        }
    }

    fn problem(&self, form: &Form, registry: &ClientRegistry) -> Option<&'static str> {
        let fresh = |word: &str| word.len() >= 16 && registry.is_unused(word);
        [
            (form.get("response_type") == "code", "response_type must be code"),
            (is_host(self.host), "ext_agent_host_id must be a urn of a UUID of version 4"),
            (is_callback(self.redirect_uri), "redirect_uri is not allowed"),
            (form.get("code_challenge_method") == "S256", "code_challenge_method must be S256"),
            (self.challenge.len() == 43, "code_challenge must be an S256 one"),
            (fresh(self.state), "state must be fresh"),
            (fresh(self.nonce) && self.nonce != self.state, "nonce must be fresh"),
            (form.get("resource") == RESOURCE, "resource is not known"),
            (form.get("scope") == SCOPE, "scope is not the one of this kind of client"),
        ]
        .into_iter()
        .find_map(|(holds, problem)| (!holds).then_some(problem))
    }
}

/// Returns whether this is `urn:uuid:` and a UUID of version 4 in lower case.
fn is_host(host: &str) -> bool {
    let Some(uuid) = host.strip_prefix("urn:uuid:") else { return false };
    let parts: Vec<&str> = uuid.split('-').collect();
    let digits = |part: &&str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(digits)
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

/// Returns whether this is the callback path on 127.0.0.1, at any port.
fn is_callback(address: &str) -> bool {
    let rest = address.strip_prefix("http://127.0.0.1:");
    let port = rest.and_then(|rest| rest.strip_suffix("/auth/callback"));
    port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}
