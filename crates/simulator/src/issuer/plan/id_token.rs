//! The id token of the plan route: its claims, correct or with a fault, and its signature.

use crate::issuer_fault::IssuerFault;
use crate::json::{Json, members};
use crate::signing_keys::{Signing, SigningKeys};
use crate::timestamps::unix_now;
use crate::tokens::Claims;

/// The content of an id token.
#[derive(Debug)]
pub(super) struct IdToken<'a> {
    pub(super) fault: Option<IssuerFault>,
    pub(super) issuer: &'a str,
    pub(super) claims: &'a Claims,
    pub(super) client_id: &'a str,
    /// The nonce of a sign-in; a refresh has none.
    pub(super) nonce: Option<&'a str>,
}

impl IdToken<'_> {
    /// Signs the token, with the fault.
    pub(super) fn sign(&self, keys: &SigningKeys) -> String {
        let Self { fault, issuer, claims, client_id, nonce } = *self;
        let now = unix_now();
        let audience = match fault {
            Some(IssuerFault::OtherAudience) => Json::from("oaiapp_other"),
            Some(IssuerFault::MoreAudiences) => {
                vec![Json::from(client_id), Json::from("oaiapp_other")].into()
            }
            _ => client_id.into(),
        };
        let other_issuer = fault == Some(IssuerFault::OtherIssuer);
        let issuer = if other_issuer { "https://other.example" } else { issuer };
        let mut payload = members! {
            "iss": issuer, "aud": audience, "iat": now, "email": &claims.email, "email_verified": true,
        };
        if fault != Some(IssuerFault::NoExpiry) {
            let expired = fault == Some(IssuerFault::Expired);
            payload.push(("exp", if expired { now - 86_400 } else { now + 3600 }.into()));
        }
        if fault != Some(IssuerFault::NoSubject) {
            payload.push(("sub", Json::from(&claims.user_id)));
        }
        let nonce = nonce.filter(|_| fault != Some(IssuerFault::NoNonce)).map(|nonce| {
            let other = fault == Some(IssuerFault::OtherNonce);
            ("nonce", Json::from(if other { "somebody-elses" } else { nonce }))
        });
        payload.extend(nonce);
        keys.sign(&Json::Object(payload), signing(fault))
    }
}

fn signing(fault: Option<IssuerFault>) -> Signing {
    match fault {
        Some(IssuerFault::Elliptic) => Signing::Elliptic,
        Some(IssuerFault::ForeignKey) => Signing::Foreign,
        Some(IssuerFault::UnknownKey) => Signing::Unknown,
        Some(IssuerFault::Symmetric) => Signing::Symmetric,
        Some(IssuerFault::Unsigned) => Signing::None,
        _ => Signing::Rsa,
    }
}
