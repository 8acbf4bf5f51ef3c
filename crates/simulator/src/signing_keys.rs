//! The keys of the issuer, which sign id tokens, and their published halves.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use crate::json::{Json, object};

mod rsa;

/// The name of the RSA key.
const RSA: &str = "simulated-rsa";
/// The name of the elliptic key.
const ELLIPTIC: &str = "simulated-ec";

/// The signature of an id token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    /// RS256, the usual algorithm.
    Rsa,
    /// ES256.
    Elliptic,
    /// ES256 by a key that is not published, under the name of one that is.
    Foreign,
    /// RS256 under a name that is not published.
    Unknown,
    /// HS256 with the public key as the secret.
    Symmetric,
    /// No signature, as the token declares.
    None,
}

/// The keys. A key that the system could not make is absent and signs nothing.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    random: SystemRandom,
    rsa: Option<RsaKeyPair>,
    elliptic: Option<EcdsaKeyPair>,
    foreign: Option<EcdsaKeyPair>,
}

impl SigningKeys {
    /// Reads the RSA key and makes the elliptic ones, which takes a millisecond.
    pub(crate) fn make() -> Self {
        let random = SystemRandom::new();
        let rsa = STANDARD.decode(rsa::TEST_KEY).ok();
        let rsa = rsa.and_then(|key| RsaKeyPair::from_pkcs8(&key).ok());
        let (elliptic, foreign) = (elliptic(&random), elliptic(&random));
        Self { random, rsa, elliptic, foreign }
    }

    /// Returns the public halves, as a JSON Web Key Set.
    pub(crate) fn published(&self) -> Json {
        let rsa = self.rsa.iter().map(|key| {
            let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(key.public());
            object! {
                "kty": "RSA", "use": "sig", "alg": "RS256", "kid": RSA,
                "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
            }
        });
        let elliptic = self.elliptic.iter().map(|key| {
            // The first byte says that both coordinates follow.
            let point = key.public_key().as_ref();
            let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
            object! {
                "kty": "EC", "use": "sig", "alg": "ES256", "kid": ELLIPTIC, "crv": "P-256",
                "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
            }
        });
        object! {"keys": rsa.chain(elliptic).collect::<Vec<Json>>()}
    }

    /// Returns a signed JWT with this payload.
    pub(crate) fn sign(&self, payload: &Json, signing: Signing) -> String {
        let (algorithm, name) = match signing {
            Signing::Rsa => ("RS256", RSA),
            Signing::Elliptic | Signing::Foreign => ("ES256", ELLIPTIC),
            Signing::Unknown => ("RS256", "unknown"),
            Signing::Symmetric => ("HS256", RSA),
            Signing::None => ("none", RSA),
        };
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.text());
        let header = object! {"alg": algorithm, "typ": "JWT", "kid": name};
        let message = format!("{}.{}", part(&header), part(payload));
        let signature = self.signature(message.as_bytes(), signing).unwrap_or_default();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, message: &[u8], signing: Signing) -> Option<Vec<u8>> {
        match signing {
            Signing::Rsa | Signing::Unknown => {
                let key = self.rsa.as_ref()?;
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature).ok()?;
                Some(signature)
            }
            Signing::Elliptic => self.elliptic(self.elliptic.as_ref()?, message),
            Signing::Foreign => self.elliptic(self.foreign.as_ref()?, message),
            Signing::Symmetric => {
                let secret =
                    hmac::Key::new(hmac::HMAC_SHA256, self.rsa.as_ref()?.public().as_ref());
                Some(hmac::sign(&secret, message).as_ref().to_vec())
            }
            Signing::None => None,
        }
    }

    fn elliptic(&self, key: &EcdsaKeyPair, message: &[u8]) -> Option<Vec<u8>> {
        Some(key.sign(&self.random, message).ok()?.as_ref().to_vec())
    }
}

fn elliptic(random: &SystemRandom) -> Option<EcdsaKeyPair> {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, random).ok()?;
    EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), random).ok()
}
