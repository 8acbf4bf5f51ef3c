//! The endpoints of the simulator: the only list of methods and paths.

use hyper::Method;

use crate::backend::{Backend, Bases};

/// The target of a method and a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /backend-api/codex/responses`
    Responses,
    /// `GET /backend-api/codex/responses`, a WebSocket upgrade
    Upgrade,
    /// `GET /backend-api/codex/models`
    Models,
    /// `POST /plan/v1/responses`
    PlanResponses,
    /// `GET /plan/v1/responses`, a WebSocket upgrade
    PlanUpgrade,
    /// `GET /plan/v1/models`
    PlanModels,
    /// `POST /v1/responses`
    ApiResponses,
    /// `GET /v1/models`
    ApiModels,
    /// `GET /backend-api/wham/usage`
    Usage,
    /// `GET /backend-api/wham/rate-limit-reset-credits`
    ResetCredits,
    /// `POST /backend-api/wham/rate-limit-reset-credits/consume`
    Redeem,
    /// `GET /backend-api/wham/accounts/check`
    AccountsCheck,
    /// `GET /oauth/authorize`
    Authorize,
    /// `GET /oauth/authorize/continue`, the link on the page of `Authorize`
    Continue,
    /// `POST /oauth/token`
    Token,
    /// `POST /oauth/revoke`
    Revoke,
    /// `GET /api/accounts/authorize`, of the plan route
    PlanAuthorize,
    /// `GET /api/accounts/authorize/continue`, the link on the page of `PlanAuthorize`
    PlanContinue,
    /// `POST /api/accounts/oauth/token`, of the plan route
    PlanToken,
    /// `POST /api/accounts/oauth/revoke`, of the plan route
    PlanRevoke,
    /// `GET /.well-known/openid-configuration`
    Discovery,
    /// `GET /.well-known/jwks.json`
    Keys,
    /// `POST /api/accounts/deviceauth/usercode`
    DeviceCode,
    /// `POST /api/accounts/deviceauth/token`
    DeviceToken,
    /// `GET /codex/device`
    DevicePage,
    /// `GET /health`
    Health,
    /// `GET /stats`
    Stats,
}

impl Endpoint {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Responses, "POST /backend-api/codex/responses"),
        (Self::Upgrade, "GET /backend-api/codex/responses"),
        (Self::Models, "GET /backend-api/codex/models"),
        (Self::PlanResponses, "POST /plan/v1/responses"),
        (Self::PlanUpgrade, "GET /plan/v1/responses"),
        (Self::PlanModels, "GET /plan/v1/models"),
        (Self::ApiResponses, "POST /v1/responses"),
        (Self::ApiModels, "GET /v1/models"),
        (Self::Usage, "GET /backend-api/wham/usage"),
        (Self::ResetCredits, "GET /backend-api/wham/rate-limit-reset-credits"),
        (Self::Redeem, "POST /backend-api/wham/rate-limit-reset-credits/consume"),
        (Self::AccountsCheck, "GET /backend-api/wham/accounts/check"),
        (Self::Authorize, "GET /oauth/authorize"),
        (Self::Continue, "GET /oauth/authorize/continue"),
        (Self::Token, "POST /oauth/token"),
        (Self::Revoke, "POST /oauth/revoke"),
        (Self::PlanAuthorize, "GET /api/accounts/authorize"),
        (Self::PlanContinue, "GET /api/accounts/authorize/continue"),
        (Self::PlanToken, "POST /api/accounts/oauth/token"),
        (Self::PlanRevoke, "POST /api/accounts/oauth/revoke"),
        (Self::Discovery, "GET /.well-known/openid-configuration"),
        (Self::Keys, "GET /.well-known/jwks.json"),
        (Self::DeviceCode, "POST /api/accounts/deviceauth/usercode"),
        (Self::DeviceToken, "POST /api/accounts/deviceauth/token"),
        (Self::DevicePage, "GET /codex/device"),
        (Self::Health, "GET /health"),
        (Self::Stats, "GET /stats"),
    ];

    /// The endpoints of model calls.
    pub(crate) const MODEL_CALLS: [Self; 3] =
        [Self::Responses, Self::PlanResponses, Self::ApiResponses];

    /// Returns whether this endpoint is for model calls.
    pub(crate) fn is_model_call(self) -> bool {
        Self::MODEL_CALLS.contains(&self)
    }

    /// Returns whether it lists models.
    pub(crate) fn is_model_list(self) -> bool {
        matches!(self, Self::Models | Self::PlanModels | Self::ApiModels)
    }

    /// Returns the endpoint of a request, if there is one.
    pub(crate) fn of(method: &Method, path: &str, bases: &Bases) -> Option<Self> {
        let found = Self::ALL.iter().find(|(endpoint, name)| {
            name.split_once(' ')
                .is_some_and(|(known, usual)| method == known && endpoint.is_at(path, usual, bases))
        });
        found.map(|(endpoint, _)| *endpoint)
    }

    /// Returns whether a path is that of this endpoint, given the endpoint's default path.
    fn is_at(self, path: &str, usual: &str, bases: &Bases) -> bool {
        let Some(backend) = self.backend() else { return path == usual };
        let below = bases.of(backend).and_then(|base| path.strip_prefix(base));
        below.is_some() && below == usual.strip_prefix(backend.default_base())
    }

    /// Returns the backend that it belongs to.
    pub(crate) fn backend(self) -> Option<Backend> {
        match self {
            Self::Responses | Self::Upgrade | Self::Models => Some(Backend::Codex),
            Self::PlanResponses | Self::PlanUpgrade | Self::PlanModels => Some(Backend::Plan),
            Self::ApiResponses | Self::ApiModels => Some(Backend::Api),
            _ => None,
        }
    }

    /// Returns the endpoint for model calls of a backend.
    pub(crate) fn calls_of(backend: Backend) -> Self {
        match backend {
            Backend::Codex => Self::Responses,
            Backend::Plan => Self::PlanResponses,
            Backend::Api => Self::ApiResponses,
        }
    }

    /// Returns the method and the default path, as in `POST /oauth/token`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("other", |(_, name)| name)
    }
}
