//! The client: one connection pool, one account, calls that renew its credentials once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chatmock_protocol::codex::limits::Snapshot;
use chatmock_protocol::responses;
use futures::TryStreamExt;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VIA};
use reqwest::{Method, Request, Response, StatusCode};
use ruzstd::encoding::CompressionLevel;

use crate::adjustment::Adjustment;
use crate::identity::Caller;
use crate::residency::Residency;
use crate::route::{Endpoints, turn_headers};
use crate::turn_state::{self, TurnStates};
use crate::via::ViaLoop;
use crate::{
    CredentialSource, Credentials, Error, Events, Identity, Prepared, Proxy, SessionId,
    UpstreamRoute, connection, rate_limits, response, retry, retry_after,
};

/// The header of a turn's state.
const TURN_STATE: HeaderName = HeaderName::from_static(turn_state::HEADER);

/// What a [`Client`] is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which backend is called.
    pub route: UpstreamRoute,
    /// Under which name.
    pub identity: Identity,
    /// How long and how large things may be.
    pub limits: Limits,
    /// Through which proxy.
    pub proxy: Proxy,
    /// From how many bytes on a request's body is compressed, where the backend reads that.
    pub compress_above: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            route: UpstreamRoute::codex(),
            identity: Identity::default(),
            limits: Limits::default(),
            proxy: Proxy::default(),
            compress_above: None,
        }
    }
}

/// How long things may take and how large they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a connection, name look-up and TLS included: 10 s.
    pub connect: Duration,
    /// From the start of a call to the head of its answer: 120 s.
    pub header: Duration,
    /// Between two arrivals of bytes in a stream: 300 s, as with the real client.
    pub idle: Duration,
    /// For a list (models, usage) as a whole: 30 s.
    pub list: Duration,
    /// Bytes of one event: 64 MiB.
    pub frame: usize,
    /// How often a call is made again that a repetition may mend: twice.
    pub retries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            header: Duration::from_secs(120),
            idle: Duration::from_secs(300),
            list: Duration::from_secs(30),
            frame: 64 * 1024 * 1024,
            retries: 2,
        }
    }
}

/// Calls one backend for one account.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    source: Arc<dyn CredentialSource>,
    route: UpstreamRoute,
    pub(crate) endpoints: Endpoints,
    pub(crate) caller: Caller,
    pub(crate) limits: Limits,
    pub(crate) residency: Residency,
    turn_states: TurnStates,
    station: ViaLoop,
    compress_above: Option<usize>,
}

impl Client {
    /// Makes a client. No connection is made yet.
    ///
    /// Takes some milliseconds: make one per process. Where the process has no default provider
    /// for rustls, ring becomes it.
    ///
    /// # Errors
    /// [`Error::Settings`] when an address, a name or the TLS roots cannot be used.
    pub fn new(config: Config, source: Arc<dyn CredentialSource>) -> Result<Self, Error> {
        let endpoints = config.route.endpoints()?;
        Ok(Self {
            http: connection::build(&config, &endpoints)?,
            caller: Caller::new(&config.identity)?,
            source,
            endpoints,
            limits: config.limits,
            residency: Residency::default(),
            turn_states: TurnStates::default(),
            station: ViaLoop::new(),
            compress_above: config.compress_above.filter(|_| config.route.profile().compresses),
            route: config.route,
        })
    }

    /// The backend that is called.
    #[must_use]
    pub fn route(&self) -> &UpstreamRoute {
        &self.route
    }

    /// Whether a request with these headers has come through this client already.
    #[must_use]
    pub fn is_loop(&self, headers: &HeaderMap) -> bool {
        self.station.knows(headers)
    }

    /// Gives the credentials to call with.
    ///
    /// # Errors
    /// [`Error::Credentials`] when no one is signed in or they cannot be had now.
    pub async fn credentials(&self) -> Result<Arc<Credentials>, Error> {
        Ok(self.source.current().await?)
    }

