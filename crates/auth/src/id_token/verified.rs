//! The verification of an id token by its signature and its claims.

use time::OffsetDateTime;

use super::{BadIdToken, KeySet, LEEWAY};
use crate::secret::Secret;
use crate::secret_object::SecretObject;

/// The claims that an id token must have.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The issuer's name.
    pub(crate) issuer: &'a str,
    /// The client it is for, and no other.
    pub(crate) client_id: &'a str,
    /// The word that was sent along when the sign-in began.
    pub(crate) nonce: &'a Secret,
}

/// Verifies a token, and gives whose it is.
pub(crate) fn verify(
    token: &Secret,
    keys: &KeySet,
    expected: Expected<'_>,
    now: OffsetDateTime,
) -> Result<String, BadIdToken> {
    keys.check(token)?;
    let payload = jsonwebtoken::dangerous::insecure_decode_claims::<SecretObject>(token.expose());
    let payload = payload.map_err(|_| BadIdToken::Unreadable)?;
    let issuer = payload.read::<String>("iss").ok_or(BadIdToken::Incomplete)?;
    if issuer.trim_end_matches('/') != expected.issuer.trim_end_matches('/') {
        return Err(BadIdToken::OtherIssuer);
    }
    let one = payload.read::<String>("aud").map(|one| vec![one]);
    let audience = one.or_else(|| payload.read::<Vec<String>>("aud"));
    if audience.ok_or(BadIdToken::Incomplete)? != [expected.client_id] {
        return Err(BadIdToken::OtherAudience);
    }
    let end = payload.read::<i64>("exp").ok_or(BadIdToken::Incomplete)?;
    if end.saturating_add(LEEWAY) < now.unix_timestamp() {
        return Err(BadIdToken::Ended);
    }
    let nonce = payload.read::<String>("nonce").ok_or(BadIdToken::OtherSignIn)?;
    if !expected.nonce.matches(&nonce) {
        return Err(BadIdToken::OtherSignIn);
    }
    let subject = payload.read::<String>("sub").filter(|subject| !subject.is_empty());
    subject.ok_or(BadIdToken::Incomplete)
}
