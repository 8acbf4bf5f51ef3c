//! A refusal: the status and the body of an error, in one of the backend's two envelopes.

use serde_json::Value;

use crate::ordered::{Json, object};

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: Json,
}

impl Refusal {
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
