//! Signing out: the tokens are revoked at the issuer, then deleted whatever it answers.

use crate::accounts::{Account, AccountError};
use crate::blocking::blocking;
use crate::endpoint::Endpoint;
use crate::home::Home;
use crate::relinquish::{Held, LeftBehind, Relinquished, Revocation, relinquish};
use crate::secret::Secret;
use crate::store::{AccountStore, LeftOvers, StoreError, TokenStore};

/// The result of a sign-out.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedOut {
    /// The account, if it could be read.
    pub account: Option<Account>,
    /// The issuer's part.
    pub revocation: Revocation,
    /// Copies of tokens that are still on this machine.
    pub left_behind: Vec<LeftBehind>,
    /// Places that could not be read, so that a token in them was not ended.
    pub unread: Vec<LeftBehind>,
}

/// Signs out: the active account, or the one that a word means. `None` if there is no such sign-in.
///
/// Nothing is changed where the tokens are in a keyring that cannot be read
/// ([`AccountError::ClosedKeyring`]): they could be neither ended nor deleted.
pub async fn sign_out(
    home: &Home,
    endpoint: &Endpoint,
    word: Option<&str>,
) -> Result<Option<SignedOut>, AccountError> {
    leave(home, endpoint, Request { word, forced: false }).await
}

/// Signs out as [`sign_out`] does, also where the tokens are in a keyring that cannot be read. They
/// stay there and at the issuer, and a later sign-out of this home ends them.
pub async fn force_sign_out(
    home: &Home,
    endpoint: &Endpoint,
    word: Option<&str>,
) -> Result<Option<SignedOut>, AccountError> {
    leave(home, endpoint, Request { word, forced: true }).await
}

#[derive(Clone, Copy)]
struct Request<'a> {
    word: Option<&'a str>,
    forced: bool,
}

async fn leave(
    home: &Home,
    endpoint: &Endpoint,
    request: Request<'_>,
) -> Result<Option<SignedOut>, AccountError> {
    // Nobody may renew meanwhile: a renewal would bring back what is being deleted.
    let _lock = home.lock().await?;
    let Leaving { account, signed_in, held, kept, stores } = find(home, request).await?;
    let nothing = held.is_empty();
    let active = home.active();
    let let_go = relinquish(endpoint, held, &kept, move |_| {
        // Files next to an account that stays may be of use to it.
        let nobody = stores.is_empty().then(|| active.clear_left_overs(LeftOvers::All));
        stores.iter().flat_map(AccountStore::clear).chain(nobody.into_iter().flatten()).collect()
    });
    let Relinquished { revocation, left_behind, unread } = let_go.await;
    let signed_out = SignedOut { account, revocation, left_behind, unread };
    if signed_in {
        return Ok(Some(signed_out));
    }
    if !nothing {
        tracing::info!("tokens that an earlier sign-in had left were removed");
    }
    Ok((!signed_out.is_complete()).then_some(signed_out))
}

impl SignedOut {
    /// Returns whether no token is left anywhere, as far as is known.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.revocation, Revocation::Done | Revocation::Nothing)
            && self.left_behind.is_empty()
            && self.unread.is_empty()
    }
}

/// The subject of a sign-out.
struct Leaving {
    account: Option<Account>,
    /// True if somebody is signed in at all; there may be tokens of an earlier sign-in.
    signed_in: bool,
    held: Held,
    /// The tokens of accounts that stay.
    kept: Vec<Secret>,
    /// The stores that are emptied.
    stores: Vec<AccountStore>,
}

async fn find(home: &Home, request: Request<'_>) -> Result<Leaving, AccountError> {
    let (home, word, forced) = (home.clone(), request.word.map(str::to_owned), request.forced);
    blocking(move || {
        let account = word.map(|word| home.account(&word)).transpose()?;
        let store = account.as_ref().map_or_else(|| home.active(), |known| home.store_of(known));
        let loaded = match store.load() {
            // A sign-in that cannot be read can still be deleted.
            Err(StoreError::Corrupt { .. }) => None,
            Err(StoreError::Keyring(_)) if forced => None,
            Err(StoreError::Keyring(error)) => return Err(AccountError::ClosedKeyring(error)),
            Ok(None) if account.is_none() => return Ok(Leaving::left_overs(&home)),
            loaded => loaded?,
        };
        let account = account.or_else(|| loaded.as_ref().map(Account::of));
        let active = |known: Account| Account { active: store.is(&home.active()), ..known };
        let account = account.map(active);
        let mut stores = vec![store];
        // An older copy of the account in use may have been set aside.
        let older = account.as_ref().map(|account| home.parked(&account.key));
        stores.extend(older.filter(|older| !older.is(&stores[0]) && older.is_there()));
        Ok(Leaving::of(&home, account, stores))
    })
    .await?
}

impl Leaving {
    fn of(home: &Home, account: Option<Account>, stores: Vec<AccountStore>) -> Self {
        let mut held = Held::default();
        for store in &stores {
            held.join(store.held());
            held.join(store.held_left_overs());
        }
        let kept = home.tokens_except(&stores);
        Self { account, signed_in: true, held, kept, stores }
    }

    /// Nobody is signed in; what is left of an earlier sign-in goes.
    fn left_overs(home: &Home) -> Self {
        let active = home.active();
        let mut held = active.held_left_overs();
        held.join(active.held());
        let kept = home.tokens_except(&[]);
        Self { account: None, signed_in: false, held, kept, stores: Vec::new() }
    }
}