    /// Brings a request into the form that the backend takes; see [`prepare`](crate::prepare()).
    ///
    /// `session` is the conversation's name from a header of the client; one in the request's
    /// `prompt_cache_key` wins.
    ///
    /// # Errors
    /// [`Error::Request`] when the request cannot be brought into that form.
    pub fn prepare(
        &self,
        request: responses::Request<'_>,
        credentials: &Credentials,
        session: Option<&str>,
    ) -> Result<Prepared, Error> {
        let session = SessionId::of(&request, credentials.account_id(), session);
        crate::prepare(request, &session, &self.route)
    }

    /// Sends a request and gives the running answer.
    ///
    /// Status 401 renews the credentials and sends once more. A connection that was not made and a
    /// failure that the backend answered are tried again, as [`Limits::retries`] says; a request
    /// that may have been worked on is not. Reasoning of earlier turns that the backend cannot read,
    /// since another account made it, is left out and the rest sent once more.
    ///
    /// # Errors
    /// Any [`Error`] but the ones of a running stream.
    pub async fn send(
        &self,
        prepared: &Prepared,
        credentials: &Arc<Credentials>,
    ) -> Result<Opened, Error> {
        let refused = match self.post(prepared, credentials).await {
            Err(Error::Refused(refusal)) => refusal,
            other => return other,
        };
        let unreadable = refused.error.code.as_deref() == Some("invalid_encrypted_content");
        let rest = unreadable.then(|| prepared.without_reasoning()).flatten();
        let Some(rest) = rest else {
            return Err(Error::Refused(refused));
        };
        tracing::info!("the backend cannot read the reasoning of earlier turns, leaving it out");
        let mut opened = self.post(&rest, credentials).await?;
        opened.adjustments.push(Adjustment::ReasoningLeftOut);
        Ok(opened)
    }

    async fn post(
        &self,
        prepared: &Prepared,
        credentials: &Arc<Credentials>,
    ) -> Result<Opened, Error> {
        let (body, coding) = self.packed(prepared.body());
        let state = self.turn_states.find(prepared.session(), prepared.body());
        let moved = self.route.has_custom_base();
        let via = moved.then(|| self.station.header(prepared.received_via())).flatten();
        let call = |credentials: &Credentials| {
            let session = prepared.session();
            let mut headers = turn_headers(&self.route, &self.caller, credentials, session);
            let mut url = self.endpoints.responses.clone();
            self.residency.lead(credentials, &mut url, &mut headers);
            let more = [(VIA, &via), (CONTENT_ENCODING, &coding), (TURN_STATE, &state)];
            let more = more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
            headers.extend(more);
            let mut request = request(Method::POST, url, headers);
            *request.body_mut() = Some(body.clone().into());
            request
        };
        let response = self.exchange(credentials, self.limits.header, call).await?;
        if !is_event_stream(response.headers()) {
            return Err(response::unexpected(&response));
        }
        if let Some(state) = response.headers().get(TURN_STATE) {
            self.turn_states.keep(prepared.session(), prepared.body(), state);
        }
        Ok(Opened::new(response, &self.limits, prepared))
    }

    /// The body as it leaves, and its coding.
    fn packed(&self, body: &Bytes) -> (Bytes, Option<HeaderValue>) {
        match self.compress_above {
            Some(least) if body.len() >= least => {
                let packed = ruzstd::encoding::compress_to_vec(&**body, CompressionLevel::Fastest);
                (packed.into(), Some(HeaderValue::from_static("zstd")))
            }
            _ => (body.clone(), None),
        }
    }

    /// Adds to a refusal what a person does about it.
    fn advised(&self, mut error: Error) -> Error {
        if let Error::Refused(refusal) = &mut error {
            refusal.hint = match refusal.status {
                401 => Some(self.route.remedy().to_owned()),
                404 if self.route.has_custom_base() && refusal.error.code.is_none() => {
                    Some("is the path of --upstream-url right, such as …/v1?".to_owned())
                }
                _ => None,
            };
        }
        error
    }

    /// A `GET` of a list.
    pub(crate) fn get(&self, url: reqwest::Url, headers: HeaderMap) -> Request {
        self.list(Method::GET, url, headers)
    }

