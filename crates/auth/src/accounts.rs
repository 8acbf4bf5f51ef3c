//! Several accounts in one home: one is in use, the others are set aside. They are never pooled.

use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::blocking::{LostTask, blocking};
use crate::endpoint::Endpoint;
use crate::home::Home;
use crate::lock::LockError;
use crate::private::PrivateFileError;
use crate::relinquish::{Held, Relinquished, relinquish};
use crate::secret::Secret;
use crate::sign_in_route::SignInRoute;
use crate::store::{
    AccountStore, KeyringError, LeftOvers, Location, LocationFile, StoreError, TokenStore,
};
use crate::tokens::AuthFile;

/// The longest key that is used as it is; what is longer could not be a file's name.
const LONGEST_KEY: usize = 160;

/// An account of a home, without its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// User, workspace and route, which together identify the account; the name of its file.
    pub key: String,
    /// The route that its tokens are for.
    pub route: SignInRoute,
    /// The name that the person gave it.
    pub name: Option<String>,
    /// The e-mail address: a label, since one may have several workspaces.
    pub email: Option<String>,
    /// The plan, an open word such as `plus`.
    pub plan: Option<String>,
    /// The person.
    pub user_id: Option<String>,
    /// The workspace.
    pub workspace: Option<String>,
    /// True if it is the one in use.
    pub active: bool,
}

/// Why an account was not found or not switched to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// No account has this name, address or key.
    #[error("there is no account {0}: `chatmock-auth accounts` lists them")]
    Unknown(String),
    /// Several accounts have this address.
    #[error(
        "several accounts match {0}: use the name or the key that `chatmock-auth accounts` shows"
    )]
    Ambiguous(String),
    /// The tokens are in a keyring that cannot be read now.
    #[error(
        "{0}, so nothing was ended or deleted: unlock or start the keyring and sign out again, or \
         pass --force, which leaves the tokens in the keyring and valid at the sign-in service"
    )]
    ClosedKeyring(KeyringError),
    /// Another program holds the lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A store could not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work was cut off.
    #[error(transparent)]
    Lost(#[from] LostTask),
}

impl Account {
    /// Describes the account of a sign-in.
    pub fn of(file: &AuthFile) -> Self {
        Self::from_location_file(LocationFile::describing(Some(file)))
    }

    fn from_location_file(file: LocationFile) -> Self {
        let LocationFile { name, email, plan, user, workspace, route, .. } = file;
        let route = route.map_or(SignInRoute::CODEX, SignInRoute::named);
        let key = key(user.as_deref(), workspace.as_deref(), &route);
        Self { key, route, name, email, plan, user_id: user, workspace, active: false }
    }

    /// Returns whether both are the same person in the same workspace on the same route. Accounts
    /// of which nothing is known are not.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.key == other.key && (self.user_id.is_some() || self.workspace.is_some())
    }

    /// Returns whether a person may mean this account by a word.
    fn goes_by(&self, word: &str) -> bool {
        let labels = [&self.name, &self.email, &self.workspace];
        self.key == word || labels.into_iter().flatten().any(|label| label == word)
    }
}

