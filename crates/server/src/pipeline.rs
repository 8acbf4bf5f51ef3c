//! The one pipeline: every turn of every dialect is served here.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::Response;
use chatmock_translate::dialect::{Finish, Output, Shape};
use chatmock_translate::{Dialect, Encoder, Failure, Frames, Framing, Notice, settle};
use chatmock_upstream::{Credentials, Prepared};
use futures::future::try_join_all;
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::time::Instant;

use crate::app::App;
use crate::branch::{Branch, Opening, Progress};
use crate::failure;
use crate::reply::{self, Head, Reply, unix_now};
use crate::store::{Kept, Owner};

/// Headers in which clients name their conversation, the first that is there wins.
const SESSION_HEADERS: [&str; 3] = ["session-id", "session_id", "x-session-id"];

/// A request for a turn.
pub(crate) struct Call<'c> {
    pub(crate) headers: &'c HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) arrived: Instant,
}

/// What a turn will do, owned: nothing of the body is borrowed any more.
struct Plan {
    /// One request for each prompt; none where nothing is asked of the backend.
    prepared: Vec<Prepared>,
    /// How the reply ends where nothing is asked of the backend.
    at_once: Option<Finish>,
    shape: Arc<Shape>,
    stream: bool,
    choices: u32,
    notices: Vec<Notice>,
    ticket: Option<Ticket>,
}

/// What it takes to keep the final response of a turn.
struct Ticket {
    owner: Owner,
    /// The conversation as it goes upstream.
    input: Bytes,
}

impl Ticket {
    /// Keeps the final response, if there is one.
    fn keep<E: Encoder>(self, app: &App, outputs: &[E::Output]) {
        let Some(response) = outputs.first().and_then(E::kept) else { return };
        let read = Response::read(response).ok();
        let Some(id) = read.and_then(|read| read.id) else { return };
        let response = Bytes::copy_from_slice(response.get().as_bytes());
        let now = unix_now();
        let kept = Kept { created_at: now, input: self.input, response };
        app.store.keep((&self.owner, &id), kept, now);
    }
}

/// Serves a turn of dialect `D`.
///
/// # Errors
/// A failure that came before the reply was begun, to be worded with its status.
pub(crate) async fn turn<D: Dialect>(app: &Arc<App>, call: Call<'_>) -> Result<Reply, Failure> {
    let credentials = app.client.credentials().await.map_err(failure::of_upstream)?;
    app.models.ready().await;
    let plan = plan::<D>(app, &call, &credentials)?;
    tracing::debug!(
        dialect = D::NAME,
        session = ?plan.prepared.first().map(|prepared| prepared.session()),
        stream = plan.stream,
        notices = ?plan.notices,
        "turn"
    );
    let (forwarded, openings) = open_all(app, &plan, &credentials).await?;
    let head = Head { notices: plan.notices, forwarded };
    if plan.stream {
        let branches = (0..)
            .zip(openings)
            .map(|(choice, opening)| opening.branch(D::encoder(&plan.shape, choice)));
        let body = TurnBody::<D> {
            branches: branches.collect(),
            shape: plan.shape,
            app: Arc::clone(app),
            arrived: call.arrived,
            frames: Frames::default(),
            ticket: plan.ticket,
            over: false,
        };
        return Ok(reply::stream(head, media_type(D::FRAMING), body));
    }
    let branches =
        (0..).zip(openings).map(|(choice, opening)| opening.branch(D::whole(&plan.shape, choice)));
    let outputs = whole(app, branches.collect(), call.arrived).await?;
    if let Some(ticket) = plan.ticket {
        ticket.keep::<D::Whole>(app, &outputs);
    }
    let response = D::render(&outputs, &plan.shape, call.arrived.elapsed());
    reply::json(head, &response)
}

/// Reads, drafts, settles and prepares: one synchronous step, no call to anyone.
fn plan<D: Dialect>(
    app: &App,
    call: &Call<'_>,
    credentials: &Credentials,
) -> Result<Plan, Failure> {
    let mut draft = D::draft(D::read(&call.body)?)?;
    let owner = Owner::of(credentials, None);
    if let Some(id) = draft.previous.take() {
        let kept = app.store.previous(&owner, &id, unix_now())?;
        let input = draft.request.get("input").map(|input| kept.followed_by(input)).transpose()?;
        draft.request.put("input", Cow::Owned(input.unwrap_or_else(|| RawValue::NULL.to_owned())));
    }
    let catalog = app.models.current();
    let turn = settle(draft, catalog.catalog(), &app.policy, unix_now())?;
    let input = turn.request.get("input").filter(|_| turn.shape.keep);
    let input = input.map(|input| Bytes::copy_from_slice(input.get().as_bytes()));
    let ticket = input.map(|input| Ticket { owner, input });
    let session = session(call.headers);
    let prepare = |request| {
        let prepared = app.client.prepare(request, credentials, session.as_deref());
        prepared.map_err(failure::of_upstream)
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
        notices.push(Notice::ignored(*name, "the backend takes no such member"));
    }
    app.policy.accept(&notices)?;
    let (shape, stream, choices) = (turn.shape, turn.stream, turn.choices);
    Ok(Plan { prepared, at_once: turn.at_once, shape, stream, choices, notices, ticket })
}

