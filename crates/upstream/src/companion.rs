//! A companion: a server beside the backend, to which requests are passed on that the backend does not serve.
//!
//! It belongs to somebody else than the backend, so that nothing of the sign-in goes there: its calls are made of
//! an address, a body and the key that was set for it, and of no header of anybody else.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT, VIA,
};
use reqwest::{Method, Request, Response};
use serde::Deserialize;

use crate::address::Address;
use crate::config::{Config, Limits};
use crate::connection::Connections;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::identity::Caller;
use crate::response;
use crate::via::{ViaLoop, received_via};

/// The time in which a server says which API it has.
const LOOK: Duration = Duration::from_secs(3);

/// The API that a companion speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompanionApi {
    /// OpenAI's, below `/v1` or the path of its address.
    OpenAi,
    /// Ollama's own, below `/api`.
    Ollama,
}

/// The settings of a [`Companion`].
#[derive(Clone, Copy)]
pub struct CompanionConfig<'c> {
    /// Its address: `https`, or `http` on this machine.
    pub url: &'c str,
    /// The key to call it with.
    pub key: Option<&'c str>,
    /// Its API, where only one is possible; else it is told by its address, or asked for.
    pub api: Option<CompanionApi>,
}

/// A server beside the backend.
#[derive(Clone)]
pub struct Companion {
    base: Address,
    api: Arc<OnceLock<CompanionApi>>,
    connections: Connections,
    credentials: Credentials,
    user_agent: HeaderValue,
    limits: Limits,
    via: ViaLoop,
}

/// A request that is passed on.
#[derive(Clone, Debug)]
pub struct CompanionCall<'c> {
    /// The path below the root of its API, in segments.
    pub path: &'c [&'c str],
    /// The type of the body.
    pub content_type: HeaderValue,
    /// The types of answers that are wanted.
    pub accept: HeaderValue,
    /// The body.
    pub body: Bytes,
    /// The headers of the request that is passed on; nothing of them is, but where it has been.
    pub received: &'c HeaderMap,
}

impl Companion {
    /// Makes a client; nothing is called yet. Names, limits and the proxy are those of the backend's client.
    ///
    /// # Errors
    /// [`Error::Settings`] when the address, the key or the TLS roots cannot be used.
    pub fn new(companion: CompanionConfig<'_>, config: &Config) -> Result<Self, Error> {
        let base = Address::parse(companion.url)
            .map_err(|why| Error::settings(format!("the address {why}")))?;
        let credentials = match companion.key {
            Some(key) => Credentials::new(key, None, false)
                .map_err(|_| Error::settings("the key cannot be sent in a header"))?,
            None => Credentials::none(),
        };
        let told = companion.api.or_else(|| api_of(&base));
        Ok(Self {
            connections: Connections::new(config, base.site())?,
            api: Arc::new(told.map_or_else(OnceLock::new, OnceLock::from)),
            base,
            credentials,
            user_agent: Caller::new(&config.identity)?.user_agent,
            limits: config.limits,
            via: ViaLoop::new(),
        })
    }

    /// The scheme, host and port of its address.
    #[must_use]
    pub fn origin(&self) -> String {
        self.base.origin()
    }

    /// Whether a request with these headers has been passed on from here before.
    #[must_use]
    pub fn is_loop(&self, headers: &HeaderMap) -> bool {
        self.via.is_loop(headers)
    }

    /// Returns the API that it speaks; where neither the settings nor the address say so, it is asked once.
    ///
    /// # Errors
    /// Those of a call.
    pub async fn api(&self) -> Result<CompanionApi, Error> {
        if let Some(api) = self.api.get() {
            return Ok(*api);
        }
        let version = self.base.below(&["api", "version"]);
        let answer = self.exchange(|| self.request(Method::GET, version.clone()), LOOK).await;
        let api = match answer {
            Ok(answer) => {
                let body = tokio::time::timeout(LOOK, response::read_list(answer, LOOK)).await;
                match body {
                    Ok(Ok(body)) if names_version(&body) => CompanionApi::Ollama,
                    _ => CompanionApi::OpenAi,
                }
            }
            Err(Error::Refused(_) | Error::Unexpected { .. } | Error::Challenge { .. }) => {
                CompanionApi::OpenAi
            }
            Err(error) => return Err(error),
        };
        Ok(*self.api.get_or_init(|| api))
    }

    /// Passes a request on.
    ///
    /// # Errors
    /// [`Error::Refused`] with what the server said, and those of a call that came to nothing.
    pub async fn post(&self, call: &CompanionCall<'_>) -> Result<CompanionAnswer, Error> {
        let address = self.address(self.api().await?, call.path);
        let via = self.via.header(received_via(call.received).as_deref());
        let request = || {
            let mut request = self.request(Method::POST, address.clone());
            let headers = request.headers_mut();
            headers.insert(CONTENT_TYPE, call.content_type.clone());
            headers.insert(ACCEPT, call.accept.clone());
            if let Some(via) = &via {
                headers.insert(VIA, via.clone());
            }
            *request.body_mut() = Some(call.body.clone().into());
            request
        };
        let response = self.exchange(request, self.limits.idle).await?;
        Ok(CompanionAnswer { response, idle: self.limits.idle })
    }

