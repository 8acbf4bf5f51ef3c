//! The OAuth client of a sign-in: one that all installations share, or this installation's own.

use super::{Denial, LoginSettings};
use crate::auth_profile::{AuthProfile, UNREGISTERED};
use crate::endpoint::EndpointError;

/// The longest client id that is taken.
const CLIENT_LENGTH: usize = 128;

/// The OAuth client that an answer is awaited for.
pub(super) enum OAuthClient {
    /// One that all installations share.
    Fixed,
    /// One that is issued with the answer.
    New,
    /// This installation's.
    Own(String),
}

impl OAuthClient {
    pub(super) fn of(
        profile: &AuthProfile,
        settings: LoginSettings<'_>,
    ) -> Result<Self, EndpointError> {
        if !profile.registers {
            return Ok(Self::Fixed);
        }
        let registration = settings.registration.ok_or(EndpointError::NoRegistration)?;
        let client_id = registration.client_id(settings.issuer);
        Ok(client_id.map_or(Self::New, |client_id| Self::Own(client_id.to_owned())))
    }

    pub(super) fn name<'a>(&'a self, settings: LoginSettings<'a>) -> &'a str {
        match self {
            Self::Fixed => settings.client_id,
            Self::New => UNREGISTERED,
            Self::Own(client_id) => client_id,
        }
    }

    /// Returns the parameters of the address that OAuth itself does not demand.
    pub(super) fn parameters(
        &self,
        profile: &AuthProfile,
        settings: LoginSettings<'_>,
    ) -> Vec<(&'static str, String)> {
        let constants =
            profile.fixed_parameters.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let mut parameters: Vec<_> = constants.collect();
        parameters.extend(profile.resource.map(|resource| ("resource", resource.to_owned())));
        match self {
            Self::Fixed => parameters.push(("originator", settings.originator.to_owned())),
            Self::New => parameters.push(("agent_name_hint", settings.originator.to_owned())),
            Self::Own(_) => {}
        }
        let host = settings.registration.filter(|_| profile.registers);
        parameters.extend(host.map(|host| ("ext_agent_host_id", host.host_id.clone())));
        if profile.workspaces && !settings.workspaces.is_empty() {
            parameters.push(("allowed_workspace_id", settings.workspaces.join(",")));
        }
        parameters
    }

    /// The client of an answer that names this one, or none.
    pub(super) fn answered(self, named: Option<String>) -> Result<Option<String>, Denial> {
        match (self, named) {
            (Self::Fixed, _) => Ok(None),
            (Self::New, Some(named)) if is_issued(&named) => Ok(Some(named)),
            (Self::New, _) => Err(Denial::NotRegistered),
            (Self::Own(own), Some(named)) if named != own => Err(Denial::OtherClient),
            (Self::Own(own), _) => Ok(Some(own)),
        }
    }
}

/// Returns whether a text can be a client that was issued. It goes into files, forms and addresses.
fn is_issued(client_id: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    (1..=CLIENT_LENGTH).contains(&client_id.len())
        && client_id.bytes().all(plain)
        && client_id != UNREGISTERED
}
