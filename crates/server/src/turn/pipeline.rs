//! The one pipeline: every turn of every dialect is served here.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_translate::{Dialect, Encoder, Failure, Finish, Framing, Notice, Out, Shape, settle};
use chatmock_upstream::{Credentials, Prepared};
use http::HeaderMap;
use http::request::Parts;
use tokio::time::Instant;

use crate::app::App;
use crate::clock::LazyElapsed;
use crate::failure;
use crate::fault_injection;
use crate::http::access_log::{Outcome, TurnRecord};
use crate::http::memory_budget::Reservation;
use crate::http::response::{self, HttpResponse, ReplyHeaders, unix_now};
use crate::state::responses::Owner;
use crate::tasks;
use crate::turn::attempt::{self, EventSource};
use crate::turn::body::TurnBody;
use crate::turn::choice::{self, Choice};
use crate::turn::store_on_complete::StoreOnComplete;

/// Headers in which clients name their conversation, the first that is there wins.
const SESSION_HEADERS: [&str; 3] = ["session-id", "session_id", "x-session-id"];

/// The member that continues a kept response.
const PREVIOUS: &str = "previous_response_id";

/// What takes as long to read and write as many streams' events, in bytes.
const LARGE: usize = 1024 * 1024;

/// A request for a turn.
pub(crate) struct TurnRequest<'c> {
    /// Emptied as soon as the turn is planned.
    pub(crate) head: &'c mut Parts,
    pub(crate) body: Bytes,
    /// What the body, and then the request made of it, holds of the budget.
    pub(crate) reservation: Option<Reservation>,
    pub(crate) arrived: Instant,
    pub(crate) request_id: String,
    /// Who asks, where keys are set.
    pub(crate) caller: Option<String>,
}

/// What a turn will do, owned: nothing of the body is borrowed any more.
struct TurnPlan {
    /// One request for each prompt; none where nothing is asked of the backend.
    prepared: Vec<Prepared>,
    /// How the reply ends where nothing is asked of the backend.
    at_once: Option<Finish>,
    shape: Arc<Shape>,
    stream: bool,
    choices: u32,
    notices: Vec<Notice>,
    store_on_complete: Option<StoreOnComplete>,
}

/// Serves a turn of dialect `D`.
///
/// # Errors
/// A failure that came before the reply was begun, to be worded with its status.
pub(crate) async fn turn<D: Dialect>(
    app: &Arc<App>,
    mut request: TurnRequest<'_>,
) -> Result<HttpResponse, Failure> {
    if app.client.is_loop(&request.head.headers) {
        return Err(failure::via_loop());
    }
    let credentials = app.client.credentials().await.map_err(failure::from_upstream)?;
    app.models.ready().await;
    let plan = plan_request::<D>(app, &mut request, &credentials).await?;
    let fault = fault_injection::body(&request.head.headers);
    // Both hold whole buffers, for nothing while the answer is waited for.
    (request.head.headers, request.head.uri) = Default::default();
    drop(request.body);
    tracing::debug!(
        dialect = D::NAME,
        session = ?plan.prepared.first().map(|prepared| prepared.session()),
        stream = plan.stream,
        notices = ?plan.notices,
        "turn"
    );
    let requests = requests(plan.prepared, plan.choices);
    let mut sources = match plan.at_once {
        Some(finish) => vec![EventSource::AtOnce(finish)],
        None => requests.map(|prepared| EventSource::open(app, prepared, &credentials)).collect(),
    };
    attempt::wait_until_open(&mut sources, plan.stream.then_some(app.http.hold)).await?;
    let meta = sources.iter_mut().find_map(EventSource::take_meta).unwrap_or_default();
    let mut notices = plan.notices;
    notices.extend(meta.notices);
    let head = ReplyHeaders { notices, forwarded: meta.forwarded };
    let record = TurnRecord {
        request_id: request.request_id,
        dialect: D::NAME,
        model: plan.shape.model.clone(),
        caller: request.caller,
        stream: plan.stream,
        arrived: request.arrived,
    };
    let sources = (0..).zip(sources);
    if plan.stream {
        let encoder = |(choice, source)| Choice::new(source, D::encoder(&plan.shape, choice));
        let choices = sources.map(encoder).collect();
        let body = TurnBody::<D>::new(
            app,
            choices,
            (Arc::clone(&plan.shape), plan.store_on_complete),
            record,
        );
        let body = body.with_fault(fault);
        return Ok(response::stream(head, media_type(D::FRAMING), body));
    }
    let encoder = |(choice, source)| Choice::new(source, D::whole(&plan.shape, choice));
    let outputs = whole(app, sources.map(encoder).collect(), &record).await?;
    if let Some(store_on_complete) = plan.store_on_complete {
        store_on_complete.store::<D::Whole>(app, &outputs);
    }
    let response = D::render(&outputs, &plan.shape, request.arrived.elapsed());
    response::turn(head, &response)
}

