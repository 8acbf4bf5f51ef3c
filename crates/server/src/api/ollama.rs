//! Ollama's API: its endpoints, its list of models, and refusals of what cannot be done here.

use std::collections::BTreeMap;

use bytes::Bytes;
use chatmock_protocol::codex::models::{Entry, Model};
use chatmock_protocol::json;
use chatmock_protocol::ollama::account::{Cloud, Status, User};
use chatmock_protocol::ollama::ps::{Loaded, Model as LoadedModel};
use chatmock_protocol::ollama::pull::{Progress, Request as Pull};
use chatmock_protocol::ollama::show::{Fact, Model as Shown, Request as Show};
use chatmock_protocol::ollama::tags::{Details, Model as Tag, Tags};
use chatmock_protocol::ollama::version::Version;
use chatmock_translate::catalog::Catalog;
use chatmock_translate::ollama::{model_name, timestamp};
use chatmock_translate::unknown_model;
use chatmock_translate::{Failure, FailureKind, Ollama, OllamaChat, OllamaGenerate};
use http::{Method, StatusCode};
use sha2::{Digest, Sha256};

use super::family::{Api, Endpoint, capabilities};
use super::openai::EMBEDDING;
use super::{Exchange, Handling, Services, embeddings};
use crate::clock::unix_time;
use crate::http::memory_budget::HeldBody;
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::SharedState;
use crate::state::models::{Listing, Models};
use crate::{failure, tasks, turn};

/// The prefix of a model's facts; `general.architecture` names it, as clients look it up there.
const ARCHITECTURE: &str = "chatmock";

/// The path where Ollama's clients look for and send model files.
const BLOBS: &str = "/api/blobs/{digest...}";
/// The same without a digest, which is no less impossible here.
const NO_DIGEST: &str = "/api/blobs";

/// The id of no user.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

const NO_PUSH: Action = Action::Refuse("models belong to the backend and cannot be pushed");
const NO_MAKING: Action =
    Action::Refuse("models belong to the backend and cannot be created or copied");
const NO_SIGN_OUT: Action = Action::Refuse("the sign-in of this server is not ended from here");
const NO_BLOBS: Action = Action::Refuse("there are no model files here");

/// The endpoints that are no turns.
#[derive(Clone, Copy)]
enum Action {
    /// The list of models.
    Tags,
    /// One model.
    Show,
    /// The models that are loaded.
    Ps,
    /// The version.
    Version,
    /// A model that is to be fetched.
    Pull,
    /// A model that is to be deleted.
    Delete,
    /// The person who is signed in.
    Me,
    /// Whether models of other servers can be used.
    Status,
    /// Something that cannot be done here, and why.
    Refuse(&'static str),
}

impl Api for Ollama {
    const NAME: &'static str = "ollama";
    const PREFIX: &'static str = "/api";
    const ENDPOINTS: &'static [Endpoint] = &[
        Endpoint::turn::<OllamaChat>("/api/chat"),
        Endpoint::turn::<OllamaGenerate>("/api/generate"),
        Endpoint::new(Method::GET, "/api/tags", |request| with_body(request, Action::Tags)),
        Endpoint::new(Method::POST, "/api/show", |request| with_body(request, Action::Show)),
        Endpoint::new(Method::GET, "/api/ps", |request| with_body(request, Action::Ps)),
        Endpoint::new(Method::GET, "/api/version", |request| with_body(request, Action::Version)),
        Endpoint::new(Method::POST, "/api/pull", |request| with_body(request, Action::Pull)),
        Endpoint::new(Method::DELETE, "/api/delete", |request| with_body(request, Action::Delete)),
        Endpoint::unlisted(Method::POST, "/api/me", |request| with_body(request, Action::Me)),
        Endpoint::unlisted(Method::GET, "/api/status", |request| {
            with_body(request, Action::Status)
        }),
        Endpoint::unlisted(Method::POST, "/api/signout", |request| with_body(request, NO_SIGN_OUT)),
        Endpoint::unlisted(Method::POST, "/api/push", |request| with_body(request, NO_PUSH)),
        Endpoint::unlisted(Method::POST, "/api/create", |request| with_body(request, NO_MAKING)),
        Endpoint::unlisted(Method::POST, "/api/copy", |request| with_body(request, NO_MAKING)),
        Endpoint::new(Method::POST, "/api/embed", embeddings::ollama),
        Endpoint::new(Method::POST, "/api/embeddings", embeddings::legacy),
        Endpoint::unlisted(Method::HEAD, BLOBS, |request| with_body(request, NO_BLOBS)),
        Endpoint::unlisted(Method::POST, BLOBS, |request| with_body(request, NO_BLOBS)),
        Endpoint::unlisted(Method::HEAD, NO_DIGEST, |request| with_body(request, NO_BLOBS)),
        Endpoint::unlisted(Method::POST, NO_DIGEST, |request| with_body(request, NO_BLOBS)),
    ];

