//! The parts of OAuth that both issuers share: errors, challenges, and bodies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error_response::ErrorResponse;
use crate::http::HttpRequest;
use crate::json::{Json, object};
use crate::url_form::Form;

pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

pub(super) fn oauth_error(code: &str, description: &str) -> ErrorResponse {
    let body = object! {"error": code, "error_description": description};
    ErrorResponse { status: 400, body }
}

pub(super) fn device_error(status: u16, code: &str, message: &str) -> ErrorResponse {
    ErrorResponse { status, body: object! {"error": object! {"code": code, "message": message}} }
}

/// The fields of a body, which is JSON or a form.
pub(super) enum Fields {
    Json(Value),
    Form(Form),
}

impl Fields {
    pub(super) fn read(http: &HttpRequest) -> Result<Self, ErrorResponse> {
        let kind = http.header("content-type").unwrap_or_default();
        let text = String::from_utf8_lossy(&http.body);
        if kind.starts_with("application/json") {
            let json = serde_json::from_str(&text);
            return json
                .map(Self::Json)
                .map_err(|_| oauth_error("invalid_request", "the body is not JSON"));
        }
        if kind.starts_with("application/x-www-form-urlencoded") {
            return Ok(Self::Form(Form::parse(&text)));
        }
        Err(ErrorResponse { status: 415, body: Json::Object(Vec::new()) })
    }

    pub(super) fn get(&self, name: &str) -> &str {
        match self {
            Self::Json(json) => json[name].as_str().unwrap_or_default(),
            Self::Form(form) => form.get(name),
        }
    }
}
