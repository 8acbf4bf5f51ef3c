//! The pages' fixed parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::LoopbackSettings;
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

#[test]
fn the_issuers_two_ports_are_tried_and_only_this_machine_is_listened_on() {
    let settings = LoopbackSettings::default();
    assert_eq!((settings.ports, settings.bind), (vec![1455, 1457], None));
}