    fn models(listing: &Listing<'_>) -> Bytes {
        let catalog = listing.catalog;
        let modified_at = timestamp(catalog.fetched_at());
        let names = catalog.names(listing.expose_efforts);
        let listed: Vec<(&str, &Entry, String)> =
            names.iter().map(|(name, entry)| (name.as_str(), *entry, digest(entry))).collect();
        let models = listed.iter().map(|(name, entry, digest)| Tag {
            name,
            model: name,
            modified_at: &modified_at,
            size: 0,
            digest,
            details: details(&entry.model),
            capabilities: capabilities(&entry.model),
            remote_model: &entry.model.slug,
            remote_host: listing.host,
        });
        let embeddings: Vec<(&str, String)> =
            listing.more_embeddings(&names).map(|name| (name, digest_of(name))).collect();
        let host = listing.embeddings.map_or("", |models| &models.host);
        let more = embeddings.iter().map(|(name, digest)| Tag {
            name,
            model: name,
            modified_at: &modified_at,
            size: 0,
            digest,
            details: Details::default(),
            capabilities: vec![EMBEDDING],
            remote_model: name,
            remote_host: host,
        });
        serde_json::to_vec(&Tags { models: models.chain(more).collect() })
            .unwrap_or_default()
            .into()
    }
}

/// Returns the properties of a model: there is no file, but a size of its context.
fn details(model: &Model) -> Details {
    Details { context_length: model.context_window, ..Details::default() }
}

/// SHA-256 of the model's catalogue entry.
fn digest(entry: &Entry) -> String {
    digest_of(entry.raw.get())
}

fn digest_of(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the body, which every endpoint here may have, and answers.
fn with_body(exchange: Exchange<'_>, action: Action) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, .. } = exchange;
        let body = context.read_body(&head.headers, body).await?;
        action.answer(context.services, body).await
    })
}

impl Action {
    /// Answers a request.
    ///
    /// # Errors
    /// 400 without a name and for what cannot be done here, 404 for an unknown name.
    async fn answer(self, services: &Services, body: HeldBody) -> Result<HttpResponse, Failure> {
        let models = &services.state.models;
        match self {
            Self::Tags => {
                models.ready().await;
                let embeddings = services.state.companions.embedding_models().await;
                let tags = models.list(Ollama::NAME, embeddings.as_deref());
                Ok(response::bytes(StatusCode::OK, "application/json", tags))
            }
            Self::Show => show(&services.state, body).await,
            Self::Ps => loaded(&services.state).await,
            Self::Version => {
                let version = Version { version: &services.ollama_version };
                response::json(ReplyHeaders::default(), &version)
            }
            Self::Pull => pull(models, body).await,
            Self::Delete => delete(models, body).await,
            Self::Me => me(services).await,
            Self::Status => {
                let status = Status { cloud: Cloud { disabled: false, source: "none" } };
                response::json(ReplyHeaders::default(), &status)
            }
            Self::Refuse(why) => Err(not_implemented(why)),
        }
    }
}

/// Answers with the models that were used within the time for which they are kept.
async fn loaded(state: &SharedState) -> Result<HttpResponse, Failure> {
    let models = &state.models;
    models.ready().await;
    let published = models.current();
    let catalog = published.catalog();
    let kept = state.loaded.list(unix_time());
    let mut models = Vec::new();
    for (name, end) in &kept {
        let slug = catalog.resolve(name).map(|resolved| resolved.slug).unwrap_or_default();
        // A model that left the list meanwhile is not there any more.
        let Some(entry) = catalog.entries().iter().find(|entry| entry.model.slug == slug) else {
            continue;
        };
        models.push(LoadedModel {
            name,
            model: name,
            size: 0,
            digest: digest(entry),
            details: details(&entry.model),
            expires_at: timestamp(end.as_secs()),
            size_vram: 0,
            context_length: entry.model.context_window,
        });
    }
    response::json(ReplyHeaders::default(), &Loaded { models })
}

/// Says that somebody is signed in, to whom Ollama's client then offers what it offers; no answer names the person.
///
/// # Errors
/// 401 where nobody is signed in.
async fn me(services: &Services) -> Result<HttpResponse, Failure> {
    services.state.client.credentials().await.map_err(failure::from_upstream)?;
    let user = User { id: NOBODY, email: "", name: "chatmock" };
    response::json(ReplyHeaders::default(), &user)
}

