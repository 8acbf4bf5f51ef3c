//! `GET /v1/models` and `GET /v1/models/{id}`: one body for OpenAI's clients and the Codex CLI.

use bytes::Bytes;
use chatmock_protocol::codex::models::Entry;
use chatmock_protocol::json::RawValue;
use chatmock_protocol::openai::models::Model;
use chatmock_translate::Failure;
use chatmock_translate::catalog::{Catalog, UnknownModel};
use chatmock_translate::policy::unknown_model;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::app::App;
use crate::http::response::{self, HttpResponse, ReplyHeaders};

/// Who runs a model of a list that does not say it, as the catalogues behind a ChatGPT sign-in do.
const OWNER: &str = "openai";

/// OpenAI's clients read `data`, the Codex CLI reads `models`.
#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
    models: Vec<&'a RawValue>,
}

/// Writes the list once for a catalogue.
pub(crate) fn list(catalog: &Catalog, expose_efforts: bool) -> Bytes {
    let names = catalog.names(expose_efforts);
    let list = List {
        object: "list",
        data: names.iter().map(|(name, entry)| model(name, entry, catalog)).collect(),
        models: catalog.entries().iter().map(|entry| &*entry.raw).collect(),
    };
    serde_json::to_vec(&list).unwrap_or_default().into()
}

fn model<'a>(id: &'a str, entry: &'a Entry, catalog: &Catalog) -> Model<'a> {
    let model = &entry.model;
    Model {
        id,
        object: "model",
        created: model.created.unwrap_or_else(|| catalog.fetched_at()),
        owned_by: model.owned_by.as_deref().unwrap_or(OWNER),
        context_window: model.context_window,
    }
}

/// Answers with the whole list.
pub(crate) async fn all(app: &App) -> HttpResponse {
    app.models.ready().await;
    response::bytes(http::StatusCode::OK, "application/json", app.models.current().list())
}

/// Answers with one model; hidden ones and names with an effort are known too.
///
/// # Errors
/// 404 for a name that the catalogue does not have.
pub(crate) async fn one(app: &App, name: &str) -> Result<HttpResponse, Failure> {
    app.models.ready().await;
    let published = app.models.current();
    let catalog = published.catalog();
    // Some clients write `:` as `%3A`.
    let name = &*percent_decode_str(name).decode_utf8_lossy();
    let resolved = catalog.resolve(name).map_err(|unknown| unknown_model(name, &unknown))?;
    let mut entries = catalog.entries().iter();
    let Some(entry) = entries.find(|entry| entry.model.slug == resolved.slug) else {
        return Err(unknown_model(name, &UnknownModel { nearest: Vec::new() }));
    };
    response::json(ReplyHeaders::default(), &model(name, entry, catalog))
}
