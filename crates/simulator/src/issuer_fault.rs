//! The flaws that the issuer of the plan route can be given: wrong answers and hostile ones.

/// What is wrong with the issuer of the plan route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerFault {
    /// The person says no.
    Denied,
    /// The browser comes back with another state.
    OtherState,
    /// A first sign-in comes back without a client id.
    NoClientId,
    /// The browser comes back with a client id that was issued to another installation.
    OtherClientId,
    /// The id token has another nonce.
    OtherNonce,
    /// The id token has no nonce.
    NoNonce,
    /// The id token is for another client.
    OtherAudience,
    /// The id token is for this client and another one.
    MoreAudiences,
    /// The id token is of another issuer.
    OtherIssuer,
    /// The id token has ended.
    Expired,
    /// The id token does not say when it ends.
    NoExpiry,
    /// The id token does not say whose it is.
    NoSubject,
    /// The id token is signed by another key under a published name.
    ForeignKey,
    /// The id token names a key that is not published.
    UnknownKey,
    /// The id token says that it is not signed.
    Unsigned,
    /// The id token is signed by HMAC with the public key as its secret.
    Symmetric,
    /// The id token is signed by ECDSA; right, and not what is usual.
    Elliptic,
    /// The person does not allow the use of the plan.
    NoPlanUse,
    /// Renewals bring an id token of another person.
    OtherPerson,
    /// The discovery document is another issuer's.
    DiscoveryOfAnother,
    /// The discovery document names keys at a plain address of another machine.
    KeysElsewhere,
    /// The discovery document names another service to revoke tokens at.
    RevocationElsewhere,
    /// There is no discovery document.
    NoDiscovery,
}
