//! Other programs' sign-ins: whose they are, and whether they can be taken over.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use crate::accounts::{Account, AccountError, signed_in};
use crate::blocking::blocking;
use crate::endpoint::Endpoint;
use crate::home::Home;
use crate::relinquish::{Relinquished, relinquish};
use crate::store::{BorrowedStore, LeftOvers, StoreError, TokenStore};
use crate::tokens::{AuthFile, Freshness};

/// The program that wrote a sign-in file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Writer {
    /// ChatMock itself.
    ChatMock,
    /// The Codex CLI.
    CodexCli,
    /// The Python ChatMock, or an early Codex CLI: they wrote the same form.
    PythonChatMock,
}

/// The advice about a sign-in file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// It is the home's own: it is used as it is.
    UseAsIs,
    /// Its owner goes on renewing it, and a refresh token is good once: the second to use it is
    /// signed out. Sign in anew with the account that it names, or borrow it.
    SignInAnew,
    /// The home already holds this very refresh token: one of the two programs will be signed out.
    SharedAlready,
    /// It holds an API key and no sign-in.
    OnlyApiKey,
    /// It holds nothing.
    Nothing,
}

/// A sign-in file of another program, looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// The program that wrote it.
    pub writer: Writer,
    /// The account.
    pub account: Option<Account>,
    /// The state of its access token.
    pub freshness: Freshness,
    /// The advice.
    pub advice: Advice,
    file: AuthFile,
}

/// Looks at a sign-in file, and changes nothing. `None` if it does not exist.
pub fn examine(path: &Path, home: &Home) -> Result<Option<Found>, StoreError> {
    let Some(file) = BorrowedStore::new(path).load()? else { return Ok(None) };
    let writer = if file.is_ours() {
        Writer::ChatMock
    } else if file.is_codex_style() {
        Writer::CodexCli
    } else {
        Writer::PythonChatMock
    };
    Ok(Some(Found {
        path: path.to_owned(),
        writer,
        account: file.tokens().map(|_| Account::of(&file)),
        freshness: file.lifetime().freshness(OffsetDateTime::now_utc()),
        advice: advice(&file, path, home)?,
        file,
    }))
}

impl Found {
    /// Takes the tokens over into the home, where the caller knows that the other program is out of
    /// use. The other file stays as it is; its program is signed out with the next renewal.
    ///
    /// Another account is set aside. Tokens of the same account, whose place these take, are let go.
    pub async fn take_over(
        self,
        home: &Home,
        endpoint: &Endpoint,
    ) -> Result<(Account, Relinquished), AccountError> {
        let _lock = home.lock().await?;
        let (home, file) = (home.clone(), self.file.adopted());
        let account = Account { active: true, ..Account::of(&file) };
        let (key, own) = (account.key.clone(), file.key_token());
        let taken = blocking(move || {
            let (store, older) = (home.active(), home.parked(&key));
            let mut held = store.held_left_overs();
            let present = signed_in(store.load())?.map(|file| Account::of(&file));
            match present {
                Some(present) if present.key != key => held.join(home.park_active()?),
                _ => held.join(store.held()),
            }
            if older.is_there() {
                held.join(older.held());
            }
            store.save(&file)?;
            let mut kept = home.tokens_except(std::slice::from_ref(&older));
            kept.extend(own);
            Ok::<_, StoreError>((held, kept, store, older))
        });
        let (held, kept, store, older) = taken.await??;
        let remove = move |_| {
            let mut left = if older.is_there() { older.clear() } else { Vec::new() };
            left.extend(store.clear_left_overs(LeftOvers::Readable));
            left
        };
        Ok((account, relinquish(endpoint, held, &kept, remove).await))
    }
}

fn advice(file: &AuthFile, path: &Path, home: &Home) -> Result<Advice, StoreError> {
    let Some(tokens) = file.tokens() else {
        return Ok(if file.has_api_key() { Advice::OnlyApiKey } else { Advice::Nothing });
    };
    if is_same_file(path, &home.path().join("auth.json")) {
        return Ok(Advice::UseAsIs);
    }
    let own = home.load()?;
    let own = own.as_ref().and_then(|own| own.tokens()?.refresh_token());
    Ok(if own.is_some() && own == tokens.refresh_token() {
        Advice::SharedAlready
    } else {
        Advice::SignInAnew
    })
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other
        || one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one))
}
