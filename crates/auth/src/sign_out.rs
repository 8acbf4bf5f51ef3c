//! Signing out: the tokens are revoked at the issuer, then deleted whatever it answers.

use crate::accounts::{Account, AccountError};
use crate::blocking::{LostTask, blocking};
use crate::endpoint::{Endpoint, EndpointError};
use crate::home::Home;
use crate::store::{StoreError, TokenStore};
use crate::tokens::AuthFile;

/// The result of a sign-out.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedOut {
    /// The account, if it could be read.
    pub account: Option<Account>,
    /// The issuer's part.
    pub revocation: Revocation,
    /// The error, when the unused tokens could not be deleted from the keyring.
    pub left_behind: Option<StoreError>,
}

/// The issuer's part in a sign-out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Revocation {
    /// The sign-in has ended there, too.
    Done,
    /// There was no token to end.
    Nothing,
    /// The tokens are another issuer's, which was not called.
    OtherIssuer,
    /// The call failed: the tokens stay valid there until they expire.
    Failed(EndpointError),
}

/// Signs out: the active account, or the one that a word means. `None` when there is none.
pub async fn sign_out(
    home: &Home,
    endpoint: &Endpoint,
    word: Option<&str>,
) -> Result<Option<SignedOut>, AccountError> {
    // Nobody may renew meanwhile: a renewal would bring back what is being deleted.
    let _lock = home.lock().await?;
    let leaving = find(home, word.map(str::to_owned)).await?;
    sweep(home, leaving.as_ref().and_then(|leaving| leaving.account.as_ref())).await?;
    let Some(leaving) = leaving else { return Ok(None) };
    let revocation = match &leaving.file {
        Some(file) => revoke(endpoint, file).await,
        None => Revocation::Nothing,
    };
    let (home, account) = (home.clone(), leaving.account.clone());
    let removed = blocking(move || match &account {
        Some(account) => home.store_of(account).remove(),
        None => home.active().remove(),
    });
    let left_behind = match removed.await? {
        Ok(()) => None,
        Err(error @ StoreError::Keyring(_)) => Some(error),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(SignedOut { account: leaving.account, revocation, left_behind }))
}

/// Removes files that killed programs left while saving: they may hold valid tokens.
async fn sweep(home: &Home, account: Option<&Account>) -> Result<(), LostTask> {
    let parked = account.map(|account| home.parked(&account.key));
    let stores: Vec<_> = std::iter::once(home.active()).chain(parked).collect();
    blocking(move || {
        for error in stores.iter().filter_map(|store| store.sweep().err()) {
            tracing::warn!(%error, "a file that may hold tokens stays");
        }
    })
    .await
}

struct Leaving {
    account: Option<Account>,
    file: Option<AuthFile>,
}

async fn find(home: &Home, word: Option<String>) -> Result<Option<Leaving>, AccountError> {
    let home = home.clone();
    blocking(move || {
        let account = word.map(|word| home.account(&word)).transpose()?;
        let store = account.as_ref().map_or_else(|| home.active(), |known| home.store_of(known));
        match store.load() {
            Ok(None) if account.is_none() => Ok(None),
            Ok(file) => {
                let described = || file.as_ref().map(Account::of);
                let account = account.or_else(described);
                let active = |known: Account| Account { active: store.is(&home.active()), ..known };
                Ok(Some(Leaving { account: account.map(active), file }))
            }
            // What cannot be read can still be deleted.
            Err(StoreError::Corrupt { .. } | StoreError::Keyring(_)) => {
                Ok(Some(Leaving { account, file: None }))
            }
            Err(error) => Err(error.into()),
        }
    })
    .await?
}

async fn revoke(endpoint: &Endpoint, file: &AuthFile) -> Revocation {
    if file.tokens().is_none() {
        return Revocation::Nothing;
    }
    let provenance = file.provenance();
    if provenance.route.profile().is_none()
        || !endpoint.provenance(provenance.route.clone()).agrees(&provenance)
    {
        return Revocation::OtherIssuer;
    }
    match endpoint.revoke(file).await {
        Ok(()) => Revocation::Done,
        Err(error) => Revocation::Failed(error),
    }
}
