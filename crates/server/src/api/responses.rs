//! `GET` and `DELETE /v1/responses/{id}`, `GET …/input_items` and `POST …/cancel`: responses that are kept here.

pub(super) mod conversations;
mod elsewhere;
pub(super) mod input_tokens;
mod listed_items;
mod socket;

use chatmock_protocol::json::RawValue;
use chatmock_translate::openai::responses::replay;
use chatmock_translate::{Failure, FailureKind, Frames, Framing};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

pub(super) use self::socket::socket;
use super::paging::{Order, Paging};
use super::{Exchange, Handling, RequestContext, Services};
use crate::clock::unix_now;
use crate::failure;
use crate::http::api_keys::Caller;
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::state::SharedState;
use crate::state::responses::{Owner, unknown};
use crate::turn;

/// The name of an event.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct Deleted<'a> {
    id: &'a str,
    object: &'static str,
    deleted: bool,
}

/// Answers `GET /v1/responses/{id}`.
pub(super) fn get(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, variable: id, .. } = exchange;
        let owner = owner(&context.services.state, context.caller).await?;
        match context.is_here(&owner, id).await {
            true => read(context.services, &owner, id, head.uri.query()),
            false => at_backend(context, head, &[id]).await,
        }
    })
}

/// Answers `DELETE /v1/responses/{id}`.
pub(super) fn delete(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, variable: id, .. } = exchange;
        let owner = owner(&context.services.state, context.caller).await?;
        match context.is_here(&owner, id).await {
            true => remove(&context.services.state, &owner, id).await,
            false => at_backend(context, head, &[id]).await,
        }
    })
}

/// Answers `GET /v1/responses/{id}/input_items`.
pub(super) fn input_items(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, variable: id, .. } = exchange;
        let owner = owner(&context.services.state, context.caller).await?;
        match context.is_here(&owner, id).await {
            true => list_items(&context.services.state, &owner, id, head.uri.query()),
            false => at_backend(context, head, &[id, "input_items"]).await,
        }
    })
}

impl RequestContext<'_> {
    /// Returns whether a response is looked for here; else the backend is asked.
    async fn is_here(&self, owner: &Owner, id: &str) -> bool {
        let store = &self.services.state.responses;
        // One that is being made here is in no store yet.
        if self.services.state.background.find(&owner.key(id)).is_none() {
            store.recall(owner, id).await;
            elsewhere::close(&self.services.state, owner, id).await;
        }
        self.services.stores_responses() || store.is_kept(owner, id, unix_now())
    }
}

impl Services {
    /// Returns whether responses are stored here; else the backend stores them and is asked.
    fn stores_responses(&self) -> bool {
        !self.turns.policy.backend.accepts("store")
    }
}

/// Answers with the response as its client got it, or as far as it is.
///
/// # Errors
/// 404 for an id that is not here or not this account's.
fn read(
    services: &Services,
    owner: &Owner,
    id: &str,
    query: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let (state, starting_after) = (&services.state, starting_after(query)?);
    if let Some(answer) = state.background.find(&owner.key(id)) {
        return Ok(match starting_after {
            Some(after) => {
                turn::attached(&services.turns, &answer, after as u64, ReplyHeaders::default())
            }
            None => turn::snapshot(&answer),
        });
    }
    let stored = state.responses.find(owner, id, unix_now())?;
    if let Some(after) = starting_after {
        if stored.is_open() {
            return Err(elsewhere::no_events());
        }
        let response: &RawValue = serde_json::from_slice(&stored.response)?;
        let events = replay(response)?;
        let mut frames = Frames::new(Framing::Sse);
        // Whoever has counted other events of the same response gets the last one in any case.
        for event in events.iter().skip(after.min(events.len().saturating_sub(1))) {
            let named: Named<'_> = serde_json::from_slice(event)?;
            frames.message(Some(named.kind), event);
        }
        let stream = frames.take().unwrap_or_default();
        return Ok(response::bytes(StatusCode::OK, "text/event-stream; charset=utf-8", stream));
    }
    Ok(response::bytes(StatusCode::OK, "application/json", stored.response.clone()))
}

