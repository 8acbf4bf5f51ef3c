//! OpenAI's API: its endpoints, and the models for OpenAI's clients and the Codex CLI.

use bytes::Bytes;
use chatmock_protocol::codex::models::Entry;
use chatmock_protocol::json::RawValue;
use chatmock_protocol::openai::models::Model;
use chatmock_translate::catalog::{Catalog, UnknownModel};
use chatmock_translate::unknown_model;
use chatmock_translate::{
    Chat, Compaction, Completions, Failure, ImageEdit, ImageGeneration, OpenAi, Responses,
};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::family::{Api, Endpoint, capabilities};
use super::responses::{conversations, input_tokens};
use super::{Exchange, Handling, audio, embeddings, images, responses, stored_chat};
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::SharedState;
use crate::state::models::Listing;

/// The operator of a model in a list that names none, as the catalogues behind a ChatGPT sign-in do.
const OWNER: &str = "openai";

const DEPLOYED_CHAT: &str = "/openai/deployments/{model}/chat/completions";
const DEPLOYED_RESPONSES: &str = "/openai/deployments/{model}/responses";
const DEPLOYED_COMPACT: &str = "/openai/deployments/{model}/responses/compact";
const DEPLOYED_INPUT_TOKENS: &str = "/openai/deployments/{model}/responses/input_tokens";
const DEPLOYED_COMPLETIONS: &str = "/openai/deployments/{model}/completions";

const DEPLOYED_EMBEDDINGS: &str = "/openai/deployments/{model}/embeddings";
const DEPLOYED_IMAGES: &str = "/openai/deployments/{model}/images/generations";
const DEPLOYED_EDITS: &str = "/openai/deployments/{model}/images/edits";
const DEPLOYED_TRANSCRIPTIONS: &str = "/openai/deployments/{model}/audio/transcriptions";
const DEPLOYED_TRANSLATIONS: &str = "/openai/deployments/{model}/audio/translations";
const DEPLOYED_SPEECH: &str = "/openai/deployments/{model}/audio/speech";

/// The capability of models that make embeddings, in the words of Ollama's lists.
pub(super) const EMBEDDING: &str = "embedding";

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
        Endpoint::turn::<Chat>("/v1/chat/completions"),
        Endpoint::new(Method::GET, "/v1/chat/completions", stored_chat::list),
        Endpoint::new(Method::GET, "/v1/chat/completions/{id}", stored_chat::get),
        Endpoint::new(Method::POST, "/v1/chat/completions/{id}", stored_chat::update),
        Endpoint::new(Method::DELETE, "/v1/chat/completions/{id}", stored_chat::delete),
        Endpoint::new(Method::GET, "/v1/chat/completions/{id}/messages", stored_chat::messages),
        Endpoint::turn::<Responses>("/v1/responses"),
        Endpoint::socket("/v1/responses", responses::socket, true),
        Endpoint::turn::<Compaction>("/v1/responses/compact"),
        Endpoint::new(Method::POST, "/v1/responses/input_tokens", input_tokens::count),
        Endpoint::turn::<Completions>("/v1/completions"),
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
        Endpoint::other_turn::<Chat>(DEPLOYED_CHAT),
        Endpoint::other_turn::<Responses>(DEPLOYED_RESPONSES),
        Endpoint::socket(DEPLOYED_RESPONSES, responses::socket, false),
        Endpoint::other_turn::<Compaction>(DEPLOYED_COMPACT),
        Endpoint::unlisted(Method::POST, DEPLOYED_INPUT_TOKENS, input_tokens::count),
        Endpoint::other_turn::<Completions>(DEPLOYED_COMPLETIONS),
        Endpoint::other_turn::<Chat>("/v1/engines/{model}/chat/completions"),
        Endpoint::other_turn::<Completions>("/v1/engines/{model}/completions"),
        Endpoint::unlisted(Method::GET, "/v1/engines", all),
        Endpoint::unlisted(Method::GET, "/v1/engines/{id}", one),
        Endpoint::turn_by::<ImageGeneration>("/v1/images/generations", true, images::GENERATIONS),
        Endpoint::turn_by::<ImageEdit>("/v1/images/edits", true, images::EDITS),
        Endpoint::unlisted(Method::POST, "/v1/images/variations", images::no_variations),
        Endpoint::turn_by::<ImageGeneration>(DEPLOYED_IMAGES, false, images::GENERATIONS),
        Endpoint::turn_by::<ImageEdit>(DEPLOYED_EDITS, false, images::EDITS),
        Endpoint::new(Method::POST, "/v1/embeddings", embeddings::openai),
        Endpoint::unlisted(Method::POST, "/v1/engines/{model}/embeddings", embeddings::openai),
        Endpoint::unlisted(Method::POST, DEPLOYED_EMBEDDINGS, embeddings::openai),
        Endpoint::new(Method::POST, "/v1/audio/transcriptions", audio::transcriptions),
        Endpoint::new(Method::POST, "/v1/audio/translations", audio::translations),
        Endpoint::new(Method::POST, "/v1/audio/speech", audio::speech),
        Endpoint::unlisted(Method::POST, DEPLOYED_TRANSCRIPTIONS, audio::transcriptions),
        Endpoint::unlisted(Method::POST, DEPLOYED_TRANSLATIONS, audio::translations),
        Endpoint::unlisted(Method::POST, DEPLOYED_SPEECH, audio::speech),
    ];

    fn models(listing: &Listing<'_>) -> Bytes {
        let catalog = listing.catalog;
        let names = catalog.names(listing.expose_efforts);
        let ours = names.iter().map(|(name, entry)| model(name, entry, catalog));
        let more = listing.more_embeddings(&names).map(|name| embedding_model(name, catalog));
        let list = List {
            object: "list",
            data: ours.chain(more).collect(),
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

/// A model of the server that makes embeddings.
fn embedding_model<'a>(id: &'a str, catalog: &Catalog) -> Model<'a> {
    Model {
        id,
        object: "model",
        created: catalog.fetched_at(),
        owned_by: "embeddings",
        context_window: None,
        context_length: None,
        capabilities: vec![EMBEDDING],
    }
}

/// Answers `GET /v1/models`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn all(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let state = &exchange.context.services.state;
        state.models.ready().await;
        let embeddings = state.companions.embedding_models().await;
        let list = state.models.list(OpenAi::NAME, embeddings.as_deref());
        Ok(response::bytes(StatusCode::OK, "application/json", list))
    })
}

/// Answers `GET /v1/models/{id}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn one(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(describe(&exchange.context.services.state, exchange.variable))
}

/// Answers with one model; hidden ones and names with an effort are known too.
///
/// # Errors
/// 404 for a name that the catalogue does not have.
async fn describe(state: &SharedState, name: &str) -> Result<HttpResponse, Failure> {
    state.models.ready().await;
    let published = state.models.current();
    let catalog = published.catalog();
    // Some clients write `:` as `%3A`.
    let name = &*percent_decode_str(name).decode_utf8_lossy();
    let embeddings = state.companions.embedding_models().await;
    if catalog.find(name).is_none()
        && embeddings.is_some_and(|models| models.names.iter().any(|known| known == name))
    {
        return response::json(ReplyHeaders::default(), &embedding_model(name, catalog));
    }
    let resolved = catalog.resolve(name).map_err(|unknown| unknown_model(name, &unknown))?;
    let mut entries = catalog.entries().iter();
    let Some(entry) = entries.find(|entry| entry.model.slug == resolved.slug) else {
        return Err(unknown_model(name, &UnknownModel { nearest: Vec::new() }));
    };
    response::json(ReplyHeaders::default(), &model(name, entry, catalog))
}
