//! Saves renewed tokens, at once or as soon as the store takes them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::loaded::LoadedCredentials;
use super::token_cache::{TokenCache, UnsavedTokens};
use crate::blocking::{LostTask, blocking};
use crate::store::{Ownership, Reservation, StoreError};
use crate::tokens::AuthFile;

/// Saves tokens to the store of a cache.
pub(super) struct Saver {
    cache: Arc<TokenCache>,
    /// The pause before tokens that could not be saved are saved again.
    pause: Duration,
}

impl Saver {
    pub(super) fn new(cache: Arc<TokenCache>, pause: Duration) -> Self {
        Self { cache, pause }
    }

    /// Replaces `stored` by `next`. The caller holds the lock of the store.
    pub(super) async fn commit(
        &self,
        space: Option<Box<dyn Reservation>>,
        stored: &Arc<AuthFile>,
        next: &Arc<AuthFile>,
    ) -> Result<(), StoreError> {
        let store = Arc::clone(&self.cache.store);
        let (stored, next) = (Arc::clone(stored), Arc::clone(next));
        let done = blocking(move || {
            let space = space.map_or_else(|| store.reserve(next.render().len()), Ok)?;
            space.commit(&stored, &next)
        });
        // Even a save that was cut off must leave the tokens with the caller.
        done.await.unwrap_or_else(|LostTask| Err(LostTask.into()))
    }

    /// Publishes tokens that could not be saved, and goes on trying.
    pub(super) async fn keep_unsaved(
        self: &Arc<Self>,
        loaded: &LoadedCredentials,
        next: &Arc<AuthFile>,
        error: &StoreError,
    ) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(
            %error, cause, "renewed tokens are not saved yet; do not stop the program now"
        );
        let stored = Arc::clone(&loaded.stored);
        let unsaved =
            Arc::new(UnsavedTokens { stored: Arc::clone(&stored), next: Arc::clone(next) });
        self.cache.hold_unsaved(Arc::clone(&unsaved));
        self.cache.publish(LoadedCredentials::new(Ownership::Owned, stored, Arc::clone(next)));
        // With the store's stamps next to them, these tokens can be handed out without reading it.
        let _ = self.cache.load().await;
        let (saver, pause) = (Arc::downgrade(self), self.pause);
        let unsaved = Arc::downgrade(&unsaved);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                if !save_again(&saver, &unsaved).await {
                    return;
                }
            }
        });
    }

    /// Tries once to save what is unsaved.
    pub(super) async fn save_now(&self) {
        let Some(unsaved) = self.cache.unsaved() else { return };
        let saved = match self.cache.lock().await {
            Ok(_lock) => self.commit(None, &unsaved.stored, &unsaved.next).await,
            Err(error) => {
                tracing::error!(%error, "renewed tokens are still not saved");
                return;
            }
        };
        match saved {
            Ok(()) => tracing::info!("renewed tokens are saved now"),
            Err(StoreError::Changed { place }) => {
                tracing::warn!(
                    place,
                    "the sign-in was replaced before renewed tokens could be saved"
                );
            }
            Err(error) => {
                tracing::error!(%error, "renewed tokens are still not saved");
                return;
            }
        }
        self.cache.release_unsaved(&unsaved);
    }
}

impl Saver {
    /// Puts what is still unsaved where the next program finds it. Returns whether nothing is lost.
    pub(super) async fn rescue(&self) -> bool {
        let Some(unsaved) = self.cache.unsaved() else { return true };
        let store = Arc::clone(&self.cache.store);
        let _lock = self.cache.lock().await;
        let put_away = blocking(move || store.rescue(&unsaved.stored, &unsaved.next)).await;
        match put_away.unwrap_or_else(|LostTask| Err(LostTask.into())) {
            Ok(place) => {
                tracing::warn!(place, "renewed tokens were put away; the next start uses them");
                true
            }
            Err(error) => {
                tracing::error!(
                    %error, "renewed tokens are lost: sign in again with chatmock-auth login"
                );
                false
            }
        }
    }
}

/// Tries again, and returns whether there is still something to save. Holds the keeper's parts only
/// while it works, so that a keeper that is dropped ends this.
async fn save_again(saver: &Weak<Saver>, unsaved: &Weak<UnsavedTokens>) -> bool {
    let Some(saver) = saver.upgrade() else { return false };
    let is_pending = || {
        let held = saver.cache.unsaved();
        held.is_some_and(|held| Weak::ptr_eq(&Arc::downgrade(&held), unsaved))
    };
    if !is_pending() {
        return false;
    }
    saver.save_now().await;
    is_pending()
}
