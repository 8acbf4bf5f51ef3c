//! The issuer's endpoints: refresh, code exchange, revocation, its description and its clock.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::auth_profile::AuthProfile;
use crate::code_exchange::CodeExchange;
use crate::issuer::IssuerAddress;
use crate::provenance::Provenance;
use crate::sign_in_route::SignInRoute;
use crate::tokens::{AuthFile, Grant};

mod calls;
mod client;
mod discovery;
mod error;
mod words;

pub(crate) use calls::RefreshCall;
use calls::RevokeCall;
pub(crate) use client::client;
use client::{identity, read_body, unreachable};
pub(crate) use error::error_code;
pub use error::{CodeRefusal, EndpointError};
use error::{classify, not_redeemed};
pub use words::ServiceWords;

/// The longest wait for a revocation: the person has already decided to leave.
const REVOKE_LIMIT: Duration = Duration::from_secs(10);
/// The longest wait for the issuer's clock.
const CLOCK_LIMIT: Duration = Duration::from_secs(5);
const FORM: &str = "application/x-www-form-urlencoded";

/// One issuer as one OAuth client sees it, with the HTTP client that calls it.
#[derive(Debug)]
pub struct Endpoint {
    client: Client,
    issuer: IssuerAddress,
    client_id: String,
}

/// Why a refresh is made; it is sent to the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefreshReason {
    /// The access token ends within minutes, or has ended.
    ProactiveExpiry,
    /// The access token does not say when it ends, and the last refresh is days ago.
    Scheduled,
    /// The backend refused the access token.
    UnauthorizedRecovery,
}

/// The settings of an [`Endpoint`]; a named struct because all of it is text.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSettings<'a> {
    /// The issuer's address, without `/oauth/token`.
    pub issuer: &'a str,
    /// The OAuth client of routes where all installations share one.
    pub client_id: &'a str,
    /// The program's name, for the `originator` header.
    pub originator: &'a str,
    /// The `user-agent` header.
    pub user_agent: &'a str,
}

/// A reply's status, and its body as a result of its own: a refusal whose body breaks off is still
/// a refusal.
type Reply = (StatusCode, Result<Zeroizing<Vec<u8>>, EndpointError>);

impl Endpoint {
    /// Makes the HTTP client, which takes some milliseconds: once per program.
    pub fn new(settings: EndpointSettings<'_>) -> Result<Self, EndpointError> {
        let issuer = IssuerAddress::parse(settings.issuer)?;
        let headers = identity(settings.originator, settings.user_agent)?;
        let client = client(issuer.url(), headers)?;
        Ok(Self { client, issuer, client_id: settings.client_id.to_owned() })
    }

    /// Returns the issuer's address, without a slash at its end.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Returns the OAuth client of routes where all installations share one.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the provenance of what this endpoint issues for a route, as far as it is known
    /// without a call.
    pub(crate) fn provenance(&self, route: SignInRoute) -> Provenance {
        let registers = route.profile().is_some_and(|profile| profile.registers);
        let client_id = (!registers).then(|| self.client_id.clone());
        Provenance { route, issuer: Some(self.issuer().to_owned()), client_id }
    }

    /// Returns the OAuth client of a sign-in: its own where installations register.
    pub(crate) fn client_of<'a>(
        &'a self,
        profile: &AuthProfile,
        provenance: &'a Provenance,
    ) -> Option<&'a str> {
        if profile.registers { provenance.client_id.as_deref() } else { Some(&self.client_id) }
    }

    /// Spends a refresh token. Returns the grant with the issuer's time, where its answer has one.
    pub(crate) async fn refresh(
        &self,
        profile: &AuthProfile,
        refresh: RefreshCall<'_>,
    ) -> Result<(Grant, Option<OffsetDateTime>), EndpointError> {
        let call = match profile.resource {
            Some(resource) => {
                self.post_form(self.issuer.at(profile.token_path)?, &refresh.form(resource))
            }
            None => self.post(profile.token_path, &refresh.object())?,
        };
        let reply = call.send().await.map_err(unreachable)?;
        let (status, date) = (reply.status(), date_of(&reply));
        let body = read_body(reply).await;
        if !status.is_success() {
            return Err(classify(profile, status, &body.unwrap_or_default()));
        }
        let grant = serde_json::from_slice(&body?).map_err(|_| EndpointError::Unreadable)?;
        Ok((grant, date))
    }

    /// Exchanges a code for the tokens of a new sign-in. The code is spent whatever the result.
    pub(crate) async fn redeem(&self, exchange: &CodeExchange) -> Result<Grant, EndpointError> {
        let address = self.issuer.at(exchange.profile.token_path)?;
        let call = self.post_form(address, &exchange.form(&self.client_id));
        let (status, body) = self.call(call).await?;
        if !status.is_success() {
            return Err(not_redeemed(status, &body.unwrap_or_default()));
        }
        serde_json::from_slice(&body?).map_err(|_| EndpointError::Unreadable)
    }

    /// Ends a sign-in at the issuer: by its refresh token, else by its access token.
    pub(crate) async fn revoke(&self, sign_in: &AuthFile) -> Result<(), EndpointError> {
        let Some(tokens) = sign_in.tokens() else { return Ok(()) };
        let provenance = sign_in.provenance();
        let profile = provenance.route.profile().ok_or(EndpointError::UnknownRoute)?;
        let refresh = tokens.refresh_token();
        let client_id = refresh.as_ref().and_then(|_| self.client_of(profile, &provenance));
        let hint = if refresh.is_some() { "refresh_token" } else { "access_token" };
        let Some(token) = refresh.or_else(|| tokens.access_token()) else { return Ok(()) };
        let revoke = RevokeCall { token: &token, token_type_hint: hint, client_id };
        let call = if profile.discovery {
            self.post_form(self.discover().await?.revocation()?, &revoke.form())
        } else {
            self.post("/oauth/revoke", &revoke)?
        };
        let reply = call.timeout(REVOKE_LIMIT).send().await;
        match reply.map_err(unreachable)?.status() {
            status if status.is_success() => Ok(()),
            status => Err(EndpointError::Status(status.as_u16())),
        }
    }

    /// Returns the issuer's time, when it answers with one. Sends no token.
    pub(crate) async fn clock(&self) -> Result<Option<OffsetDateTime>, EndpointError> {
        let call = self.client.get(self.issuer.at("/")?).timeout(CLOCK_LIMIT);
        let reply = call.send().await.map_err(unreachable)?;
        Ok(date_of(&reply))
    }

    /// Prepares a call with a JSON body to a path of the issuer.
    pub(crate) fn post(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<RequestBuilder, EndpointError> {
        let body = serde_json::to_vec(body).map_err(|_| EndpointError::Unreadable)?;
        Ok(self.client.post(self.issuer.at(path)?).body(body))
    }

    fn post_form(&self, address: Url, form: &Zeroizing<String>) -> RequestBuilder {
        let form = form.as_bytes().to_vec();
        self.client.post(address).header(CONTENT_TYPE, FORM).body(form)
    }

    /// Makes a call.
    pub(crate) async fn call(&self, call: RequestBuilder) -> Result<Reply, EndpointError> {
        let reply = call.send().await.map_err(unreachable)?;
        Ok((reply.status(), read_body(reply).await))
    }
}

/// The time at which a reply was sent, by its sender's clock.
fn date_of(reply: &Response) -> Option<OffsetDateTime> {
    let date = reply.headers().get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok().map(OffsetDateTime::from)
}
