//! `/v1/chat/completions/{id}` and the list of them: completions that their clients asked to be stored.

use std::borrow::Cow;

use chatmock_protocol::json::RawValue;
use chatmock_translate::openai::stored_chat;
use chatmock_translate::{Failure, FailureKind};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::paging::{Listed, Order, Paging};
use super::responses::owner;
use super::{Exchange, Handling, RequestContext};
use crate::clock::unix_now;
use crate::http::response::{self, ReplyHeaders};
use crate::http::sanitize;
use crate::state::responses::{Owner, StoredResponse, completion_name};

#[derive(Serialize)]
struct Deleted<'a> {
    object: &'static str,
    id: &'a str,
    deleted: bool,
}

/// The body of a request that changes a completion.
#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Identified<'a> {
    id: &'a str,
}

/// The completions that are asked for.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    paging: Paging,
    model: Option<String>,
    labels: Vec<(String, String)>,
}

impl Query {
    /// Reads a query; other members have no effect.
    fn read(query: Option<&str>) -> Result<Self, Failure> {
        let mut read =
            Self { paging: Paging::first(Order::OldestFirst), model: None, labels: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            read.paging.take(&name, &value)?;
            let label = name.strip_prefix("metadata[").and_then(|name| name.strip_suffix(']'));
            if let Some(label) = label {
                read.labels.push((label.to_owned(), value.into_owned()));
            } else if name == "model" {
                read.model = Some(value.into_owned());
            }
        }
        Ok(read)
    }
}

/// Answers `GET /v1/chat/completions`.
pub(super) fn list(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, .. } = exchange;
        let query = Query::read(head.uri.query())?;
        let (state, owner) = (&context.services.state, keeper(context).await?);
        state.responses.recall_listed(&owner).await;
        let all = state.responses.all_named(&owner, &completion_name(""), unix_now());
        let mut found = Vec::new();
        for stored in &all {
            let text = std::str::from_utf8(&stored.response).unwrap_or_default();
            if stored_chat::matches(text, query.model.as_deref(), &query.labels) {
                let completion: &RawValue = serde_json::from_str(text)?;
                let Identified { id } = serde_json::from_str(text)?;
                found.push(Listed { id: id.to_owned(), value: Cow::Borrowed(completion) });
            }
        }
        response::json(ReplyHeaders::default(), &query.paging.page(&found)?)
    })
}

/// Answers `GET /v1/chat/completions/{id}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
pub(super) fn get(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, variable: id, .. } = exchange;
        let kept = find(context, &keeper(context).await?, id).await?;
        Ok(response::bytes(StatusCode::OK, "application/json", kept.response.clone()))
    })
}

/// Answers `GET /v1/chat/completions/{id}/messages`.
pub(super) fn messages(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, variable: id, .. } = exchange;
        let paging = Paging::read(head.uri.query(), Order::OldestFirst)?;
        let kept = find(context, &keeper(context).await?, id).await?;
        let mut listed = Vec::new();
        for (index, message) in kept.items()?.into_iter().enumerate() {
            let id = format!("{id}-{index}");
            let message = stored_chat::listed_message(message, &id)?;
            listed.push(Listed { id, value: Cow::Owned(message) });
        }
        response::json(ReplyHeaders::default(), &paging.page(&listed)?)
    })
}

/// Answers `POST /v1/chat/completions/{id}`, which replaces the metadata.
pub(super) fn update(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, variable: id } = exchange;
        let owner = keeper(context).await?;
        let body = context.read_body(&head.headers, body).await?.bytes;
        let Some(metadata) = chatmock_protocol::json::read::<Change<'_>>(&body)?.metadata else {
            return Err(Failure::param("metadata", "metadata is required"));
        };
        stored_chat::check_metadata(metadata.get())?;
        let kept = find(context, &owner, id).await?;
        let text = std::str::from_utf8(&kept.response).unwrap_or_default();
        let changed = stored_chat::with_metadata(text, metadata)?;
        let (created_at, input) = (kept.created_at, kept.input.clone());
        let stored = StoredResponse::new(created_at, input, changed.clone().into());
        let name = owner.key(&completion_name(id));
        context.services.state.responses.insert(name, stored, unix_now()).all().await;
        Ok(response::bytes(StatusCode::OK, "application/json", changed.into()))
    })
}

/// Answers `DELETE /v1/chat/completions/{id}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
pub(super) fn delete(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, variable: id, .. } = exchange;
        let owner = keeper(context).await?;
        find(context, &owner, id).await?;
        context.services.state.responses.delete(&owner, &completion_name(id)).await?;
        context.services.state.answers.erase(&owner, id).await?;
        let deleted = Deleted { object: "chat.completion.deleted", id, deleted: true };
        response::json(ReplyHeaders::default(), &deleted)
    })
}

/// Whose completions a request may see.
async fn keeper(context: &RequestContext<'_>) -> Result<Owner, Failure> {
    owner(&context.services.state, context.caller).await
}

async fn find(
    context: &RequestContext<'_>,
    owner: &Owner,
    id: &str,
) -> Result<std::sync::Arc<StoredResponse>, Failure> {
    let store = &context.services.state.responses;
    store.recall(owner, &completion_name(id)).await;
    store.get(owner, &completion_name(id), unix_now()).ok_or_else(|| {
        let shown = sanitize::text_within(id, 100);
        let message = format!(
            "Chat completion with id '{shown}' not found: only those are kept that were asked for with store"
        );
        Failure::new(FailureKind::NotFound, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_page_and_what_is_wanted_of_it() {
        let query = Query::read(Some("limit=2&order=desc&after=c&model=m&metadata[a]=b%20c&x=y"));
        let labels = vec![("a".to_owned(), "b c".to_owned())];
        let paging = Paging::read(Some("limit=2&order=desc&after=c"), Order::OldestFirst).unwrap();
        assert_ne!(paging, Paging::first(Order::OldestFirst));
        let model = Some("m".to_owned());
        assert_eq!(query.unwrap(), Query { paging, model, labels });
        for (query, param) in [("limit=0", "limit"), ("limit=101", "limit"), ("order=up", "order")]
        {
            assert_eq!(Query::read(Some(query)).unwrap_err().param.as_deref(), Some(param));
        }
    }
}
