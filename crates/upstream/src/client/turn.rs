//! `POST /responses`: one turn, sent and answered as a stream.

use std::sync::Arc;
use std::time::SystemTime;

use chatmock_protocol::codex::limits::Snapshot;
use chatmock_protocol::responses;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VIA};
use reqwest::{Method, Request, Response};

use super::socket::{NextSocket, OverSocket};
use super::{Client, Retries, request};
use crate::adjustment::Adjustment;
use crate::config::Limits;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::events::Events;
use crate::outgoing::Outgoing;
use crate::prepare::{Prepared, prepare};
use crate::recording::{self, Tape};
use crate::request_headers::turn_headers;
use crate::session::SessionId;
use crate::{rate_limits, response, retry_after, turn_state};

/// The header of a turn's state.
pub(super) const TURN_STATE: HeaderName = HeaderName::from_static(turn_state::HEADER);

impl Client {
    /// Brings a request into the form that the backend accepts: adds members that it requires,
    /// removes those that it would refuse ([`Prepared::removed`]) and leaves everything else byte
    /// for byte as it came. A large one is compressed where that is configured, which takes time in
    /// proportion to its length.
    ///
    /// `session` is the name of the conversation from a header of the client. A
    /// `prompt_cache_key` in the request takes precedence over it.
    ///
    /// # Errors
    /// [`Error::Request`] when the request cannot be brought into that form.
    pub fn prepare(
        &self,
        request: responses::Request<'_>,
        credentials: &Credentials,
        session: Option<&str>,
    ) -> Result<Prepared, Error> {
        let (session, origin) = SessionId::of(&request, credentials.account_id(), session);
        let prepared = prepare(request, &session, &self.route)?.with_origin(origin);
        Ok(prepared.compressed(self.compress_above))
    }

    /// Sends a request and returns the running answer.
    ///
    /// Status 401 renews the credentials and sends once more. A connection that was never made and
    /// a 5xx answer are tried again, as [`RetryPolicy`](crate::RetryPolicy) says; a request that
    /// the backend may have worked on is not.
    ///
    /// Reasoning of earlier turns is encrypted for the account that produced it. Where the backend
    /// answers `invalid_encrypted_content`, the request is sent once more without that reasoning:
    /// the model loses some context, but the alternative is a conversation that can never continue
    /// after a change of account. The answer carries [`Adjustment::ReasoningLeftOut`].
    ///
    /// # Errors
    /// Any [`Error`] except those of a running stream.
    pub async fn send(
        &self,
        prepared: &Prepared,
        credentials: &Arc<Credentials>,
    ) -> Result<Opened, Error> {
        let refused = match self.post(prepared, credentials).await {
            Err(Error::Refused(refused)) => refused,
            other => return other,
        };
        let unreadable = refused.error.code.as_deref() == Some("invalid_encrypted_content");
        let Some(rest) = unreadable.then(|| prepared.without_reasoning()).flatten() else {
            return Err(Error::Refused(refused));
        };
        tracing::info!("the backend cannot read the reasoning of earlier turns, leaving it out");
        let rest = rest.compressed(self.compress_above);
        let mut opened = self.post(&rest, credentials).await?;
        opened.adjustments.push(Adjustment::ReasoningLeftOut);
        Ok(opened)
    }

    async fn post(
        &self,
        prepared: &Prepared,
        credentials: &Arc<Credentials>,
    ) -> Result<Opened, Error> {
        let next_socket = match self.over_socket(prepared, credentials).await? {
            OverSocket::Opened(opened) => return Ok(*opened),
            OverSocket::Post(next) => next,
        };
        let tape = self.tape(prepared, credentials);
        let call = self.turn_call(prepared);
        let response = match self.exchange(credentials, self.limits.header, call).await {
            Ok(response) => response,
            Err(error) => return Err(Tape::refused(tape, error)),
        };
        if !is_event_stream(response.headers()) {
            return Err(response::in_place_of_stream(response).await);
        }
        if let Some(state) = response.headers().get(TURN_STATE) {
            self.turn_states.keep(prepared.session(), prepared.body(), state);
        }
        let opened = Opened::new(response, &self.limits, prepared, tape);
        Ok(Opened { next_socket, ..opened })
    }

