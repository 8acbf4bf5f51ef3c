//! The bodies of calls to the issuer, as an object or as a form.

use serde::Serialize;
use zeroize::Zeroizing;

use super::RefreshReason;
use crate::form::form;
use crate::secret::Secret;

const REFRESH: &str = "refresh_token";

/// A refresh token to be spent.
#[derive(Clone, Copy)]
pub(crate) struct RefreshCall<'a> {
    pub(crate) token: &'a Secret,
    pub(crate) client_id: &'a str,
    pub(crate) reason: RefreshReason,
}

impl RefreshCall<'_> {
    pub(super) fn object(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        struct Object<'a> {
            client_id: &'a str,
            grant_type: &'static str,
            refresh_reason: RefreshReason,
            refresh_token: &'a Secret,
        }
        Object {
            client_id: self.client_id,
            grant_type: REFRESH,
            refresh_reason: self.reason,
            refresh_token: self.token,
        }
    }

    pub(super) fn form(&self, resource: &str) -> Zeroizing<String> {
        form(&[
            ("grant_type", REFRESH),
            ("client_id", self.client_id),
            ("refresh_token", self.token.expose()),
            ("resource", resource),
        ])
    }
}

/// A token to be revoked.
#[derive(Serialize)]
pub(super) struct RevokeCall<'a> {
    pub(super) token: &'a Secret,
    pub(super) token_type_hint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<&'a str>,
}

impl RevokeCall<'_> {
    pub(super) fn form(&self) -> Zeroizing<String> {
        let mut pairs =
            vec![("token", self.token.expose()), ("token_type_hint", self.token_type_hint)];
        pairs.extend(self.client_id.map(|client_id| ("client_id", client_id)));
        form(&pairs)
    }
}
