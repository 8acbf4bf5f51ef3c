//! The id token of the plan route: its claims, correct or with a flaw, and its signature.

use crate::flaws::Flaw;
use crate::json::{Json, members};
use crate::signing_keys::{Signing, SigningKeys};
use crate::timestamps::unix_now;
use crate::tokens::Claims;

/// The content of an id token.
#[derive(Debug)]
pub(super) struct IdToken<'a> {
    pub(super) flaw: Option<Flaw>,
    pub(super) issuer: &'a str,
    pub(super) claims: &'a Claims,
    pub(super) client_id: &'a str,
    /// The nonce of a sign-in; a renewal has none.
    pub(super) nonce: Option<&'a str>,
}

impl IdToken<'_> {
    /// Signs the token, as the flaw demands.
    pub(super) fn sign(&self, keys: &SigningKeys) -> String {
        let Self { flaw, issuer, claims, client_id, nonce } = *self;
        let now = unix_now();
        let audience = match flaw {
            Some(Flaw::OtherAudience) => Json::from("oaiapp_other"),
            Some(Flaw::MoreAudiences) => {
                vec![Json::from(client_id), Json::from("oaiapp_other")].into()
            }
            _ => client_id.into(),
        };
        let other_issuer = flaw == Some(Flaw::OtherIssuer);
        let issuer = if other_issuer { "https://other.example" } else { issuer };
        let mut payload = members! {
            "iss": issuer, "aud": audience, "iat": now, "email": &claims.email, "email_verified": true,
        };
        if flaw != Some(Flaw::NoExpiry) {
            let expired = flaw == Some(Flaw::Expired);
            payload.push(("exp", if expired { now - 86_400 } else { now + 3600 }.into()));
        }
        if flaw != Some(Flaw::NoSubject) {
            payload.push(("sub", Json::from(&claims.user_id)));
        }
        let nonce = nonce.filter(|_| flaw != Some(Flaw::NoNonce)).map(|nonce| {
            let other = flaw == Some(Flaw::OtherNonce);
            ("nonce", Json::from(if other { "somebody-elses" } else { nonce }))
        });
        payload.extend(nonce);
        keys.sign(&Json::Object(payload), signing(flaw))
    }
}

fn signing(flaw: Option<Flaw>) -> Signing {
    match flaw {
        Some(Flaw::Elliptic) => Signing::Elliptic,
        Some(Flaw::ForeignKey) => Signing::Foreign,
        Some(Flaw::UnknownKey) => Signing::Unknown,
        Some(Flaw::Symmetric) => Signing::Symmetric,
        Some(Flaw::Unsigned) => Signing::None,
        _ => Signing::Rsa,
    }
}
