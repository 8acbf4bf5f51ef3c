//! Anthropic's API: its endpoints, the count of tokens and the models for its clients.

use bytes::Bytes;
use chatmock_protocol::anthropic::count_tokens::TokenCount;
use chatmock_translate::anthropic::{count_tokens, model, model_list};
use chatmock_translate::catalog::UnknownModel;
use chatmock_translate::{Anthropic, Failure, Messages, unknown_model};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::family::{Api, Endpoint};
use super::{Exchange, Handling};
use crate::http::memory_budget::HeldBody;
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::models::{Listing, Models};
use crate::tasks;
use crate::turn::{self, LARGE};

impl Api for Anthropic {
    const NAME: &'static str = "anthropic";
    const PREFIX: &'static str = "/v1/messages";
    const ENDPOINTS: &'static [Endpoint] = &[
        Endpoint::turn::<Messages>("/v1/messages"),
        Endpoint::new(Method::POST, "/v1/messages/count_tokens", count),
        // Shared with OpenAI's clients; the header decides.
        Endpoint::unlisted(Method::GET, "/v1/models", all),
        Endpoint::unlisted(Method::GET, "/v1/models/{id...}", one),
        // Claude Code asks there at its start whether anybody answers.
        Endpoint::unlisted(Method::GET, "/api/hello", hello),
    ];
    const MARK: Option<&'static str> = Some("anthropic-version");
    const REQUEST_ID: Option<&'static str> = Some("request-id");

    fn models(listing: &Listing<'_>) -> Bytes {
        let list = model_list(listing.catalog, listing.expose_efforts);
        serde_json::to_vec(&list).unwrap_or_default().into()
    }

    fn error_headers(failure: &Failure, headers: &mut HeaderMap) {
        if Self::is_final(failure) {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
    }
}

/// Answers `POST /v1/messages/count_tokens`; the backend has no such endpoint, and a turn would be paid for.
fn count(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, .. } = exchange;
        let HeldBody { bytes, reservation } = context.read_body(&head.headers, body).await?;
        let services = &context.services;
        let state = &services.state;
        state.models.ready().await;
        let credentials = state.client.credentials().await.ok();
        let seal = credentials.as_ref().map(|credentials| turn::seal(state, credentials));
        let (seal, models) = (seal.unwrap_or_default(), state.models.current());
        let policy = services.turns.policy.clone();
        let is_large = bytes.len() > LARGE;
        let count = move || {
            let (body, mut notices) = turn::without_lone_surrogates(bytes, &policy);
            let (tokens, more) = count_tokens(&body, &seal, models.catalog(), &policy)?;
            notices.extend(more);
            drop(reservation);
            Ok::<_, Failure>((tokens, notices))
        };
        let (input_tokens, notices) =
            if is_large { tasks::compute(count).await? } else { count()? };
        let headers = ReplyHeaders { notices, ..ReplyHeaders::default() };
        response::json(headers, &TokenCount { input_tokens })
    })
}

/// Answers `GET /v1/models`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn all(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let models = &exchange.context.services.state.models;
        models.ready().await;
        let list = models.list(Anthropic::NAME, None);
        Ok(response::bytes(StatusCode::OK, "application/json", list))
    })
}

/// Answers `GET /v1/models/{id}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
fn one(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(describe(&exchange.context.services.state.models, exchange.variable))
}

/// Answers with one model, under the name that was asked for.
///
/// # Errors
/// 404 for a name that the catalogue does not have.
async fn describe(models: &Models, name: &str) -> Result<HttpResponse, Failure> {
    models.ready().await;
    let published = models.current();
    let catalog = published.catalog();
    let name = percent_decode_str(name).decode_utf8_lossy();
    let resolved = catalog.resolve_family(&name);
    let resolved = resolved.map_err(|unknown| unknown_model(&name, &unknown))?;
    let mut entries = catalog.entries().iter();
    let Some(entry) = entries.find(|entry| entry.model.slug == resolved.slug) else {
        return Err(unknown_model(&name, &UnknownModel { nearest: Vec::new() }));
    };
    response::json(ReplyHeaders::default(), &model(name.clone(), entry))
}

/// Says that the server is there.
#[derive(Serialize)]
struct Hello {
    message: &'static str,
}

fn hello(_: Exchange<'_>) -> Handling<'_> {
    Box::pin(async { response::json(ReplyHeaders::default(), &Hello { message: "hello" }) })
}
