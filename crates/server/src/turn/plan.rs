//! The plan of a turn: a request body read, drafted, settled and prepared, without a call to anyone.

mod explain_facts;
mod kept;
mod planners;
mod requests;
mod session;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chatmock_protocol::json::{self, LoneSurrogates, RawValue};
use chatmock_protocol::responses::Request;
use chatmock_protocol::sse::Frame;
use chatmock_translate::openai::responses;
use chatmock_translate::policy::Cap;
use chatmock_translate::{
    Dialect, Drafted, Failure, FailureKind, Finish, KeepAlive, Notice, NoticeKind, Policy,
    ReasoningSeal, Shape, Turn, settle,
};
use chatmock_upstream::{Credentials, Prepared};
use http::HeaderMap;

pub(super) use self::explain_facts::{ExplainFacts, Purpose};
use self::planners::HUGE;
pub(crate) use self::planners::{LARGE, Planners};
use self::requests::{is_written_anew, prepared, removed, requests};
pub(crate) use self::session::SESSION_HEADERS;
use self::session::session;
use super::TurnServices;
use super::background::Wish;
use super::facts::SentFacts;
use super::model_member::{names_no_model, with_model};
use super::pipeline::TurnRequest;
use super::socket::SocketTurn;
use super::store_on_complete::{GrowingConversation, StoreOnComplete};
use crate::clock::{unix_now, unix_time_of};
use crate::http::access_log::random_id;
use crate::http::api_keys::Caller;
use crate::http::notes::RequestNotes;
use crate::state::SharedState;
use crate::state::reasoning::Replay;
use crate::state::responses::{Owner, StoreKey, may_need_records};
use crate::tasks;

/// The memory that an element of a request's arrays is charged, in bytes: about as much as a content part takes
/// while the request is read and written anew.
const ELEMENT: usize = 256;

/// The memory that a member of a request's objects is charged, in bytes.
const MEMBER: usize = 96;

/// Why a member is named that had half of a surrogate pair in it.
const REPLACED: &str = "half of a surrogate pair is no text: U+FFFD took its place";

/// The steps that a turn will take; nothing in it borrows from the body.
pub(super) struct TurnPlan<O> {
    /// One request for each prompt; empty where the backend is not called.
    pub(super) prepared: Vec<Prepared>,
    /// The end of the reply where the backend is not called.
    pub(super) immediate_finish: Option<Finish>,
    /// The events of a reply that only prepares others, for which the backend is not called either.
    pub(super) warm_up: Option<VecDeque<Frame>>,
    pub(super) shape: Arc<Shape<O>>,
    pub(super) stream: bool,
    pub(super) choices: u32,
    /// The time for which the model stays listed as loaded.
    pub(super) keep_alive: KeepAlive,
    pub(super) notices: Vec<Notice>,
    pub(super) store_on_complete: Option<StoreOnComplete>,
    /// Who is to own the response, where the backend stores it and keys part the callers.
    pub(super) claimant: Option<Arc<Owner>>,
    /// The names under which reasoning is kept and was found.
    pub(super) replay: Option<ReplayNames>,
    /// What is asked of the backend, for the record.
    pub(super) sent: SentFacts,
    /// The wish for an answer without its client.
    pub(super) background: Option<Wish>,
    /// The facts that only an explanation reports; `None` where the turn is to run.
    pub(super) explain_facts: Option<Box<ExplainFacts>>,
}

/// The names of a turn in the reasoning cache.
pub(super) struct ReplayNames {
    /// The name of what the model thinks in this turn.
    pub(super) name: StoreKey,
    /// The names of what was put back into the input.
    pub(super) used: Vec<StoreKey>,
}

