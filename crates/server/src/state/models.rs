//! The catalogue in a running server: fetched, kept in a file, published as one value.

mod shared;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::codex::models::{Entry, read_list};
use chatmock_protocol::json::RawValue;
use chatmock_shared::Shared;
use chatmock_translate::Catalog;
use chatmock_translate::catalog::{Alias, CatalogSource};
use chatmock_upstream::{Client, Error, ModelList, UpstreamRoute};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::cache_file;
use super::companions::EmbeddingModels;
use crate::clock::unix_now;
use crate::settings::ModelSettings;

/// The file next to `auth.json` that keeps the last list.
const CACHE_FILE: &str = "chatmock_models_cache.json";

/// The time that the first turn waits for the first list.
const FIRST: Duration = Duration::from_secs(3);

/// The least time between two fetches that answers ask for.
const PAUSE: Duration = Duration::from_secs(30);

/// The number of intervals without a new list after which it is old.
const STALE: u64 = 3;

/// What a list of models is made of.
pub(crate) struct Listing<'c> {
    pub(crate) catalog: &'c Catalog,
    /// True if efforts are listed as models.
    pub(crate) expose_efforts: bool,
    /// The server that runs the models: scheme, host and port.
    pub(crate) host: &'c str,
    /// Models of another server that makes embeddings.
    pub(crate) embeddings: Option<&'c EmbeddingModels>,
}

impl<'c> Listing<'c> {
    /// Returns the models for embeddings that are not among those of the backend.
    pub(crate) fn more_embeddings(
        &self,
        ours: &[(String, &Entry)],
    ) -> impl Iterator<Item = &'c str> {
        let names = self.embeddings.map_or(&[][..], |models| models.names.as_slice());
        names.iter().map(String::as_str).filter(|name| !ours.iter().any(|(our, _)| our == name))
    }
}

