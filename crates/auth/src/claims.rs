//! Claims of a JWT payload, read without checking the signature: for display and routing, never for trust.

use crate::secret::Secret;
use crate::secret_object::SecretObject;

#[cfg(test)]
pub(crate) mod sample;

const AUTH: &str = "https://api.openai.com/auth";
const PROFILE: &str = "https://api.openai.com/profile";

/// The claims of tokens about the person and the workspace; anything unreadable is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// The e-mail address: a label, not a key.
    pub email: Option<String>,
    /// The workspace, sent upstream as `chatgpt-account-id`.
    pub account_id: Option<String>,
    /// The plan, an open word such as `plus` or `team`.
    pub plan: Option<String>,
    /// The person within the workspace.
    pub user_id: Option<String>,
    /// The person as the id token's issuer knows them.
    pub subject: Option<String>,
    /// The claim that the workspace is a FedRAMP one.
    pub fedramp: Option<bool>,
    /// The end of the token's life, in seconds since 1970.
    pub expires: Option<i64>,
    /// When the token was issued, in seconds since 1970.
    pub issued: Option<i64>,
}

impl Claims {
    /// Reads a token's claims. A token that is no JWT has none.
    pub fn read(token: &Secret) -> Self {
        let decoded =
            jsonwebtoken::dangerous::insecure_decode_claims::<SecretObject>(token.expose());
        let Ok(payload) = decoded else { return Self::default() };
        let auth: SecretObject = payload.read(AUTH).unwrap_or_default();
        let profile: SecretObject = payload.read(PROFILE).unwrap_or_default();
        let expires = payload.raw("exp").and_then(seconds);
        Self {
            email: text(&payload, "email").or_else(|| text(&profile, "email")),
            account_id: text(&auth, "chatgpt_account_id"),
            plan: text(&auth, "chatgpt_plan_type"),
            user_id: text(&auth, "chatgpt_user_id").or_else(|| text(&auth, "user_id")),
            subject: text(&payload, "sub"),
            fedramp: auth.read("chatgpt_account_is_fedramp"),
            expires,
            issued: payload.raw("iat").and_then(seconds),
        }
    }

    /// Reads the id token, and the access token for what the id token lacks; `expires` and `issued`
    /// are always the access token's.
    pub fn of(id_token: Option<&Secret>, access_token: Option<&Secret>) -> Self {
        let first = id_token.map(Self::read).unwrap_or_default();
        let second = access_token.map(Self::read).unwrap_or_default();
        Self {
            email: first.email.or(second.email),
            account_id: first.account_id.or(second.account_id),
            plan: first.plan.or(second.plan),
            user_id: first.user_id.or(second.user_id),
            // An access token's is for the backend to read.
            subject: first.subject,
            fedramp: first.fedramp.or(second.fedramp),
            expires: second.expires,
            issued: second.issued,
        }
    }
}

impl Claims {
    /// Returns the person: the user of the workspace, or else the subject.
    pub(crate) fn person(&self) -> Option<String> {
        self.user_id.clone().or_else(|| self.subject.clone())
    }
}

fn text(members: &SecretObject, name: &str) -> Option<String> {
    members.read::<String>(name).filter(|text| !text.is_empty())
}

/// A JWT date may carry a fraction, so a number that is no integer is cut, and kept within `i64`.
fn seconds(raw: &str) -> Option<i64> {
    if let Ok(whole) = serde_json::from_str::<i64>(raw) {
        return Some(whole);
    }
    serde_json::from_str::<f64>(raw).ok().filter(|number| number.is_finite()).map(|n| n as i64)
}

/// The owner of a sign-in: two members of one team share the workspace, and one person may
/// have several workspaces, so both matter. What is unknown contradicts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountIdentity {
    pub(crate) user: Option<String>,
    pub(crate) account: Option<String>,
}

impl AccountIdentity {
    pub(crate) fn of(claims: &Claims) -> Self {
        Self { user: claims.person(), account: claims.account_id.clone() }
    }

    /// Returns whether nothing known on both sides differs.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        same(&self.user, &other.user) && same(&self.account, &other.account)
    }
}

#[cfg(test)]
mod tests {
    use super::sample::jwt;
    use super::*;

