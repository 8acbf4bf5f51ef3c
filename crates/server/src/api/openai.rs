//! OpenAI's API: its endpoints, and the models for OpenAI's clients and the Codex CLI.

use bytes::Bytes;
use chatmock_protocol::codex::models::Entry;
use chatmock_protocol::json::RawValue;
use chatmock_protocol::openai::models::Model;
use chatmock_translate::catalog::{Catalog, UnknownModel};
use chatmock_translate::unknown_model;
use chatmock_translate::{Chat, Compaction, Completions, Failure, FailureKind, OpenAi, Responses};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::family::{Api, Endpoint, capabilities};
use super::responses::{conversations, input_tokens};
use super::{Exchange, Handling, NO_EMBEDDINGS, responses, serve_turn, stored_chat};
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::models::{Listing, Models};

/// The operator of a model in a list that names none, as the catalogues behind a ChatGPT sign-in do.
const OWNER: &str = "openai";

const DEPLOYED_CHAT: &str = "/openai/deployments/{model}/chat/completions";
const DEPLOYED_RESPONSES: &str = "/openai/deployments/{model}/responses";
const DEPLOYED_COMPACT: &str = "/openai/deployments/{model}/responses/compact";
const DEPLOYED_INPUT_TOKENS: &str = "/openai/deployments/{model}/responses/input_tokens";
const DEPLOYED_COMPLETIONS: &str = "/openai/deployments/{model}/completions";

/// OpenAI's clients read `data`, the Codex CLI reads `models`.
#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
    models: Vec<&'a RawValue>,
}

impl Api for OpenAi {
    const NAME: &'static str = "openai";
    const PREFIX: &'static str = "/v1";
    const ENDPOINTS: &'static [Endpoint] = &[
        Endpoint::new(Method::POST, "/v1/chat/completions", serve_turn::<Chat>),
        Endpoint::new(Method::GET, "/v1/chat/completions", stored_chat::list),
        Endpoint::new(Method::GET, "/v1/chat/completions/{id}", stored_chat::get),
        Endpoint::new(Method::POST, "/v1/chat/completions/{id}", stored_chat::update),
        Endpoint::new(Method::DELETE, "/v1/chat/completions/{id}", stored_chat::delete),
        Endpoint::new(Method::GET, "/v1/chat/completions/{id}/messages", stored_chat::messages),
        Endpoint::new(Method::POST, "/v1/responses", serve_turn::<Responses>),
        Endpoint::socket("/v1/responses", responses::socket, true),
        Endpoint::new(Method::POST, "/v1/responses/compact", serve_turn::<Compaction>),
        Endpoint::new(Method::POST, "/v1/responses/input_tokens", input_tokens::count),
        Endpoint::new(Method::POST, "/v1/completions", serve_turn::<Completions>),
        Endpoint::new(Method::GET, "/v1/responses/{id}", responses::get),
        Endpoint::new(Method::DELETE, "/v1/responses/{id}", responses::delete),
        Endpoint::new(Method::GET, "/v1/responses/{id}/input_items", responses::input_items),
        Endpoint::new(Method::POST, "/v1/responses/{id}/cancel", responses::cancel),
        Endpoint::new(Method::POST, "/v1/conversations", conversations::create),
        Endpoint::new(Method::GET, "/v1/conversations/{id}", conversations::get),
        Endpoint::new(Method::POST, "/v1/conversations/{id}", conversations::update),
        Endpoint::new(Method::DELETE, "/v1/conversations/{id}", conversations::delete),
        Endpoint::new(Method::GET, "/v1/conversations/{id}/items", conversations::list),
        Endpoint::new(Method::POST, "/v1/conversations/{id}/items", conversations::add),
        Endpoint::unlisted(Method::GET, "/v1/conversations/{item...}", conversations::item),
        Endpoint::unlisted(Method::DELETE, "/v1/conversations/{item...}", conversations::remove),
        Endpoint::new(Method::GET, "/v1/models", all),
        Endpoint::new(Method::GET, "/v1/models/{id...}", one),
        // The addresses of Azure's service and of older libraries, which name the model in the path.
        Endpoint::unlisted(Method::POST, DEPLOYED_CHAT, serve_turn::<Chat>),
        Endpoint::unlisted(Method::POST, DEPLOYED_RESPONSES, serve_turn::<Responses>),
        Endpoint::socket(DEPLOYED_RESPONSES, responses::socket, false),
        Endpoint::unlisted(Method::POST, DEPLOYED_COMPACT, serve_turn::<Compaction>),
        Endpoint::unlisted(Method::POST, DEPLOYED_INPUT_TOKENS, input_tokens::count),
        Endpoint::unlisted(Method::POST, DEPLOYED_COMPLETIONS, serve_turn::<Completions>),
        Endpoint::unlisted(
            Method::POST,
            "/v1/engines/{model}/chat/completions",
            serve_turn::<Chat>,
        ),
        Endpoint::unlisted(
            Method::POST,
            "/v1/engines/{model}/completions",
            serve_turn::<Completions>,
        ),
        Endpoint::unlisted(Method::GET, "/v1/engines", all),
        Endpoint::unlisted(Method::GET, "/v1/engines/{id}", one),
        Endpoint::unlisted(Method::POST, "/v1/embeddings", no_embeddings),
        Endpoint::unlisted(Method::POST, "/v1/engines/{model}/embeddings", no_embeddings),
        Endpoint::unlisted(Method::POST, "/openai/deployments/{model}/embeddings", no_embeddings),
    ];

    fn models(listing: &Listing<'_>) -> Bytes {
        let catalog = listing.catalog;
        let names = catalog.names(listing.expose_efforts);
        let list = List {
            object: "list",
            data: names.iter().map(|(name, entry)| model(name, entry, catalog)).collect(),
            models: catalog.entries().iter().map(|entry| &*entry.raw).collect(),
        };
        serde_json::to_vec(&list).unwrap_or_default().into()
    }
}

fn model<'a>(id: &'a str, entry: &'a Entry, catalog: &Catalog) -> Model<'a> {
    let model = &entry.model;
    Model {
        id,
        object: "model",
        created: model.created.unwrap_or_else(|| catalog.fetched_at()),
        owned_by: model.owned_by.as_deref().unwrap_or(OWNER),
        context_window: model.context_window,
        context_length: model.context_window,
        capabilities: capabilities(model),
    }
}

/// Answers `GET /v1/models`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn all(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let models = &exchange.context.services.state.models;
        models.ready().await;
        let list = models.current().list(OpenAi::NAME);
        Ok(response::bytes(StatusCode::OK, "application/json", list))
    })
}

/// Answers `GET /v1/models/{id}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn one(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(describe(&exchange.context.services.state.models, exchange.variable))
}

/// Refuses to make embeddings, with a status that no library tries again.
fn no_embeddings(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, .. } = exchange;
        context.services.bodies.discard(body, &head.headers).await;
        let failure = Failure::new(FailureKind::NotFound, NO_EMBEDDINGS);
        Err(failure.with_code("unknown_url"))
    })
}

/// Answers with one model; hidden ones and names with an effort are known too.
///
/// # Errors
/// 404 for a name that the catalogue does not have.
async fn describe(models: &Models, name: &str) -> Result<HttpResponse, Failure> {
    models.ready().await;
    let published = models.current();
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
