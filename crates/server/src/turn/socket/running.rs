//! One answer of a socket, from its request to its last message.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use chatmock_translate::{Failure, OpenAi, Responses};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use http_body::Body;
use serde::Deserialize;

use super::{SocketClient, SocketServices, SocketTurn, TurnHandle, Waiting, events};
use crate::http::access_log::request_id;
use crate::http::notes::RequestNotes;
use crate::http::reason;
use crate::http::response::{HttpResponse, ResponseBody};
use crate::state::responses::{ConnectionMemory, Lane};
use crate::turn::{TurnRequest, TurnServices, turn};

/// The next thing from an answer.
pub(super) enum Step {
    Pending,
    /// A message, after which more comes.
    Message(Bytes),
    /// The last message.
    Last(Bytes),
    /// The last message has been given.
    Over,
}

/// An answer that runs.
pub(super) struct Running {
    pub(super) lane: Lane,
    stage: Stage,
    /// The answer that it continues.
    previous: Option<String>,
    handle: Arc<TurnHandle>,
    response_id: Option<String>,
}

enum Stage {
    /// Nothing has come.
    Opening(BoxFuture<'static, Result<HttpResponse, Failure>>),
    /// The first message comes next; the notices go with it.
    First(ResponseBody, Option<String>),
    /// Messages come.
    Streaming(ResponseBody),
}

/// The member of `response.created` that names the answer.
#[derive(Deserialize)]
struct Created {
    response: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

/// Begins to answer a request.
pub(super) fn open(services: &SocketServices, client: &SocketClient, waiting: Waiting) -> Running {
    let Waiting { lane, create, reservation, memory, arrived } = waiting;
    let handle = Arc::<TurnHandle>::default();
    let request_id = request_id();
    if let Some(log_body) = services.log_body {
        log_body(&request_id, &create.body);
    }
    let headers = client.headers.clone();
    let socket = SocketTurn {
        memory,
        lane: lane.clone(),
        warm_up: create.warm_up,
        handle: Arc::clone(&handle),
    };
    let (model, caller) = (client.model.clone(), client.caller.clone());
    let notes = Arc::new(client.notes.of_same_sender());
    let turns = Arc::clone(&services.turns);
    let opening = async move {
        let request = TurnRequest {
            uri: http::Uri::from_static("/v1/responses"),
            headers,
            connection: None,
            body: create.body,
            model,
            reservation: Some(reservation),
            arrived,
            request_id: request_id.clone(),
            caller: caller.clone(),
            notes: Arc::clone(&notes),
            panic_in_body: false,
            socket: Some(socket),
            fate: None,
        };
        let answer = AssertUnwindSafe(turn::<Responses>(&turns, request)).catch_unwind().await;
        let answer = answer.unwrap_or_else(|_| Err(turns.panics.caught()));
        if let Err(failure) = &answer {
            let request = (request_id.as_str(), caller.label(), &*notes);
            log(&turns, request, failure);
        }
        answer
    };
    let stage = Stage::Opening(opening.boxed());
    Running { lane, stage, previous: create.previous, handle, response_id: None }
}

/// Writes the line of a request that got no answer.
fn log(
    turns: &TurnServices,
    (request_id, caller, notes): (&str, Option<&str>, &RequestNotes),
    failure: &Failure,
) {
    use chatmock_translate::Family;
    let status = OpenAi::status(failure);
    let limited = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    if turns.log_limiter.admits(limited) {
        tracing::warn!(
            request_id,
            caller,
            client = notes.program(),
            user_agent = notes.user_agent(),
            address = notes.address(),
            forwarded_for = notes.forwarded_for(),
            dialect = "responses",
            model = notes.model(),
            transport = "websocket",
            status,
            code = failure.code.as_deref(),
            reason = reason::reason(failure),
            "request"
        );
    }
}

impl Running {
    /// The id of the answer, once it is known.
    pub(super) fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }

    /// Ends the answer where it is.
    pub(super) fn interrupt(&self) {
        self.handle.interrupt();
    }

    /// Returns whether nothing of it has come.
    pub(super) fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening(_))
    }

    /// The next message.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, memory: &ConnectionMemory) -> Step {
        if let Stage::Opening(opening) = &mut self.stage {
            let Poll::Ready(opened) = opening.poll_unpin(cx) else { return Step::Pending };
            match opened {
                Ok(reply) => {
                    let notices = reply.headers().get("x-chatmock-notices");
                    let notices = notices.and_then(|n| n.to_str().ok()).map(str::to_owned);
                    self.stage = Stage::First(reply.into_body(), notices);
                }
                Err(failure) => {
                    self.evict(memory);
                    return Step::Last(events::error(&failure, &self.lane));
                }
            }
        }
        let (Stage::First(body, _) | Stage::Streaming(body)) = &mut self.stage else {
            return Step::Over;
        };
        loop {
            let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
                return Step::Pending;
            };
            let Some(Ok(frame)) = frame else {
                if self.handle.has_failed() {
                    self.evict(memory);
                }
                return Step::Over;
            };
            if let Ok(message) = frame.into_data() {
                return Step::Message(self.message(message));
            }
        }
    }

    /// A message as it leaves.
    fn message(&mut self, message: Bytes) -> Bytes {
        let Stage::First(body, notices) = &mut self.stage else {
            return events::tagged(message, &self.lane, None);
        };
        let empty = ResponseBody::Left(http_body_util::Full::default());
        let (body, notices) = (std::mem::replace(body, empty), notices.take());
        self.stage = Stage::Streaming(body);
        let created: Option<Created> = serde_json::from_slice(&message).ok();
        self.response_id = created.and_then(|created| created.response?.id);
        events::tagged(message, &self.lane, notices.as_deref())
    }

    /// A continuation that failed leaves nothing to be continued.
    fn evict(&self, memory: &ConnectionMemory) {
        if let Some(previous) = &self.previous {
            memory.evict(&self.lane, previous);
        }
    }
}