impl Home {
    /// Lists the accounts, the active one first. Where a keyring is locked, its accounts are
    /// listed all the same.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut accounts: Vec<Account> = self.active_account()?.into_iter().collect();
        for key in self.parked_keys()? {
            if let Some(account) = self.parked_account(&key)?
                && !accounts.iter().any(|known| known.is_same(&account))
            {
                accounts.push(account);
            }
        }
        Ok(accounts)
    }

    /// The account in use.
    pub fn active_account(&self) -> Result<Option<Account>, StoreError> {
        let store = self.active();
        let account = match store.location()? {
            Location::Keyring => {
                Some(Account::from_location_file(LocationFile::read(store.location_file())?))
            }
            Location::File => signed_in(store.load())?.map(|file| Account::of(&file)),
        };
        Ok(account.map(|account| Account { active: true, ..account }))
    }

    /// Makes another account the active one; the present one is put aside. An older copy of that one
    /// and a damaged file in its place are let go.
    pub async fn switch(
        &self,
        endpoint: &Endpoint,
        word: &str,
    ) -> Result<(Account, Relinquished), AccountError> {
        let _lock = self.lock().await?;
        let (home, word) = (self.clone(), word.to_owned());
        let (account, held) = blocking(move || home.switch_locked(&word)).await??;
        let home = self.clone();
        let Ok((kept, store)) = blocking(move || (home.tokens_except(&[]), home.active())).await
        else {
            return Ok((account, Relinquished::nothing()));
        };
        let remove = move |_| store.clear_left_overs(LeftOvers::Readable);
        Ok((account, relinquish(endpoint, held, &kept, remove).await))
    }

    fn switch_locked(&self, word: &str) -> Result<(Account, Held), AccountError> {
        let account = self.account(word)?;
        if account.active {
            return Ok((account, Held::default()));
        }
        let (store, target) = (self.active(), self.parked(&account.key));
        let Some(file) = target.load()? else { return Err(AccountError::Unknown(word.to_owned())) };
        let mut held = store.held_left_overs();
        match signed_in(store.load())? {
            Some(_) => held.join(self.park_active()?),
            None => held.join(store.held()),
        }
        store.save(&file)?;
        // Until here both places hold it, which is harmless: the active one is used.
        target.remove()?;
        Ok((Account { active: true, ..account }, held))
    }

    /// Finds the account that a word means: a name, an e-mail address, a workspace or a key.
    pub fn account(&self, word: &str) -> Result<Account, AccountError> {
        let mut found = self.accounts()?;
        found.retain(|account| account.goes_by(word));
        if let Some(exact) = found.iter().find(|account| account.name.as_deref() == Some(word)) {
            return Ok(exact.clone());
        }
        match <[Account; 1]>::try_from(found) {
            Ok([account]) => Ok(account),
            Err(none) if none.is_empty() => Err(AccountError::Unknown(word.to_owned())),
            Err(_) => Err(AccountError::Ambiguous(word.to_owned())),
        }
    }

    /// Puts the active sign-in aside, where it can be made active again. Returns what an older copy of
    /// it held, whose place it takes. The caller holds the lock.
    pub(crate) fn park_active(&self) -> Result<Held, StoreError> {
        let Some(file) = signed_in(self.active().load())? else { return Ok(Held::default()) };
        let place = self.parked(&Account::of(&file).key);
        let older = if place.is_there() { place.held() } else { Held::default() };
        place.save(&file)?;
        Ok(older)
    }

    /// The tokens of all accounts whose stores are not among these, as far as they can be read.
    pub(crate) fn tokens_except(&self, stores: &[AccountStore]) -> Vec<Secret> {
        let parked = self.parked_keys().unwrap_or_default();
        let all = parked.iter().map(|key| self.parked(key)).chain([self.active()]);
        let others = all.filter(|store| !stores.iter().any(|leaving| leaving.is(store)));
        others.filter_map(|store| store.load().ok().flatten()?.key_token()).collect()
    }

    /// The store of an account, active or not.
    pub(crate) fn store_of(&self, account: &Account) -> AccountStore {
        if account.active { self.active() } else { self.parked(&account.key) }
    }

    fn parked_account(&self, key: &str) -> Result<Option<Account>, StoreError> {
        let store = self.parked(key);
        let account = match store.location()? {
            Location::Keyring => {
                Some(Account::from_location_file(LocationFile::read(store.location_file())?))
            }
            Location::File => signed_in(store.load())?.map(|file| Account::of(&file)),
        };
        // The place decides, whatever the file says of itself.
        Ok(account.map(|account| Account { key: key.to_owned(), ..account }))
    }

    fn parked_keys(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.accounts_folder();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(PrivateFileError::io(&folder, "list", source).into());
            }
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut keys: Vec<String> = names.filter_map(|name| key_of_file(&name)).collect();
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}

fn key_of_file(name: &str) -> Option<String> {
    let stem = name.strip_suffix(".json").or_else(|| name.strip_suffix(".mark"))?;
    (!stem.starts_with('.')).then(|| stem.to_owned())
}

/// Returns a sign-in with tokens; a damaged one is the same as none.
pub(crate) fn signed_in(
    loaded: Result<Option<AuthFile>, StoreError>,
) -> Result<Option<AuthFile>, StoreError> {
    match loaded {
        Err(StoreError::Corrupt { .. }) => Ok(None),
        loaded => Ok(loaded?.filter(|file| file.tokens().is_some())),
    }
}

/// `<user>@<workspace>`, and `+<route>` on others than the Codex one, as the name of a file. What
/// could be a path or a hidden file is escaped.
fn key(user: Option<&str>, workspace: Option<&str>, route: &SignInRoute) -> String {
    let mut key = String::new();
    escape(user.unwrap_or("unknown"), &mut key);
    key.push('@');
    escape(workspace.unwrap_or("unknown"), &mut key);
    if *route != SignInRoute::CODEX {
        key.push('+');
        escape(route.as_str(), &mut key);
    }
    if key.len() > LONGEST_KEY {
        return Sha256::digest(&key).iter().map(|byte| format!("{byte:02x}")).collect();
    }
    key
}

fn escape(text: &str, key: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => key.push(byte.into()),
            // Writing to a string cannot fail.
            _ => drop(write!(key, "%{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests;
