//! `/v1/chat/completions/{id}` and the list of them: completions that their clients asked to be stored.

use std::borrow::Cow;

use chatmock_protocol::json::RawValue;
use chatmock_translate::openai::stored_chat;
use chatmock_translate::{Failure, FailureKind};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::responses::owner;
use super::{Exchange, Handling, RequestContext};
use crate::clock::unix_now;
use crate::http::response::{self, ReplyHeaders};
use crate::http::sanitize;
use crate::state::responses::{Owner, StoredResponse, completion_name};

/// The most elements of a page.
const MAX_LIMIT: usize = 100;

/// A page of a list.
#[derive(Serialize)]
struct List<'l> {
    object: &'static str,
    data: Vec<&'l RawValue>,
    first_id: Option<&'l str>,
    last_id: Option<&'l str>,
    has_more: bool,
}

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

/// An element of a list, and the id that it is listed under.
type Element<'l> = (String, Cow<'l, RawValue>);

/// Which elements are asked for.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    limit: usize,
    descending: bool,
    after: Option<String>,
    model: Option<String>,
    labels: Vec<(String, String)>,
}

impl Query {
    /// Reads a query; other members have no effect.
    fn read(query: Option<&str>) -> Result<Self, Failure> {
        let (limit, labels) = (20, Vec::new());
        let mut read = Self { limit, descending: false, after: None, model: None, labels };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let label = name.strip_prefix("metadata[").and_then(|name| name.strip_suffix(']'));
            match &*name {
                "limit" => read.limit = limit_of(&value)?,
                "order" => read.descending = descending(&value)?,
                "after" => read.after = Some(value.into_owned()).filter(|id| !id.is_empty()),
                "model" => read.model = Some(value.into_owned()),
                _ => {
                    let label = label.map(|name| (name.to_owned(), value.into_owned()));
                    read.labels.extend(label);
                }
            }
        }
        Ok(read)
    }

    /// Cuts the page out of a list, the oldest first.
    fn page<'l>(&self, list: &'l [Element<'_>]) -> Result<List<'l>, Failure> {
        let mut list: Vec<&Element<'_>> = list.iter().collect();
        if self.descending {
            list.reverse();
        }
        let start = match &self.after {
            None => 0,
            Some(after) => match list.iter().position(|(id, _)| id == after) {
                Some(at) => at + 1,
                None => {
                    return Err(Failure::param("after", "after must name an element of the list"));
                }
            },
        };
        let left = list.get(start..).unwrap_or_default();
        let page = left.get(..self.limit).unwrap_or(left);
        Ok(List {
            object: "list",
            data: page.iter().map(|(_, element)| &**element).collect(),
            first_id: page.first().map(|(id, _)| &**id),
            last_id: page.last().map(|(id, _)| &**id),
            has_more: left.len() > page.len(),
        })
    }
}

fn limit_of(value: &str) -> Result<usize, Failure> {
    match value.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(Failure::param("limit", format!("limit must be a number from 1 to {MAX_LIMIT}"))),
    }
}

fn descending(value: &str) -> Result<bool, Failure> {
    match value {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err(Failure::param("order", "order must be asc or desc")),
    }
}

/// Answers `GET /v1/chat/completions`.
pub(super) fn list(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, .. } = exchange;
        let query = Query::read(head.uri.query())?;
        let (state, owner) = (&context.services.state, keeper(context).await?);
        let all = state.responses.all_named(&owner, &completion_name(""), unix_now());
        let mut found = Vec::new();
        for stored in &all {
            let text = std::str::from_utf8(&stored.response).unwrap_or_default();
            if stored_chat::matches(text, query.model.as_deref(), &query.labels) {
                let completion: &RawValue = serde_json::from_str(text)?;
                let Identified { id } = serde_json::from_str(text)?;
                found.push((id.to_owned(), Cow::Borrowed(completion)));
            }
        }
        response::json(ReplyHeaders::default(), &query.page(&found)?)
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
        let query = Query::read(head.uri.query())?;
        let kept = find(context, &keeper(context).await?, id).await?;
        let mut listed = Vec::new();
        for (index, message) in kept.items()?.into_iter().enumerate() {
            let id = format!("{id}-{index}");
            let message = stored_chat::listed_message(message, &id)?;
            listed.push((id, Cow::Owned(message)));
        }
        response::json(ReplyHeaders::default(), &query.page(&listed)?)
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
        context.services.state.responses.insert(name, stored, unix_now());
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
        let (after, model) = (Some("c".to_owned()), Some("m".to_owned()));
        assert_eq!(query.unwrap(), Query { limit: 2, descending: true, after, model, labels });
        for (query, param) in [("limit=0", "limit"), ("limit=101", "limit"), ("order=up", "order")]
        {
            assert_eq!(Query::read(Some(query)).unwrap_err().param.as_deref(), Some(param));
        }
    }
}
