//! Tokens of any text, and JWTs of any payload.

#![no_main]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use chatmock_auth::{Claims, Secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Claims::read(&Secret::new(text));
    }
    let header = BASE64.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
    let token = Secret::new(format!("{header}.{}.c2ln", BASE64.encode(data)));
    let claims = Claims::read(&token);
    assert_eq!(Claims::of(Some(&token), Some(&token)), claims);
});
