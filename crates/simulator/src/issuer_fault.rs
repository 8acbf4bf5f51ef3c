//! The faults of the plan route's issuer: wrong answers and hostile ones.

/// A fault of the issuer of the plan route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerFault {
    /// The person declines.
    Denied,
    /// The browser returns with another state.
    OtherState,
    /// A first sign-in returns without a client id.
    NoClientId,
    /// The browser returns with the client id of another installation.
    OtherClientId,
    /// The id token has another nonce.
    OtherNonce,
    /// The id token has no nonce.
    NoNonce,
    /// The id token is for another client.
    OtherAudience,
    /// The id token is for this client and another one.
    MoreAudiences,
    /// The id token names another issuer.
    OtherIssuer,
    /// The id token has expired.
    Expired,
    /// The id token has no expiry.
    NoExpiry,
    /// The id token has no subject.
    NoSubject,
    /// The id token is signed by another key under the name of a published one.
    ForeignKey,
    /// The id token names a key that is not published.
    UnknownKey,
    /// The id token declares that it is not signed.
    Unsigned,
    /// The id token is signed by HMAC with the public key as its secret.
    Symmetric,
    /// The id token is signed by ECDSA, which is valid but unusual.
    Elliptic,
    /// The person does not allow programs to use the plan.
    NoPlanUse,
    /// A refresh returns an id token of another person.
    OtherPerson,
    /// The discovery document names another issuer.
    DiscoveryOfAnother,
    /// The discovery document names keys at an `http` address of another machine.
    KeysElsewhere,
    /// The discovery document names an endpoint of another service for revocation.
    RevocationElsewhere,
    /// There is no discovery document.
    NoDiscovery,
}
