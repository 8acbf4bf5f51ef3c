//! The provider route that a sign-in is for.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::auth_profile::{self, AuthProfile};

/// A provider route with sign-ins of its own. Tokens of one are useless for another, and are never
/// handed out for it. An open word, since the stored form may come from a later version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SignInRoute(Cow<'static, str>);

impl SignInRoute {
    /// The Codex sign-in, for the Codex backend.
    pub const CODEX: Self = Self(Cow::Borrowed("codex"));
    /// The documented sign-in with plan usage, for the public API.
    pub const PLAN: Self = Self(Cow::Borrowed("plan"));

    /// Names a route.
    pub fn named(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// Returns the name, as it is stored in the sign-in.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the profile of its sign-ins; `None` for a name that this version does not know.
    pub fn profile(&self) -> Option<&'static AuthProfile> {
        auth_profile::ALL.into_iter().find(|profile| profile.name == self.as_str())
    }

    /// Returns the command that signs in for it.
    pub fn login_command(&self) -> String {
        let login = "chatmock-auth login";
        if *self == Self::CODEX { login.to_owned() } else { format!("{login} --route {self}") }
    }
}

impl fmt::Display for SignInRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_routes_and_no_others_have_a_practice() {
        for route in [SignInRoute::CODEX, SignInRoute::PLAN, SignInRoute::named("plan")] {
            assert_eq!(route.profile().unwrap().name, route.as_str());
        }
        assert!(SignInRoute::named("other").profile().is_none());
        assert_eq!(SignInRoute::CODEX.login_command(), "chatmock-auth login");
        assert_eq!(SignInRoute::PLAN.login_command(), "chatmock-auth login --route plan");
    }
}
