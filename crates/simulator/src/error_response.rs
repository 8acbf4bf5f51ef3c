//! A refusal: the status and the body of an error, in one of the backend's two envelopes.

use serde_json::Value;

use crate::json::{Json, object};

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: u16,
    pub(crate) body: Json,
}

impl ErrorResponse {
    /// The gateway's envelope: `{"detail": …}`.
    pub(crate) fn detail(status: u16, detail: impl Into<Json>) -> Self {
        Self { status, body: object! {"detail": detail.into()} }
    }

    /// The gateway's list form, for a field that is missing.
    pub(crate) fn missing(place: &'static str, name: &str) -> Self {
        let location = vec![Json::from(place), Json::from(name)];
        let problem = object! {"type": "missing", "loc": location, "msg": "Field required"};
        Self::detail(422, vec![problem])
    }

    /// The engine's envelope, for a request it cannot use.
    pub(crate) fn engine(message: impl Into<Json>, code: &str, param: impl Into<Json>) -> Self {
        let code = if code.is_empty() { Json::Leaf(Value::Null) } else { code.into() };
        let error = object! {
            "message": message.into(), "type": "invalid_request_error", "param": param.into(),
            "code": code,
        };
        Self { status: 400, body: object! {"error": error} }
    }

    /// What a shared plan does not offer.
    pub(crate) fn capability(message: impl Into<Json>, param: &str) -> Self {
        Self::engine(message, "subscription_sharing_unsupported_capability", param)
    }

    /// Reasoning that was not sealed here.
    pub(crate) fn unverified_reasoning(content: &str) -> Self {
        let shown: String = content.chars().take(4).collect();
        let message = format!("The encrypted content {shown}... could not be verified.");
        Self::engine(message, "invalid_encrypted_content", Value::Null)
    }

    /// Somebody whose plan is not shared, in the words of that check.
    pub(crate) fn invalid_user() -> Self {
        let message = "The identity of the user could not be accepted.";
        Self {
            status: 401,
            ..Self::engine(message, "subscription_sharing_invalid_user", Value::Null)
        }
    }

    /// A key that the public API does not know; shown as the real one shows it.
    pub(crate) fn unknown_key(key: &str) -> Self {
        let chars: Vec<char> = key.chars().collect();
        let end: String = chars[chars.len().saturating_sub(4)..].iter().collect();
        let message = format!(
            "Incorrect API key provided: {}{end}. You can find your API key at \
             https://platform.openai.com/account/api-keys.",
            "*".repeat(chars.len().saturating_sub(4).min(32))
        );
        Self { status: 401, ..Self::engine(message, "invalid_api_key", Value::Null) }
    }

    /// A call of the public API without any key.
    pub(crate) fn no_key() -> Self {
        let message = "You didn't provide an API key. You need to provide your API key in an \
                       Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        Self { status: 401, ..Self::engine(message, "", Value::Null) }
    }

    /// A key that Azure does not know.
    pub(crate) fn unknown_azure_key() -> Self {
        let message = "Access denied due to invalid subscription key or wrong API endpoint. Make \
                       sure to provide a valid key for an active subscription and use a correct \
                       regional API endpoint for your resource.";
        Self { status: 401, body: object! {"error": object! {"code": "401", "message": message}} }
    }

    /// A rejected access token.
    pub(crate) fn token(message: &str, code: &str) -> Self {
        let error = object! {
            "message": message, "type": "invalid_request_error", "code": code,
            "param": Value::Null,
        };
        Self { status: 401, body: object! {"error": error, "status": 401_u64} }
    }

    /// A missing or unknown access token.
    pub(crate) fn unauthorized() -> Self {
        Self::detail(401, "Unauthorized")
    }
}