/// The parts of a request that a plan is made from.
struct PlanInput {
    headers: HeaderMap,
    body: Bytes,
    /// The model that the path names.
    model: Option<String>,
    /// What was changed in the body before it was read.
    notices: Vec<Notice>,
    caller: Caller,
    notes_for_log: Arc<RequestNotes>,
    credentials: Arc<Credentials>,
    socket: Option<SocketTurn>,
    /// When the request arrived, since the Unix epoch.
    arrived: Duration,
    /// What a rule of the guard caps: decided once, though a short request may be planned a second time as a long one.
    cap: Option<Cap>,
    purpose: Purpose,
}

impl PlanInput {
    /// Makes the body what the request means, before a dialect reads it.
    fn normalize(&mut self, policy: &Policy) {
        let (body, notices) = without_lone_surrogates(std::mem::take(&mut self.body), policy);
        self.body = body;
        self.notices.extend(notices);
        let debugged = || policy.debug_model.clone().filter(|_| names_no_model(&self.body));
        if let Some(model) = self.model.take().or_else(debugged)
            && let Some(body) = with_model(&self.body, &model)
        {
            self.body = body;
        }
    }
}

/// Replaces halves of surrogate pairs, which clients that cut texts leave in a conversation, unless the policy is
/// strict; returns what was changed.
pub(crate) fn without_lone_surrogates(body: Bytes, policy: &Policy) -> (Bytes, Vec<Notice>) {
    let lone = if policy.strict { None } else { LoneSurrogates::find(&body) };
    let Some(lone) = lone else { return (body, Vec::new()) };
    // Copied only where the connection holds the same buffer.
    let mut body = BytesMut::from(body);
    lone.replace(&mut body);
    let notice = |path| Notice::new(path, NoticeKind::Changed, REPLACED);
    (body.freeze(), lone.paths.into_iter().map(notice).collect())
}

/// Returns the seal of the reasoning that an account's answers hold: that of the account, or of the backend where
/// there is none.
pub(crate) fn seal(state: &SharedState, credentials: &Credentials) -> ReasoningSeal {
    ReasoningSeal::of(credentials.account_id().unwrap_or_else(|| state.client.route().base()))
}

/// Plans a turn, of a large request on a blocking thread.
pub(super) async fn plan_turn<D: Dialect>(
    services: &Arc<TurnServices>,
    request: &mut TurnRequest,
    credentials: &Arc<Credentials>,
    purpose: Purpose,
) -> Result<TurnPlan<D::Own>, Failure> {
    let cap = cap(services, request, credentials, purpose)?;
    let mut input = PlanInput {
        // They are needed for nothing else, and hold the connection's whole read buffer.
        headers: std::mem::take(&mut request.headers),
        body: std::mem::take(&mut request.body),
        model: request.model.take(),
        notices: Vec::new(),
        caller: request.caller.clone(),
        notes_for_log: Arc::clone(&request.notes),
        credentials: Arc::clone(credentials),
        socket: request.socket.clone(),
        arrived: unix_time_of(request.arrived),
        cap,
        purpose,
    };
    if purpose == Purpose::Run {
        services.state.guard.learn(input.caller.label()).await;
    }
    let most = if services.places.are_free() { HUGE } else { LARGE };
    let is_large = input.body.len() > most;
    // A look into the shared engine waits, which the thread of the connections must not.
    let may_wait = services.state.shared.is_some() && may_need_records(&input.body);
    if !is_large && !may_wait {
        input.normalize(&services.policy);
        if let Some(plan) = plan::<D>(services, &mut input, Extent::Short)? {
            return Ok(plan);
        }
    }
    let place = match may_wait && !is_large {
        true => None,
        false => services.planners.turn(&request.caller, input.body.len()).await,
    };
    let services = Arc::clone(services);
    // They last as long as the work, also when nobody waits for it any more.
    let mut reservation = request.reservation.take();
    let (plan, reservation) = tasks::compute(move || {
        let _place = place;
        if let Some(reservation) = &mut reservation {
            reservation.grow(parsed_size(&input.body))?;
        }
        if is_large || may_wait {
            input.normalize(&services.policy);
        }
        Ok((plan::<D>(&services, &mut input, Extent::Any)?, reservation))
    })
    .await?;
    request.reservation = reservation;
    let unplanned = || Failure::new(FailureKind::Internal, "the request was not planned");
    plan.ok_or_else(unplanned)
}

