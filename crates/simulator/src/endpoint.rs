//! The endpoints: the only list of methods and paths.

use hyper::Method;

/// What a method and a path stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /backend-api/codex/responses`
    Responses,
    /// `GET /backend-api/codex/responses`, a WebSocket upgrade
    Upgrade,
    /// `GET /backend-api/codex/models`
    Models,
    /// `GET /backend-api/wham/usage`
    Usage,
    /// `GET /backend-api/wham/accounts/check`
    AccountsCheck,
    /// `GET /oauth/authorize`
    Authorize,
    /// `GET /oauth/authorize/continue`, the link on the page of the above
    Continue,
    /// `POST /oauth/token`
    Token,
    /// `POST /oauth/revoke`
    Revoke,
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
    const ALL: [(Self, &'static str); 14] = [
        (Self::Responses, "POST /backend-api/codex/responses"),
        (Self::Upgrade, "GET /backend-api/codex/responses"),
        (Self::Models, "GET /backend-api/codex/models"),
        (Self::Usage, "GET /backend-api/wham/usage"),
        (Self::AccountsCheck, "GET /backend-api/wham/accounts/check"),
        (Self::Authorize, "GET /oauth/authorize"),
        (Self::Continue, "GET /oauth/authorize/continue"),
        (Self::Token, "POST /oauth/token"),
        (Self::Revoke, "POST /oauth/revoke"),
        (Self::DeviceCode, "POST /api/accounts/deviceauth/usercode"),
        (Self::DeviceToken, "POST /api/accounts/deviceauth/token"),
        (Self::DevicePage, "GET /codex/device"),
        (Self::Health, "GET /health"),
        (Self::Stats, "GET /stats"),
    ];

    /// The endpoint of a request, if it is one.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, name)| {
            name.split_once(' ').is_some_and(|(known, place)| method == known && place == path)
        });
        found.map(|(endpoint, _)| *endpoint)
    }

    /// The method and path, as in `POST /oauth/token`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("other", |(_, name)| name)
    }
}
