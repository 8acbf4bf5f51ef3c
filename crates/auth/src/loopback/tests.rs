//! The pages' fixed parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::page::{POLICY, SCRIPT, STYLE};

#[test]
fn the_policy_knows_the_style_and_the_script_by_their_digests() {
    for text in [STYLE, SCRIPT] {
        let digest = STANDARD.encode(Sha256::digest(text));
        assert!(POLICY.contains(&format!("'sha256-{digest}'")), "{digest} of {text}");
    }
    assert!(POLICY.starts_with("default-src 'none'; "));
    assert!(!POLICY.contains("unsafe"));
}
