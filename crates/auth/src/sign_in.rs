//! The end of a sign-in: fetches tokens for a code, checks whose they are, and saves them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use time::OffsetDateTime;

use crate::accounts::{Account, signed_in};
use crate::blocking::{LostTask, blocking};
use crate::code_exchange::CodeExchange;
use crate::device::{Device, DeviceRefusal, DeviceStep};
use crate::endpoint::{Endpoint, EndpointError};
use crate::home::Home;
use crate::id_token::BadIdToken;
use crate::lock::LockError;
use crate::registration::{self, Registration, RegistrationError};
use crate::relinquish::{Held, Relinquished, relinquish, relinquish_unsaved};
use crate::secret::Secret;
use crate::sign_in_route::SignInRoute;
use crate::store::{BorrowedStore, LeftOvers, StoreError, TokenStore};
use crate::tokens::{AuthFile, Grant};

mod proof;

use proof::Proof;

/// The most questions about another account, which may change while a person thinks.
const MOST_QUESTIONS: usize = 3;
/// The token that says who signed in, in messages.
const ID_TOKEN: &str = "id token";

/// The parts that a sign-in needs.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// The home that it is saved in.
    pub home: &'a Home,
    /// The issuer.
    pub endpoint: &'a Endpoint,
    /// The workspaces that are allowed; an empty list allows all.
    pub workspaces: &'a [String],
    /// The name of the account. With one, another active account is set aside, not replaced.
    pub name: Option<&'a str>,
    /// Another program's sign-in file. A token that is also in there is not ended when its copy here is
    /// replaced: the other program goes on using it.
    pub shared_with: Option<&'a Path>,
}

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The issuer gave no tokens.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The issuer's answer lacks something.
    #[error("the sign-in service sent no {0}: nothing was saved")]
    Incomplete(&'static str),
    /// The token that says who signed in cannot be trusted.
    #[error("{0}: nothing was saved")]
    IdToken(#[from] BadIdToken),
    /// Another workspace than was asked for.
    #[error("signed in to workspace {got}, which is not the one asked for: nothing was saved")]
    OtherWorkspace {
        /// The workspace that was obtained.
        got: String,
    },
    /// The registration of this installation could not be read or made.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The person kept the present account.
    #[error("the present sign-in was kept")]
    Kept,
    /// The device code gave no tokens.
    #[error(transparent)]
    Device(#[from] DeviceRefusal),
    /// Another program holds the lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work was cut off.
    #[error(transparent)]
    Lost(#[from] LostTask),
}

/// Tokens that were obtained and are not saved yet.
#[derive(Debug)]
pub struct Obtained<'a> {
    sign_in: SignIn<'a>,
    file: AuthFile,
    account: Account,
    registration: Option<Registration>,
}

/// A sign-in that was saved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The account.
    pub account: Account,
    /// The place of the tokens, for a person.
    pub place: String,
    /// The end of the access token, in seconds since 1970.
    pub expires: Option<i64>,
    /// True if the tokens can be used on their route: the person may not have allowed that.
    pub usable: bool,
    /// The account that was active before and was set aside.
    pub put_aside: Option<Account>,
    /// The outcome for the tokens whose place the new ones took.
    pub replaced: Arc<Relinquished>,
}

impl<'a> SignIn<'a> {
    /// Redeems a code. Nothing is saved yet.
    pub async fn obtain(self, exchange: &CodeExchange) -> Result<Obtained<'a>, SignInError> {
        // Before the code is spent: without it there is nothing to believe the tokens by.
        let proof = if exchange.profile.discovery { Some(self.proof().await?) } else { None };
        let grant = self.endpoint.redeem(exchange).await?;
        let mut file = self.file_of(&grant, exchange);
        let registration = match self.accept(&grant, exchange, proof) {
            Ok(registration) => registration,
            Err(refused) => {
                // Whatever else is wrong with the answer, a token in it is good.
                relinquish_unsaved(self.endpoint, file).await;
                return Err(refused);
            }
        };
        if let Some(name) = self.name {
            file = file.with_name(name);
        }
        let account = Account::of(&file);
        let obtained = Obtained { sign_in: self, file, account, registration };
        obtained.check_workspace().await
    }

    /// Makes the file of a grant.
    fn file_of(&self, grant: &Grant, exchange: &CodeExchange) -> AuthFile {
        let mut provenance = self.endpoint.provenance(SignInRoute::named(exchange.profile.name));
        provenance.client_id = exchange.client_id.clone().or(provenance.client_id);
        AuthFile::signed_in(grant, OffsetDateTime::now_utc()).with_provenance(&provenance)
    }

    /// Checks that an answer has all its parts and that its id token can be trusted.
    fn accept(
        &self,
        grant: &Grant,
        exchange: &CodeExchange,
        proof: Option<Proof>,
    ) -> Result<Option<Registration>, SignInError> {
        for (part, name) in [
            (&grant.id_token, ID_TOKEN),
            (&grant.access_token, "access token"),
            (&grant.refresh_token, "refresh token"),
        ] {
            if part.as_ref().is_none_or(Secret::is_empty) {
                return Err(SignInError::Incomplete(name));
            }
        }
        self.believe(grant, exchange, proof)
    }

    /// Waits until the person approves a device code.
    pub async fn await_device(&self, device: &mut Device) -> Result<CodeExchange, SignInError> {
        let mut wait = device.interval();
        loop {
            tokio::time::sleep(wait).await;
            let reply = self.endpoint.poll_device(device.code()).await?;
            wait = match device.next(&reply, Instant::now()) {
                DeviceStep::Wait(wait) => wait,
                DeviceStep::Done(exchange) => return Ok(exchange),
                DeviceStep::Refused(refusal) => return Err(refusal.into()),
            };
        }
    }
}

