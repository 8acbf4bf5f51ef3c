//! The one pipeline, which serves every turn of every dialect.
//!
//! A dialect is a type parameter, not a handler. Eight handlers with a loop each over the backend's events
//! was the alternative: every fix to streaming, limits or shutdown would have to be made eight times, and
//! stream and whole reply could disagree. The price is that what one dialect alone needs has to fit
//! through the trait.

use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use chatmock_translate::ollama::model_name;
use chatmock_translate::{Dialect, Encoder, Failure, Family, Framing, Notice, NoticeKind, Out};
use chatmock_upstream::{CredentialError, Credentials, Error, Prepared};
use http::{HeaderMap, Uri};
use tokio::time::Instant;

use super::attempt::{self, Call, EventSource};
use super::body::{TurnBody, TurnParts};
use super::choice::{self, Choice};
use super::fate::{Fate, Fated};
use super::plan::{Purpose, ReplayNames, TurnPlan, plan_turn};
use super::record::{Outcome, TurnRecord};
use super::socket::{SocketTurn, TurnHandle};
use super::{TurnContext, TurnServices, background};
use crate::clock::{LazyElapsed, unix_now, unix_time};
use crate::failure;
use crate::http::api_keys::Caller;
use crate::http::memory_budget::Reservation;
use crate::http::notes::RequestNotes;
use crate::http::presence::Presence;
use crate::http::response::{self, HttpResponse, ReplyHeaders};
use crate::limit_words;
use crate::state::SharedState;
use crate::state::credentials::Audience;
use crate::state::ledger::LiveTurn;
use crate::state::responses::{Arrivals, StoreKey};

/// A request for a turn.
pub(crate) struct TurnRequest {
    /// Emptied, like the headers, as soon as the turn is planned: they hold the buffer of the request's head.
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The connection, where the client counts its retries.
    pub(crate) connection: Option<Presence>,
    pub(crate) body: Bytes,
    /// The model that the path names, whatever the body says.
    pub(crate) model: Option<String>,
    /// Memory reserved for the body, and then for the request made from it.
    pub(crate) reservation: Option<Reservation>,
    pub(crate) arrived: Instant,
    pub(crate) request_id: String,
    pub(crate) caller: Caller,
    pub(crate) notes: Arc<RequestNotes>,
    /// True if the response body panics, which only a test can ask for.
    pub(crate) panic_in_body: bool,
    /// The place of the turn on a WebSocket, where it came over one.
    pub(crate) socket: Option<SocketTurn>,
    /// Where it is noted what becomes of the turn, for those who keep its answer.
    pub(crate) fate: Option<Arc<Fate>>,
}

/// Serves a turn of dialect `D`.
///
/// # Errors
/// A failure before the reply has begun, which still gets a status.
pub(crate) async fn turn<D: Dialect>(
    services: &Arc<TurnServices>,
    mut request: TurnRequest,
) -> Result<HttpResponse, Failure> {
    let mut record = TurnRecord::begin(services, &request, D::NAME);
    let panics = request.panic_in_body;
    let answered = match ready::<D>(services, &mut request, &mut record).await {
        Ok(mut ready) => match ready.plan.background.take() {
            None => answer::<D>(services, ready, &mut record).await,
            Some(wish) => match background::begin(services, &ready, wish) {
                Ok(mut begun) => {
                    begun.arrived(services).await;
                    // What its client is told now is all that the request asks for.
                    if let Some(fate) = request.fate.filter(|_| !begun.streams()) {
                        fate.note(Fated::Complete);
                    }
                    return Ok(background::run(services, begun, ready, record));
                }
                Err(failure) => Err(failure),
            },
        },
        Err(failure) => Err(failure),
    };
    match answered {
        Ok(Answer::Whole(response)) => Ok(response),
        Ok(Answer::Stream(headers, parts)) => {
            let media_type = media_type(parts.framing);
            let body = TurnBody::<D>::new(services, parts, record).with_panic(panics);
            Ok(response::stream(headers, media_type, body))
        }
        Err(failure) => {
            let failure = failure::with_version(failure, &services.state.client);
            record.refuse(&failure, D::Family::status(&failure));
            Err(failure)
        }
    }
}

