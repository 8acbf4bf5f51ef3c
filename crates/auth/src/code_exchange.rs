//! A code and everything that must be shown with it to exchange it for tokens.

use std::fmt;

use zeroize::Zeroizing;

use crate::auth_profile::AuthProfile;
use crate::form::form;
use crate::secret::Secret;

/// A code that the issuer gave for a sign-in, ready to be exchanged for tokens, once.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeExchange {
    pub(crate) code: Secret,
    pub(crate) verifier: Secret,
    pub(crate) redirect_uri: String,
    pub(crate) profile: &'static AuthProfile,
    /// The client of this installation, on routes where each has its own.
    pub(crate) client_id: Option<String>,
    /// A value that the id token must repeat.
    pub(crate) nonce: Option<Secret>,
}

impl CodeExchange {
    /// Makes the form that exchanges the code, its fields in the order in which the issuer's own
    /// client sends them. `client_id` is used where this installation has no client of its own.
    pub(crate) fn form(&self, client_id: &str) -> Zeroizing<String> {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("client_id", self.client_id.as_deref().unwrap_or(client_id)),
            ("code", self.code.expose()),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", self.verifier.expose()),
        ];
        pairs.extend(self.profile.resource.map(|resource| ("resource", resource)));
        form(&pairs)
    }
}

impl fmt::Debug for CodeExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("CodeExchange");
        text.field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}