impl<'a> Obtained<'a> {
    /// Returns the account, to be shown before anything is saved.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Saves the sign-in under the home's lock. `confirm` is asked before the sign-in of another
    /// person or workspace is replaced; it is not asked where that one is put aside instead.
    ///
    /// Tokens that are not saved are revoked at the issuer, if that can be reached; so are those whose
    /// place the new ones take, and their copies on this machine go.
    pub async fn save(
        self,
        confirm: impl AsyncFn(&Account) -> bool,
    ) -> Result<SignedIn, SignInError> {
        let saved = self.try_save(confirm).await;
        if saved.is_err() && !self.is_held().await {
            self.give_up().await;
        }
        saved
    }

    /// Ends the new sign-in at the issuer, since nobody will hold its tokens.
    pub async fn give_up(self) -> Relinquished {
        relinquish_unsaved(self.sign_in.endpoint, self.file).await
    }

    async fn try_save(
        &self,
        confirm: impl AsyncFn(&Account) -> bool,
    ) -> Result<SignedIn, SignInError> {
        let mut confirmed = None;
        for _ in 0..MOST_QUESTIONS {
            if let Some(other) = self.other_account().await?
                && confirmed.as_ref() != Some(&other.key)
            {
                if !confirm(&other).await {
                    return Err(SignInError::Kept);
                }
                confirmed = Some(other.key);
            }
            let _lock = self.sign_in.home.lock().await?;
            // It may have changed while the person thought.
            match self.other_account().await? {
                Some(other) if confirmed.as_ref() != Some(&other.key) => {}
                _ => return self.save_locked().await,
            }
        }
        Err(SignInError::Kept)
    }

    /// Returns whether the tokens are in the store after all: a save may fail at its last step, such as
    /// making it durable.
    async fn is_held(&self) -> bool {
        let home = self.sign_in.home.clone();
        let held = blocking(move || home.active().load()).await;
        matches!(held, Ok(Ok(Some(held))) if held.tokens() == self.file.tokens())
    }

