//! Ollama's endpoints that are no turns: lists, facts, and what cannot be done here.

use std::collections::BTreeMap;

use bytes::Bytes;
use chatmock_protocol::codex::models::{Entry, Model};
use chatmock_protocol::json;
use chatmock_protocol::ollama::ps::Loaded;
use chatmock_protocol::ollama::pull::{Progress, Request as Pull};
use chatmock_protocol::ollama::show::{Fact, Model as Shown, Request as Show};
use chatmock_protocol::ollama::tags::{Details, Model as Tag, Tags};
use chatmock_protocol::ollama::version::Version;
use chatmock_translate::catalog::Catalog;
use chatmock_translate::ollama::{model_name, timestamp};
use chatmock_translate::policy::unknown_model;
use chatmock_translate::{Failure, FailureKind};
use http::StatusCode;
use sha2::{Digest, Sha256};

use crate::api::route::Ollama;
use crate::app::App;
use crate::http::response::{self, HttpResponse, ReplyHeaders};

/// The prefix of a model's facts; `general.architecture` names it, as clients look it up there.
const ARCHITECTURE: &str = "chatmock";

/// Writes the list of models once for a catalogue.
pub(crate) fn tags(catalog: &Catalog, expose_efforts: bool) -> Bytes {
    let modified_at = timestamp(catalog.fetched_at());
    let names = catalog.names(expose_efforts);
    let listed: Vec<(&str, String)> =
        names.iter().map(|(name, entry)| (name.as_str(), digest(entry))).collect();
    let models = listed.iter().map(|(name, digest)| Tag {
        name,
        model: name,
        modified_at: &modified_at,
        size: 0,
        digest,
        details: Details::default(),
    });
    serde_json::to_vec(&Tags { models: models.collect() }).unwrap_or_default().into()
}

/// SHA-256 of the model's catalogue entry.
fn digest(entry: &Entry) -> String {
    Sha256::digest(entry.raw.get()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers a request to one of the endpoints.
///
/// # Errors
/// 400 without a name, 404 for an unknown one, 501 for what cannot be done here.
pub(crate) async fn answer(
    app: &App,
    endpoint: Ollama<'_>,
    body: &[u8],
) -> Result<HttpResponse, Failure> {
    match endpoint {
        Ollama::Tags => Ok(all(app).await),
        Ollama::Show => show(app, body).await,
        Ollama::Ps => response::json(ReplyHeaders::default(), &Loaded::default()),
        Ollama::Version => {
            response::json(ReplyHeaders::default(), &Version { version: &app.http.ollama_version })
        }
        Ollama::Pull => pull(app, body).await,
        Ollama::Delete => delete(app, body).await,
        Ollama::NotHere(name) => Err(not_here(match name {
            "embed" | "embeddings" => "the backend makes no embeddings",
            "push" => "models belong to the backend and cannot be pushed",
            "blobs" => "there are no model files here",
            _ => "models belong to the backend and cannot be created or copied",
        })),
    }
}

/// Answers with the list of models.
async fn all(app: &App) -> HttpResponse {
    app.models.ready().await;
    response::bytes(StatusCode::OK, "application/json", app.models.current().tags())
}

/// Answers with what is known of one model.
///
/// # Errors
/// 400 without a name, 404 for a name that the catalogue does not have.
async fn show(app: &App, body: &[u8]) -> Result<HttpResponse, Failure> {
    let request: Show<'_> = json::read(body)?;
    app.models.ready().await;
    let published = app.models.current();
    let catalog = published.catalog();
    let model = known(catalog, required(request.model.or(request.name))?.trim())?;
    let modified_at = timestamp(catalog.fetched_at());
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
            details: Details::default(),
            model_info,
            capabilities: capabilities(model),
            modified_at: &modified_at,
        },
    )
}

fn required(name: Option<json::Text<'_>>) -> Result<String, Failure> {
    match name.filter(|name| !name.trim().is_empty()) {
        Some(name) => Ok(name.0.into_owned()),
        None => Err(Failure::param("model", "model is required")),
    }
}

/// The model of a name, hidden ones and names with an effort included.
fn known<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Model, Failure> {
    let name = model_name(name);
    let resolved = catalog.resolve(name).map_err(|unknown| unknown_model(name, &unknown))?;
    let none = chatmock_translate::catalog::UnknownModel { nearest: Vec::new() };
    catalog.find(&resolved.slug).ok_or_else(|| unknown_model(name, &none))
}

/// What the model can do, as far as the catalogue says.
fn capabilities(model: &Model) -> Vec<&'static str> {
    let mut capabilities = vec!["completion", "tools"];
    if model.supported_reasoning_levels.as_ref().is_some_and(|levels| !levels.is_empty()) {
        capabilities.push("thinking");
    }
    if model.input_modalities.iter().flatten().any(|kind| kind == "image") {
        capabilities.push("vision");
    }
    capabilities
}

/// Says that a listed model is there: there is nothing to fetch.
///
/// # Errors
/// 400 without a name, 404 for a name that the catalogue does not have.
async fn pull(app: &App, body: &[u8]) -> Result<HttpResponse, Failure> {
    let request: Pull<'_> = json::read(body)?;
    app.models.ready().await;
    let published = app.models.current();
    known(published.catalog(), required(request.model.or(request.name))?.trim())?;
    let progress = Progress { status: "success" };
    if request.stream == Some(false) {
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
async fn delete(app: &App, body: &[u8]) -> Result<HttpResponse, Failure> {
    let request: Pull<'_> = json::read(body)?;
    app.models.ready().await;
    let published = app.models.current();
    known(published.catalog(), required(request.model.or(request.name))?.trim())?;
    Err(not_here("models belong to the backend and cannot be deleted"))
}

/// Says that something cannot be done here, and why.
fn not_here(why: &str) -> Failure {
    Failure::new(FailureKind::Rejected(501), why).with_code("not_implemented")
}
