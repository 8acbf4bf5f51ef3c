//! The sign-in file: the tokens, the time of their last renewal, and every member that other programs added.

use std::fmt;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::claims::{AccountIdentity, Claims};
use crate::private::BYTE_ORDER_MARK;
use crate::provenance::Provenance;
use crate::secret::Secret;
use crate::secret_object::SecretObject;
use crate::sign_in_route::SignInRoute;

mod lenient;
mod lifetime;
mod salvage;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub(crate) use lifetime::RENEW_AHEAD;
pub use lifetime::{Freshness, Lifetime};
pub(crate) use salvage::salvage;

/// The scopes that were granted.
const SCOPE: &str = "scope";
/// The end of an access token that does not say so itself, in seconds since 1970.
const EXPIRES: &str = "expires_at";
/// The earliest renewal, likewise.
const EARLIEST: &str = "earliest_refresh_at";

const TOKEN_NAMES: [&str; 4] = ["id_token", "access_token", "refresh_token", "account_id"];

/// The issuer's answer to a sign-in or a refresh; every part may be missing.
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
    /// The lifetime of the access token, in seconds.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub expires_in: Option<i64>,
    /// The scopes that were granted, separated by spaces.
    #[serde(default, deserialize_with = "lenient::text")]
    pub scope: Option<String>,
    /// The earliest time of a refresh, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient::moment")]
    pub earliest_refresh_at: Option<i64>,
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
    members: SecretObject,
    tokens: Option<Tokens>,
}

/// The mark of a sign-in that several servers share.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SharedMark {
    /// A number that grows with each renewal and sign-in.
    pub(crate) fence: u64,
    /// The name of the home that made it.
    pub(crate) by: String,
}

/// The text was not a sign-in file. It says nothing of the content, which may hold tokens.
#[derive(Debug, thiserror::Error)]
#[error("not a sign-in file")]
pub struct Malformed;

impl AuthFile {
    /// Reads the file's text; an object without tokens is well formed, but not a sign-in.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let members: SecretObject = serde_json::from_slice(text).map_err(|_| Malformed)?;
        let tokens = match members.raw("tokens") {
            None => None,
            Some(raw) => {
                serde_json::from_str::<Option<SecretObject>>(raw).map_err(|_| Malformed)?
            }
        };
        let tokens = tokens.map(Tokens::checked).transpose()?;
        Ok(Self { members, tokens })
    }

    /// Makes the file of a new sign-in; the workspace comes from the tokens' claims.
    pub fn signed_in(grant: &Grant, now: OffsetDateTime) -> Self {
        let mut tokens = Tokens(SecretObject::default());
        tokens.take(grant, now);
        let claims = Claims::of(grant.id_token.as_ref(), grant.access_token.as_ref());
        if let Some(account) = claims.account_id {
            tokens.0.set("account_id", &account);
        }
        let mut members = SecretObject::default();
        members.set("auth_mode", "chatgpt");
        members.set_raw("OPENAI_API_KEY", "null".to_owned());
        members.set_raw("tokens", "null".to_owned());
        set_time(&mut members, now);
        Self { members, tokens: Some(tokens) }
    }

    /// Writes down who issued the sign-in and where it may be used.
    #[must_use]
    pub(crate) fn with_provenance(mut self, provenance: &Provenance) -> Self {
        self.members.set("route", provenance.route.as_str());
        let mut object = SecretObject::default();
        for (name, part) in [("issuer", &provenance.issuer), ("client_id", &provenance.client_id)] {
            if let Some(text) = part {
                object.set(name, text);
            }
        }
        if let Some(tokens) = &mut self.tokens {
            tokens.0.set_raw("oauth_provenance", String::clone(&object.render(4)));
        }
        self
    }

    /// Writes down the name that the person gave the account.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.members.set("account_name", name);
        self
    }

    /// Returns the provenance. Programs that write no route know only
    /// the Codex one.
    pub fn provenance(&self) -> Provenance {
        let provenance =
            self.tokens.as_ref().and_then(|t| t.0.read::<SecretObject>("oauth_provenance"));
        let part = |name| provenance.as_ref().and_then(|members| members.read::<String>(name));
        let route =
            self.members.read::<String>("route").map_or(SignInRoute::CODEX, SignInRoute::named);
        Provenance { route, issuer: part("issuer"), client_id: part("client_id") }
    }

    /// The name that the person gave the account.
    pub fn name(&self) -> Option<String> {
        self.members.read("account_name")
    }

    /// Returns whether the Codex CLI wrote the file: the Python ChatMock writes no such members.
    pub(crate) fn is_codex_style(&self) -> bool {
        let marked = |tokens: &Tokens| tokens.0.raw("login_owner_id").is_some();
        self.members.raw("auth_mode").is_some() || self.tokens.as_ref().is_some_and(marked)
    }

    /// Returns whether there is an API key in the file.
    pub(crate) fn has_api_key(&self) -> bool {
        self.members.read::<Secret>("OPENAI_API_KEY").is_some_and(|key| !key.is_empty())
    }

    /// The file as ours, once another program has given it up.
    pub(crate) fn adopted(mut self) -> Self {
        let route = self.provenance().route;
        self.members.set("route", route.as_str());
        self
    }

    /// The fence of the shared copy that this one is of, and the home that wrote it; `None` where it was never shared.
    pub(crate) fn shared(&self) -> Option<SharedMark> {
        self.members.read("shared")
    }

    /// Writes down the fence of the shared copy, and the home that wrote it.
    #[must_use]
    pub(crate) fn with_shared(mut self, mark: &SharedMark) -> Self {
        let mut object = SecretObject::default();
        object.set_raw("fence", mark.fence.to_string());
        object.set("by", &mark.by);
        self.members.set_raw("shared", String::clone(&object.render(2)));
        self
    }

    /// Returns whether ChatMock itself wrote the file.
    pub(crate) fn is_ours(&self) -> bool {
        self.members.raw("route").is_some()
    }

    /// Returns the file after a renewal: new tokens where the issuer sent some, the rest as it was.
    pub fn renewed(&self, grant: &Grant, now: OffsetDateTime) -> Self {
        let mut next = self.clone();
        next.tokens.get_or_insert_with(|| Tokens(SecretObject::default())).take(grant, now);
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

    /// Returns the token that ends the sign-in at its issuer: the refresh token, else the access
    /// token.
    pub(crate) fn key_token(&self) -> Option<Secret> {
        let tokens = self.tokens()?;
        tokens.refresh_token().or_else(|| tokens.access_token())
    }

    /// Returns whose sign-in it is. The workspace that was written down at sign-in fills a gap.
    pub(crate) fn identity(&self) -> AccountIdentity {
        let Some(tokens) = self.tokens() else { return AccountIdentity::default() };
        let mut identity = AccountIdentity::of(&tokens.claims());
        identity.account = identity.account.or_else(|| tokens.account_id());
        identity
    }

    /// Returns whether the person allowed the use of the plan; `None` on routes that do not ask.
    pub fn is_allowed(&self) -> Option<bool> {
        let needed = self.provenance().route.profile().and_then(|profile| profile.needed_scope)?;
        let granted = self.tokens().and_then(Tokens::scope).unwrap_or_default();
        Some(granted.split(' ').any(|scope| scope == needed))
    }

    /// Returns whether its tokens can be used on its route: the person may not have allowed that.
    pub(crate) fn is_usable(&self) -> bool {
        self.is_allowed() != Some(false)
    }

    /// Returns the time of the last renewal.
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

    /// Reads the dates that decide when the access token must be renewed.
    pub fn lifetime(&self) -> Lifetime {
        let tokens = self.tokens();
        let access = tokens.and_then(Tokens::access_token);
        let date = |name| tokens.and_then(|tokens| tokens.0.read::<i64>(name));
        let claims = access.as_ref().map(Claims::read).unwrap_or_default();
        Lifetime {
            missing: access.is_none(),
            expires: claims.expires.or_else(|| date(EXPIRES)),
            issued: claims.issued,
            renewed: self.last_refresh(),
            earliest: date(EARLIEST),
        }
    }
}

