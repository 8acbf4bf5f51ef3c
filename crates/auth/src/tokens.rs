//! The sign-in file: the tokens, when they were renewed, and every member other programs put there.

use std::fmt;

use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::claims::Claims;
use crate::members::Members;
use crate::route::{Origin, Route};
use crate::secret::Secret;

/// How long before its end an access token is renewed.
pub const RENEW_AHEAD: Duration = Duration::minutes(5);
/// How old the last renewal may be when the access token does not say when it ends.
pub const RENEW_EVERY: Duration = Duration::days(8);

const TOKEN_NAMES: [&str; 4] = ["id_token", "access_token", "refresh_token", "account_id"];

/// What the issuer gives at sign-in and at each renewal; every part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Grant {
    /// Says who signed in.
    #[serde(default)]
    pub id_token: Option<Secret>,
    /// Sent to the backend.
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// Good for one renewal.
    #[serde(default)]
    pub refresh_token: Option<Secret>,
}

impl Grant {
    /// The claims of both tokens.
    pub fn claims(&self) -> Claims {
        Claims::of(self.id_token.as_ref(), self.access_token.as_ref())
    }
}

/// The content of `auth.json`: known members typed, unknown ones kept by value and place.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthFile {
    members: Members,
    tokens: Option<Tokens>,
}

/// The text was not a sign-in file. It says nothing of the content, which may hold tokens.
#[derive(Debug, thiserror::Error)]
#[error("not a sign-in file")]
pub struct Malformed;

impl AuthFile {
    /// Reads the file's text; an object without tokens is well formed, but not a sign-in.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let members: Members = serde_json::from_slice(text).map_err(|_| Malformed)?;
        let tokens = match members.raw("tokens") {
            None => None,
            Some(raw) => serde_json::from_str::<Option<Members>>(raw).map_err(|_| Malformed)?,
        };
        let tokens = tokens.map(Tokens::checked).transpose()?;
        Ok(Self { members, tokens })
    }

    /// Makes the file of a new sign-in; the workspace comes from the tokens' claims.
    pub fn signed_in(grant: &Grant, now: OffsetDateTime) -> Self {
        let mut tokens = Tokens(Members::default());
        tokens.take(grant);
        let claims = Claims::of(grant.id_token.as_ref(), grant.access_token.as_ref());
        if let Some(account) = claims.account_id {
            tokens.0.set("account_id", &account);
        }
        let mut members = Members::default();
        members.set("auth_mode", "chatgpt");
        members.set_raw("OPENAI_API_KEY", "null".to_owned());
        members.set_raw("tokens", "null".to_owned());
        set_time(&mut members, now);
        Self { members, tokens: Some(tokens) }
    }

    /// Writes down who issued the sign-in and where it may be used.
    #[must_use]
    pub fn with_origin(mut self, origin: &Origin) -> Self {
        self.members.set("route", origin.route.as_str());
        let mut provenance = Members::default();
        for (name, part) in [("issuer", &origin.issuer), ("client_id", &origin.client_id)] {
            if let Some(text) = part {
                provenance.set(name, text);
            }
        }
        if let Some(tokens) = &mut self.tokens {
            tokens.0.set_raw("oauth_provenance", String::clone(&provenance.render(4)));
        }
        self
    }

    /// Writes down the name that the person gave the account.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.members.set("account_name", name);
        self
    }

    /// Who issued the sign-in and where it may be used. Programs that write no route know only
    /// the Codex one.
    pub fn origin(&self) -> Origin {
        let provenance = self.tokens.as_ref().and_then(|t| t.0.read::<Members>("oauth_provenance"));
        let part = |name| provenance.as_ref().and_then(|members| members.read::<String>(name));
        let route = self.members.read::<String>("route").map_or(Route::CODEX, Route::named);
        Origin { route, issuer: part("issuer"), client_id: part("client_id") }
    }

    /// The name that the person gave the account.
    pub fn name(&self) -> Option<String> {
        self.members.read("account_name")
    }

    /// Says whether the Codex CLI wrote the file: the Python ChatMock writes no such members.
    pub(crate) fn is_codex_style(&self) -> bool {
        let marked = |tokens: &Tokens| tokens.0.raw("login_owner_id").is_some();
        self.members.raw("auth_mode").is_some() || self.tokens.as_ref().is_some_and(marked)
    }

    /// Says whether there is an API key in the file.
    pub(crate) fn has_api_key(&self) -> bool {
        self.members.read::<Secret>("OPENAI_API_KEY").is_some_and(|key| !key.is_empty())
    }

    /// The file as ours, once another program has given it up.
    pub(crate) fn adopted(mut self) -> Self {
        let route = self.origin().route;
        self.members.set("route", route.as_str());
        self
    }

    /// Says whether ChatMock itself wrote the file.
    pub(crate) fn is_ours(&self) -> bool {
        self.members.raw("route").is_some()
    }

    /// Gives the file after a renewal: new tokens where the issuer sent some, the rest as it was.
    pub fn renewed(&self, grant: &Grant, now: OffsetDateTime) -> Self {
        let mut next = self.clone();
        next.tokens.get_or_insert_with(|| Tokens(Members::default())).take(grant);
        if next.members.raw("tokens").is_none() {
            next.members.set_raw("tokens", "null".to_owned());
        }
        set_time(&mut next.members, now);
        next
    }

    /// The tokens; `None` when the file holds only an API key or nothing.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref().filter(|tokens| !tokens.is_empty())
    }

    /// When the tokens were last renewed.
    pub fn last_refresh(&self) -> Option<OffsetDateTime> {
        let text: String = self.members.read("last_refresh")?;
        OffsetDateTime::parse(&text, &Rfc3339).ok()
    }

    /// The kind of sign-in another program wrote down, an open word such as `chatgpt`.
    pub fn auth_mode(&self) -> Option<String> {
        self.members.read("auth_mode")
    }

    /// The file's text.
    pub fn render(&self) -> Zeroizing<String> {
        let mut text = match &self.tokens {
            None => self.members.render(0),
            Some(tokens) => {
                let mut members = self.members.clone();
                members.set_raw("tokens", String::clone(&tokens.0.render(2)));
                members.render(0)
            }
        };
        text.push('\n');
        text
    }

    /// What decides when the access token must be renewed, read once so that asking is cheap.
    pub fn lifetime(&self) -> Lifetime {
        let access = self.tokens().and_then(Tokens::access_token);
        Lifetime {
            missing: access.is_none(),
            expires: access.and_then(|token| Claims::read(&token).expires),
            renewed: self.last_refresh(),
        }
    }
}