    /// Begins to record a call, where calls are recorded.
    pub(super) fn tape(&self, prepared: &Prepared, credentials: &Arc<Credentials>) -> Option<Tape> {
        let recorder = Arc::clone(self.recorder.as_ref()?);
        let request = self.outgoing(prepared, credentials);
        Some(Tape::new(recorder, request, prepared.session().clone(), Arc::clone(credentials)))
    }

    /// The POST of a request, as a function of the credentials that it is sent with.
    fn turn_call(&self, prepared: &Prepared) -> impl Fn(&Credentials) -> Request {
        let (body, coding) = prepared.encoded();
        let state = self.turn_states.find(prepared.session(), prepared.body());
        // The usual backend never calls this program, so it need not see the hops of a request.
        let custom_base = self.route.has_custom_base();
        let via = custom_base.then(|| self.via.header(prepared.received_via())).flatten();
        move |credentials: &Credentials| {
            let session = prepared.session();
            let mut headers = turn_headers(&self.route, &self.caller, credentials, session);
            let address = self.endpoints.responses.clone();
            let address = self.residency.direct(credentials, address, &mut headers);
            let more = [(VIA, &via), (CONTENT_ENCODING, &coding), (TURN_STATE, &state)];
            let more = more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
            headers.extend(more);
            let mut request = request(Method::POST, address, headers);
            *request.body_mut() = Some(body.clone().into());
            request
        }
    }

    /// Returns a request as it would be sent now, with its secrets masked. Nothing is sent.
    #[must_use]
    pub fn outgoing(&self, prepared: &Prepared, credentials: &Credentials) -> Outgoing {
        let request = self.turn_call(prepared)(credentials);
        let has_socket = self.sockets.is_some() && self.route.profile().sockets;
        Outgoing::of(&request, prepared.body().clone(), has_socket)
    }
}

/// Returns whether an answer is an event stream. One without a content type is accepted: some servers send
/// none, and the first frame shows soon enough whether it is one.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
    value.split(';').next().unwrap_or_default().trim() == "text/event-stream"
}

/// A running answer with what its head reported.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The account's limits, if the head reported any.
    pub limits: Option<Snapshot>,
    /// The headers about limits as received, for a client that wants to see them.
    pub limit_headers: Vec<(HeaderName, HeaderValue)>,
    /// The version of the model list; where it differs from [`ModelList::etag`](crate::ModelList),
    /// the list has changed.
    pub models_etag: Option<String>,
    /// The ways in which the answer differs from the request.
    pub adjustments: Vec<Adjustment>,
    /// The backend's id of the call.
    pub request_id: Option<String>,
    /// The number of calls that failed before the one that is answered.
    pub retries: u32,
    /// What [`Client::open_ahead`] needs, where the next turn of the conversation may go over a socket.
    pub next_socket: Option<Box<NextSocket>>,
    /// The events, as they arrive.
    pub events: Events,
}

impl Opened {
    fn new(response: Response, limits: &Limits, prepared: &Prepared, tape: Option<Tape>) -> Self {
        let headers = response.headers();
        let word = |name: &str| response::text(headers, name).map(str::to_owned);
        let served = response::text(headers, "openai-model");
        Self {
            limits: rate_limits::read_headers(headers, retry_after::unix(SystemTime::now())),
            limit_headers: rate_limits::forwarded(headers),
            models_etag: word("x-models-etag"),
            adjustments: Adjustment::of_model(prepared.model(), served).into_iter().collect(),
            retries: response.extensions().get::<Retries>().map_or(0, |retries| retries.0),
            request_id: response::request_id(headers),
            next_socket: None,
            events: recording::events(tape, limits, response)
                .without_namespace(prepared.namespace().cloned()),
        }
    }
}
