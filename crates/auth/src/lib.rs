//! Sign-in custody: where the tokens are kept, what they say, and how they are renewed.
//!
//! A [`TokenKeeper`] over a [`TokenStore`] hands out a usable [`Session`]. It makes one renewal at
//! a time, in this program and across programs, because a refresh token is good for one use: a
//! second use of it, or a new one that is not saved, ends the sign-in.
//!
//! No token reaches a log line, an error message or a `Debug` text.

mod claims;
mod endpoint;
mod keeper;
mod lock;
mod members;
#[cfg(test)]
mod sample;
mod secret;
mod store;
mod tokens;

pub use claims::Claims;
pub use endpoint::{Endpoint, EndpointError, EndpointSettings, Reason, Refusal};
pub use keeper::{CLIENT_ID, ISSUER, KeeperError, KeeperSettings, Session, TokenKeeper};
pub use lock::{HomeLock, LOCK_WAIT, LockError};
pub use secret::Secret;
pub use store::{
    Access, BorrowedStore, FileStore, MemoryStore, Reservation, Stamp, StoreError, TokenStore,
};
pub use tokens::{
    AuthFile, Freshness, Grant, Lifetime, Malformed, RENEW_AHEAD, RENEW_EVERY, Tokens, freshness,
};