/// One request for each choice of each prompt, in the order in which choices are numbered.
fn requests(prepared: Vec<Prepared>, choices: u32) -> impl Iterator<Item = Prepared> {
    let choices = usize::try_from(choices).unwrap_or(usize::MAX);
    prepared.into_iter().flat_map(move |prepared| std::iter::repeat_n(prepared, choices))
}

/// Makes the plan, of a large request beside the other connections.
async fn plan_request<D: Dialect>(
    app: &Arc<App>,
    request: &mut TurnRequest<'_>,
    credentials: &Arc<Credentials>,
) -> Result<TurnPlan, Failure> {
    let (headers, body, caller) = (&request.head.headers, &request.body, &request.caller);
    if body.len() <= LARGE {
        return plan::<D>(app, (headers, body, caller.as_deref()), credentials);
    }
    let (app, credentials) = (Arc::clone(app), Arc::clone(credentials));
    let (headers, body, caller) = (headers.clone(), body.clone(), caller.clone());
    // It lasts as long as the work, also when nobody waits for it any more.
    let reservation = request.reservation.take();
    let work = move || {
        let plan = plan::<D>(&app, (&headers, &body, caller.as_deref()), &credentials)?;
        Ok((plan, reservation))
    };
    let (plan, reservation) = tasks::compute(work).await?;
    request.reservation = reservation;
    Ok(plan)
}

/// Reads, drafts, settles and prepares: one synchronous step, no call to anyone.
fn plan<D: Dialect>(
    app: &App,
    (headers, body, caller): (&HeaderMap, &[u8], Option<&str>),
    credentials: &Credentials,
) -> Result<TurnPlan, Failure> {
    let mut draft = D::draft(D::read(body)?)?;
    let owner = Owner::of(credentials, caller);
    if app.policy.backend.takes(PREVIOUS) {
        if let Some(id) = draft.previous.take() {
            draft.request.set(PREVIOUS, &id)?;
        }
    } else if let Some(id) = draft.previous.take() {
        let kept = app.store.previous(&owner, &id, unix_now())?;
        let input = draft.request.get("input").map(|input| kept.followed_by(input)).transpose()?;
        draft.request.put("input", Cow::Owned(input.unwrap_or_else(|| RawValue::NULL.to_owned())));
    }
    let catalog = app.models.current();
    let turn = settle(draft, catalog.catalog(), &app.policy, unix_now())?;
    let input = turn.request.get("input").filter(|_| turn.shape.keep);
    let input = input.map(|input| Bytes::copy_from_slice(input.get().as_bytes()));
    let store_on_complete = input.map(|input| StoreOnComplete::new(owner, input));
    let session = session(headers);
    let prepare = |request| {
        let prepared = app.client.prepare(request, credentials, session.as_deref());
        prepared.map(|prepared| prepared.with_via(headers)).map_err(failure::from_upstream)
    };
    let mut prepared = Vec::new();
    for input in turn.more_inputs {
        let mut request = turn.request.clone();
        request.put("input", Cow::Owned(input));
        prepared.push(prepare(request)?);
    }
    if turn.at_once.is_none() {
        prepared.insert(0, prepare(turn.request)?);
    }
    let mut notices = turn.notices;
    for name in prepared.first().map(Prepared::removed).unwrap_or_default() {
        notices.push(Notice::ignored(name.clone(), "the backend takes no such thing"));
    }
    app.policy.accept(&notices)?;
    let (shape, stream, choices) = (turn.shape, turn.stream, turn.choices);
    Ok(TurnPlan {
        prepared,
        at_once: turn.at_once,
        shape,
        stream,
        choices,
        notices,
        store_on_complete,
    })
}

/// The name that the client gave its conversation; bytes that are no text are replaced, so that
/// they name one conversation too.
fn session(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let named = SESSION_HEADERS.iter().filter_map(|name| headers.get(*name));
    let mut named = named.map(|value| String::from_utf8_lossy(value.as_bytes()));
    named.find(|name| !name.is_empty())
}

/// Folds all choices to their outputs.
async fn whole<E: Encoder>(
    app: &Arc<App>,
    mut choices: Vec<Choice<E>>,
    record: &TurnRecord,
) -> Result<Vec<E::Output>, Failure> {
    let mut out = Out::default();
    std::future::poll_fn(|cx| {
        let mut elapsed = LazyElapsed::since(record.arrived);
        let outcome = choice::advance(&mut choices, cx, (app, &mut elapsed), &mut out);
        // A whole reply is gathered, not written: what an encoder wrote all the same is dropped.
        out.frames.take();
        match outcome {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(failure) => Poll::Ready(Err(failure)),
        }
    })
    .await?;
    record.write(Outcome::Complete, choice::metrics(&choices));
    Ok(choice::outputs(choices))
}

fn media_type(framing: Framing) -> &'static str {
    match framing {
        Framing::Sse => "text/event-stream; charset=utf-8",
        Framing::Ndjson => "application/x-ndjson",
        // Each message is a body of its own.
        Framing::Message => "application/json",
    }
}
