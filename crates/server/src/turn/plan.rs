//! The plan of a turn: a request body read, drafted, settled and prepared, without a call to anyone.

mod kept;
mod requests;
mod session;
mod told;

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
    Dialect, Failure, FailureKind, Finish, KeepAlive, Notice, NoticeKind, Policy, ReasoningSeal,
    Shape, settle,
};
use chatmock_upstream::{Credentials, Prepared};
use http::HeaderMap;

use self::requests::{prepared, removed, requests};
pub(crate) use self::session::SESSION_HEADERS;
use self::session::session;
pub(super) use self::told::{Purpose, Told};
use super::TurnServices;
use super::background::Wish;
use super::facts::SentFacts;
use super::model_member::{names_no_model, with_model};
use super::pipeline::TurnRequest;
use super::socket::SocketTurn;
use super::store_on_complete::StoreOnComplete;
use crate::clock::{unix_now, unix_time_of};
use crate::http::access_log::random_id;
use crate::http::api_keys::Caller;
use crate::http::fair_places::{FairPlaces, Place, PlaceLimits};
use crate::http::notes::RequestNotes;
use crate::state::SharedState;
use crate::state::reasoning::Replay;
use crate::state::responses::{Owner, StoreKey, may_need_records};
use crate::tasks;

/// Requests larger than this, in bytes, are planned on a blocking thread while other turns are under way.
///
/// One thread serves all connections, so a long request would delay every stream that is open. Below this size that
/// delay is as long as writing a few events. Where no turn would be delayed, the thread is not worth its hand-over,
/// which is a fifth of the time that a request of 128 KiB takes.
pub(crate) const LARGE: usize = 64 * 1024;

/// Requests larger than this, in bytes, are planned on a blocking thread in any case, and do not wait together with
/// those that are only large.
const HUGE: usize = 1024 * 1024;

/// The turns of callers on the threads that plan large requests.
///
/// With as many such threads as there are large requests, the thread of the connections would be one of many that want
/// a processor. So it keeps one for itself, where there are two; callers take turns for the rest.
pub(crate) struct Planners {
    large: Arc<FairPlaces>,
    huge: Arc<FairPlaces>,
}

impl Planners {
    /// Waits for a turn. Nobody is refused: a missing place only means more work at once.
    async fn turn(&self, caller: &Caller, size: usize) -> Option<Vec<Place>> {
        let planners = if size > HUGE { &self.huge } else { &self.large };
        planners.take(caller, 1).await.ok()
    }
}

impl Default for Planners {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let all = processors.saturating_sub(1).max(1);
        let (waiting, patience) = (usize::MAX, Duration::MAX);
        let places = || FairPlaces::new(PlaceLimits { all, each: all, waiting, patience });
        Self { large: places(), huge: places() }
    }
}

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
    /// The facts that only an explanation tells; `None` where the turn is to run.
    pub(super) told: Option<Box<Told>>,
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
    let most = if services.places.are_free() { HUGE } else { LARGE };
    let is_large = input.body.len() > most;
    // A look into the shared engine waits, which the thread of the connections must not.
    let may_wait = services.state.shared.is_some() && may_need_records(&input.body);
    if !is_large && !may_wait {
        input.normalize(&services.policy);
        if let Some(plan) = plan::<D>(services, &input, Extent::Short)? {
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
        Ok((plan::<D>(&services, &input, Extent::Any)?, reservation))
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

/// Reads, drafts, settles and prepares in one synchronous step; `None` where a short request continues a long
/// conversation and that is not wanted here.
fn plan<D: Dialect>(
    services: &TurnServices,
    input: &PlanInput,
    extent: Extent,
) -> Result<Option<TurnPlan<D::Own>>, Failure> {
    let state = &services.state;
    let policy = &*policy(services, input);
    let owner = Owner::of(&input.credentials, input.caller.label());
    let mut drafted = D::draft(D::read(&input.body)?, &seal(state, &input.credentials))?;
    let draft = &mut drafted.draft;
    input.notes_for_log.asks_for(D::NAME, &draft.model.name);
    let socket = input.socket.as_ref();
    let latest = socket.and_then(|socket| socket.kept(draft));
    if !kept::fill(services, (&owner, latest), draft, extent)? {
        return Ok(None);
    }
    let conversation = kept::continue_conversation(services, &owner, draft)?;
    let in_background = draft.storage.background;
    let named = draft.session.take();
    // Kept before it is fit for the backend, so that a client finds again what it sent.
    let keeps = draft.storage.store || socket.is_some() || conversation.is_some();
    let sent = keeps.then(|| kept::sent(draft, &input.body)).flatten();
    let catalog = state.models.current();
    let mut turn = settle(drafted, catalog.catalog(), policy, input.arrived.as_secs())?;
    let replay = replay(services, &owner, &mut turn.request);
    let stored = turn.shape.store;
    // A connection keeps what is stored nowhere else, and a conversation all that belongs to it.
    let unstored = socket.is_some() && !is_stored(services, turn.request.get("store"));
    if let Some(shape) = Arc::get_mut(&mut turn.shape) {
        shape.store |= unstored || conversation.is_some();
        fit(shape, input.arrived, in_background);
    }
    let warms_up = socket.is_some_and(SocketTurn::is_warm_up);
    let warm_up = warms_up.then(|| warm_up(&turn.request)).transpose()?;
    let claimant = claimant(services, &owner, turn.request.get("store"));
    let facts = SentFacts::of(&turn.request, input.credentials.account_id());
    let sent = sent.filter(|_| turn.shape.store);
    let wished = sent.as_ref().filter(|_| in_background);
    let background = wished.map(|sent| Wish::new(&owner, sent, turn.stream));
    let owner = stored.then(|| owner.clone());
    let store_on_complete =
        sent.map(|sent| StoreOnComplete::new(owner, sent, socket.cloned()).growing(conversation));
    let (session, named_by) = session(&input.headers, named.as_deref(), &turn.request).unzip();
    let told = Told::of(input.purpose, &turn.request, named_by)?;
    let skipped = usize::from(turn.immediate_finish.is_some());
    let requests = requests(turn.request, turn.more_inputs).into_iter().skip(skipped);
    let prepared = prepared(services, input, requests, session.as_deref())?;
    let mut notices = input.notices.clone();
    notices.extend(turn.notices);
    notices.extend(prepared.first().into_iter().flat_map(removed));
    policy.refuse_ignored(&notices)?;
    Ok(Some(TurnPlan {
        prepared,
        immediate_finish: turn.immediate_finish,
        warm_up,
        shape: turn.shape,
        stream: turn.stream,
        choices: turn.choices,
        keep_alive: turn.keep_alive,
        notices,
        store_on_complete,
        claimant,
        replay,
        sent: facts,
        background,
        told,
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
