//! Saving renewed tokens, at once or as soon as the store lets us.

use std::sync::{Arc, Weak};

use super::loaded::LoadedCredentials;
use super::token_cache::{TokenCache, blocking};
use crate::blocking::LostTask;
use crate::store::{Ownership, Reservation, StoreError};
use crate::tokens::AuthFile;

/// Renewed tokens that are only in memory, and the stored file they were renewed from.
pub(super) struct Unsaved {
    pub(super) stored: Arc<AuthFile>,
    pub(super) next: Arc<AuthFile>,
}

impl TokenCache {
    /// Puts `next` where `stored` is.
    pub(super) async fn commit(
        self: &Arc<Self>,
        room: Option<Box<dyn Reservation>>,
        stored: &Arc<AuthFile>,
        next: &Arc<AuthFile>,
    ) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        let (stored, next) = (Arc::clone(stored), Arc::clone(next));
        let done = blocking(move || {
            let room = room.map_or_else(|| store.reserve(next.render().len()), Ok)?;
            room.commit(&stored, &next)
        });
        // Even a save that was cut off must leave the caller with the tokens in hand.
        done.await.unwrap_or_else(|_| Err(LostTask.into()))
    }

    /// Publishes tokens that could not be saved, and sees to it that they will be.
    pub(super) async fn go_on_unsaved(
        self: &Arc<Self>,
        loaded: &LoadedCredentials,
        next: &Arc<AuthFile>,
        error: &StoreError,
    ) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, cause, "renewed tokens are not saved: trying again; do not stop now");
        let stored = Arc::clone(&loaded.stored);
        let unsaved = Arc::new(Unsaved { stored: Arc::clone(&stored), next: Arc::clone(next) });
        self.state().unsaved = Some(Arc::clone(&unsaved));
        self.publish(LoadedCredentials::new(Ownership::Owned, stored, Arc::clone(next)));
        // With the store's stamps beside them, these tokens can be given out without reading it.
        let _ = self.reload().await;
        let (cache, pause) = (Arc::downgrade(self), self.settings.save_again);
        let unsaved = Arc::downgrade(&unsaved);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                if !save_again(&cache, &unsaved).await {
                    return;
                }
            }
        });
    }

    /// Tries to save what is unsaved, once.
    pub(super) async fn save_now(self: &Arc<Self>) {
        let unsaved = self.state().unsaved.clone();
        let Some(unsaved) = unsaved else { return };
        let saved = match self.lock().await {
            Ok(_lock) => self.commit(None, &unsaved.stored, &unsaved.next).await,
            Err(error) => {
                tracing::error!(%error, "renewed tokens are still not saved");
                return;
            }
        };
        match saved {
            Ok(()) => tracing::info!("renewed tokens are saved now"),
            Err(StoreError::Changed { place }) => {
                tracing::warn!(place, "the sign-in changed before renewed tokens were saved");
            }
            Err(error) => {
                tracing::error!(%error, "renewed tokens are still not saved");
                return;
            }
        }
        // A later renewal may have put its own in the meantime.
        let mut state = self.state();
        if state.unsaved.as_ref().is_some_and(|held| Arc::ptr_eq(held, &unsaved)) {
            state.unsaved = None;
            state.snapshot = None;
        }
    }
}

/// Says whether there is still something to save. Holds the keeper only while it works.
async fn save_again(cache: &Weak<TokenCache>, unsaved: &Weak<Unsaved>) -> bool {
    let Some(cache) = cache.upgrade() else { return false };
    let pending = || {
        let held = cache.state().unsaved.clone();
        held.is_some_and(|held| Weak::ptr_eq(&Arc::downgrade(&held), unsaved))
    };
    if !pending() {
        return false;
    }
    cache.save_now().await;
    pending()
}
