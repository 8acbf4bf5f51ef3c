//! Which backend is called: its addresses, its headers, and what it refuses.

use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};

use crate::identity::Caller;
use crate::{Credentials, Error, SessionId};

/// Members of a request that the Codex backend answers with status 400, from reports of 2026 and
/// from what the real client leaves out over HTTP.
///
/// `previous_response_id`, `conversation`, `prompt` and `background` change what a request means:
/// ask [`Route::refuses`] before, rather than let them vanish.
const CODEX_REFUSES: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "generate",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "previous_response_id",
    "prompt",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// A backend that speaks the Responses API to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    base: String,
    refused: &'static [&'static str],
}

impl Route {
    /// The address of the Codex backend.
    pub const CODEX: &'static str = "https://chatgpt.com/backend-api/codex";

    /// The Codex backend, reached with a ChatGPT sign-in.
    #[must_use]
    pub fn codex() -> Self {
        Self { base: Self::CODEX.into(), refused: CODEX_REFUSES }
    }

    /// The same kind of backend at another address.
    ///
    /// `base` stands before `/responses`. [`Client::new`](crate::Client::new) checks it: `https`,
    /// or `http` to a loopback host.
    #[must_use]
    pub fn at(self, base: impl Into<String>) -> Self {
        Self { base: base.into(), ..self }
    }

    /// The address before `/responses`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether a request with this member would be answered with status 400.
    #[must_use]
    pub fn refuses(&self, member: &str) -> bool {
        self.refused.contains(&member)
    }

    /// All members that the backend refuses.
    #[must_use]
    pub fn refused(&self) -> &'static [&'static str] {
        self.refused
    }

    /// The addresses of the calls.
    pub(crate) fn endpoints(&self) -> Result<Endpoints, Error> {
        let wrong = |why: &str| Error::settings(format!("the backend's address {why}"));
        let base = Url::parse(&self.base).map_err(|_| wrong("is not a URL"))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("must not hold a user name or password"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("must end with its path"));
        }
        let loopback = is_loopback(&base);
        match base.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(wrong("must be https, since it is not on this machine")),
            _ => return Err(wrong("must begin with https://")),
        }
        let under = |tail: &[&str], up: bool| -> Result<Url, Error> {
            let mut url = base.clone();
            let mut path = url.path_segments_mut().map_err(|()| wrong("has no path"))?;
            path.pop_if_empty();
            if up {
                path.pop();
            }
            path.extend(tail);
            drop(path);
            Ok(url)
        };
        Ok(Endpoints {
            responses: under(&["responses"], false)?,
            models: under(&["models"], false)?,
            usage: under(&["wham", "usage"], true)?,
            loopback,
            plain: base.scheme() == "http",
        })
    }
}

/// Whether the host is this machine without asking a resolver.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Where the calls go.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) responses: Url,
    models: Url,
    pub(crate) usage: Url,
    /// Whether the backend is on this machine.
    pub(crate) loopback: bool,
    /// Whether it is called without TLS.
    pub(crate) plain: bool,
}

impl Endpoints {
    /// The list of models that a client of this version may use.
    pub(crate) fn models(&self, client_version: &str) -> Url {
        let mut url = self.models.clone();
        url.query_pairs_mut().append_pair("client_version", client_version);
        url
    }
}

/// The headers of `POST /responses`: the smallest set known to work, plus `version`.
///
/// One id stands in all three places, since the backend's prompt cache misses when they differ.
pub(crate) fn turn_headers(
    caller: &Caller,
    credentials: &Credentials,
    session: &SessionId,
) -> HeaderMap {
    let mut headers = model_headers(caller, credentials);
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for name in ["session-id", "thread-id", "x-client-request-id"] {
        headers.insert(name, session.header());
    }
    headers
}

/// The headers of `GET /models`.
pub(crate) fn model_headers(caller: &Caller, credentials: &Credentials) -> HeaderMap {
    let mut headers = usage_headers(caller, credentials);
    headers.insert("originator", caller.originator.clone());
    headers.insert("version", caller.version.clone());
    headers
}

/// The headers of `GET /wham/usage`.
pub(crate) fn usage_headers(caller: &Caller, credentials: &Credentials) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, credentials.authorization().clone());
    if let Some(account) = credentials.account() {
        headers.insert("chatgpt-account-id", account.clone());
    }
    if credentials.fedramp() {
        headers.insert("x-openai-fedramp", HeaderValue::from_static("true"));
    }
    headers.insert(USER_AGENT, caller.user_agent.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_of_the_codex_route_have_their_known_addresses() {
        let endpoints = Route::codex().endpoints().unwrap();
        let base = "https://chatgpt.com/backend-api";
        assert_eq!(endpoints.responses.as_str(), format!("{base}/codex/responses"));
        assert_eq!(endpoints.usage.as_str(), format!("{base}/wham/usage"));
        let models = endpoints.models("0.169.0");
        assert_eq!(models.as_str(), format!("{base}/codex/models?client_version=0.169.0"));
        assert!(!endpoints.loopback);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for base in ["http://127.0.0.1:9/codex", "http://[::1]:9/codex", "http://localhost/codex/"]
        {
            let endpoints = Route::codex().at(base).endpoints().unwrap();
            assert!(endpoints.loopback, "{base}");
            assert!(endpoints.responses.path().ends_with("/codex/responses"), "{base}");
        }
        for base in [
            "http://chatgpt.com/codex",
            "http://127.0.0.1.example.org/codex",
            "http://localhost.example.org/codex",
            "ftp://127.0.0.1/codex",
            "https://user:pass@example.org/codex",
            "https://example.org/codex?x=1",
            "not an address",
        ] {
            let error = Route::codex().at(base).endpoints().unwrap_err();
            assert!(!error.to_string().contains("pass@"), "{error}");
        }
    }

    #[test]
    fn refused_members_can_be_asked_for() {
        let route = Route::codex();
        assert!(route.refuses("temperature") && route.refuses("previous_response_id"));
        assert!(!route.refuses("model") && !route.refuses("prompt_cache_key"));
        assert!(route.refused().is_sorted());
    }
}
