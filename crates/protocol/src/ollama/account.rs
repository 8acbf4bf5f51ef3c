//! `POST /api/me` and `GET /api/status`: who uses the server, and what it may reach.

use serde::Serialize;

/// The person who is signed in, without anything that names them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct User {
    /// A UUID, which clients insist on.
    pub id: &'static str,
    /// Empty: nobody is given the account's address.
    pub email: &'static str,
    /// The name of this server.
    pub name: &'static str,
}

/// The state of the server.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Status {
    /// Whether models of other servers can be used.
    pub cloud: Cloud,
}

/// Whether models of other servers can be used.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cloud {
    /// Always false: every model here is one.
    pub disabled: bool,
    /// What disabled them: `none`.
    pub source: &'static str,
}