/// Answers with what is known of one model.
///
/// # Errors
/// 400 without a name, 404 for a name that the catalogue does not have.
async fn show(state: &SharedState, body: HeldBody) -> Result<HttpResponse, Failure> {
    let models = &state.models;
    let request = Named::read(body, |body| {
        let Show { model, name, .. } = json::read(body)?;
        Ok(Named::new([model, name], None))
    });
    let request = request.await?;
    models.ready().await;
    let published = models.current();
    let catalog = published.catalog();
    let modified_at = timestamp(catalog.fetched_at());
    let name = request.required()?;
    if let Some(shown) = embedding_model(state, name.trim(), (catalog, &modified_at)).await {
        return shown;
    }
    let model = known(catalog, name.trim())?;
    let mut model_info = BTreeMap::new();
    model_info.insert("general.architecture".to_owned(), Fact::Text(ARCHITECTURE));
    model_info.insert("general.basename".to_owned(), Fact::Text(&model.slug));
    if let Some(tokens) = model.context_window {
        model_info.insert(format!("{ARCHITECTURE}.context_length"), Fact::Number(tokens));
    }
    response::json(
        ReplyHeaders::default(),
        &Shown {
            license: "",
            modelfile: "",
            parameters: "",
            template: "",
            details: details(model),
            model_info,
            capabilities: capabilities(model),
            modified_at: &modified_at,
            remote_model: &model.slug,
            remote_host: models.host(),
        },
    )
}

/// Answers with what is known of a model of the server that makes embeddings, where it has that name.
async fn embedding_model(
    state: &SharedState,
    name: &str,
    (catalog, modified_at): (&Catalog, &str),
) -> Option<Result<HttpResponse, Failure>> {
    let models = state.companions.embedding_models().await?;
    let bare = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    let name = models.names.iter().find(|known| bare(known) == bare(name))?;
    if catalog.find(model_name(name)).is_some() {
        return None;
    }
    let shown = Shown {
        license: "",
        modelfile: "",
        parameters: "",
        template: "",
        details: Details::default(),
        model_info: BTreeMap::from([("general.basename".to_owned(), Fact::Text(name))]),
        capabilities: vec![EMBEDDING],
        modified_at,
        remote_model: name,
        remote_host: &models.host,
    };
    Some(response::json(ReplyHeaders::default(), &shown))
}

/// The model that a request names, and whether its answer is to be streamed.
struct Named {
    model: Option<String>,
    stream: Option<bool>,
}

impl Named {
    /// Takes the first name that is not empty: Ollama's own client writes every member, with or without a value.
    fn new(names: [Option<json::Text<'_>>; 2], stream: Option<bool>) -> Self {
        let named = names.into_iter().flatten().find(|name| !name.trim().is_empty());
        Self { model: named.map(|name| name.0.into_owned()), stream }
    }

    fn of_pull(body: &[u8]) -> Result<Self, Failure> {
        let Pull { model, name, stream, .. } = json::read(body)?;
        Ok(Self::new([model, name], stream))
    }

    /// Reads a body, a large one on a blocking thread.
    async fn read(
        body: HeldBody,
        read: fn(&[u8]) -> Result<Self, Failure>,
    ) -> Result<Self, Failure> {
        match body.bytes.len() <= turn::LARGE {
            true => read(&body.bytes),
            false => tasks::compute(move || read(&body.bytes)).await,
        }
    }

    fn required(self) -> Result<String, Failure> {
        self.model.ok_or_else(|| Failure::param("model", "model is required"))
    }
}

/// The model of a name, hidden ones and names with an effort included.
fn known<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Model, Failure> {
    let name = model_name(name);
    let resolved = catalog.resolve(name).map_err(|unknown| unknown_model(name, &unknown))?;
    let none = chatmock_translate::catalog::UnknownModel { nearest: Vec::new() };
    catalog.find(&resolved.slug).ok_or_else(|| unknown_model(name, &none))
}

/// Says that a listed model is there: there is nothing to fetch.
///
/// # Errors
/// 400 without a name, 404 for a name that the catalogue does not have.
async fn pull(models: &Models, body: HeldBody) -> Result<HttpResponse, Failure> {
    let request = Named::read(body, Named::of_pull).await?;
    let stream = request.stream;
    models.ready().await;
    let published = models.current();
    known(published.catalog(), request.required()?.trim())?;
    let progress = Progress { status: "success" };
    if stream == Some(false) {
        return response::json(ReplyHeaders::default(), &progress);
    }
    let mut line = serde_json::to_vec(&progress)?;
    line.push(b'\n');
    Ok(response::bytes(StatusCode::OK, "application/x-ndjson", line.into()))
}

/// Refuses to delete: an unknown model is not there, a known one is not ours.
///
/// # Errors
/// Always.
async fn delete(models: &Models, body: HeldBody) -> Result<HttpResponse, Failure> {
    let request = Named::read(body, Named::of_pull).await?;
    models.ready().await;
    let published = models.current();
    known(published.catalog(), request.required()?.trim())?;
    Err(not_implemented("models belong to the backend and cannot be deleted"))
}

/// Says that something cannot be done here, and why. It never can, so the status is none that libraries try again.
fn not_implemented(why: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, why).with_code("not_implemented")
}
