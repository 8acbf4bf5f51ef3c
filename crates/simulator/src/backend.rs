//! The three backends of the simulator, and the paths below which they are served.

mod error_style;
mod rules;

pub(crate) use error_style::ErrorStyle;
pub(crate) use rules::Rules;

/// A backend that answers `POST /responses` and `GET /models`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The backend of the Codex programs, called with tokens of their sign-in.
    Codex,
    /// The backend for other programs that use a ChatGPT plan, called with tokens of the plan's own
    /// sign-in.
    Plan,
    /// The public API, called with a key.
    Api,
}

impl Backend {
    /// Returns the rules that it checks.
    pub(crate) fn rules(self) -> &'static Rules {
        match self {
            Self::Codex => &rules::CODEX,
            Self::Plan => &rules::PLAN,
            Self::Api => &rules::API,
        }
    }

    /// Returns the backend of a name: `codex`, `plan` or `api`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "codex" => Some(Self::Codex),
            "plan" => Some(Self::Plan),
            "api" => Some(Self::Api),
            _ => None,
        }
    }

    /// Returns the path that it has unless the settings change it.
    pub(crate) fn default_base(self) -> &'static str {
        match self {
            Self::Codex => "/backend-api/codex",
            Self::Plan => "/plan/v1",
            Self::Api => "/v1",
        }
    }
}

/// The paths below which the backends are served. A backend without a path is not served.
///
/// If two have the same path, the first in this order answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bases {
    /// The Codex backend, `/backend-api/codex`.
    pub codex: Option<String>,
    /// The plan's backend, `/plan/v1`. The real one is at `/v1` of another host.
    pub plan: Option<String>,
    /// The public API, `/v1`.
    pub api: Option<String>,
}

impl Default for Bases {
    fn default() -> Self {
        let usual = |backend: Backend| Some(backend.default_base().to_owned());
        Self { codex: usual(Backend::Codex), plan: usual(Backend::Plan), api: usual(Backend::Api) }
    }
}

impl Bases {
    /// Serves one backend alone, at this path.
    pub fn only(backend: Backend, base: &str) -> Self {
        let mut bases = Self { codex: None, plan: None, api: None };
        let place = match backend {
            Backend::Codex => &mut bases.codex,
            Backend::Plan => &mut bases.plan,
            Backend::Api => &mut bases.api,
        };
        *place = Some(base.to_owned());
        bases
    }

    /// Returns the backend whose path is a prefix of this path.
    pub(crate) fn above(&self, path: &str) -> Option<Backend> {
        [Backend::Codex, Backend::Plan, Backend::Api].into_iter().find(|backend| {
            let below = self.of(*backend).and_then(|base| path.strip_prefix(base));
            below.is_some_and(|below| below.starts_with('/'))
        })
    }

    /// Returns the path of a backend, if it is served.
    pub fn of(&self, backend: Backend) -> Option<&str> {
        match backend {
            Backend::Codex => self.codex.as_deref(),
            Backend::Plan => self.plan.as_deref(),
            Backend::Api => self.api.as_deref(),
        }
    }
}