    #[test]
    fn every_claim_is_found_at_both_paths() {
        let claims = Claims::read(&jwt(
            r#"{"exp":1795341000,"email":"user@example.org","https://api.openai.com/auth":
            {"chatgpt_account_id":"acc","chatgpt_plan_type":"new_plan","chatgpt_user_id":"u1",
            "user_id":"u2","chatgpt_account_is_fedramp":true}}"#,
        ));
        assert_eq!(claims.email.as_deref(), Some("user@example.org"));
        assert_eq!(claims.account_id.as_deref(), Some("acc"));
        assert_eq!(claims.plan.as_deref(), Some("new_plan"));
        assert_eq!(claims.user_id.as_deref(), Some("u1"));
        assert_eq!(claims.fedramp, Some(true));
        assert_eq!(claims.expires, Some(1_795_341_000));

        let second =
            Claims::read(&jwt(r#"{"https://api.openai.com/profile":{"email":"p@example.org"},
            "https://api.openai.com/auth":{"user_id":"u2"}}"#));
        assert_eq!(second.email.as_deref(), Some("p@example.org"));
        assert_eq!(second.user_id.as_deref(), Some("u2"));
    }

    #[test]
    fn the_access_token_fills_gaps_and_alone_gives_the_expiry() {
        let id = jwt(r#"{"exp":1,"email":"id@example.org"}"#);
        let access = jwt(r#"{"exp":2,"email":"access@example.org",
            "https://api.openai.com/auth":{"chatgpt_account_id":"acc"}}"#);
        let claims = Claims::of(Some(&id), Some(&access));
        assert_eq!(claims.email.as_deref(), Some("id@example.org"));
        assert_eq!(claims.account_id.as_deref(), Some("acc"));
        assert_eq!(claims.expires, Some(2));
        assert_eq!(Claims::of(Some(&id), None).expires, None);
    }

    #[test]
    fn odd_expiry_values_are_read_or_passed_over_without_losing_the_rest() {
        for (exp, expected) in [
            ("1795341000", Some(1_795_341_000)),
            ("1795341000.9", Some(1_795_341_000)),
            ("-1", Some(-1)),
            ("1e300", Some(i64::MAX)),
            ("99999999999999999999", Some(i64::MAX)),
            ("1e400", None),
            ("\"1795341000\"", None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            ("{}", None),
        ] {
            let claims = Claims::read(&jwt(&format!(r#"{{"exp":{exp},"email":"e@example.org"}}"#)));
            assert_eq!(claims.expires, expected, "{exp}");
            assert_eq!(claims.email.as_deref(), Some("e@example.org"), "{exp}");
        }
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        let good = jwt(r#"{"email":"e@example.org"}"#);
        let payload = good.expose().split('.').nth(1).unwrap().to_owned();
        for token in [
            "",
            ".",
            "..",
            "...",
            "opaque",
            "a.b",
            "a.%%%.c",
            "a.e30=.c",
            "a.bnVsbA.c",
            "a.W10.c",
            "a.eyJh.c",
            "\u{0}.\u{1F600}.x",
            &format!("{payload}.x"),
        ] {
            assert_eq!(Claims::read(&Secret::new(token)), Claims::default(), "{token:?}");
        }
    }

    #[test]
    fn claims_of_the_wrong_kind_are_absent() {
        let claims = Claims::read(&jwt(
            r#"{"email":5,"https://api.openai.com/auth":{"chatgpt_account_id":null,
            "chatgpt_plan_type":["x"],"chatgpt_account_is_fedramp":"yes"},
            "https://api.openai.com/profile":"x"}"#,
        ));
        assert_eq!(claims, Claims::default());
    }

    #[test]
    fn identities_differ_only_in_what_both_know() {
        let who = |user: Option<&str>, account: Option<&str>| AccountIdentity {
            user: user.map(Into::into),
            account: account.map(Into::into),
        };
        assert!(who(Some("u"), Some("a")).agrees(&who(None, Some("a"))));
        assert!(who(None, None).agrees(&who(Some("u"), Some("a"))));
        assert!(!who(Some("u"), Some("a")).agrees(&who(Some("v"), Some("a"))));
        assert!(!who(None, Some("a")).agrees(&who(None, Some("b"))));
    }
}
