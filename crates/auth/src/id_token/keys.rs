//! The issuer's published keys, and the check of a signature by one of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::BadIdToken;
use crate::secret::Secret;

/// Keys that verify id tokens.
#[derive(Debug)]
pub(crate) struct KeySet(Vec<Jwk>);

impl KeySet {
    /// Reads a JSON Web Key Set; keys of unknown kinds are skipped.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            keys: Vec<serde_json::Value>,
        }
        let body: Body = serde_json::from_slice(body).ok()?;
        let keys = body.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Some(Self(keys.collect()))
    }

    /// Checks a token's signature by the key that it names. What else the token says of keys
    /// (`jku`, `jwk`, `x5u`) has no effect.
    pub(super) fn check(&self, token: &Secret) -> Result<(), BadIdToken> {
        let text = token.expose();
        // `none` is not among the algorithms that it knows.
        let header = jsonwebtoken::decode_header(text).map_err(|_| BadIdToken::Unsigned)?;
        let accepted = [Algorithm::RS256, Algorithm::ES256].contains(&header.alg);
        // The header members that `crit` names must be understood, and none of them is here.
        if !accepted || header.crit.is_some() {
            return Err(BadIdToken::Algorithm);
        }
        let named = self.0.iter().find(|key| key.common.key_id == header.kid);
        let key = named.ok_or(BadIdToken::UnknownKey)?;
        if !signs(key, header.alg) {
            return Err(BadIdToken::Algorithm);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(BadIdToken::Unsigned)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| BadIdToken::Forged)?;
        let key = DecodingKey::from_jwk(key).map_err(|_| BadIdToken::UnknownKey)?;
        match is_by(&key, header.alg, message.as_bytes(), &signature) {
            true => Ok(()),
            false => Err(BadIdToken::Forged),
        }
    }
}

/// Returns whether a key may be used for signatures of this kind.
fn signs(key: &Jwk, algorithm: Algorithm) -> bool {
    let expected = match algorithm {
        Algorithm::RS256 => KeyAlgorithm::RS256,
        _ => KeyAlgorithm::ES256,
    };
    key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
        && key.common.key_algorithm.is_none_or(|known| known == expected)
}

/// The kind of key and the algorithm must fit, so that no key is taken for one of another kind.
fn is_by(key: &DecodingKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    match (algorithm, key.family(), key.kind()) {
        (Algorithm::RS256, AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            let key = RsaPublicKeyComponents { n, e };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
        }
        (Algorithm::ES256, AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(message, signature).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7515, appendix A.2: a token by RS256, and its key.
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5\
        jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb\
        1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO\
        YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc\
        S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf6\
        3kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT\
        6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

    fn set(members: &serde_json::Value) -> KeySet {
        let mut key = serde_json::json!({"kty": "RSA", "n": MODULUS, "e": "AQAB"});
        let more = members.as_object().unwrap().clone();
        key.as_object_mut().unwrap().extend(more);
        let unknown = serde_json::json!({"kty": "new", "kid": "x"});
        let body = serde_json::json!({"keys": [5, unknown, key]}).to_string();
        KeySet::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_is_verified_and_any_change_is_seen() {
        let keys = set(&serde_json::json!({}));
        keys.check(&Secret::new(TOKEN)).unwrap();
        let forged = TOKEN.replace("cC4hiUPoj9", "cC4hiUPoj8");
        let (head, rest) = TOKEN.split_once('.').unwrap();
        let changed = format!("{head}.e{}", &rest[..rest.len()]);
        for token in [forged, changed, TOKEN.replace("77Rw", ""), format!("{head}.{rest}=")] {
            let error = keys.check(&Secret::new(&*token)).unwrap_err();
            assert_eq!(error, BadIdToken::Forged, "{token}");
        }
    }

    #[test]
    fn a_key_that_is_for_something_else_verifies_nothing() {
        for (members, expected) in [
            (serde_json::json!({"use": "enc"}), BadIdToken::Algorithm),
            (serde_json::json!({"alg": "PS256"}), BadIdToken::Algorithm),
            (serde_json::json!({"kid": "other"}), BadIdToken::UnknownKey),
        ] {
            let error = set(&members).check(&Secret::new(TOKEN)).unwrap_err();
            assert_eq!(error, expected);
        }
        assert_eq!(KeySet(Vec::new()).check(&Secret::new(TOKEN)), Err(BadIdToken::UnknownKey));
        assert!(KeySet::read(b"{}").is_none());
    }

    #[test]
    fn tokens_of_other_algorithms_are_refused_before_any_key_is_looked_at() {
        let keys = set(&serde_json::json!({}));
        let (_, rest) = TOKEN.split_once('.').unwrap();
        for (header, expected) in [
            (r#"{"alg":"none"}"#, BadIdToken::Unsigned),
            (r#"{"alg":"None"}"#, BadIdToken::Unsigned),
            (r#"{"alg":"HS256"}"#, BadIdToken::Algorithm),
            (r#"{"alg":"RS512"}"#, BadIdToken::Algorithm),
            (r#"{"alg":"ES256"}"#, BadIdToken::Forged),
            (r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, BadIdToken::Algorithm),
            ("{}", BadIdToken::Unsigned),
        ] {
            let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(keys.check(&Secret::new(&*token)), Err(expected), "{header}");
        }
    }
}