/// A turn that is planned.
pub(super) struct Ready<D: Dialect> {
    pub(super) plan: TurnPlan<D::Own>,
    pub(super) caller: Caller,
    /// The framing of a stream: the dialect's way, unless the transport has its own.
    pub(super) framing: Framing,
    credentials: Arc<Credentials>,
    arrived: Instant,
    /// The link to the socket that the turn came over.
    handle: Option<Arc<TurnHandle>>,
    /// Memory reserved for the request, until its answer begins.
    _reservation: Option<Reservation>,
}

/// The answer to a request for a turn.
pub(super) enum Answer<D: Dialect> {
    /// Whole, with its record written.
    Whole(HttpResponse),
    /// A stream that begins.
    Stream(ReplyHeaders, TurnParts<D>),
}

/// Plans a turn.
async fn ready<D: Dialect>(
    services: &Arc<TurnServices>,
    request: &mut TurnRequest,
    record: &mut TurnRecord,
) -> Result<Ready<D>, Failure> {
    let state = &services.state;
    if state.client.is_loop(&request.headers) {
        return Err(failure::via_loop("--upstream-url"));
    }
    let credentials = state.client.credentials().await;
    let credentials = credentials.map_err(|error| without_credentials(services, error))?;
    state.models.ready().await;
    let plan = plan_turn::<D>(services, request, &credentials, Purpose::Run).await?;
    record.plan(&plan);
    request.uri = Uri::default();
    log_plan(&plan, D::NAME);
    let handle = request.socket.take().map(|socket| socket.handle);
    Ok(Ready {
        plan,
        caller: request.caller.clone(),
        framing: handle.as_ref().map_or(D::FRAMING, |_| Framing::Message),
        credentials,
        arrived: request.arrived,
        handle,
        _reservation: request.reservation.take(),
    })
}

/// Sends a turn, and answers it once that has begun.
pub(super) async fn answer<D: Dialect>(
    services: &Arc<TurnServices>,
    ready: Ready<D>,
    record: &mut TurnRecord,
) -> Result<Answer<D>, Failure> {
    let state = &services.state;
    let Ready { mut plan, caller, framing, credentials, arrived, handle, _reservation } = ready;
    let mut sources = match (plan.immediate_finish, plan.warm_up.take()) {
        (_, Some(events)) => vec![EventSource::Made(events)],
        (Some(finish), None) => vec![EventSource::AtOnce(finish)],
        (None, None) => {
            let calls = calls(services, &mut plan, &caller, record.live()).await?;
            calls.map(|call| EventSource::open(services, call, &credentials)).collect()
        }
    };
    let (asker, store) = (Arc::clone(&credentials), Arc::clone(state));
    let limited = move |failure| {
        let last = limit_words::is_used_up(&failure).then(|| store.limits.last(&asker));
        let limits = last.flatten().map(|(_, limits)| limits);
        limit_words::named(failure, limits.as_ref(), unix_now())
    };
    let explain = |failure| D::explain(limited(failure), &plan.shape);
    let limit = plan.stream.then_some(services.hold);
    attempt::wait_until_open(&mut sources, limit).await.map_err(explain)?;
    let meta = sources.iter_mut().find_map(EventSource::take_meta).unwrap_or_default();
    let replay = plan.replay.take();
    let remembered = replay.map(|replay| remembered(state, replay, meta.reasoning_left_out));
    let notices = plan.notices.into_iter().chain(meta.notices).collect();
    let mut headers = ReplyHeaders { notices, forwarded: meta.forwarded };
    record.begin_answer(&headers.notices);
    state.loaded.note(model_name(&plan.shape.model), plan.keep_alive, unix_time());
    let (shape, store_on_complete) = (plan.shape, plan.store_on_complete);
    let sources = (0..).zip(sources);
    if plan.stream {
        let encode = |(number, source)| {
            Choice::new(source, D::encoder(&shape, number)).remembering(remembered.clone())
        };
        let choices = sources.map(encode).collect();
        let parts = TurnParts { choices, shape, store_on_complete, framing, handle };
        return Ok(Answer::Stream(headers, parts));
    }
    let gather = |(number, source)| {
        Choice::new(source, D::whole(&shape, number)).remembering(remembered.clone())
    };
    let outputs = whole(services, sources.map(gather).collect(), record).await;
    let End { outputs, late, mut arrivals } =
        outputs.map_err(|failure| D::explain(limited(failure), &shape))?;
    headers.notices.extend(late);
    if let Some(store_on_complete) = store_on_complete {
        let reply = D::kept_whole(&outputs, &shape);
        arrivals.add(store_on_complete.store(&state.responses, reply));
    }
    // Whoever goes on from the answer, at any server, finds it.
    if !arrivals.all().await {
        headers.notices.push(Notice::new("store", NoticeKind::Changed, HERE_ALONE));
    }
    let rendered = D::render(&outputs, &shape, arrived.elapsed());
    response::turn(headers, &rendered).map(Answer::Whole)
}

