//! The token cache: loads the sign-in, stamps it, and publishes what a refresh brought.
//!
//! A keyring or a file may change at any time: another program signs in, signs out or renews. So
//! every request compares the stores' stamps with those of the last read, which costs a `stat` or
//! two, and reads again only when they differ. Watching the file would miss keyrings and network
//! file systems, and a time to live would serve a signed-out account until it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::KeeperError;
use super::loaded::LoadedCredentials;
use crate::blocking::blocking;
use crate::claims::{AccountIdentity, Claims};
use crate::lock::{HomeLock, LockError};
use crate::provenance::Provenance;
use crate::secret::Secret;
use crate::store::{Ownership, Stamp, StoreError, TokenStore};
use crate::tokens::AuthFile;

/// The sign-in in memory, and the stores that it comes from.
pub(super) struct TokenCache {
    pub(super) store: Arc<dyn TokenStore>,
    /// Another program's file, which is read while our own store is empty.
    borrowed: Option<Arc<dyn TokenStore>>,
    /// The provenance that a sign-in must have.
    wanted: Provenance,
    lock_wait: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    snapshot: Option<Arc<Snapshot>>,
    unsaved: Option<Arc<UnsavedTokens>>,
}

/// The sign-in at a moment.
pub(super) struct Snapshot {
    /// The stamps of the stores when they were read; `None` when they must be read again.
    stamps: Option<Stamps>,
    pub(super) loaded: Option<Arc<LoadedCredentials>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamps {
    own: Stamp,
    borrowed: Stamp,
}

/// Renewed tokens that are only in memory, and the stored file that they were renewed from.
pub(super) struct UnsavedTokens {
    pub(super) stored: Arc<AuthFile>,
    pub(super) next: Arc<AuthFile>,
}

impl TokenCache {
    pub(super) fn new(
        store: Arc<dyn TokenStore>,
        borrowed: Option<Arc<dyn TokenStore>>,
        wanted: Provenance,
        lock_wait: Duration,
    ) -> Self {
        Self { store, borrowed, wanted, lock_wait, state: Mutex::default() }
    }

    /// The longest wait for another program's renewal.
    pub(super) fn lock_wait(&self) -> Duration {
        self.lock_wait
    }

    /// Waits for the lock of the store; `None` when no other program can reach that.
    pub(super) async fn lock(&self) -> Result<Option<HomeLock>, KeeperError> {
        let files = self.store.lock_files()?;
        if files.is_empty() {
            return Ok(None);
        }
        match HomeLock::acquire(&files, self.lock_wait).await {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::File(error)) => Err(StoreError::from(error).into()),
            Err(busy) => Err(KeeperError::unavailable(busy)),
        }
    }

