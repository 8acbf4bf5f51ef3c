//! Where a sign-in was issued and where its tokens may be sent.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

mod practice;

pub use practice::{CALLBACK_PORTS, Practice};
pub(crate) use practice::{CODEX, UNREGISTERED};

/// A way to the models, with a sign-in of its own: tokens of one are no good for another, and are
/// never handed out for it. An open word, since the stored form may come from a later version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Route(Cow<'static, str>);

impl Route {
    /// The Codex sign-in, for the Codex backend.
    pub const CODEX: Self = Self(Cow::Borrowed("codex"));
    /// The documented sign-in with plan usage, for the public API.
    pub const PLAN: Self = Self(Cow::Borrowed("plan"));

    /// Names a route.
    pub fn named(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The word that stands in the stored sign-in.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How its sign-ins are made; `None` for a word that this version does not know.
    pub fn practice(&self) -> Option<&'static Practice> {
        practice::ALL.into_iter().find(|practice| practice.name == self.as_str())
    }

    /// The command that signs in for it.
    pub fn login_command(&self) -> String {
        let login = "chatmock-auth login";
        if *self == Self::CODEX { login.to_owned() } else { format!("{login} --route {self}") }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who issued a sign-in, to which OAuth client, for which route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Where the tokens may go.
    pub route: Route,
    /// The issuer's address; unknown in files of older programs.
    pub issuer: Option<String>,
    /// The OAuth client; unknown in files of older programs.
    pub client_id: Option<String>,
}

impl Origin {
    /// Says whether nothing known on both sides differs.
    pub fn agrees(&self, other: &Self) -> bool {
        let plain = |address: &Option<String>| {
            address.as_deref().map(|text| text.trim_end_matches('/').to_ascii_lowercase())
        };
        let same = |a: Option<String>, b: Option<String>| a.is_none() || b.is_none() || a == b;
        self.route == other.route
            && same(plain(&self.issuer), plain(&other.issuer))
            && same(self.client_id.clone(), other.client_id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(route: Route, issuer: Option<&str>, client: Option<&str>) -> Origin {
        Origin { route, issuer: issuer.map(Into::into), client_id: client.map(Into::into) }
    }

    #[test]
    fn the_two_routes_and_no_others_have_a_practice() {
        for route in [Route::CODEX, Route::PLAN, Route::named("plan")] {
            assert_eq!(route.practice().unwrap().name, route.as_str());
        }
        assert!(Route::named("other").practice().is_none());
        assert_eq!(Route::CODEX.login_command(), "chatmock-auth login");
        assert_eq!(Route::PLAN.login_command(), "chatmock-auth login --route plan");
    }

    #[test]
    fn origins_differ_in_the_route_or_in_what_both_know() {
        let known = origin(Route::CODEX, Some("https://i.test"), Some("app"));
        assert!(known.agrees(&origin(Route::CODEX, None, None)));
        assert!(known.agrees(&origin(Route::named("codex"), Some("https://I.test/"), None)));
        assert!(!known.agrees(&origin(Route::PLAN, None, None)));
        assert!(!known.agrees(&origin(Route::CODEX, Some("https://other.test"), None)));
        assert!(!known.agrees(&origin(Route::CODEX, None, Some("other"))));
    }
}