    /// Reads a list within `limit`.
    ///
    /// # Errors
    /// Those of a call, and [`Error::HeaderTimeout`] where the list is not there in time.
    pub async fn list(&self, path: &[&str], limit: Duration) -> Result<Vec<u8>, Error> {
        let read = async {
            let address = self.address(self.api().await?, path);
            let request = || self.request(Method::GET, address.clone());
            response::read_list(self.exchange(request, limit).await?, limit).await
        };
        let read = tokio::time::timeout(limit, read).await;
        read.unwrap_or(Err(Error::HeaderTimeout { limit }))
    }

    async fn exchange<F>(&self, request: F, limit: Duration) -> Result<Response, Error>
    where
        F: Fn() -> Request,
    {
        response::accept(self.connections.head(request, limit).await?).await
    }

    fn request(&self, method: Method, address: Address) -> Request {
        let mut request = Request::new(method, address.into());
        let headers = request.headers_mut();
        if let Some(authorization) = self.credentials.authorization() {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        request
    }

    /// The address of a call. An address without a path is that of a server, whose APIs are where they usually are.
    fn address(&self, api: CompanionApi, path: &[&str]) -> Address {
        let usual: &[&str] = match api {
            _ if self.base.segments().next().is_some() => &[],
            CompanionApi::OpenAi => &["v1"],
            CompanionApi::Ollama => &["api"],
        };
        self.base.below(&[usual, path].concat())
    }
}

impl fmt::Debug for Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Companion").field("api", &self.api.get()).finish_non_exhaustive()
    }
}

impl fmt::Debug for CompanionConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompanionConfig").field("api", &self.api).finish_non_exhaustive()
    }
}

/// Returns the API that the path of an address names.
fn api_of(base: &Address) -> Option<CompanionApi> {
    let last = base.segments().next_back()?;
    Some(if last == "api" { CompanionApi::Ollama } else { CompanionApi::OpenAi })
}

/// Returns whether a body is the answer of Ollama's `GET /api/version`.
fn names_version(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Version<'b> {
        #[serde(borrow)]
        #[expect(dead_code, reason = "only its presence matters")]
        version: std::borrow::Cow<'b, str>,
    }

    serde_json::from_slice::<Version<'_>>(body).is_ok()
}

/// The answer of a companion, of which nothing is read yet.
#[derive(Debug)]
pub struct CompanionAnswer {
    response: Response,
    idle: Duration,
}

impl CompanionAnswer {
    /// A header of the answer.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.response.headers().get(name)
    }

    /// The next piece of the answer; `None` at its end.
    ///
    /// # Errors
    /// [`Error::Stalled`] after a long silence, [`Error::Cut`] where the connection breaks.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        match tokio::time::timeout(self.idle, self.response.chunk()).await {
            Ok(Ok(piece)) => piece.map(Ok),
            Ok(Err(error)) => Some(Err(Error::cut(error))),
            Err(_) => Some(Err(Error::Stalled { limit: self.idle })),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::*;

    fn companion(url: &str) -> Result<Companion, Error> {
        let companion = CompanionConfig { url, key: Some("sk-secret"), api: None };
        Companion::new(companion, &Config::default())
    }

    #[test]
    fn the_path_of_an_address_says_which_api_is_there() {
        for (url, api, called) in [
            ("https://api.openai.com/v1", CompanionApi::OpenAi, "https://api.openai.com/v1/embed"),
            ("http://127.0.0.1:1/api/", CompanionApi::Ollama, "http://127.0.0.1:1/api/embed"),
            ("http://[::1]:1/x/openai", CompanionApi::OpenAi, "http://[::1]:1/x/openai/embed"),
        ] {
            let companion = companion(url).unwrap();
            assert_eq!(companion.api.get(), Some(&api), "{url}");
            assert_eq!(Url::from(companion.address(api, &["embed"])).as_str(), called);
        }
        let bare = companion("http://localhost:11434").unwrap();
        assert_eq!(bare.api.get(), None);
        for (api, called) in [(CompanionApi::OpenAi, "/v1/x"), (CompanionApi::Ollama, "/api/x")] {
            assert_eq!(Url::from(bare.address(api, &["x"])).path(), called);
        }
    }

    #[test]
    fn an_address_in_the_clear_or_with_a_password_is_refused_and_no_key_is_shown() {
        for url in ["http://example.org/v1", "https://a:b@example.org", "ftp://x", "x", ""] {
            let error = companion(url).unwrap_err().to_string();
            assert!(error.starts_with("the address "), "{url}: {error}");
        }
        let shown = format!("{:?}", companion("https://example.org/v1").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
        let key = CompanionConfig { url: "https://example.org", key: Some("a b"), api: None };
        let error = Companion::new(key, &Config::default()).unwrap_err().to_string();
        assert!(error.contains("key") && !error.contains("a b"), "{error}");
        assert!(!format!("{key:?}").contains("a b"));
    }
}
