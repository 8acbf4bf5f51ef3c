//! `GET` and `DELETE /v1/responses/{id}` and `GET …/input_items`: responses that were kept here.

mod page;

use chatmock_translate::Failure;
use http::{Method, StatusCode};
use serde::Serialize;

use crate::app::App;
use crate::failure;
use crate::http::api_keys::Caller;
use crate::http::response::{self, HttpResponse, ReplyHeaders, unix_now};
use crate::state::responses::{self, Owner};

#[derive(Serialize)]
struct Deleted<'a> {
    id: &'a str,
    object: &'static str,
    deleted: bool,
}

/// Answers with the response as its client got it.
///
/// # Errors
/// 404 for an id that is not here or not this account's, 400 for a stream.
pub(crate) async fn one(
    app: &App,
    caller: &Caller,
    id: &str,
    query: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let mut members = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    if members.any(|(name, value)| name == "stream" && value == "true") {
        let message = "a kept response is given whole: leave stream out";
        return Err(Failure::param("stream", message).with_code("unsupported_parameter"));
    }
    let kept = app.store.find(&owner(app, caller).await?, id, unix_now())?;
    Ok(response::bytes(StatusCode::OK, "application/json", kept.response.clone()))
}

/// Deletes a response.
///
/// # Errors
/// 404 for an id that is not here or not this account's.
pub(crate) async fn delete(app: &App, caller: &Caller, id: &str) -> Result<HttpResponse, Failure> {
    if !app.store.delete(&owner(app, caller).await?, id) {
        return Err(responses::unknown(id));
    }
    response::json(ReplyHeaders::default(), &Deleted { id, object: "response", deleted: true })
}

/// Answers with a page of the items that went to the backend.
///
/// # Errors
/// 404 for an id that is not here or not this account's, 400 for a query that cannot be meant.
pub(crate) async fn input_items(
    app: &App,
    caller: &Caller,
    id: &str,
    query: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let query = page::Query::read(query)?;
    let kept = app.store.find(&owner(app, caller).await?, id, unix_now())?;
    let items = page::Item::all(id, &kept)?;
    response::json(ReplyHeaders::default(), &query.page(&items)?)
}

/// Whether responses are kept at the backend rather than here.
pub(crate) fn are_kept_there(app: &App) -> bool {
    app.policy.backend.takes("store")
}

/// Answers as the backend does that keeps the responses; `path` is what stands behind
/// `/v1/responses`.
///
/// # Errors
/// The backend's own.
pub(crate) async fn there(
    app: &App,
    method: &Method,
    path: &[&str],
    query: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let answer = app.client.stored(method, path, query).await.map_err(failure::from_upstream)?;
    Ok(response::bytes(StatusCode::OK, "application/json", answer.into()))
}

/// Whose responses a request may see.
async fn owner(app: &App, caller: &Caller) -> Result<Owner, Failure> {
    let credentials = app.client.credentials().await.map_err(failure::from_upstream)?;
    Ok(Owner::of(&credentials, caller.label()))
}

#[cfg(test)]
mod tests;