/// Estimates the memory that a body takes once it is parsed, in addition to its bytes.
fn parsed_size(body: &[u8]) -> usize {
    let json::Extent { elements, members } = json::Extent::of(body);
    // What has more elements is refused before anything is made of them.
    elements.min(json::MAX_ELEMENTS) * ELEMENT + members.min(json::MAX_MEMBERS) * MEMBER
}

/// The conversations that are planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Those that take no longer than a short request.
    Short,
    /// Every one.
    Any,
}

/// A request of a dialect, and the conversation that its answer becomes part of.
type Read<'b, D> = (Drafted<'b, <D as Dialect>::Own>, Option<GrowingConversation>);

/// Reads and drafts a request, with what is kept of the conversation that it continues; `None` as [`plan`].
fn draft<'b, D: Dialect>(
    services: &TurnServices,
    input: &'b PlanInput,
    owner: &Owner,
    extent: Extent,
) -> Result<Option<Read<'b, D>>, Failure> {
    let seal = seal(&services.state, &input.credentials);
    let mut drafted = D::draft(D::read(&input.body)?, &seal)?;
    let draft = &mut drafted.draft;
    input.notes_for_log.asks_for(D::NAME, &draft.model.name);
    let latest = input.socket.as_ref().and_then(|socket| socket.kept(draft));
    if !kept::fill(services, (owner, latest), draft, extent)? {
        return Ok(None);
    }
    let conversation = kept::continue_conversation(services, owner, draft)?;
    Ok(Some((drafted, conversation)))
}

/// Reads, drafts, settles and prepares in one synchronous step; `None` where a short request continues a long
/// conversation and that is not wanted here.
fn plan<D: Dialect>(
    services: &TurnServices,
    input: &mut PlanInput,
    extent: Extent,
) -> Result<Option<TurnPlan<D::Own>>, Failure> {
    let state = &services.state;
    let policy = &*policy(services, input);
    let owner = Owner::of(&input.credentials, input.caller.label());
    let Some((mut drafted, conversation)) = draft::<D>(services, input, &owner, extent)? else {
        return Ok(None);
    };
    let (draft, socket) = (&mut drafted.draft, input.socket.as_ref());
    let in_background = draft.storage.background;
    let named = draft.session.take();
    // Kept before it is fit for the backend, so that a client finds again what it sent.
    let keeps = draft.storage.store || socket.is_some() || conversation.is_some();
    let sent = keeps.then(|| kept::sent(draft, &input.body)).flatten();
    let catalog = state.models.current();
    let turn = settle(drafted, catalog.catalog(), policy, input.arrived.as_secs())?;
    let Turn { mut request, mut shape, stream, immediate_finish, choices, keep_alive, .. } = turn;
    let replay = replay(services, &owner, &mut request);
    let stored = shape.store;
    // A connection keeps what is stored nowhere else, and a conversation all that belongs to it.
    let unstored = socket.is_some() && !is_stored(services, request.get("store"));
    if let Some(shape) = Arc::get_mut(&mut shape) {
        shape.store |= unstored || conversation.is_some();
        fit(shape, input.arrived, in_background);
    }
    let warms_up = socket.is_some_and(SocketTurn::is_warm_up);
    let warm_up = warms_up.then(|| warm_up(&request)).transpose()?;
    let claimant = claimant(services, &owner, request.get("store"));
    let facts = SentFacts::of(&request, input.credentials.account_id());
    let sent = sent.filter(|_| shape.store);
    let wished = sent.as_ref().filter(|_| in_background);
    let background = wished.map(|sent| Wish::new(&owner, sent, stream));
    let owner = stored.then(|| owner.clone());
    let store_on_complete =
        sent.map(|sent| StoreOnComplete::new(owner, sent, socket.cloned()).growing(conversation));
    let (session, named_by) = session(&input.headers, named.as_deref(), &request).unzip();
    let explain_facts = ExplainFacts::of(input.purpose, &request, named_by)?;
    let mut notices: Vec<_> = input.notices.iter().cloned().chain(turn.notices).collect();
    let requests = requests(request, turn.more_inputs, immediate_finish.is_some());
    let prepared = if input.body.len() > LARGE && requests.iter().all(is_written_anew) {
        // Each request is about to be written for the backend, which would be the third copy of a long conversation.
        let requests = requests.into_iter().map(Request::into_owned).collect();
        input.body = Bytes::new();
        prepared(services, input, requests, session.as_deref())?
    } else {
        prepared(services, input, requests, session.as_deref())?
    };
    notices.extend(prepared.first().into_iter().flat_map(removed));
    policy.refuse_ignored(&notices)?;
    Ok(Some(TurnPlan {
        prepared,
        immediate_finish,
        warm_up,
        shape,
        stream,
        choices,
        keep_alive,
        notices,
        store_on_complete,
        claimant,
        replay,
        sent: facts,
        background,
        explain_facts,
    }))
}

