//! The list of models that several servers share: one of them fetches it, the others take it from the engine.

use std::sync::PoisonError;

use chatmock_protocol::codex::models::read_list;
use chatmock_shared::{Name, Shared};
use chatmock_translate::Catalog;
use chatmock_translate::catalog::CatalogSource;

use super::{CacheHead, Models, STALE};
use crate::clock::unix_now;

impl Models {
    /// Publishes the list that another server has fetched, where that is newer than the one here and not yet to be fetched
    /// again; returns whether it did.
    pub(super) async fn take_shared(&self, shared: &Shared, account: Option<&str>) -> bool {
        let Ok(Some(text)) = shared.get(&self.shared_name(account)).await else { return false };
        let Ok(head) = serde_json::from_slice::<CacheHead>(&text) else { return false };
        let published = self.current();
        let live = published.catalog.source() == CatalogSource::Live;
        let here = if live { published.catalog.fetched_at() } else { 0 };
        let age = unix_now().saturating_sub(head.fetched_at);
        if head.fetched_at <= here || age >= self.settings.refresh.as_secs() {
            return false;
        }
        let Some(entries) = read_list(&text).ok().filter(|list| !list.is_empty()) else {
            return false;
        };
        tracing::debug!(models = entries.len(), "list of models taken from another server");
        *self.etag.lock().unwrap_or_else(PoisonError::into_inner) = head.etag;
        self.publish(Catalog::new(entries, CatalogSource::Live, head.fetched_at));
        self.check_aliases();
        true
    }

    /// Gives a list to the other servers, as it is written to the file.
    pub(super) async fn give_shared(&self, shared: &Shared, account: Option<&str>, list: &[u8]) {
        let life = self.settings.refresh.saturating_mul(u32::try_from(STALE).unwrap_or(1));
        if let Err(error) = shared.put(&self.shared_name(account), list, life).await {
            tracing::debug!(%error, "the list of models is not shared");
        }
    }

    fn shared_name<'n>(&'n self, account: Option<&'n str>) -> Name<'n> {
        Name { kind: "models", account: account.unwrap_or_default(), id: &self.backend }
    }
}
