//! `/v1/conversations`: lists of items under an id, which requests of the Responses API continue.

use chatmock_protocol::json::RawValue;
use chatmock_translate::{Failure, FailureKind};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::{Exchange, Handling, RequestContext};
use super::{listed_items, owner};
use crate::api::paging::{Order, Paging};
use crate::clock::unix_now;
use crate::http::access_log::random_id;
use crate::http::response::{self, ReplyHeaders};
use crate::state::responses::{Owner, StoredResponse, conversation_name, unknown_conversation};

/// The most items that one request adds.
const MAX_ITEMS: usize = 20;

/// A conversation as it is shown.
#[derive(Serialize)]
struct Conversation<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    metadata: &'a RawValue,
}

#[derive(Serialize)]
struct Deleted<'a> {
    id: &'a str,
    object: &'static str,
    deleted: bool,
}

/// The body of a request that makes or changes a conversation.
#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

/// Answers `POST /v1/conversations`.
pub(in crate::api) fn create(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, .. } = exchange;
        let owner = keeper(context).await?;
        let body = context.read_body(&head.headers, body).await?.bytes;
        let body = if body.trim_ascii().is_empty() { &b"{}"[..] } else { &body };
        let change = read(body)?;
        let items = change.items.map(items).transpose()?.unwrap_or_default();
        let id = format!("conv_{}", random_id());
        let metadata = change.metadata.map_or("{}", RawValue::get);
        let conversation = shown(&id, unix_now(), serde_json::from_str(metadata)?)?;
        let input = serde_json::to_vec(&items)?.into();
        let stored = StoredResponse::new(unix_now(), input, conversation.clone().into());
        let name = owner.key(&conversation_name(&id));
        context.services.state.responses.insert(name, stored, unix_now()).all().await;
        Ok(response::bytes(StatusCode::OK, "application/json", conversation.into()))
    })
}

/// Answers `GET /v1/conversations/{id}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
pub(in crate::api) fn get(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, variable: id, .. } = exchange;
        let owner = keeper(context).await?;
        let kept = find(context, &owner, id).await?;
        Ok(response::bytes(StatusCode::OK, "application/json", kept.response.clone()))
    })
}

/// Answers `POST /v1/conversations/{id}`, which replaces the metadata.
pub(in crate::api) fn update(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, variable: id } = exchange;
        let owner = keeper(context).await?;
        let body = context.read_body(&head.headers, body).await?.bytes;
        let Some(metadata) = read(&body)?.metadata else {
            return Err(Failure::param("metadata", "metadata is required"));
        };
        let kept = find(context, &owner, id).await?;
        let conversation = shown(id, kept.created_at, metadata)?;
        let (created_at, input) = (kept.created_at, kept.input.clone());
        let stored = StoredResponse::new(created_at, input, conversation.clone().into());
        let name = owner.key(&conversation_name(id));
        context.services.state.responses.insert(name, stored, unix_now()).all().await;
        Ok(response::bytes(StatusCode::OK, "application/json", conversation.into()))
    })
}

/// Answers `DELETE /v1/conversations/{id}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
pub(in crate::api) fn delete(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, variable: id, .. } = exchange;
        let owner = keeper(context).await?;
        find(context, &owner, id).await?;
        context.services.state.responses.delete(&owner, &conversation_name(id)).await?;
        let deleted = Deleted { id, object: "conversation.deleted", deleted: true };
        response::json(ReplyHeaders::default(), &deleted)
    })
}

/// Answers `GET /v1/conversations/{id}/items`.
pub(in crate::api) fn list(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, variable: id, .. } = exchange;
        let query = Paging::read(head.uri.query(), Order::NewestFirst)?;
        let owner = keeper(context).await?;
        let kept = find(context, &owner, id).await?;
        let items = listed_items::all(id, &kept)?;
        response::json(ReplyHeaders::default(), &query.page(&items)?)
    })
}