/// Writes one API family's list of models.
type WriteList = fn(&Listing<'_>) -> Bytes;

/// The writer of a family's list of models, under the family's name.
///
/// State does not know the families: whoever builds a server hands their writers in.
#[derive(Clone, Copy)]
pub(crate) struct ListWriter {
    pub(crate) family: &'static str,
    pub(crate) write: WriteList,
}

/// A catalogue, with the lists that are written once for it.
pub(crate) struct Published {
    catalog: Catalog,
    lists: Vec<(&'static str, Bytes)>,
}

impl Published {
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the body of a family's list of models; empty for a family without a writer.
    fn list(&self, family: &str) -> Bytes {
        let list = self.lists.iter().find(|(name, _)| *name == family);
        list.map(|(_, list)| list.clone()).unwrap_or_default()
    }
}

/// The one catalogue of a server.
pub(crate) struct Models {
    settings: ModelSettings,
    writers: Vec<ListWriter>,
    host: String,
    /// `None` without a folder to keep it in.
    file: Option<PathBuf>,
    /// The backend whose list is valid: by the route where an account decides, else by the address.
    backend: String,
    /// True if the backend is asked about names that it does not list.
    open: bool,
    published: watch::Sender<Arc<Published>>,
    /// True once a first fetch was tried.
    tried: watch::Sender<bool>,
    etag: Mutex<Option<String>>,
    wanted: Notify,
    aliases_checked: AtomicBool,
}

impl Models {
    /// Begins with the built-in table; [`Models::run`] brings better ones.
    pub(crate) fn new(
        mut settings: ModelSettings,
        route: &UpstreamRoute,
        home: Option<&std::path::Path>,
        writers: Vec<ListWriter>,
    ) -> Self {
        let first = match settings.list.as_slice() {
            [] if route.lists_codex_models() => Catalog::builtin(),
            [] => Catalog::unknown(),
            named => Catalog::configured(named),
        };
        settings.sync &= settings.list.is_empty();
        let open = route.allows_unlisted_models();
        let host = host(route);
        let first = Published::new(first.opened(open), &settings, &host, &writers);
        Self {
            file: home.map(|home| home.join(CACHE_FILE)),
            backend: if open { route.base() } else { route.name() }.to_owned(),
            open,
            published: watch::Sender::new(Arc::new(first)),
            tried: watch::Sender::new(false),
            etag: Mutex::new(None),
            wanted: Notify::new(),
            aliases_checked: AtomicBool::new(false),
            settings,
            writers,
            host,
        }
    }

    /// Returns the server that runs the models: scheme, host and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the body of a family's list of models, with those of another server that makes embeddings.
    pub(crate) fn list(&self, family: &str, embeddings: Option<&EmbeddingModels>) -> Bytes {
        let published = self.current();
        let writer = self.writers.iter().find(|writer| writer.family == family);
        let (Some(embeddings), Some(writer)) = (embeddings, writer) else {
            return published.list(family);
        };
        (writer.write)(&Listing {
            catalog: &published.catalog,
            expose_efforts: self.settings.expose_efforts,
            host: &self.host,
            embeddings: Some(embeddings),
        })
    }

    pub(crate) fn current(&self) -> Arc<Published> {
        Arc::clone(&self.published.borrow())
    }

    /// Returns whether the list should have been fetched anew long ago.
    pub(crate) fn are_stale(&self, now: u64) -> bool {
        let published = self.published.borrow();
        let age = now.saturating_sub(published.catalog.fetched_at());
        let old = age > self.settings.refresh.as_secs().saturating_mul(STALE);
        let live = published.catalog.source() == CatalogSource::Live;
        self.settings.sync && *self.tried.borrow() && (old || !live)
    }

    /// Waits for the first fetch, briefly: before it, no name can be refused as unknown.
    pub(crate) async fn ready(&self) {
        if *self.tried.borrow() {
            return;
        }
        let mut tried = self.tried.subscribe();
        // Without a list in time the turn goes on with what there is.
        let _ = tokio::time::timeout(FIRST, tried.wait_for(|tried| *tried)).await;
    }

    /// Looks at the list's version in an answer; another one means that the list has changed.
    pub(crate) fn note_etag(&self, etag: Option<&str>) {
        if !self.settings.sync {
            return;
        }
        let ours = self.etag.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.published.borrow().catalog.source() == CatalogSource::Live;
        if !live || etag.is_some_and(|etag| ours.as_deref() != Some(etag)) {
            self.wanted.notify_one();
        }
    }

    /// Reads the file, then fetches the list at once, at each interval and whenever an answer shows
    /// a newer one; where lists are not to be fetched, the file is all. Of several servers one fetches it.
    pub(crate) async fn run(self: Arc<Self>, client: Client, shared: Option<Shared>) {
        let account = client.credentials().await.ok();
        let account = account.and_then(|account| account.account_id().map(str::to_owned));
        self.read_file(account.as_deref()).await;
        if !self.settings.sync {
            self.tried.send_replace(true);
            return;
        }
        let mut earliest = Instant::now();
        loop {
            if let Err(error) = client.read_residency().await {
                tracing::debug!("the account's data residency is not known: {error}");
            }
            if !self.has_taken(&client, shared.as_ref()).await {
                match client.models().await {
                    Ok(list) if !list.entries.is_empty() => {
                        self.accept(list, &client, shared.as_ref()).await;
                    }
                    Ok(_) => tracing::warn!("the backend's list of models is empty"),
                    Err(error) => self.report_missing(&error),
                }
            }
            self.tried.send_replace(true);
            let asked = async {
                self.wanted.notified().await;
                tokio::time::sleep_until(earliest).await;
            };
            tokio::select! {
                () = tokio::time::sleep(self.settings.refresh) => {}
                () = asked => earliest = Instant::now() + PAUSE,
            }
        }
    }

    /// Takes the list that another server has fetched, if there is one; returns whether it did.
    async fn has_taken(&self, client: &Client, shared: Option<&Shared>) -> bool {
        let Some(shared) = shared else { return false };
        let Ok(account) = client.credentials().await else { return false };
        self.take_shared(shared, account.account_id()).await
    }

    /// Publishes the list in the file, where it is this account's and no list is configured.
    pub(crate) async fn read_file(&self, account: Option<&str>) {
        if self.settings.list.is_empty()
            && let Some(catalog) = self.read_cache(account).await
        {
            self.publish(catalog);
        }
    }

    /// Logs that there is no list; as a warning the first time, where nothing else replaces it.
    fn report_missing(&self, error: &Error) {
        let bare = self.open && self.published.borrow().catalog.entries().is_empty();
        if bare && !*self.tried.borrow() {
            tracing::warn!(
                "no models are listed: {error}; for a backend without a list of models, name them with --model-list"
            );
        } else {
            tracing::debug!("no list of models: {error}");
        }
    }

    async fn accept(&self, list: ModelList, client: &Client, shared: Option<&Shared>) {
        tracing::debug!(models = list.entries.len(), "list of models fetched");
        let account = client.credentials().await.ok();
        let account = account.as_ref().and_then(|account| account.account_id());
        let now = unix_now();
        let cache = self.cache(&list, account, now);
        if let (Some(shared), Ok(cache)) = (shared, &cache) {
            self.give_shared(shared, account, cache).await;
        }
        if let Err(error) = self.write_cache(cache).await {
            tracing::debug!("the list of models was not saved: {error}");
        }
        list.etag.clone_into(&mut self.etag.lock().unwrap_or_else(PoisonError::into_inner));
        self.publish(Catalog::new(list.entries, CatalogSource::Live, now));
        self.check_aliases();
    }

    /// Warns once of aliases for models that the backend does not list.
    fn check_aliases(&self) {
        if self.open || self.aliases_checked.swap(true, Ordering::Relaxed) {
            return;
        }
        let published = self.current();
        for Alias { name, target } in &self.settings.aliases {
            if published.catalog.resolve(name).is_err() {
                tracing::warn!(
                    "--alias {name}={target}: the model {target} is not listed; see chatmock-server models"
                );
            }
        }
    }

    fn publish(&self, catalog: Catalog) {
        let catalog = catalog.opened(self.open);
        let published = Published::new(catalog, &self.settings, &self.host, &self.writers);
        self.published.send_replace(Arc::new(published));
    }

    /// Reads the file; a list of another account does not count.
    async fn read_cache(&self, account: Option<&str>) -> Option<Catalog> {
        let file = self.file.clone()?;
        let bytes = tokio::task::spawn_blocking(move || cache_file::read(&file)).await.ok()??;
        let head: CacheHead = serde_json::from_slice(&bytes).ok()?;
        if head.account_id.as_deref() != account || head.backend != self.backend {
            return None;
        }
        let entries = read_list(&bytes).ok().filter(|entries| !entries.is_empty())?;
        Some(Catalog::new(entries, CatalogSource::Cached, head.fetched_at))
    }

    /// Writes a list as it is kept.
    fn cache(
        &self,
        list: &ModelList,
        account_id: Option<&str>,
        fetched_at: u64,
    ) -> serde_json::Result<Vec<u8>> {
        let models = list.entries.iter().map(|entry: &Entry| &*entry.raw).collect();
        let (backend, etag) = (self.backend.as_str(), list.etag.as_deref());
        serde_json::to_vec(&Cache { fetched_at, backend, etag, account_id, models })
    }

    /// Writes the file next to the sign-in.
    async fn write_cache(&self, cache: serde_json::Result<Vec<u8>>) -> io::Result<()> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let bytes = cache?;
        let written = tokio::task::spawn_blocking(move || cache_file::replace(&file, &bytes));
        written.await.map_err(io::Error::other)?.map_err(io::Error::other)
    }
}

/// Returns the server that a route calls.
fn host(route: &UpstreamRoute) -> String {
    let scheme = route.base().split("://").next().unwrap_or_default();
    route.host_and_port().map_or_else(String::new, |(host, port)| match host.contains(':') {
        true => format!("{scheme}://[{host}]:{port}"),
        false => format!("{scheme}://{host}:{port}"),
    })
}

impl Published {
    fn new(catalog: Catalog, settings: &ModelSettings, host: &str, writers: &[ListWriter]) -> Self {
        let catalog = catalog.with_aliases(settings.aliases.clone());
        let expose_efforts = settings.expose_efforts;
        let listing = Listing { catalog: &catalog, expose_efforts, host, embeddings: None };
        let write = |writer: &ListWriter| (writer.family, (writer.write)(&listing));
        let lists = writers.iter().map(write).collect();
        Self { catalog, lists }
    }
}

#[derive(Serialize)]
struct Cache<'a> {
    fetched_at: u64,
    backend: &'a str,
    etag: Option<&'a str>,
    account_id: Option<&'a str>,
    models: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct CacheHead {
    fetched_at: u64,
    #[serde(default)]
    etag: Option<String>,
    #[serde(default)]
    backend: String,
    #[serde(default)]
    account_id: Option<String>,
}
