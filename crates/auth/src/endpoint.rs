//! The issuer's endpoints: renewal, code exchange, device codes, revocation, and its clock.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::auth_profile::AuthProfile;
use crate::device::{DeviceCode, DeviceReply};
use crate::login::CodeExchange;
use crate::provenance::Provenance;
use crate::sign_in_route::SignInRoute;
use crate::tokens::{AuthFile, Grant};

mod calls;
mod client;
mod discovery;
mod error;

use calls::Revocation;
pub(crate) use calls::{Renewal, form};
pub(crate) use client::{Issuer, client};
use client::{identity, unreachable, whole};
pub(crate) use error::code;
pub use error::{CodeRefusal, EndpointError, RefreshRefusal};
use error::{classify, not_redeemed};

/// The longest a revocation is waited for: the person has already decided to leave.
const REVOKE_LIMIT: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded";

/// The longest a look at the issuer's clock may take.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// One issuer as one OAuth client sees it, with the HTTP client that calls it.
#[derive(Debug)]
pub struct Endpoint {
    client: Client,
    issuer: Issuer,
    client_id: String,
}

/// Why a renewal is made; the issuer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshReason {
    /// The access token ends within minutes, or has ended.
    ProactiveExpiry,
    /// The access token does not say when it ends, and the last renewal is days ago.
    Scheduled,
    /// The backend refused the access token.
    UnauthorizedRecovery,
}

/// What an [`Endpoint`] is made from; a named struct because all of it is text.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSettings<'a> {
    /// The issuer's address, without `/oauth/token`.
    pub issuer: &'a str,
    /// The OAuth client of routes where one is known to all.
    pub client_id: &'a str,
    /// The program's name, for the `originator` header.
    pub originator: &'a str,
    /// The `user-agent` header.
    pub user_agent: &'a str,
}

impl Endpoint {
    /// Makes the client, which takes some milliseconds: once per program.
    pub fn new(settings: EndpointSettings<'_>) -> Result<Self, EndpointError> {
        let issuer = Issuer::parse(settings.issuer)?;
        let client = issuer.client(identity(settings.originator, settings.user_agent)?)?;
        Ok(Self { client, issuer, client_id: settings.client_id.to_owned() })
    }

    /// The issuer's address, without a slash at its end.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// The OAuth client of routes where one is known to all.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The provenance of what this endpoint issues for a route, as far as it knows without asking.
    pub fn provenance(&self, route: SignInRoute) -> Provenance {
        let registers = route.profile().is_some_and(|profile| profile.registers);
        let client_id = (!registers).then(|| self.client_id.clone());
        Provenance { route, issuer: Some(self.issuer().to_owned()), client_id }
    }