impl fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFile").field("signed_in", &self.tokens().is_some()).finish()
    }
}

fn set_time(members: &mut SecretObject, now: OffsetDateTime) {
    if let Ok(text) = now.format(&Rfc3339) {
        members.set("last_refresh", &text);
    }
}

/// The `tokens` object of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens(SecretObject);

impl Tokens {
    fn checked(members: SecretObject) -> Result<Self, Malformed> {
        for raw in TOKEN_NAMES.iter().filter_map(|name| members.raw(name)) {
            serde_json::from_str::<Option<Secret>>(raw).map_err(|_| Malformed)?;
        }
        Ok(Self(members))
    }

    fn take(&mut self, grant: &Grant, now: OffsetDateTime) {
        let parts = [&grant.id_token, &grant.access_token, &grant.refresh_token];
        for (name, part) in TOKEN_NAMES.iter().zip(parts) {
            if let Some(token) = part.as_ref().filter(|token| !token.is_empty()) {
                self.0.set(name, token.expose());
            }
        }
        if let Some(scope) = &grant.scope {
            self.0.set(SCOPE, scope);
        }
        // An access token that contains its end needs no other date.
        let silent = |token: &&Secret| Claims::read(token).expires.is_none();
        let life = grant.access_token.as_ref().filter(silent).and(grant.expires_in);
        self.note(EXPIRES, life.map(|life| now.unix_timestamp().saturating_add(life)));
        self.note(EARLIEST, grant.earliest_refresh_at);
    }

    /// Notes a moment, or that there is none any more.
    fn note(&mut self, name: &str, moment: Option<i64>) {
        match moment {
            Some(moment) => self.0.set_raw(name, moment.to_string()),
            None if self.0.raw(name).is_some() => self.0.set_raw(name, "null".to_owned()),
            None => {}
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

    /// The scopes that were granted, separated by spaces.
    fn scope(&self) -> Option<String> {
        self.0.read(SCOPE)
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
