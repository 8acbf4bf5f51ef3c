//! The proof of a new sign-in: its id token, verified, and the registration that follows from it.

use time::OffsetDateTime;

use super::{ID_TOKEN, SignIn, SignInError};
use crate::code_exchange::CodeExchange;
use crate::endpoint::EndpointError;
use crate::id_token::{self, BadIdToken, Expected, KeySet};
use crate::registration::Registration;
use crate::tokens::Grant;

/// The keys that verify an id token, and the installation that it is for.
pub(super) struct Proof {
    issuer: String,
    keys: KeySet,
    installation: Registration,
}

impl SignIn<'_> {
    pub(super) async fn proof(&self) -> Result<Proof, SignInError> {
        let installation = Registration::of(self.home).await?;
        let discovery = self.endpoint.discover().await?;
        let keys = self.endpoint.keys(&discovery).await?;
        let keys = KeySet::read(&keys).ok_or(EndpointError::Unreadable)?;
        Ok(Proof { issuer: discovery.issuer, keys, installation })
    }

    /// Checks the id token; gives the registration that it makes good where that is verified.
    pub(super) fn believe(
        &self,
        grant: &Grant,
        exchange: &CodeExchange,
        proof: Option<Proof>,
    ) -> Result<Option<Registration>, SignInError> {
        let now = OffsetDateTime::now_utc();
        let token = grant.id_token.as_ref().ok_or(SignInError::Incomplete(ID_TOKEN))?;
        let Some(Proof { issuer, keys, installation }) = proof else {
            id_token::check(token, self.endpoint.issuer(), self.endpoint.client_id(), now)?;
            return Ok(None);
        };
        let (Some(client_id), Some(nonce)) = (&exchange.client_id, &exchange.nonce) else {
            return Err(BadIdToken::OtherSignIn.into());
        };
        let expected = Expected { issuer: &issuer, client_id, nonce };
        let subject = id_token::verify(token, &keys, expected, now)?;
        Ok(Some(Registration {
            subject: Some(subject),
            email: grant.claims().email,
            scope: grant.scope.clone(),
            ..installation.issued(self.endpoint.issuer(), client_id)
        }))
    }
}