/// Answers `POST /v1/conversations/{id}/items` with the items that were added.
pub(in crate::api) fn add(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, variable: id } = exchange;
        let owner = keeper(context).await?;
        let body = context.read_body(&head.headers, body).await?.bytes;
        let Some(added) = read(&body)?.items else {
            return Err(Failure::param("items", "items is required"));
        };
        let added = items(added)?;
        let kept = find(context, &owner, id).await?;
        let before = kept.items()?.len();
        let grown = kept.with_items(&added)?;
        let all = listed_items::all(id, &grown)?;
        let page = Paging::whole().page(all.get(before..).unwrap_or_default())?;
        let reply = response::json(ReplyHeaders::default(), &page)?;
        drop(all);
        let name = owner.key(&conversation_name(id));
        context.services.state.responses.insert(name, grown, unix_now()).all().await;
        Ok(reply)
    })
}

/// Answers `GET /v1/conversations/{id}/items/{item}`.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
pub(in crate::api) fn item(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, variable, .. } = exchange;
        let (id, item) = parts(variable)?;
        let owner = keeper(context).await?;
        let kept = find(context, &owner, id).await?;
        let items = listed_items::all(id, &kept)?;
        let found = items.iter().find(|one| one.id == item).ok_or_else(|| no_item(item))?;
        response::json(ReplyHeaders::default(), &found.value)
    })
}

/// Answers `DELETE /v1/conversations/{id}/items/{item}` with the conversation.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of every endpoint")]
pub(in crate::api) fn remove(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, variable, .. } = exchange;
        let (id, item) = parts(variable)?;
        let owner = keeper(context).await?;
        let kept = find(context, &owner, id).await?;
        let items = listed_items::all(id, &kept)?;
        let left: Vec<&RawValue> =
            items.iter().filter(|one| one.id != item).map(|one| &*one.value).collect();
        if left.len() == items.len() {
            return Err(no_item(item));
        }
        let (created_at, response) = (kept.created_at, kept.response.clone());
        let input = serde_json::to_vec(&left)?.into();
        let name = owner.key(&conversation_name(id));
        let stored = StoredResponse::new(created_at, input, response);
        context.services.state.responses.insert(name, stored, unix_now()).all().await;
        Ok(response::bytes(StatusCode::OK, "application/json", kept.response.clone()))
    })
}

/// Whose conversations a request may see.
///
/// # Errors
/// 404 where the backend keeps responses, and conversations with them.
async fn keeper(context: &RequestContext<'_>) -> Result<Owner, Failure> {
    if !context.services.stores_responses() {
        let message =
            "conversations are not served on this route: its backend keeps responses itself";
        return Err(Failure::new(FailureKind::NotFound, message).with_code("unknown_url"));
    }
    owner(&context.services.state, context.caller).await
}

async fn find(
    context: &RequestContext<'_>,
    owner: &Owner,
    id: &str,
) -> Result<std::sync::Arc<StoredResponse>, Failure> {
    let store = &context.services.state.responses;
    store.recall(owner, &conversation_name(id)).await;
    store.get(owner, &conversation_name(id), unix_now()).ok_or_else(|| unknown_conversation(id))
}

fn read(body: &[u8]) -> Result<Change<'_>, Failure> {
    let change = chatmock_protocol::json::read::<Change<'_>>(body)?;
    if let Some(metadata) = change.metadata
        && !metadata.get().starts_with('{')
    {
        return Err(Failure::param("metadata", "metadata must be an object"));
    }
    Ok(change)
}

fn items(list: &RawValue) -> Result<Vec<&RawValue>, Failure> {
    let wrong =
        || Failure::param("items", format!("items must be a list of 1 to {MAX_ITEMS} items"));
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| wrong())?;
    let fits = items.len() <= MAX_ITEMS && items.iter().all(|item| item.get().starts_with('{'));
    if fits { Ok(items) } else { Err(wrong()) }
}

fn shown(id: &str, created_at: u64, metadata: &RawValue) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Conversation { id, object: "conversation", created_at, metadata })
}

/// Splits the rest of a path into the conversation and its item.
fn parts(variable: &str) -> Result<(&str, &str), Failure> {
    variable
        .split_once("/items/")
        .filter(|(_, item)| !item.contains('/'))
        .ok_or_else(|| no_item(variable))
}

fn no_item(item: &str) -> Failure {
    let shown: String = item.chars().take(100).collect();
    let message = format!("Item with id '{shown}' not found.");
    Failure::new(FailureKind::NotFound, message)
}
