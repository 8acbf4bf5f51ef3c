//! A turn over a socket, where that is possible and of use.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chatmock_protocol::json::members;
use reqwest::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, VIA};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::turn::{Opened, TURN_STATE};
use super::{Client, request};
use crate::adjustment::Adjustment;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::events::Events;
use crate::prepare::Prepared;
use crate::recording;
use crate::request_headers::turn_headers;
use crate::route::HeaderSet;
use crate::session::SessionId;
use crate::socket::{
    self, Begun, Chain, Finish, FrameState, Handshake, Key, Login, Place, SentRequest, Socket,
    SocketAnswer, SocketPool, Taken, Way, accepted_key, handshake_headers,
};
use crate::{rate_limits, response, retry_after};

/// A socket for a request.
struct Ready {
    socket: Socket,
    opened: Instant,
    place: Place,
    login: Login,
    /// The conversation so far, on a socket that had it.
    chain: Option<Chain>,
    /// True if it was idle: the backend may have closed it in the meantime.
    was_idle: bool,
    /// The headers of the handshake, of a new one.
    headers: HeaderMap,
}

/// The time that a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// What came of a request that might have gone over a socket.
pub(super) enum OverSocket {
    Opened(Box<Opened>),
    /// It is to be sent as a POST; the next one of its conversation may have a socket.
    Post(Option<Box<NextSocket>>),
}

/// What is needed to open a socket for the next turn of a conversation.
#[derive(Debug)]
pub struct NextSocket {
    key: Key,
    login: Login,
    credentials: Arc<Credentials>,
    session: SessionId,
    holder: Option<String>,
    received_via: Option<String>,
}

impl Client {
    /// Sends a request over a socket, unless a socket is of no use, or nothing came of it before the first event.
    ///
    /// # Errors
    /// The backend's refusal of the request, and those of an answer that does not begin.
    pub(super) async fn over_socket(
        &self,
        prepared: &Prepared,
        credentials: &Arc<Credentials>,
    ) -> Result<OverSocket, Error> {
        let post = Ok(OverSocket::Post(None));
        let Some(pool) = self.sockets.as_ref().filter(|_| self.route.profile().sockets) else {
            return post;
        };
        let body = prepared.body();
        let Ok(text) = std::str::from_utf8(body) else { return post };
        let (key, login) = (key(prepared, credentials, text), login(credentials));
        pool.close_superseded(&login);
        if !socket::fits(body) {
            return post;
        }
        match pool.way(&key) {
            Way::Post => return post,
            Way::SocketNext => {
                let next = NextSocket {
                    key,
                    login,
                    credentials: Arc::clone(credentials),
                    session: prepared.session().clone(),
                    holder: prepared.holder().map(str::to_owned),
                    received_via: prepared.received_via().map(str::to_owned),
                };
                return Ok(OverSocket::Post(Some(Box::new(next))));
            }
            Way::Socket => {}
        }
        let ready = self.socket(pool, &key, (prepared, credentials)).await;
        let Some(ready) = ready else { return post };
        let opened = self.ask(ready, key, (prepared, credentials)).await?;
        Ok(opened.map_or(OverSocket::Post(None), |opened| OverSocket::Opened(Box::new(opened))))
    }

    /// Sends a request on a socket; `None` where nothing came of it.
    async fn ask(
        &self,
        ready: Ready,
        key: Key,
        (prepared, credentials): (&Prepared, &Arc<Credentials>),
    ) -> Result<Option<Opened>, Error> {
        let Some(pool) = &self.sockets else { return Ok(None) };
        let Ready { mut socket, opened, place, login, chain, was_idle, headers } = ready;
        let (body, session) = (prepared.body(), prepared.session());
        let Ok(text) = std::str::from_utf8(body) else { return Ok(None) };
        let text = &*socket::with_state(text, self.turn_states.find(session, body).as_ref());
        let next = chain.as_ref().and_then(|chain| chain.continued(text));
        let is_delta = next.is_some();
        let frame = next.unwrap_or_else(|| socket::message(text));
        let sent = frame.len();
        let first = match socket::begin(&mut socket, frame, self.limits.header).await? {
            Begun::Events(first) => first,
            // A new connection that took the request and broke may have begun to answer it: sent once more, it could be
            // paid for twice. One that was idle has most likely been closed in the meantime.
            Begun::Closed if !was_idle => return Err(Error::SocketClosed),
            Begun::Closed | Begun::Nothing => {
                tracing::info!(
                    was_idle,
                    "nothing came over a socket, sending the request over HTTP"
                );
                return Ok(None);
            }
        };
        tracing::debug!(was_idle, is_delta, bytes = sent, "a turn over a socket");
        self.source.accepted(credentials);
        let (pool, sent) = (Arc::clone(pool), SentRequest::of(text));
        let finish = Finish { pool, key, login, sent, opened, place };
        let (states, session) = (self.turn_states.clone(), session.clone());
        let state = FrameState { states, session, body: body.clone() };
        let body = SocketAnswer::new(socket, first, finish, state);
        let tape = self.tape(prepared, credentials).map(|tape| tape.answered(200, &headers));
        Ok(Some(self.opened(&headers, prepared, recording::body(tape, &self.limits, body))))
    }

