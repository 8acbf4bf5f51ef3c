//! The error responses: a status, and a body in the envelope of the gateway or of the engine.

use serde_json::Value;

use crate::json::{Json, object};

/// An error response.
#[derive(Clone, Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: u16,
    pub(crate) body: Json,
}

impl ErrorResponse {
    /// Returns an error in the envelope of the gateway: `{"detail": …}`.
    pub(crate) fn detail(status: u16, detail: impl Into<Json>) -> Self {
        Self { status, body: object! {"detail": detail.into()} }
    }

    /// Returns the gateway's error for a missing field.
    pub(crate) fn missing(place: &'static str, name: &str) -> Self {
        let location = vec![Json::from(place), Json::from(name)];
        let problem = object! {"type": "missing", "loc": location, "msg": "Field required"};
        Self::detail(422, vec![problem])
    }

    /// Returns an error in the envelope of the engine.
    pub(crate) fn engine(message: impl Into<Json>, code: &str, param: impl Into<Json>) -> Self {
        let code = if code.is_empty() { Json::Leaf(Value::Null) } else { code.into() };
        let error = object! {
            "message": message.into(), "type": "invalid_request_error", "param": param.into(),
            "code": code,
        };
        Self { status: 400, body: object! {"error": error} }
    }

    /// Returns the error for something that a shared plan does not offer.
    pub(crate) fn capability(message: impl Into<Json>, param: &str) -> Self {
        Self::engine(message, "subscription_sharing_unsupported_capability", param)
    }

    /// Returns the error for encrypted reasoning that was not made here.
    pub(crate) fn unverified_reasoning(content: &str) -> Self {
        let shown: String = content.chars().take(4).collect();
        let message = format!("The encrypted content {shown}... could not be verified.");
        Self::engine(message, "invalid_encrypted_content", Value::Null)
    }

    /// Returns the error for a user whose plan is not shared.
    pub(crate) fn invalid_user() -> Self {
        let message = "The identity of the user could not be accepted.";
        Self {
            status: 401,
            ..Self::engine(message, "subscription_sharing_invalid_user", Value::Null)
        }
    }

    /// Returns the error for a key that the public API does not know; it shows as much of the key
    /// as the real one.
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

    /// Returns the error for a call of the public API without a key.
    pub(crate) fn no_key() -> Self {
        let message = "You didn't provide an API key. You need to provide your API key in an \
                       Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        Self { status: 401, ..Self::engine(message, "", Value::Null) }
    }

    /// Returns the error for a key that Azure does not know.
    pub(crate) fn unknown_azure_key() -> Self {
        let message = "Access denied due to invalid subscription key or wrong API endpoint. Make \
                       sure to provide a valid key for an active subscription and use a correct \
                       regional API endpoint for your resource.";
        Self { status: 401, body: object! {"error": object! {"code": "401", "message": message}} }
    }

    /// Returns the error for a rejected access token.
    pub(crate) fn token(message: &str, code: &str) -> Self {
        let error = object! {
            "message": message, "type": "invalid_request_error", "code": code,
            "param": Value::Null,
        };
        Self { status: 401, body: object! {"error": error, "status": 401_u64} }
    }

    /// Returns the error for a missing or unknown access token.
    pub(crate) fn unauthorized() -> Self {
        Self::detail(401, "Unauthorized")
    }
}