    /// Returns the sign-in as it was last loaded.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.state().snapshot.clone()
    }

    /// Returns the sign-in when the stores look as they did when it was loaded. May look at the
    /// file system, but not wait.
    pub(super) fn peek(&self) -> Option<Arc<Snapshot>> {
        let stamps = self.stamps()?;
        self.snapshot().filter(|snapshot| snapshot.stamps == Some(stamps))
    }

    /// Reads the stores again.
    pub(super) async fn load(self: &Arc<Self>) -> Result<Arc<Snapshot>, KeeperError> {
        let cache = Arc::clone(self);
        let read = blocking(move || cache.read()).await?;
        if let Err(KeeperError::OtherRoute { .. } | KeeperError::OtherIssuer { .. }) = &read {
            // The tokens loaded before are no longer the sign-in, so nothing may fall back to it.
            self.state().snapshot = None;
        }
        Ok(self.absorb(read?))
    }

    fn read(&self) -> Result<Snapshot, KeeperError> {
        // Stamps first: whatever is written after them shows as a difference at the next peek.
        let settled = |stamps: &Stamps| stamps.own.is_settled() && stamps.borrowed.is_settled();
        let stamps = self.stamps().filter(settled);
        let mut found = self.store.load()?.map(|file| (self.store.ownership(), file));
        if let (None, Some(borrowed)) = (&found, &self.borrowed) {
            let file = borrowed.load().map_err(|error| match error {
                StoreError::Corrupt { place } => KeeperError::BorrowedCorrupt { place },
                error => error.into(),
            })?;
            found = file.map(|file| (borrowed.ownership(), file));
        }
        if let Some((_, file)) = &found {
            self.check_provenance(file)?;
        }
        let loaded = found.and_then(|(ownership, file)| {
            let file = Arc::new(file);
            LoadedCredentials::new(ownership, Arc::clone(&file), file)
        });
        Ok(Snapshot { stamps, loaded })
    }

    /// Refuses tokens of another route or issuer: a token goes to the hosts of its own route, and a
    /// refresh token to its own issuer, only.
    fn check_provenance(&self, file: &AuthFile) -> Result<(), KeeperError> {
        let provenance = file.provenance();
        if file.tokens().is_none() || self.wanted.agrees(&provenance) {
            return Ok(());
        }
        let (stored, wanted) = (provenance.route, self.wanted.route.clone());
        Err(match stored == wanted {
            true => KeeperError::OtherIssuer { route: wanted },
            false => KeeperError::OtherRoute { stored, wanted },
        })
    }

    fn stamps(&self) -> Option<Stamps> {
        let own = self.store.stamp().ok()?;
        // What is not here may have come into the shared engine meanwhile, which no stamp shows.
        if own == Stamp::Absent && self.store.shared().is_some() {
            return None;
        }
        let borrowed = match (&self.borrowed, own) {
            (Some(borrowed), Stamp::Absent) => borrowed.stamp().ok()?,
            _ => Stamp::Absent,
        };
        Some(Stamps { own, borrowed })
    }

    /// Makes what was read the snapshot. Tokens that could not be saved take the place of the file
    /// as long as it is the one that they were renewed from.
    fn absorb(&self, mut read: Snapshot) -> Arc<Snapshot> {
        let mut state = self.state();
        if let Some(unsaved) = &state.unsaved {
            match &read.loaded {
                Some(loaded) if *loaded.stored == *unsaved.stored => {
                    let (stored, next) = (Arc::clone(&unsaved.stored), Arc::clone(&unsaved.next));
                    read.loaded = LoadedCredentials::new(Ownership::Owned, stored, next);
                }
                _ => state.unsaved = None,
            }
        }
        let snapshot = Arc::new(read);
        state.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    /// Makes these the credentials, to be compared with the store at the next peek.
    pub(super) fn publish(&self, loaded: Option<Arc<LoadedCredentials>>) {
        self.state().snapshot = Some(Arc::new(Snapshot { stamps: None, loaded }));
    }

    /// Returns the renewed tokens that are only in memory.
    pub(super) fn unsaved(&self) -> Option<Arc<UnsavedTokens>> {
        self.state().unsaved.clone()
    }

    /// Holds renewed tokens that could not be saved.
    pub(super) fn hold_unsaved(&self, unsaved: Arc<UnsavedTokens>) {
        self.state().unsaved = Some(unsaved);
    }

    /// Lets the store be read again once tokens are saved, unless a later renewal holds its own.
    pub(super) fn release_unsaved(&self, saved: &Arc<UnsavedTokens>) {
        let mut state = self.state();
        if state.unsaved.as_ref().is_some_and(|held| Arc::ptr_eq(held, saved)) {
            state.unsaved = None;
            state.snapshot = None;
        }
    }

    /// Returns whose an access token is: as the file says while it is loaded, and later as its own
    /// claims say, where it has some.
    pub(super) fn identity_of(&self, token: &Secret) -> AccountIdentity {
        let snapshot = self.snapshot();
        let loaded = snapshot.as_ref().and_then(|snapshot| snapshot.loaded.as_ref());
        match loaded.filter(|loaded| loaded.token() == token) {
            Some(loaded) => loaded.identity.clone(),
            None => AccountIdentity::of(&Claims::of(None, Some(token))),
        }
    }

    /// Makes the error for a store without a sign-in.
    pub(super) fn signed_out(&self) -> KeeperError {
        KeeperError::SignedOut { route: self.wanted.route.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
