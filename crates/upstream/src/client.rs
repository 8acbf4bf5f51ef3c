//! The client: one connection pool and one account for all calls.

mod accounts;
mod models;
mod reset_credits;
mod socket;
mod stored;
#[cfg(test)]
mod testing;
mod turn;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, Request, Response, StatusCode};

use crate::address::Address;
use crate::config::{Config, Limits};
use crate::connection::Connections;
use crate::credentials::{CredentialError, CredentialSource, Credentials};
use crate::error::{Error, Hint};
use crate::identity::Caller;
use crate::recorder::Recorder;
use crate::residency::Residency;
use crate::response;
use crate::retry::RetryPolicy;
use crate::route::{Endpoints, UpstreamRoute};
use crate::socket::SocketPool;
use crate::turn_state::TurnStates;
use crate::via::ViaLoop;

pub use models::ModelList;
pub use socket::NextSocket;
pub use turn::Opened;

/// Calls one backend for one account.
#[derive(Clone)]
pub struct Client {
    connections: Connections,
    source: Arc<dyn CredentialSource>,
    route: UpstreamRoute,
    endpoints: Endpoints,
    caller: Caller,
    limits: Limits,
    retry: RetryPolicy,
    residency: Residency,
    turn_states: TurnStates,
    via: ViaLoop,
    compress_above: Option<usize>,
    sockets: Option<Arc<SocketPool>>,
    recorder: Option<Arc<dyn Recorder>>,
}

impl Client {
    /// Makes a client. No connection is opened yet.
    ///
    /// Make one client per process: this takes 4 to 5 ms, and the connection pool belongs to the
    /// client. Further threads get theirs by [`Client::with_own_connections`]. Where the process has no default crypto provider for rustls, ring becomes it.
    ///
    /// # Errors
    /// [`Error::Settings`] when an address, a name or the TLS roots cannot be used.
    pub fn new(config: Config, source: Arc<dyn CredentialSource>) -> Result<Self, Error> {
        let endpoints = config.route.endpoints()?;
        Ok(Self {
            connections: Connections::new(&config, endpoints.site())?,
            caller: Caller::new(&config.identity)?,
            source,
            endpoints,
            limits: config.limits,
            retry: config.retry,
            residency: Residency::new(!config.route.has_custom_base()),
            turn_states: TurnStates::default(),
            via: ViaLoop::new(),
            sockets: config.transport.pool(),
            recorder: config.recorder,
            compress_above: config.compress_above.filter(|_| config.route.profile().compresses),
            route: config.route,
        })
    }

    /// Returns a client that shares all but the kept connections with this one.
    ///
    /// A connection is driven by the runtime in which it was opened. Where several threads have a runtime each, a client
    /// for each of them spares waking another one for every piece of an answer.
    ///
    /// # Errors
    /// [`Error::Settings`] when the TLS roots cannot be read any more.
    pub fn with_own_connections(&self) -> Result<Self, Error> {
        Ok(Self { connections: self.connections.apart()?, ..self.clone() })
    }

    /// The backend that this client calls.
    #[must_use]
    pub fn route(&self) -> &UpstreamRoute {
        &self.route
    }

    /// The client version that calls name.
    #[must_use]
    pub fn version(&self) -> &str {
        self.caller.version.to_str().unwrap_or_default()
    }

    /// The retry policy, which the reader of a stream asks about overloads.
    #[must_use]
    pub fn retry_policy(&self) -> &RetryPolicy {
        &self.retry
    }

    /// Whether a request with these headers has passed through this client before.
    #[must_use]
    pub fn is_loop(&self, headers: &HeaderMap) -> bool {
        self.via.is_loop(headers)
    }

    /// Returns the credentials to call with.
    ///
    /// # Errors
    /// [`Error::Credentials`] when no one is signed in, or when no valid token is available now.
    pub async fn credentials(&self) -> Result<Arc<Credentials>, Error> {
        Ok(self.source.current().await?)
    }

    /// A `GET` whose answer is read as a whole.
    fn get(&self, address: Address, headers: HeaderMap) -> Request {
        self.short_call(Method::GET, address, headers)
    }

    /// A call whose answer is read as a whole, within [`Limits::list`].
    fn short_call(&self, method: Method, address: Address, headers: HeaderMap) -> Request {
        let mut request = request(method, address, headers);
        *request.timeout_mut() = Some(self.limits.list);
        request
    }

    /// Makes a call and returns the head of its answer.
    ///
    /// Status 401 renews the credentials and repeats the call once; retryable failures repeat it as
    /// the retry policy says. Both are safe here because nothing of an answer has been read yet:
    /// whoever waits for it has seen nothing. Renewal is not one of the retries, since an expired
    /// token is no sign that the backend is in trouble, and a second 401 is final.
    async fn exchange<F>(
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
            let build = || request(&credentials);
            let error = match self.head(build, limit).await {
                Ok(response) if !renewed && is_unauthorized(&response) => {
                    tracing::info!("the backend refused the access token, renewing it");
                    renewed = true;
                    match self.source.renew(&credentials).await {
                        Ok(newer) => {
                            credentials = newer;
                            continue;
                        }
                        // There is no newer token, so the refusal is the answer.
                        Err(CredentialError::StillRefused(_)) => {
                            match self.accept(response).await {
                                Ok(response) => return Ok(response),
                                Err(error) => error,
                            }
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(response) => match self.accept(response).await {
                    Ok(mut response) => {
                        self.source.accepted(&credentials);
                        response.extensions_mut().insert(Retries(tries));
                        return Ok(response);
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let Some(pause) = self.retry.after_error(&error, tries) else { return Err(error) };
            tries += 1;
            tracing::info!(tries, "the backend failed, trying again: {error}");
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes an answer, or the error that it is.
    async fn accept(&self, response: Response) -> Result<Response, Error> {
        response::accept(response).await.map_err(|error| self.with_hint(error))
    }

    /// Sends a request and waits for the head of its answer.
    async fn head<F>(&self, request: F, limit: Duration) -> Result<Response, Error>
    where
        F: Fn() -> Request,
    {
        let response = self.connections.head(request, limit).await?;
        let request_id = response::request_id(response.headers());
        tracing::debug!(status = response.status().as_u16(), request_id, "the backend answered");
        Ok(response)
    }

    /// Adds to an error response what is probably wrong.
    fn with_hint(&self, mut error: Error) -> Error {
        if let Error::Refused(refused) = &mut error {
            refused.hint = match refused.status {
                401 => Some(Hint::Credentials { route: self.route.name() }),
                // An error that names a member of the request has read the request.
                404 if self.route.has_custom_base()
                    && refused.error.code.is_none()
                    && refused.error.param.is_none() =>
                {
                    Some(Hint::Address)
                }
                _ => None,
            };
        }
        error
    }
}

/// The number of calls that failed before the one that was answered; kept with the answer.
#[derive(Clone, Copy, Debug)]
struct Retries(u32);

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

/// Builds a request around headers that are moved in: a `RequestBuilder` would copy them one by
/// one.
fn request(method: Method, address: Address, headers: HeaderMap) -> Request {
    let mut request = Request::new(method, address.into());
    *request.headers_mut() = headers;
    request
}

#[cfg(test)]
mod tests;
