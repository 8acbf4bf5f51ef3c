//! The plan of a turn: a request body read, drafted, settled and prepared, without a call to anyone.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_translate::{Dialect, Draft, Failure, Finish, Notice, Shape, settle};
use chatmock_upstream::{Credentials, Prepared};
use http::HeaderMap;

use super::TurnServices;
use super::pipeline::TurnRequest;
use super::store_on_complete::StoreOnComplete;
use crate::clock::unix_now;
use crate::failure;
use crate::state::responses::Owner;
use crate::tasks;

/// Headers in which clients name their conversation; the first one present wins.
const SESSION_HEADERS: [&str; 3] = ["session-id", "session_id", "x-session-id"];

/// The member that continues a stored response.
const PREVIOUS: &str = "previous_response_id";

/// Requests larger than this, in bytes, are planned on a blocking thread.
///
/// One thread serves all connections, so a long request would delay every stream that is open. Below a
/// mebibyte that delay is as long as writing a few events, and a thread would cost more than it saves.
const LARGE: usize = 1024 * 1024;

/// The steps that a turn will take; nothing in it borrows from the body.
pub(super) struct TurnPlan<O> {
    /// One request for each prompt; empty where the backend is not called.
    pub(super) prepared: Vec<Prepared>,
    /// How the reply ends where the backend is not called.
    pub(super) immediate_finish: Option<Finish>,
    pub(super) shape: Arc<Shape<O>>,
    pub(super) stream: bool,
    pub(super) choices: u32,
    pub(super) notices: Vec<Notice>,
    pub(super) store_on_complete: Option<StoreOnComplete>,
}

/// The parts of a request that a plan is made from.
struct PlanInput {
    headers: HeaderMap,
    body: Bytes,
    caller: Option<String>,
    credentials: Arc<Credentials>,
}

/// Plans a turn, of a large request on a blocking thread.
pub(super) async fn plan_turn<D: Dialect>(
    services: &Arc<TurnServices>,
    request: &mut TurnRequest<'_>,
    credentials: &Arc<Credentials>,
) -> Result<TurnPlan<D::Own>, Failure> {
    let input = PlanInput {
        // They are needed for nothing else, and hold the connection's whole read buffer.
        headers: std::mem::take(&mut request.head.headers),
        body: std::mem::take(&mut request.body),
        caller: request.caller.clone(),
        credentials: Arc::clone(credentials),
    };
    if input.body.len() <= LARGE {
        return plan::<D>(services, &input);
    }
    let services = Arc::clone(services);
    // It lasts as long as the work, also when nobody waits for it any more.
    let reservation = request.reservation.take();
    let (plan, reservation) =
        tasks::compute(move || Ok((plan::<D>(&services, &input)?, reservation))).await?;
    request.reservation = reservation;
    Ok(plan)
}

/// Reads, drafts, settles and prepares in one synchronous step.
fn plan<D: Dialect>(
    services: &TurnServices,
    input: &PlanInput,
) -> Result<TurnPlan<D::Own>, Failure> {
    let (state, policy) = (&services.state, &services.policy);
    let owner = Owner::of(&input.credentials, input.caller.as_deref());
    let mut drafted = D::draft(D::read(&input.body)?)?;
    continue_response(services, &owner, &mut drafted.draft)?;
    let catalog = state.models.current();
    let turn = settle(drafted, catalog.catalog(), policy, unix_now())?;
    let sent = turn.request.get("input").filter(|_| turn.shape.store);
    let sent = sent.map(|sent| Bytes::copy_from_slice(sent.get().as_bytes()));
    let store_on_complete = sent.map(|sent| StoreOnComplete::new(owner, sent));
    let session = session(&input.headers);
    let prepare = |request| {
        let prepared = state.client.prepare(request, &input.credentials, session.as_deref());
        prepared.map(|prepared| prepared.with_via(&input.headers)).map_err(failure::from_upstream)
    };
    let mut prepared = Vec::new();
    for input in turn.more_inputs {
        let mut request = turn.request.clone();
        request.put("input", Cow::Owned(input));
        prepared.push(prepare(request)?);
    }
    if turn.immediate_finish.is_none() {
        prepared.insert(0, prepare(turn.request)?);
    }
    let mut notices = turn.notices;
    for name in prepared.first().map(Prepared::removed).unwrap_or_default() {
        notices.push(Notice::ignored(name.clone(), "the backend does not accept it"));
    }
    policy.refuse_ignored(&notices)?;
    let (immediate_finish, shape) = (turn.immediate_finish, turn.shape);
    let (stream, choices) = (turn.stream, turn.choices);
    Ok(TurnPlan { prepared, immediate_finish, shape, stream, choices, notices, store_on_complete })
}

/// Puts the conversation that a draft continues before its input, or leaves that to the backend where the
/// backend stores responses itself.
fn continue_response(
    services: &TurnServices,
    owner: &Owner,
    draft: &mut Draft<'_>,
) -> Result<(), Failure> {
    let Some(id) = draft.storage.previous_response_id.take() else { return Ok(()) };
    if services.policy.backend.accepts(PREVIOUS) {
        draft.request.set(PREVIOUS, &id)?;
        return Ok(());
    }
    let stored = services.state.responses.previous(owner, &id, unix_now())?;
    let input = draft.request.get("input").map(|input| stored.followed_by(input)).transpose()?;
    draft.request.put("input", Cow::Owned(input.unwrap_or_else(|| RawValue::NULL.to_owned())));
    Ok(())
}

/// Returns the name that the client gave its conversation.
///
/// Bytes that are not text are replaced, so that they name one conversation too.
fn session(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let named = SESSION_HEADERS.iter().filter_map(|name| headers.get(*name));
    let mut named = named.map(|value| String::from_utf8_lossy(value.as_bytes()));
    named.find(|name| !name.is_empty())
}
