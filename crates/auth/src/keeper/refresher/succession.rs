//! Succession: what comes into the place of stored tokens, and what goes.

use std::sync::Arc;

use super::Refresher;
use crate::blocking::blocking;
use crate::keeper::token_cache::Snapshot;
use crate::relinquish::relinquish_unsaved;
use crate::store::Ownership;
use crate::tokens::AuthFile;

impl Refresher {
    /// Takes over a renewed sign-in that a former program could not save, or was killed while saving: the
    /// token in the store was spent for it. Returns whether there was one. The caller holds the lock.
    pub(super) async fn take_over(&self, snapshot: &Snapshot) -> bool {
        let Some(loaded) = snapshot.loaded.clone() else { return false };
        if loaded.ownership == Ownership::Borrowed {
            return false;
        }
        let store = Arc::clone(&self.cache.store);
        let stored = Arc::clone(&loaded.stored);
        let taken = blocking(move || {
            let found = store.rescued().into_iter().find(|found| found.follows(&stored));
            let next = Arc::new(found?.file);
            let saved = store.save(&next).map(|()| store.forget_rescued());
            Some((next, saved))
        });
        match taken.await {
            Ok(Some((_, Ok(())))) => {
                tracing::info!("took over renewed tokens that an earlier program could not save");
                true
            }
            Ok(Some((next, Err(error)))) => {
                self.saver.keep_unsaved(&loaded, &next, &error).await;
                true
            }
            _ => false,
        }
    }

    /// Ends renewed tokens for which there is no place any more, unless they are in the store.
    pub(super) async fn let_go_of(&self, next: &Arc<AuthFile>) {
        let store = Arc::clone(&self.cache.store);
        let held = blocking(move || store.load()).await;
        let held = held.ok().and_then(Result::ok).flatten().and_then(|file| file.key_token());
        if held.is_none() || held != next.key_token() {
            relinquish_unsaved(&self.endpoint, AuthFile::clone(next)).await;
        }
    }

    /// Deletes tokens that were refused for good. The caller holds the lock.
    pub(super) async fn delete_tokens(&self) {
        let store = Arc::clone(&self.cache.store);
        if let Ok(Err(error)) = blocking(move || store.remove()).await {
            tracing::warn!(%error, "tokens that have ended could not be deleted");
        }
    }
}