impl fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFile").field("signed_in", &self.tokens().is_some()).finish()
    }
}

fn set_time(members: &mut Members, now: OffsetDateTime) {
    if let Ok(text) = now.format(&Rfc3339) {
        members.set("last_refresh", &text);
    }
}

/// The `tokens` object of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens(Members);

impl Tokens {
    fn checked(members: Members) -> Result<Self, Malformed> {
        for raw in TOKEN_NAMES.iter().filter_map(|name| members.raw(name)) {
            serde_json::from_str::<Option<Secret>>(raw).map_err(|_| Malformed)?;
        }
        Ok(Self(members))
    }

    fn take(&mut self, grant: &Grant) {
        let parts = [&grant.id_token, &grant.access_token, &grant.refresh_token];
        for (name, part) in TOKEN_NAMES.iter().zip(parts) {
            if let Some(token) = part.as_ref().filter(|token| !token.is_empty()) {
                self.0.set(name, token.expose());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.access_token().is_none() && self.refresh_token().is_none()
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.0.read::<Secret>(name).filter(|secret| !secret.is_empty())
    }

    /// The token that says who signed in.
    pub fn id_token(&self) -> Option<Secret> {
        self.secret("id_token")
    }

    /// The token that is sent to the backend.
    pub fn access_token(&self) -> Option<Secret> {
        self.secret("access_token")
    }

    /// The token that buys the next access token.
    pub fn refresh_token(&self) -> Option<Secret> {
        self.secret("refresh_token")
    }

    /// The workspace written down at sign-in.
    pub fn account_id(&self) -> Option<String> {
        self.0.read::<String>("account_id").filter(|id| !id.is_empty())
    }

    /// The claims of both tokens.
    pub fn claims(&self) -> Claims {
        Claims::of(self.id_token().as_ref(), self.access_token().as_ref())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(****)")
    }
}

/// How an access token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// To be used.
    Fresh,
    /// To be used, and renewed soon.
    Stale,
    /// Of no more use.
    Expired,
}

/// The dates that decide about a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    missing: bool,
    expires: Option<i64>,
    renewed: Option<OffsetDateTime>,
}