    /// A call whose answer is short.
    pub(crate) fn list(&self, method: Method, url: reqwest::Url, headers: HeaderMap) -> Request {
        let mut request = request(method, url, headers);
        *request.timeout_mut() = Some(self.limits.list);
        request
    }

    /// Makes a call, once more with renewed credentials when the first are refused, and again after
    /// a failure that a repetition may mend: nothing has been read of the answer here.
    pub(crate) async fn exchange<F>(
        &self,
        credentials: &Arc<Credentials>,
        limit: Duration,
        request: F,
    ) -> Result<Response, Error>
    where
        F: Fn(&Credentials) -> Request,
    {
        let (mut credentials, mut renewed) = (Arc::clone(credentials), false);
        let mut tries = 0;
        loop {
            let error = match attempt(&self.http, request(&credentials), limit).await {
                Ok(response) if !renewed && is_unauthorized(&response) => {
                    tracing::info!("the backend refused the access token, renewing it");
                    drop(response);
                    (credentials, renewed) = (self.source.renew(&credentials).await?, true);
                    continue;
                }
                Ok(response) => match response::accept(response).await {
                    Ok(response) => return Ok(response),
                    Err(error) => self.advised(error),
                },
                Err(error) => error,
            };
            let pause = retry::pause(&error, tries).filter(|_| tries < self.limits.retries);
            let Some(pause) = pause else { return Err(error) };
            tries += 1;
            tracing::info!(tries, "the backend failed, trying again: {error}");
            tokio::time::sleep(pause).await;
        }
    }
}

fn is_unauthorized(response: &Response) -> bool {
    response.status() == StatusCode::UNAUTHORIZED && !response::is_challenge(response)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("route", &self.route)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A request with these headers: a builder would copy them one by one.
fn request(method: Method, url: reqwest::Url, headers: HeaderMap) -> Request {
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    request
}

/// Sends one request and waits for the head of its answer.
async fn attempt(
    http: &reqwest::Client,
    request: Request,
    limit: Duration,
) -> Result<Response, Error> {
    let response = match tokio::time::timeout(limit, http.execute(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.is_timeout() && !error.is_connect() => {
            return Err(Error::HeaderTimeout { limit });
        }
        Ok(Err(error)) => return Err(Error::opening(error)),
        Err(_) => return Err(Error::HeaderTimeout { limit }),
    };
    let request_id = response::request_id(response.headers());
    tracing::debug!(status = response.status().as_u16(), request_id, "the backend answered");
    Ok(response)
}

/// An answer without a content type is let through: its frames decide then.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
    value.split(';').next().unwrap_or_default().trim() == "text/event-stream"
}

/// A running answer and what its head told.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The account's limits, if the head told of any.
    pub limits: Option<Snapshot>,
    /// The headers about limits, as they came, for a client that wants to see them.
    pub limit_headers: Vec<(HeaderName, HeaderValue)>,
    /// The version of the model list; where it differs from [`ModelList::etag`](crate::ModelList),
    /// the list has changed.
    pub models_etag: Option<String>,
    /// What was done beyond what was asked.
    pub adjustments: Vec<Adjustment>,
    /// The backend's id of the call.
    pub request_id: Option<String>,
    /// The events, as they arrive.
    pub events: Events,
}

impl Opened {
    fn new(response: Response, limits: &Limits, prepared: &Prepared) -> Self {
        let headers = response.headers();
        let word = |name: &str| response::text(headers, name).map(str::to_owned);
        Self {
            limits: rate_limits::read_headers(headers, retry_after::unix(SystemTime::now())),
            limit_headers: rate_limits::forwarded(headers),
            models_etag: word("x-models-etag"),
            adjustments: Adjustment::of_model(
                prepared.model(),
                response::text(headers, "openai-model"),
            )
            .into_iter()
            .collect(),
            request_id: response::request_id(headers),
            events: Events::new(response.bytes_stream().map_err(Error::cut), limits)
                .leaving(prepared.namespace().cloned()),
        }
    }
}

#[cfg(test)]
mod tests;
