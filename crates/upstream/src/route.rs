//! The provider route: which backend is called, and what is special about it, as data.
//!
//! Every difference between backends is a field of a table here, and no other module asks which
//! backend is in use (a test of the workspace checks that). The alternative, a `match` on the route
//! wherever one differs, was rejected because a new backend would then have to be found in many
//! files.

mod backend_profile;
mod endpoints;

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::error::Error;

pub(crate) use backend_profile::{BackendProfile, HeaderSet, ModelListShape, Required, ToolLayout};
pub(crate) use endpoints::Endpoints;

/// The way to one backend that speaks the Responses API: its profile and its address.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamRoute {
    profile: &'static BackendProfile,
    base: String,
}

/// The kind of server behind the `api` route, which decides which members are sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiFlavor {
    /// OpenAI's platform, or Azure's v1 endpoint.
    OpenAi,
    /// A server of another maker: vLLM, Ollama, LM Studio, llama.cpp, a gateway.
    Generic,
}

impl ApiFlavor {
    /// Guesses the flavor from a server's address: the hosts of OpenAI and Azure are known.
    #[must_use]
    pub fn of(base: &str) -> Self {
        const KNOWN: [&str; 3] = ["api.openai.com", ".openai.azure.com", ".api.openai.com"];
        let url = Url::parse(base).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        if KNOWN
            .iter()
            .any(|known| host == *known || (known.starts_with('.') && host.ends_with(known)))
        {
            Self::OpenAi
        } else {
            Self::Generic
        }
    }
}

/// A word that is not the name of a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no route {0:?}; use codex, plan or api")]
pub struct UnknownRoute(String);

impl UpstreamRoute {
    /// The address of OpenAI's platform.
    pub const PLATFORM: &'static str = backend_profile::OPENAI.base;

    /// The Codex backend, reached with a ChatGPT sign-in.
    #[must_use]
    pub fn codex() -> Self {
        Self::of(&backend_profile::CODEX)
    }

    /// The documented API of plan usage, reached with "Sign in with ChatGPT".
    #[must_use]
    pub fn plan() -> Self {
        Self::of(&backend_profile::PLAN)
    }

    /// Any server that speaks the Responses API, reached with a key or without one.
    #[must_use]
    pub fn api(profile: ApiFlavor) -> Self {
        Self::of(match profile {
            ApiFlavor::OpenAi => &backend_profile::OPENAI,
            ApiFlavor::Generic => &backend_profile::GENERIC,
        })
    }

    fn of(profile: &'static BackendProfile) -> Self {
        Self { profile, base: profile.base.into() }
    }

    /// The same kind of backend at another address.
    ///
    /// `base` is the part before `/responses`. [`Client::new`](crate::Client::new) checks it: it
    /// must be `https`, or `http` to a loopback host.
    #[must_use]
    pub fn at(self, base: impl Into<String>) -> Self {
        Self { base: base.into(), ..self }
    }