impl Lifetime {
    /// The end of the access token, in seconds since 1970, when it says so.
    pub fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// Judges the access token at a moment. The date of the last renewal counts only when the
    /// token itself does not say when it ends.
    pub fn freshness(&self, now: OffsetDateTime) -> Freshness {
        let seconds = now.unix_timestamp();
        match (self.expires, self.renewed) {
            _ if self.missing => Freshness::Expired,
            (Some(end), _) if end <= seconds => Freshness::Expired,
            (Some(end), _) if end <= seconds.saturating_add(RENEW_AHEAD.whole_seconds()) => {
                Freshness::Stale
            }
            (None, Some(renewed)) if now - renewed > RENEW_EVERY => Freshness::Stale,
            _ => Freshness::Fresh,
        }
    }
}

/// Judges a file's access token at a moment.
pub fn freshness(file: &AuthFile, now: OffsetDateTime) -> Freshness {
    file.lifetime().freshness(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, jwt};

    const FULL: &str = r#"{
      "future_top": {"z": 1E2, "a": [12345678901234567890123]},
      "auth_mode": "chatgpt", "OPENAI_API_KEY": null,
      "tokens": {"x_first": "\u00e9", "id_token": "i", "access_token": "a",
        "refresh_token": "r", "oauth_provenance": {"issuer": "https://x", "client_id": "app"},
        "login_owner_id": "own", "account_id": "acc"},
      "last_refresh": "2026-11-22T09:10:11.123456789Z", "agent_identity": 1.50 }"#;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
    }

    #[test]
    fn the_known_members_are_read() {
        let file = AuthFile::parse(FULL.as_bytes()).unwrap();
        let tokens = file.tokens().unwrap();
        assert_eq!(tokens.id_token().unwrap().expose(), "i");
        assert_eq!(tokens.access_token().unwrap().expose(), "a");
        assert_eq!(tokens.refresh_token().unwrap().expose(), "r");
        assert_eq!(tokens.account_id().as_deref(), Some("acc"));
        assert_eq!(file.auth_mode().as_deref(), Some("chatgpt"));
        assert_eq!(file.last_refresh().unwrap().nanosecond(), 123_456_789);
    }

    #[test]
    fn unknown_members_survive_a_renewal_by_value_and_order() {
        let file = AuthFile::parse(FULL.as_bytes()).unwrap();
        let grant = Grant { access_token: Some(Secret::new("new")), ..Grant::default() };
        let text = file.renewed(&grant, now()).render();
        let places: Vec<usize> = [
            r#""future_top": {"z": 1E2, "a": [12345678901234567890123]}"#,
            r#""auth_mode": "chatgpt""#,
            r#""OPENAI_API_KEY": null"#,
            r#""x_first": "\u00e9""#,
            r#""id_token": "i""#,
            r#""access_token": "new""#,
            r#""refresh_token": "r""#,
            r#""oauth_provenance": {"issuer": "https://x", "client_id": "app"}"#,
            r#""login_owner_id": "own""#,
            r#""account_id": "acc""#,
            r#""last_refresh": "2027-01-15T08:00:00Z""#,
            r#""agent_identity": 1.50"#,
        ]
        .iter()
        .map(|part| text.find(part).unwrap_or_else(|| panic!("{part} in {}", &*text)))
        .collect();
        assert!(places.is_sorted());
    }

    #[test]
    fn a_rendered_file_parses_to_itself() {
        let file = AuthFile::parse(FULL.as_bytes()).unwrap();
        let once = AuthFile::parse(file.render().as_bytes()).unwrap();
        assert_eq!(once.render(), file.render());
    }

    #[test]
    fn the_minimal_old_form_is_a_sign_in() {
        let text = br#"{"tokens":{"id_token":"i","access_token":"a","refresh_token":"r"},
            "last_refresh":"2026-11-22T09:10:11Z"}"#;
        assert!(AuthFile::parse(text).unwrap().tokens().is_some());
    }

    #[test]
    fn a_file_without_tokens_is_no_sign_in() {
        for text in [
            r#"{"OPENAI_API_KEY":"sk-x"}"#,
            r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-x","tokens":null}"#,
            r#"{"tokens":{"id_token":"i","access_token":"","refresh_token":null}}"#,
            "{}",
        ] {
            assert!(AuthFile::parse(text.as_bytes()).unwrap().tokens().is_none(), "{text}");
        }
    }

    #[test]
    fn other_shapes_are_malformed() {
        for text in [
            "",
            " ",
            "null",
            "[]",
            "{",
            "{}x",
            r#"{"tokens":5}"#,
            r#"{"tokens":{"access_token":5}}"#,
            "{\"tokens\":{\"access_token\":\"cut",
            "\u{feff}",
        ] {
            assert!(AuthFile::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(AuthFile::parse(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn empty_tokens_in_a_grant_replace_nothing() {
        let file = AuthFile::parse(FULL.as_bytes()).unwrap();
        let grant = Grant { refresh_token: Some(Secret::new("")), ..Grant::default() };
        let next = file.renewed(&grant, now());
        assert_eq!(next.tokens().unwrap().refresh_token().unwrap().expose(), "r");
    }

    #[test]
    fn a_new_sign_in_takes_the_workspace_from_the_claims() {
        let file = AuthFile::signed_in(&sample::grant(1_900_000_000, "refresh"), now());
        assert_eq!(file.tokens().unwrap().account_id().as_deref(), Some(sample::ACCOUNT));
        let again = AuthFile::parse(file.render().as_bytes()).unwrap();
        assert_eq!(again.render(), file.render());
        assert_eq!(again.auth_mode().as_deref(), Some("chatgpt"));
    }

    #[test]
    fn freshness_follows_the_table() {
        let at = |seconds: i64| format!(r#"{{"exp":{}}}"#, 1_800_000_000 + seconds);
        let day = 86_400;
        for (payload, age, expected) in [
            (at(400), Some(0), Freshness::Fresh),
            (at(301), Some(33 * day), Freshness::Fresh),
            (at(300), Some(0), Freshness::Stale),
            (at(200), None, Freshness::Stale),
            (at(1), None, Freshness::Stale),
            (at(0), None, Freshness::Expired),
            (at(-10), Some(0), Freshness::Expired),
            (r#"{"exp":-1}"#.into(), Some(0), Freshness::Expired),
            (r#"{"exp":1e300}"#.into(), Some(9 * day), Freshness::Fresh),
            ("{}".into(), Some(7 * day), Freshness::Fresh),
            ("{}".into(), Some(9 * day), Freshness::Stale),
            ("{}".into(), None, Freshness::Fresh),
            (r#"{"exp":"1"}"#.into(), Some(9 * day), Freshness::Stale),
            (r#"{"exp":1e400}"#.into(), Some(9 * day), Freshness::Stale),
            (r#"{"exp":1e400}"#.into(), Some(-day), Freshness::Fresh),
        ] {
            let grant = Grant { access_token: Some(jwt(&payload)), ..Grant::default() };
            let mut file = AuthFile::signed_in(&grant, now());
            match age {
                Some(age) => set_time(&mut file.members, now() - Duration::seconds(age)),
                None => file.members.set_raw("last_refresh", "null".into()),
            }
            assert_eq!(freshness(&file, now()), expected, "{payload} {age:?}");
        }
    }

    #[test]
    fn a_file_with_only_a_refresh_token_needs_a_renewal() {
        let grant = Grant { refresh_token: Some(Secret::new("r")), ..Grant::default() };
        let file = AuthFile::signed_in(&grant, now());
        assert_eq!(freshness(&file, now()), Freshness::Expired);
    }

    #[test]
    fn nothing_prints_a_token() {
        let file = AuthFile::signed_in(&sample::grant(1_900_000_000, "canary"), now());
        let malformed = AuthFile::parse(br#"{"tokens":{"access_token":["canary"]}}"#).unwrap_err();
        let shown = format!("{file:?} {:?} {malformed} {malformed:?}", file.tokens().unwrap());
        let access = file.tokens().unwrap().access_token().unwrap();
        assert!(!shown.contains("canary") && !shown.contains(access.expose()), "{shown}");
    }
}
