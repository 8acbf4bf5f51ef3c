//! Made-up JWTs for the tests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::secret::Secret;

/// The workspace in every sample grant.
pub(crate) const ACCOUNT: &str = "11111111-2222-3333-4444-555555555555";

/// An unsigned JWT with this payload.
pub(crate) fn jwt(payload: &str) -> Secret {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    Secret::new(format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(payload)))
}

/// A payload with the workspace and person given; `serial` makes tokens differ.
pub(crate) fn payload(exp: i64, account: &str, serial: &str) -> String {
    serde_json::json!({"exp": exp, "email": "user@example.org", "jti": serial,
        "https://api.openai.com/auth": {"chatgpt_account_id": account,
            "chatgpt_plan_type": "plus", "chatgpt_user_id": "user-abc"}})
    .to_string()
}
