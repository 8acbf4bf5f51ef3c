//! Checks of an id token: of its claims alone, or of its signature as well.

use time::OffsetDateTime;

use crate::issuer::ISSUER;
use crate::secret::Secret;
use crate::secret_object::SecretObject;

mod keys;
mod verified;

pub(crate) use keys::KeySet;
pub(crate) use verified::{Expected, verify};

/// A clock may be off by this much, in seconds.
const LEEWAY: i64 = 300;

/// Why an id token cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadIdToken {
    /// It is no JWT, or says that it is not signed.
    #[error("the sign-in service sent an id token that is not signed")]
    Unsigned,
    /// Its payload is no object.
    #[error("the sign-in service sent an id token that cannot be read")]
    Unreadable,
    /// Another issuer's.
    #[error("the sign-in service sent an id token of another service")]
    OtherIssuer,
    /// For another OAuth client.
    #[error("the sign-in service sent an id token for another program")]
    OtherAudience,
    /// It has ended already.
    #[error("the sign-in service sent an id token that has ended: is this machine's clock right?")]
    Ended,
    /// Its signature is of a kind that is not accepted.
    #[error("the sign-in service sent an id token that is signed in a way not accepted here")]
    Algorithm,
    /// No published key has its key's name.
    #[error("the sign-in service sent an id token by a key that it does not publish")]
    UnknownKey,
    /// Its signature is not by the key that it names.
    #[error("the sign-in service sent an id token whose signature is wrong")]
    Forged,
    /// It belongs to another sign-in.
    #[error("the sign-in service sent an id token of another sign-in")]
    OtherSignIn,
    /// It does not say who signed in, or until when it is good.
    #[error("the sign-in service sent an id token that leaves out what it must say")]
    Incomplete,
}

/// Checks what the token says of itself. The signature is not verified: the token came over TLS
/// from the issuer that would have made it, and nothing here trusts it beyond that.
pub(crate) fn check(
    token: &Secret,
    issuer: &str,
    client_id: &str,
    now: OffsetDateTime,
) -> Result<(), BadIdToken> {
    // `none` is not among the algorithms that it knows.
    jsonwebtoken::decode_header(token.expose()).map_err(|_| BadIdToken::Unsigned)?;
    let payload = jsonwebtoken::dangerous::insecure_decode_claims::<SecretObject>(token.expose());
    let payload = payload.map_err(|_| BadIdToken::Unreadable)?;
    // Behind another address (a gateway, a substitute) the service still goes by its own name.
    let names = [issuer, ISSUER];
    let issuer = payload.read::<String>("iss");
    if issuer.is_some_and(|issuer| !names.contains(&issuer.trim_end_matches('/'))) {
        return Err(BadIdToken::OtherIssuer);
    }
    let one = payload.read::<String>("aud").map(|one| vec![one]);
    let audience = one.or_else(|| payload.read::<Vec<String>>("aud"));
    if audience.is_some_and(|all| !all.iter().any(|one| one == client_id)) {
        return Err(BadIdToken::OtherAudience);
    }
    let end = payload.read::<i64>("exp");
    if end.is_some_and(|end| end.saturating_add(LEEWAY) < now.unix_timestamp()) {
        return Err(BadIdToken::Ended);
    }
    Ok(())
}