/// Reads whether a kept response is wanted as a stream; returns the number of events that the client has already.
fn starting_after(query: Option<&str>) -> Result<Option<usize>, Failure> {
    let (mut stream, mut after) = (false, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "stream" => stream = value == "true",
            "starting_after" => {
                let wrong = |_| {
                    Failure::param(
                        "starting_after",
                        "starting_after must be the number of an event",
                    )
                };
                after = Some(value.parse::<usize>().map_err(wrong)?);
            }
            _ => {}
        }
    }
    Ok(stream.then(|| after.map_or(0, |number| number.saturating_add(1))))
}

/// Answers `POST /v1/responses/{id}/cancel` with the response as it is then; only one that is made without its client
/// can be ended so.
pub(super) fn cancel(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Exchange { context, head, body, variable: id } = exchange;
        context.services.bodies.discard(body, &head.headers).await;
        let state = &context.services.state;
        let owner = owner(state, context.caller).await?;
        if !context.is_here(&owner, id).await {
            return at_backend(context, head, &[id, "cancel"]).await;
        }
        if let Some(answer) = state.background.find(&owner.key(id)) {
            answer.cancel();
            answer.ended().await;
            return Ok(turn::snapshot(&answer));
        }
        elsewhere::end(state, &owner, id).await?;
        let stored = state.responses.find(&owner, id, unix_now())?;
        if stored.is_of_background() {
            let response = stored.response.clone();
            return Ok(response::bytes(StatusCode::OK, "application/json", response));
        }
        let message = "Cannot cancel a synchronous response: close its connection instead.";
        Err(Failure::new(FailureKind::BadRequest, message).with_code("invalid_request"))
    })
}

/// Deletes a response; one that is still being made comes to its end first.
///
/// # Errors
/// 404 for an id that is not here or not this account's, 500 where it cannot be deleted for good.
async fn remove(state: &SharedState, owner: &Owner, id: &str) -> Result<HttpResponse, Failure> {
    let key = owner.key(id);
    if let Some(answer) = state.background.find(&key) {
        answer.cancel();
        answer.ended().await;
        state.background.forget(&key);
    }
    elsewhere::end(state, owner, id).await?;
    state.responses.delete(owner, id).await?;
    state.answers.erase(owner, id).await?;
    response::json(ReplyHeaders::default(), &Deleted { id, object: "response", deleted: true })
}

/// Answers with a page of the items that went to the backend.
///
/// # Errors
/// 404 for an id that is not here or not this account's, 400 for a query that cannot be meant.
fn list_items(
    state: &SharedState,
    owner: &Owner,
    id: &str,
    query: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let query = Paging::read(query, Order::NewestFirst)?;
    let stored = state.responses.find(owner, id, unix_now())?;
    let items = listed_items::all(id, &stored)?;
    response::json(ReplyHeaders::default(), &query.page(&items)?)
}

/// Answers as the backend does, which stores the responses; `path` follows `/v1/responses`.
///
/// The backend has one key for all callers. Where they have keys of their own, this server remembers whose a
/// response is, and asks for no other.
///
/// # Errors
/// The backend's own, and 404 for an id that is not this caller's.
async fn at_backend(
    context: &RequestContext<'_>,
    head: &Parts,
    path: &[&str],
) -> Result<HttpResponse, Failure> {
    let (state, caller) = (&context.services.state, context.caller);
    let id = path.first().copied().unwrap_or_default();
    // In an address these are no name: `..` would ask for something else than a response.
    if matches!(id, "" | "." | "..") {
        return Err(unknown(id));
    }
    let owner = match caller.label() {
        Some(_) => Some(owner(state, caller).await?),
        None => None,
    };
    if let Some(owner) = &owner {
        state.responses.find(owner, id, unix_now())?;
    }
    let stored = state.client.stored(&head.method, path, head.uri.query());
    let answer = stored.await.map_err(failure::from_upstream)?;
    if let Some(owner) = owner.filter(|_| head.method == Method::DELETE) {
        // The response is gone; a claim that is left on the disk names nothing any more.
        let _ = state.responses.delete(&owner, id).await;
        state.answers.erase(&owner, id).await?;
    }
    Ok(response::bytes(StatusCode::OK, "application/json", answer.into()))
}

/// Whose responses a request may see.
pub(super) async fn owner(state: &SharedState, caller: &Caller) -> Result<Owner, Failure> {
    let credentials = state.client.credentials().await.map_err(failure::from_upstream)?;
    Ok(Owner::of(&credentials, caller.label()))
}

#[cfg(test)]
mod tests;
