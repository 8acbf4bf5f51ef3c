//! The sign-in with a browser, free of IO: an address to open, then the query that comes back.
//!
//! A sign-in is begun here and redeemed here, and whoever embeds it brings the socket, the browser
//! and the clock: the same code serves the listener, an address that a person pastes, and tests
//! without a network. `redeem` consumes the login, so a code cannot be redeemed twice; a callback
//! that is not the answer gives the login back, because any page can send one, and it must not end
//! the sign-in. The price is that callers thread the login through, which [`LoginAttempt`] does.

use std::fmt;

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope};
use reqwest::Url;

use crate::auth_profile::AuthProfile;
use crate::code_exchange::CodeExchange;
use crate::endpoint::EndpointError;
use crate::issuer::{InvalidIssuer, IssuerAddress};
use crate::registration::Registration;
use crate::secret::Secret;
use crate::sign_in_route::SignInRoute;

mod attempt;
mod callback;
mod oauth_client;

pub use attempt::{CallbackVerdict, LoginAttempt, LoginOutcome};
use callback::Callback;
use oauth_client::OAuthClient;

/// The longest query that is read, in bytes.
pub(crate) const QUERY_LIMIT: usize = 8 * 1024;

/// The path that the browser comes back to.
pub(crate) const CALLBACK_PATH: &str = "/auth/callback";

const STATE_BYTES: u32 = 32;
const VERIFIER_BYTES: u32 = 64;

const NONCE_BYTES: u32 = 32;

/// The parameters in the order in which the issuer's own client sends them.
const ORDER: [&str; 15] = [
    "response_type",
    "client_id",
    "agent_name_hint",
    "ext_agent_host_id",
    "redirect_uri",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "state",
    "nonce",
    "scope",
    "id_token_add_organizations",
    "codex_cli_simplified_flow",
    "originator",
    "allowed_workspace_id",
];

/// The name of this machine in the address that the browser comes back to. The issuer knows both;
/// which of them it accepts has changed over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectHost {
    /// `127.0.0.1`, as the Codex CLI sends it today.
    #[default]
    Ip,
    /// `localhost`, as it sent it before; browsers may look for it on `::1` as well.
    Localhost,
}

/// The address that the browser comes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The machine's name in it.
    pub host: RedirectHost,
    /// The port: 1455 or 1457 on the Codex route, any on the plan route.
    pub port: u16,
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host {
            RedirectHost::Ip => "127.0.0.1",
            RedirectHost::Localhost => "localhost",
        };
        write!(f, "http://{host}:{}{CALLBACK_PATH}", self.port)
    }
}

/// The settings of a sign-in with a browser.
#[derive(Clone, Copy, Debug)]
pub struct LoginSettings<'a> {
    /// The route to sign in for.
    pub route: &'a SignInRoute,
    /// The issuer's address.
    pub issuer: &'a str,
    /// The OAuth client, on routes where all installations share one.
    pub client_id: &'a str,
    /// This installation, on routes where every installation registers.
    pub registration: Option<&'a Registration>,
    /// The program's name, which the issuer may show.
    pub originator: &'a str,
    /// The address that the browser returns to.
    pub redirect: Redirect,
    /// The workspaces that are allowed; an empty list allows all.
    pub workspaces: &'a [String],
}

/// A sign-in under way. Each has its own `state` and verifier, so two at once do not meet.
pub struct Login {
    state: Secret,
    verifier: Secret,
    redirect_uri: String,
    profile: &'static AuthProfile,
    nonce: Option<Secret>,
    client: OAuthClient,
}

/// Why a callback gave no code.
#[derive(Debug)]
pub enum CallbackRejection {
    /// It was not the answer to this sign-in, which continues.
    Unexpected {
        /// The sign-in, for the next callback.
        login: Box<Login>,
        /// The problem.
        cause: UnexpectedCallback,
    },
    /// The issuer, or the person there, refused. The sign-in is over.
    Denied(Denial),
}

/// The problem with a callback that did not end the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnexpectedCallback {
    /// It has no `state`, or that of another attempt.
    #[error("it belongs to another sign-in: use the address that was opened last")]
    State,
    /// It has the right `state`, but neither a code nor an error.
    #[error("there is no code in it")]
    NoCode,
    /// A parameter is repeated or is no text.
    #[error("it cannot be read")]
    Malformed,
    /// It is longer than 8 KiB.
    #[error("it is too long")]
    TooLong,
}

/// Why a callback ended the sign-in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// The issuer, or the person there, said no, in words made harmless for a terminal.
    #[error("the sign-in service refused: {code}{}", described(.detail))]
    Refused {
        /// The code, such as `access_denied`.
        code: String,
        /// The issuer's explanation, cut short.
        detail: Option<String>,
    },
    /// A first sign-in that came back without the client it should have been issued.
    #[error("the sign-in service did not register this installation: start the sign-in again")]
    NotRegistered,
    /// The answer is for another client than this installation's.
    #[error("the answer is for another installation than this one: start the sign-in again")]
    OtherClient,
}

fn described(detail: &Option<String>) -> String {
    detail.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}

impl Login {
    /// Begins a sign-in and returns the address to open.
    pub fn begin(settings: LoginSettings<'_>) -> Result<(Self, Url), EndpointError> {
        let profile = settings.route.profile().ok_or(EndpointError::UnknownRoute)?;
        let client = OAuthClient::of(profile, settings)?;
        let address = IssuerAddress::parse(settings.issuer)?.at(profile.authorize_path)?;
        let redirect_uri = settings.redirect.to_string();
        let redirect = RedirectUrl::new(redirect_uri.clone()).map_err(|_| InvalidIssuer)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256_len(VERIFIER_BYTES);
        let basic = BasicClient::new(ClientId::new(client.name(settings).to_owned()))
            .set_auth_uri(AuthUrl::from_url(address))
            .set_redirect_uri(redirect);
        let nonce = profile.discovery.then(|| CsrfToken::new_random_len(NONCE_BYTES));
        let nonce = nonce.map(|nonce| Secret::new(nonce.into_secret()));
        let mut request = basic
            .authorize_url(|| CsrfToken::new_random_len(STATE_BYTES))
            .add_scopes(profile.scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
            .set_pkce_challenge(challenge);
        for (name, value) in client.parameters(profile, settings) {
            request = request.add_extra_param(name, value);
        }
        if let Some(nonce) = &nonce {
            request = request.add_extra_param("nonce", nonce.expose());
        }
        let (url, state) = request.url();
        let login = Self {
            state: Secret::new(state.into_secret()),
            verifier: Secret::new(verifier.into_secret()),
            redirect_uri,
            profile,
            nonce,
            client,
        };
        Ok((login, in_order(url)))
    }

    /// Takes a callback: a query, or the whole address as a person pastes it.
    pub fn redeem(self, text: &str) -> Result<CodeExchange, CallbackRejection> {
        let callback = match Callback::read(text, &self.state) {
            Ok(answer) => answer,
            Err(cause) => {
                return Err(CallbackRejection::Unexpected { login: Box::new(self), cause });
            }
        };
        match callback {
            Callback::Denied(denial) => Err(CallbackRejection::Denied(denial)),
            Callback::Code { code, client_id } => {
                let Self { verifier, redirect_uri, profile, nonce, client, state: _ } = self;
                let client_id = client.answered(client_id).map_err(CallbackRejection::Denied)?;
                Ok(CodeExchange { code, verifier, redirect_uri, profile, client_id, nonce })
            }
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

fn in_order(mut url: Url) -> Url {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name));
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

#[cfg(test)]
mod tests;