fn log_plan<O>(plan: &TurnPlan<O>, dialect: &'static str) {
    tracing::debug!(
        dialect,
        session = ?plan.prepared.first().map(|prepared| prepared.session()),
        stream = plan.stream,
        notices = ?plan.notices,
        "turn"
    );
}

/// Returns the name under which an answer's reasoning is kept; what the backend could not read is kept no longer.
fn remembered(state: &SharedState, replay: ReplayNames, left_out: bool) -> StoreKey {
    if left_out {
        state.reasoning.forget(&replay.used);
    }
    replay.name
}

/// Words why there are no credentials. Whoever signs out takes what the model thought with them.
fn without_credentials(services: &TurnServices, error: Error) -> Failure {
    if matches!(error, Error::Credentials(CredentialError::SignedOut(_))) {
        services.state.reasoning.clear();
        services.state.answers.clear();
        services.state.client.close_idle_sockets();
    }
    failure::from_upstream(error)
}

/// Makes one call of each request, once there is a place for all of them.
///
/// # Errors
/// When no place becomes free in time.
async fn calls<O>(
    services: &TurnServices,
    plan: &mut TurnPlan<O>,
    caller: &Caller,
    live: &Arc<LiveTurn>,
) -> Result<impl Iterator<Item = Call>, Failure> {
    let prepared = std::mem::take(&mut plan.prepared);
    let requests: Vec<_> = requests(prepared, plan.choices).collect();
    let places = services.places.take(caller, requests.len()).await?;
    let audience = match caller.label() {
        Some(_) => Audience::KeyHolder,
        None => Audience::Anyone,
    };
    let claimant = plan.claimant.take();
    let live = Arc::clone(live);
    Ok(requests.into_iter().zip(places).map(move |(prepared, place)| {
        let claimant = claimant.clone();
        Call { prepared, place, audience, claimant, live: Arc::clone(&live) }
    }))
}

/// Returns one request for each choice of each prompt, in the order in which choices are numbered.
fn requests(prepared: Vec<Prepared>, choices: u32) -> impl Iterator<Item = Prepared> {
    let choices = usize::try_from(choices).unwrap_or(usize::MAX);
    prepared.into_iter().flat_map(move |prepared| std::iter::repeat_n(prepared, choices))
}

/// The ends of all choices of a whole reply.
struct End<E: Encoder> {
    outputs: Vec<E::Output>,
    /// The notices that only the ends gave.
    late: Vec<Notice>,
    arrivals: Arrivals,
}

/// The words of a notice about an answer that the engine did not take.
const HERE_ALONE: &str = "kept by this server alone: the shared engine did not take it yet";

/// Folds all choices to their ends.
async fn whole<E: Encoder>(
    services: &Arc<TurnServices>,
    mut choices: Vec<Choice<E>>,
    record: &mut TurnRecord,
) -> Result<End<E>, Failure> {
    let mut out = Out::default();
    std::future::poll_fn(|cx| {
        let mut turn = TurnContext { services, elapsed: LazyElapsed::since(record.arrived) };
        let outcome = choice::advance(&mut choices, cx, &mut turn, &mut out);
        // A whole reply is gathered, not written: whatever an encoder wrote all the same is dropped.
        out.frames.take();
        match outcome {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(failure) => Poll::Ready(Err(failure)),
        }
    })
    .await?;
    record.write(Outcome::Complete, choice::metrics(&choices));
    let late = choice::take_notices(&mut choices);
    let arrivals = choice::take_arrivals(&mut choices);
    Ok(End { outputs: choice::outputs(choices), late, arrivals })
}

fn media_type(framing: Framing) -> &'static str {
    match framing {
        Framing::Sse => "text/event-stream; charset=utf-8",
        Framing::Ndjson => "application/x-ndjson",
        // Each message is a body of its own.
        Framing::Message => "application/json",
    }
}
