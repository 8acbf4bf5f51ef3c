//! The id token of the plan route: what it says, right or with a flaw, and how it is signed.

use crate::flaws::Flaw;
use crate::json::{Json, members};
use crate::record::lock;
use crate::signing_keys::Signing;
use crate::simulator::State;
use crate::tokens::{Claims, unix_now};

/// Makes the token; only that of a sign-in has a nonce.
pub(super) fn id_token(
    state: &State,
    claims: &Claims,
    client_id: &str,
    nonce: Option<&str>,
) -> String {
    let (now, flaw) = (unix_now(), *lock(&state.flaw));
    let audience = match flaw {
        Some(Flaw::OtherAudience) => Json::from("oaiapp_other"),
        Some(Flaw::MoreAudiences) => vec![Json::from(client_id), Json::from("oaiapp_other")].into(),
        _ => client_id.into(),
    };
    let other_issuer = flaw == Some(Flaw::OtherIssuer);
    let issuer = if other_issuer { "https://other.example" } else { state.origin.as_str() };
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
    state.keys().sign(&Json::Object(payload), signing(flaw))
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