    /// The OAuth client of a sign-in: its own where installations register.
    pub(crate) fn client_of<'a>(
        &'a self,
        profile: &AuthProfile,
        provenance: &'a Provenance,
    ) -> Option<&'a str> {
        if profile.registers { provenance.client_id.as_deref() } else { Some(&self.client_id) }
    }

    /// Spends a refresh token.
    pub(crate) async fn renew(
        &self,
        profile: &AuthProfile,
        renewal: Renewal<'_>,
    ) -> Result<Grant, EndpointError> {
        let place = self.issuer.at(profile.token)?;
        let call = match profile.resource {
            Some(resource) => self.post_form(place, &renewal.form(resource)),
            None => self.post(&place, &renewal.object())?,
        };
        let (status, body) = self.call(call).await?;
        if !status.is_success() {
            // A refusal's body only refines it, so one that breaks off does not hide the status.
            return Err(classify(profile, status, &body.unwrap_or_default()));
        }
        serde_json::from_slice(&body?).map_err(|_| EndpointError::Unreadable)
    }

    /// Redeems a code for the tokens of a new sign-in. The code is spent whatever comes of it.
    pub async fn redeem(&self, exchange: &CodeExchange) -> Result<Grant, EndpointError> {
        let place = self.issuer.at(exchange.profile.token)?;
        let call = self.post_form(place, &exchange.form(&self.client_id));
        let (status, body) = self.call(call).await?;
        if !status.is_success() {
            return Err(not_redeemed(status, &body.unwrap_or_default()));
        }
        serde_json::from_slice(&body?).map_err(|_| EndpointError::Unreadable)
    }

    /// Asks for a device code.
    pub async fn device_code(&self) -> Result<DeviceCode, EndpointError> {
        let place = self.issuer.at("/api/accounts/deviceauth/usercode")?;
        let call = self.post(&place, &ForClient { client_id: &self.client_id })?;
        let (status, body) = self.call(call).await?;
        match status {
            StatusCode::NOT_FOUND => Err(EndpointError::NoDeviceSignIn),
            status if status.is_success() => {
                DeviceCode::read(&body?, self.issuer()).ok_or(EndpointError::Unreadable)
            }
            status => Err(EndpointError::Status(status.as_u16())),
        }
    }

    /// Asks once whether a device code was approved. Not to be reached counts as a reply, too:
    /// the person may be approving it meanwhile.
    pub async fn poll_device(&self, device: &DeviceCode) -> Result<DeviceReply, EndpointError> {
        let place = self.issuer.at("/api/accounts/deviceauth/token")?;
        let Ok((status, body)) = self.call(self.post(&place, &device.poll())?).await else {
            return Ok(DeviceReply::lost());
        };
        Ok(DeviceReply::new(status.as_u16(), body.unwrap_or_default()))
    }

    /// Ends a sign-in at the issuer: by its refresh token, else by its access token.
    pub async fn revoke(&self, sign_in: &AuthFile) -> Result<(), EndpointError> {
        let Some(tokens) = sign_in.tokens() else { return Ok(()) };
        let provenance = sign_in.provenance();
        let profile = provenance.route.profile().ok_or(EndpointError::UnknownRoute)?;
        let refresh = tokens.refresh_token();
        let client_id = refresh.as_ref().and_then(|_| self.client_of(profile, &provenance));
        let hint = if refresh.is_some() { "refresh_token" } else { "access_token" };
        let Some(token) = refresh.or_else(|| tokens.access_token()) else { return Ok(()) };
        let call = Revocation { token: &token, token_type_hint: hint, client_id };
        let call = if profile.discovery {
            self.post_form(self.discover().await?.revocation()?, &call.form())
        } else {
            self.post(&self.issuer.at("/oauth/revoke")?, &call)?
        };
        let reply = call.timeout(REVOKE_LIMIT).send().await;
        match reply.map_err(unreachable)?.status() {
            status if status.is_success() => Ok(()),
            status => Err(EndpointError::Status(status.as_u16())),
        }
    }

    /// The issuer's clock, when it answers with one. Sends no token.
    pub async fn clock(&self) -> Result<Option<OffsetDateTime>, EndpointError> {
        let place = self.issuer.at("/")?;
        let reply = self.client.get(place).timeout(LOOK_LIMIT).send().await.map_err(unreachable)?;
        let date = reply.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        Ok(date.map(OffsetDateTime::from))
    }

    fn post(&self, place: &Url, body: &impl Serialize) -> Result<RequestBuilder, EndpointError> {
        let body = serde_json::to_vec(body).map_err(|_| EndpointError::Unreadable)?;
        Ok(self.client.post(place.clone()).body(body))
    }

    fn post_form(&self, place: Url, form: &Zeroizing<String>) -> RequestBuilder {
        let form = form.as_bytes().to_vec();
        self.client.post(place).header(CONTENT_TYPE, FORM).body(form)
    }

    /// Makes a call; the body is a result of its own, since a refusal without one is still one.
    async fn call(
        &self,
        call: RequestBuilder,
    ) -> Result<(StatusCode, Result<Zeroizing<Vec<u8>>, EndpointError>), EndpointError> {
        let reply = call.send().await.map_err(unreachable)?;
        Ok((reply.status(), whole(reply).await))
    }
}

#[derive(Serialize)]
struct ForClient<'a> {
    client_id: &'a str,
}