    /// The route's name: `codex`, `plan` or `api`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.profile.name
    }

    /// The address before `/responses`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The host and the port that are called, for a server that must not call itself.
    #[must_use]
    pub fn host_and_port(&self) -> Option<(String, u16)> {
        let url = Url::parse(&self.base).ok()?;
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), url.port_or_known_default()?))
    }

    /// Returns whether it is called with a key and not with a sign-in.
    #[must_use]
    pub fn uses_key(&self) -> bool {
        self.profile.uses_key
    }

    /// Members that the backend answers with status 400.
    pub(crate) fn refuses(&self, member: &str) -> bool {
        match self.profile.known {
            Some(known) => !known.contains(&member),
            None => self.profile.refused.contains(&member),
        }
    }

    /// Returns whether the backend takes only what is known of it: a list of members, ids of its own making,
    /// reasoning in encrypted form.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.profile.known.is_some()
    }

    /// Types of items of the public API that this backend refuses.
    #[must_use]
    pub fn refused_items(&self) -> &'static [&'static str] {
        self.profile.refused_items
    }

    /// Members that this backend accepts and others do not; what they ask for need not be emulated.
    #[must_use]
    pub fn accepts(&self) -> &'static [&'static str] {
        self.profile.accepts
    }

    /// Returns whether a summary of the reasoning is requested where the client asks for none.
    #[must_use]
    pub fn summarizes_reasoning(&self) -> bool {
        self.profile.summarizes_reasoning
    }

    /// Returns whether models may be requested that the backend does not list.
    #[must_use]
    pub fn allows_unlisted_models(&self) -> bool {
        self.profile.allows_unlisted_models
    }

    /// Returns whether the built-in list of Codex models replaces the backend's list while that is empty.
    #[must_use]
    pub fn lists_codex_models(&self) -> bool {
        self.profile.list == ModelListShape::Versioned
    }

    /// The page where a person can see what is left of the limits, if the backend does not report
    /// it.
    #[must_use]
    pub fn reports_limits(&self) -> bool {
        self.profile.reports_limits
    }

    /// The page where a person can see what is left of the limits, if the backend does not report them.
    #[must_use]
    pub fn usage_page(&self) -> Option<&'static str> {
        self.profile.usage_page
    }

    /// Returns whether it is called at another address than the usual one.
    #[must_use]
    pub fn has_custom_base(&self) -> bool {
        self.base.trim_end_matches('/') != self.profile.base
    }

    /// Whether the backend takes tools of a kind, as far as is known; others are left out of requests.
    #[must_use]
    pub fn takes_tool(&self, kind: &str) -> bool {
        self.profile.known_tools.is_none_or(|known| known.contains(&kind))
    }

    pub(crate) fn profile(&self) -> &'static BackendProfile {
        self.profile
    }

    /// The addresses of the calls.
    pub(crate) fn endpoints(&self) -> Result<Endpoints, Error> {
        Endpoints::under(&self.base, self.profile.reports_limits)
    }
}

impl FromStr for UpstreamRoute {
    type Err = UnknownRoute;

    /// Parses a route's name. The route has its usual address; `api` is OpenAI's platform.
    fn from_str(word: &str) -> Result<Self, UnknownRoute> {
        let profiles = [&backend_profile::CODEX, &backend_profile::PLAN, &backend_profile::OPENAI];
        let named = profiles.into_iter().find(|profile| profile.name == word);
        named.map(Self::of).ok_or_else(|| UnknownRoute(word.chars().take(32).collect()))
    }
}

impl fmt::Debug for UpstreamRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamRoute")
            .field("name", &self.profile.name)
            .field("base", &self.base)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    #[test]
    fn the_calls_of_the_codex_route_have_their_known_addresses() {
        let endpoints = UpstreamRoute::codex().endpoints().unwrap();
        let base = "https://chatgpt.com/backend-api";
        let text = |address: &Address| String::from(Url::from(address.clone()));
        assert_eq!(text(&endpoints.responses), format!("{base}/codex/responses"));
        assert_eq!(text(endpoints.usage.as_ref().unwrap()), format!("{base}/wham/usage"));
        let models = endpoints.models(Some("0.171.0"));
        assert_eq!(text(&models), format!("{base}/codex/models?client_version=0.171.0"));
        assert!(!endpoints.site().is_loopback);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for base in ["http://127.0.0.1:9/codex", "http://[::1]:9/codex", "http://localhost/codex/"]
        {
            let endpoints = UpstreamRoute::codex().at(base).endpoints().unwrap();
            assert!(endpoints.site().is_loopback, "{base}");
            let responses = Url::from(endpoints.responses);
            assert!(responses.path().ends_with("/codex/responses"), "{base}");
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
            let error = UpstreamRoute::codex().at(base).endpoints().unwrap_err();
            assert!(!error.to_string().contains("pass@"), "{error}");
        }
    }

    #[test]
    fn refused_members_are_known() {
        let route = UpstreamRoute::codex();
        for member in ["temperature", "previous_response_id", "seed", "never_heard_of"] {
            assert!(route.refuses(member), "{member}");
        }
        assert!(!route.refuses("model") && !route.refuses("prompt_cache_key"));
        assert!(route.is_closed());
    }
}