/// Adds to the shape of a reply what is known of its request here.
fn fit<O>(shape: &mut Shape<O>, arrived: Duration, in_background: bool) {
    shape.created_nanos = arrived.subsec_nanos();
    if in_background {
        // It is new, so that nothing is in its place.
        let _ = shape.response_id.set(format!("resp_{}", random_id()));
    }
}

/// Puts what was thought in a conversation back into it, and gives the names that this took.
fn replay(
    services: &TurnServices,
    owner: &Owner,
    request: &mut Request<'_>,
) -> Option<ReplayNames> {
    let found = services.state.reasoning.replay(owner, request, unix_now())?;
    let Replay { name, input, used } = found;
    if let Some(input) = input {
        request.put("input", Cow::Owned(input));
    }
    Some(ReplayNames { name, used })
}

/// Asks the guard about a turn; one that is to run is counted.
///
/// # Errors
/// 429 where a rule or a budget refuses the turn.
fn cap(
    services: &TurnServices,
    request: &TurnRequest,
    credentials: &Credentials,
    purpose: Purpose,
) -> Result<Option<Cap>, Failure> {
    let guard = &services.state.guard;
    let limits = guard.has_rules().then(|| services.state.limits.last(credentials)).flatten();
    let limits = limits.as_ref().map(|(_, limits)| limits);
    let (label, now) = (request.caller.label(), unix_now());
    match purpose {
        Purpose::Run => guard.decide(label, limits, now),
        Purpose::Explain => guard.cap(label, limits, now),
    }
}

/// Returns the policy of a turn: the operator's, with what a rule of the guard caps.
fn policy<'s>(services: &'s TurnServices, input: &PlanInput) -> Cow<'s, Policy> {
    let policy = &services.policy;
    match &input.cap {
        Some(cap) => Cow::Owned(policy.clone().with_cap(cap.clone())),
        None => Cow::Borrowed(policy),
    }
}

/// Returns who is to own a response: with keys in use, the backend does not know which of its callers made one.
fn claimant(
    services: &TurnServices,
    owner: &Owner,
    store: Option<&RawValue>,
) -> Option<Arc<Owner>> {
    (is_stored(services, store) && owner.key.is_some()).then(|| Arc::new(owner.clone()))
}

/// Returns whether the backend stores a response.
fn is_stored(services: &TurnServices, store: Option<&RawValue>) -> bool {
    let stored = store.is_none_or(|store| store.get() != "false");
    stored && services.policy.backend.accepts("store")
}

/// The events of a turn that only prepares others.
fn warm_up(request: &Request<'_>) -> Result<VecDeque<Frame>, Failure> {
    let id = format!("resp_{}", random_id());
    Ok(responses::warm_up(request, &id, unix_now())?.map(Frame::new).into())
}