/// The name that the client gave its conversation; bytes that are no text are replaced, so that
/// they name one conversation too.
fn session(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let named = SESSION_HEADERS.iter().filter_map(|name| headers.get(*name));
    let mut named = named.map(|value| String::from_utf8_lossy(value.as_bytes()));
    named.find(|name| !name.is_empty())
}

type Forwarded = Vec<(http::HeaderName, http::HeaderValue)>;

/// Opens every choice of every prompt at once, in the order in which they are numbered.
async fn open_all(
    app: &Arc<App>,
    plan: &Plan,
    credentials: &Arc<Credentials>,
) -> Result<(Forwarded, Vec<Opening>), Failure> {
    if let Some(finish) = plan.at_once {
        return Ok((Vec::new(), vec![Opening::at_once(finish)]));
    }
    let asked = plan.prepared.iter().flat_map(|prepared| (0..plan.choices).map(move |_| prepared));
    let opened = try_join_all(asked.map(|prepared| open(app, prepared, credentials))).await?;
    let (mut forwarded, openings): (Vec<Forwarded>, Vec<Opening>) = opened.into_iter().unzip();
    Ok((forwarded.pop().unwrap_or_default(), openings))
}

/// Sends the request and waits for the first output.
async fn open(
    app: &Arc<App>,
    prepared: &Prepared,
    credentials: &Arc<Credentials>,
) -> Result<(Forwarded, Opening), Failure> {
    let opened = match app.client.send(prepared, credentials).await {
        Ok(opened) => opened,
        Err(error) => {
            if let Some(limits) = failure::limits(&error) {
                app.limits.keep(limits.clone(), unix_now());
            }
            return Err(failure::of_upstream(error));
        }
    };
    if let Some(limits) = opened.limits {
        app.limits.keep(limits, unix_now());
    }
    app.models.seen(opened.models_etag.as_deref());
    Ok((opened.forwarded, Opening::hold(opened.events).await?))
}

/// Folds all branches to their outputs.
async fn whole<E: Encoder>(
    app: &Arc<App>,
    mut branches: Vec<Branch<E>>,
    arrived: Instant,
) -> Result<Vec<E::Output>, Failure> {
    let mut frames = Frames::default();
    std::future::poll_fn(|cx| {
        let outcome = advance(&mut branches, cx, (app, arrived.elapsed()), &mut frames);
        // A whole reply is gathered, not written: what an encoder wrote all the same is dropped.
        frames.take();
        match outcome {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(failure) => Poll::Ready(Err(failure)),
        }
    })
    .await?;
    Ok(branches.into_iter().filter_map(Branch::into_output).collect())
}

/// Advances every branch; tells whether all have ended. One failed branch fails the turn.
fn advance<E: Encoder>(
    branches: &mut [Branch<E>],
    cx: &mut Context<'_>,
    (app, at): (&Arc<App>, Duration),
    frames: &mut Frames,
) -> Result<bool, Failure> {
    let mut ended = true;
    for branch in branches {
        match branch.advance(cx, (app, at), frames)? {
            Progress::Ended => {}
            Progress::Open => ended = false,
            Progress::Full => {
                ended = false;
                cx.waker().wake_by_ref();
            }
        }
    }
    Ok(ended)
}

/// A streamed reply: the client's reads pull the backend's events through the encoders.
///
/// There is no task and no channel; a client that leaves drops the body and with it the calls.
struct TurnBody<D: Dialect> {
    branches: Vec<Branch<D::Encoder>>,
    shape: Arc<Shape>,
    app: Arc<App>,
    arrived: Instant,
    frames: Frames,
    ticket: Option<Ticket>,
    over: bool,
}

impl<D: Dialect> TurnBody<D> {
    /// Writes what there is; ready once the reply is over.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.arrived.elapsed();
        match advance(&mut self.branches, cx, (&self.app, at), &mut self.frames) {
            Ok(false) => return Poll::Pending,
            Ok(true) => {
                let branches = std::mem::take(&mut self.branches);
                let outputs: Vec<Output<D>> =
                    branches.into_iter().filter_map(Branch::into_output).collect();
                if let Some(ticket) = self.ticket.take() {
                    ticket.keep::<D::Encoder>(&self.app, &outputs);
                }
                D::tail(Ok(&outputs), &self.shape, &mut self.frames);
            }
            Err(failure) => {
                let (code, words) = (&failure.code, failure::loggable(&failure));
                tracing::warn!(dialect = D::NAME, ?code, ?words, "the answer broke off");
                self.branches.clear();
                D::tail(Err(&failure), &self.shape, &mut self.frames);
            }
        }
        self.over = true;
        Poll::Ready(())
    }
}

impl<D: Dialect> Body for TurnBody<D> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let filled = this.fill(cx);
        match this.frames.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => {
                ready!(filled);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.frames.is_empty()
    }
}

fn media_type(framing: Framing) -> &'static str {
    match framing {
        Framing::Sse => "text/event-stream; charset=utf-8",
        Framing::Ndjson => "application/x-ndjson",
    }
}
