//! The servers beside the backend, and the models of the one that makes embeddings.

use std::sync::Arc;
use std::time::Duration;

use chatmock_translate::embeddings::{EmbeddingsServer, listed_models};
use chatmock_upstream::{Companion, CompanionApi, CompanionConfig, Config, Error};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::ServerError;
use crate::remedies::{self, CompanionWords};
use crate::settings::{CompanionServer, CompanionSettings};

/// The time in which the list of models must be there; without it, a list goes out without them.
const LIST: Duration = Duration::from_secs(2);

/// The time for which a list is used.
const FRESH: Duration = Duration::from_secs(60);

/// The time after which a list that could not be had is asked for again.
const AGAIN: Duration = Duration::from_secs(10);

/// The servers beside the backend that are set.
#[derive(Debug)]
pub(crate) struct Companions {
    pub(crate) embeddings: Option<EmbeddingsCompanion>,
    pub(crate) audio: Option<Companion>,
}

/// The server that makes embeddings.
#[derive(Debug)]
pub(crate) struct EmbeddingsCompanion {
    pub(crate) server: Companion,
    models: Mutex<Known>,
}

/// The models that are known, and until when.
#[derive(Debug)]
struct Known {
    models: Option<Arc<EmbeddingModels>>,
    until: Instant,
}

/// The models of the server that makes embeddings.
#[derive(Debug)]
pub(crate) struct EmbeddingModels {
    /// Their names.
    pub(crate) names: Vec<String>,
    /// The server: scheme, host and port.
    pub(crate) host: String,
}

impl Companions {
    /// Makes clients of the servers; nothing is called yet.
    ///
    /// # Errors
    /// When an address or a key cannot be used.
    pub(crate) fn new(
        settings: &CompanionSettings,
        upstream: &Config,
    ) -> Result<Self, ServerError> {
        let client = |server: &Option<CompanionServer>, words, api| {
            server.as_ref().map(|server| client(server, upstream, (words, api))).transpose()
        };
        let embeddings = client(&settings.embeddings, remedies::EMBEDDINGS, None)?;
        let known = || Mutex::new(Known { models: None, until: Instant::now() });
        Ok(Self {
            embeddings: embeddings.map(|server| EmbeddingsCompanion { server, models: known() }),
            audio: client(&settings.audio, remedies::AUDIO, Some(CompanionApi::OpenAi))?,
        })
    }

    /// Returns the models of the server that makes embeddings, where it is set and gives any in time.
    pub(crate) async fn embedding_models(&self) -> Option<Arc<EmbeddingModels>> {
        self.embeddings.as_ref()?.models().await
    }
}

fn client(
    server: &CompanionServer,
    upstream: &Config,
    (words, api): (CompanionWords, Option<CompanionApi>),
) -> Result<Companion, ServerError> {
    let key = server.key.as_ref().map(|key| key.expose());
    Companion::new(CompanionConfig { url: &server.url, key, api }, upstream)
        .map_err(|source| ServerError::Companion { flag: words.url, source })
}

impl EmbeddingsCompanion {
    /// Returns the API that it speaks.
    ///
    /// # Errors
    /// Where it had to be asked and does not answer.
    pub(crate) async fn api(&self) -> Result<EmbeddingsServer, Error> {
        Ok(match self.server.api().await? {
            CompanionApi::OpenAi => EmbeddingsServer::OpenAi,
            CompanionApi::Ollama => EmbeddingsServer::Ollama,
        })
    }

    /// Returns its models, asked for at most once at a time; older ones where newer cannot be had.
    async fn models(&self) -> Option<Arc<EmbeddingModels>> {
        let mut known = self.models.lock().await;
        if Instant::now() < known.until {
            return known.models.clone();
        }
        let fetched = tokio::time::timeout(LIST, self.fetch()).await;
        let fresh = match fetched {
            Ok(Ok(names)) => {
                let host = self.server.origin();
                known.models = Some(Arc::new(EmbeddingModels { names, host }));
                FRESH
            }
            Ok(Err(error)) => {
                tracing::debug!("the models for embeddings are not known: {error}");
                AGAIN
            }
            Err(_) => AGAIN,
        };
        known.until = Instant::now() + fresh;
        known.models.clone()
    }

    async fn fetch(&self) -> Result<Vec<String>, Error> {
        let api = self.api().await?;
        let path = match api {
            EmbeddingsServer::OpenAi => "models",
            EmbeddingsServer::Ollama => "tags",
        };
        Ok(listed_models(&self.server.list(&[path], LIST).await?, api))
    }
}