    /// The active account, when saving would replace it and it is another.
    async fn other_account(&self) -> Result<Option<Account>, SignInError> {
        if self.sign_in.name.is_some() {
            return Ok(None);
        }
        let home = self.sign_in.home.clone();
        let present = blocking(move || home.active_account()).await?;
        let present = present.or_else(|error| match error {
            // A keyring that is locked is no reason not to sign in.
            StoreError::Keyring(_) => Ok(None),
            error => Err(error),
        })?;
        Ok(present.filter(|present| !present.is_same(&self.account)))
    }

    /// Saves, and then gives up what was there before: in this order, so that a failed save leaves
    /// the present sign-in as it was, here and at the issuer.
    async fn save_locked(&self) -> Result<SignedIn, SignInError> {
        let (file, account) = (self.file.clone(), self.account.clone());
        let (home, named) = (self.sign_in.home.clone(), self.sign_in.name.is_some());
        let registration = self.registration.clone();
        let saved = blocking(move || {
            // First: without it the issuer would not know these tokens' client again.
            if let Some(registration) = registration {
                registration.save(&registration::path(home.path())).map_err(StoreError::from)?;
            }
            let (put_aside, held) = make_way(&home, &account, named)?;
            let store = home.active();
            let saved = store.save(&file).map(|()| SignedIn {
                place: store.description(),
                expires: file.lifetime().expires(),
                usable: file.is_usable(),
                account: Account { active: true, ..account },
                put_aside,
                replaced: Arc::new(Relinquished::nothing()),
            });
            Ok::<_, StoreError>((saved, held))
        });
        let (saved, held) = saved.await??;
        if saved.is_ok() || self.is_held().await {
            let replaced = Arc::new(self.let_go(held).await);
            return Ok(SignedIn { replaced, ..saved? });
        }
        Ok(saved?)
    }

    /// Gives up what the new sign-in replaced. Other accounts keep their tokens, and so does
    /// another program that shares one.
    async fn let_go(&self, held: Held) -> Relinquished {
        let (home, key) = (self.sign_in.home.clone(), self.account.key.clone());
        let shared = self.sign_in.shared_with.map(BorrowedStore::new);
        let kept = blocking(move || {
            let older = home.parked(&key);
            let mut kept = home.tokens_except(std::slice::from_ref(&older));
            let shared = shared.and_then(|store| store.load().ok().flatten());
            kept.extend(shared.and_then(|file| file.key_token()));
            (kept, home.active(), older)
        });
        let Ok((mut kept, store, older)) = kept.await else { return Relinquished::nothing() };
        kept.extend(self.file.key_token());
        let remove = move |all_ended: bool| {
            let mut left = if older.is_there() { older.clear() } else { Vec::new() };
            left.extend(store.clear_left_overs(match all_ended {
                true => LeftOvers::Readable,
                false => LeftOvers::None,
            }));
            left
        };
        relinquish(self.sign_in.endpoint, held, &kept, remove).await
    }

    async fn check_workspace(self) -> Result<Self, SignInError> {
        let allowed = self.sign_in.workspaces;
        let got = self.account.workspace.as_ref();
        if allowed.is_empty() || got.is_some_and(|got| allowed.contains(got)) {
            return Ok(self);
        }
        let got = got.cloned().unwrap_or_else(|| "unknown".to_owned());
        self.give_up().await;
        Err(SignInError::OtherWorkspace { got })
    }
}

/// Makes way for a new sign-in: puts another account aside where the new one has a name. Returns that
/// account, and the tokens whose place will be taken.
fn make_way(
    home: &Home,
    account: &Account,
    named: bool,
) -> Result<(Option<Account>, Held), StoreError> {
    let (store, older) = (home.active(), home.parked(&account.key));
    let mut held = store.held_left_overs();
    if older.is_there() {
        held.join(older.held());
        held.join(older.held_left_overs());
    }
    let present =
        if named { signed_in(store.load())?.map(|file| Account::of(&file)) } else { None };
    let put_aside = present.filter(|present| !present.is_same(account));
    held.join(if put_aside.is_some() { home.park_active()? } else { store.held() });
    Ok((put_aside, held))
}

#[cfg(test)]
mod tests;