    /// Gives a socket for a request: the idle one of its conversation, or a new one; `None` where there is none.
    async fn socket(
        &self,
        pool: &Arc<SocketPool>,
        key: &Key,
        (prepared, credentials): (&Prepared, &Credentials),
    ) -> Option<Ready> {
        if let Some(Taken { socket, headers, chain, login, opened, place }) = pool.take(key).await {
            let was_idle = true;
            return Some(Ready { socket, opened, place, login, chain, was_idle, headers });
        }
        // One that was opened ahead may have failed in the meantime.
        if !pool.may_open() {
            return None;
        }
        let place = pool.place(prepared.holder())?;
        let made = self.handshake(prepared.session(), prepared.received_via(), credentials).await;
        pool.note(made.as_ref().map(|_| ()).map_err(|outcome| *outcome));
        let (socket, headers) = made.ok()?;
        if let Some(state) = headers.get(TURN_STATE) {
            self.turn_states.keep(prepared.session(), prepared.body(), state);
        }
        let (opened, login) = (Instant::now(), login(credentials));
        Some(Ready { socket, opened, place, login, chain: None, was_idle: false, headers })
    }

    /// Opens a socket for the next turn of a conversation, which is known to come: this one calls a tool. Only the
    /// connection is made; nothing is asked on it.
    pub fn open_ahead(&self, next: NextSocket) {
        let NextSocket { key, login, credentials, session, holder, received_via } = next;
        let Some(pool) = self.sockets.as_ref().filter(|pool| pool.may_open()) else { return };
        let client = self.clone();
        let made =
            async move { client.handshake(&session, received_via.as_deref(), &credentials).await };
        pool.open_ahead((key, login), holder.as_deref(), made);
    }

    /// Closes the sockets on which nothing is asked, as those of an account that was signed out.
    pub fn close_idle_sockets(&self) {
        if let Some(pool) = &self.sockets {
            pool.close_idle();
        }
    }

    /// Opens a socket.
    async fn handshake(
        &self,
        session: &SessionId,
        received_via: Option<&str>,
        credentials: &Credentials,
    ) -> Result<(Socket, HeaderMap), Handshake> {
        let mut headers = turn_headers(&self.route, &self.caller, credentials, session);
        let is_codex = self.route.profile().headers == HeaderSet::Codex;
        let key = handshake_headers(&mut headers, is_codex);
        let custom = self.route.has_custom_base();
        if let Some(via) = custom.then(|| self.via.header(received_via)).flatten() {
            headers.insert(VIA, via);
        }
        let address = self.endpoints.responses.clone();
        let address = self.residency.direct(credentials, address, &mut headers);
        let client = self.connections.upgrading().map_err(|_| Handshake::Failed)?;
        let call = client.execute(request(Method::GET, address, headers));
        let Ok(Ok(answer)) = tokio::time::timeout(HANDSHAKE, call).await else {
            return Err(Handshake::Failed);
        };
        let proof = answer.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        match answer.status() {
            StatusCode::SWITCHING_PROTOCOLS if proof == Some(accepted_key(&key).as_bytes()) => {}
            StatusCode::UPGRADE_REQUIRED | StatusCode::METHOD_NOT_ALLOWED => {
                return Err(Handshake::Never);
            }
            status => {
                tracing::info!(status = status.as_u16(), "the backend opened no socket");
                return Err(Handshake::Failed);
            }
        }
        let headers = answer.headers().clone();
        let upgraded = answer.upgrade().await.map_err(|_| Handshake::Failed)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(8 * 1024)
            .write_buffer_size(16 * 1024)
            .max_message_size(Some(self.limits.frame))
            .max_frame_size(Some(self.limits.frame));
        Ok((socket::opened(upgraded, config).await, headers))
    }

    fn opened(&self, headers: &HeaderMap, prepared: &Prepared, events: Events) -> Opened {
        let served = response::text(headers, "openai-model");
        Opened {
            limits: rate_limits::read_headers(headers, retry_after::unix(SystemTime::now())),
            limit_headers: rate_limits::forwarded(headers),
            models_etag: response::text(headers, "x-models-etag").map(str::to_owned),
            adjustments: Adjustment::of_model(prepared.model(), served).into_iter().collect(),
            request_id: response::request_id(headers),
            retries: 0,
            next_socket: None,
            events: events.without_namespace(prepared.namespace().cloned()),
        }
    }
}

/// Whose socket a request may use: sub-agents of one conversation differ in instructions and tools, and would else end
/// each other's chains.
fn key(prepared: &Prepared, credentials: &Credentials, body: &str) -> Key {
    let member = |wanted: &str| {
        members(body).find(|(name, _)| *name == wanted).map_or("", |(_, value)| value)
    };
    let account = credentials.account_id().unwrap_or_default();
    let session = prepared.session().as_str();
    let shape = ["model", "instructions", "tools"].map(member);
    let holder = prepared.holder().unwrap_or_default();
    Key::of(&[credentials.token(), account, holder, session, shape[0], shape[1], shape[2]])
}

/// Whose sign-in a socket is opened with.
fn login(credentials: &Credentials) -> Login {
    Login::of(credentials.account_id().unwrap_or_default(), credentials.token())
}
