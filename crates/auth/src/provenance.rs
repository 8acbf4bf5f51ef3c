//! The provenance of a sign-in: its issuer, OAuth client and route.

use crate::sign_in_route::SignInRoute;

/// The issuer of a sign-in, the OAuth client and the route that it was issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The route that the tokens are for.
    pub route: SignInRoute,
    /// The issuer's address; unknown in files of older programs.
    pub issuer: Option<String>,
    /// The OAuth client; unknown in files of older programs.
    pub client_id: Option<String>,
}

impl Provenance {
    /// Returns whether nothing known on both sides differs.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
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

    fn provenance(route: SignInRoute, issuer: Option<&str>, client: Option<&str>) -> Provenance {
        Provenance { route, issuer: issuer.map(Into::into), client_id: client.map(Into::into) }
    }

    #[test]
    fn provenances_differ_in_the_route_or_in_what_both_know() {
        let known = provenance(SignInRoute::CODEX, Some("https://i.test"), Some("app"));
        assert!(known.agrees(&provenance(SignInRoute::CODEX, None, None)));
        assert!(known.agrees(&provenance(
            SignInRoute::named("codex"),
            Some("https://I.test/"),
            None
        )));
        assert!(!known.agrees(&provenance(SignInRoute::PLAN, None, None)));
        assert!(!known.agrees(&provenance(SignInRoute::CODEX, Some("https://other.test"), None)));
        assert!(!known.agrees(&provenance(SignInRoute::CODEX, None, Some("other"))));
    }
}
