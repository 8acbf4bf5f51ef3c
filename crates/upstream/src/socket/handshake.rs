//! The handshake: headers, and the proof that the other side speaks the protocol.

use std::hash::{BuildHasher, RandomState};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    ACCEPT, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};

/// The constant that the protocol appends to a key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The header that announces the socket to the Codex backend.
const BETA: HeaderName = HeaderName::from_static("openai-beta");

/// The outcome of a handshake that opened no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// The backend has no sockets.
    Never,
    /// Not this time.
    Failed,
}

/// Makes the headers of a turn those of a handshake; returns the key.
pub(crate) fn headers(headers: &mut HeaderMap, is_codex: bool) -> String {
    headers.remove(ACCEPT);
    headers.remove(CONTENT_TYPE);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    if is_codex {
        headers.insert(BETA, HeaderValue::from_static("responses_websockets=2026-02-06"));
    }
    let part = || RandomState::new().hash_one(()).to_be_bytes();
    let key = STANDARD.encode([part(), part()].concat());
    if let Ok(value) = HeaderValue::from_str(&key) {
        headers.insert(SEC_WEBSOCKET_KEY, value);
    }
    key
}

/// Returns the proof that a key was read.
pub(crate) fn accepted_key(key: &str) -> String {
    let proof = [key.as_bytes(), GUID].concat();
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &proof))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_has_a_key_of_its_own_and_the_proof_of_the_rfc() {
        let (mut one, mut other) = (HeaderMap::new(), HeaderMap::new());
        assert_ne!(headers(&mut one, true), headers(&mut other, false));
        assert_eq!(one[SEC_WEBSOCKET_KEY].len(), 24);
        assert!(one.contains_key("openai-beta") && !other.contains_key("openai-beta"));
        assert_eq!(accepted_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
