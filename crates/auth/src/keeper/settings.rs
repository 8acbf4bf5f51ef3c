//! The settings of a keeper.

use std::path::PathBuf;
use std::time::Duration;

use crate::endpoint::{Endpoint, EndpointError, EndpointSettings};
use crate::issuer::{CLIENT_ID, ISSUER};
use crate::lock::LOCK_WAIT;
use crate::provenance::Provenance;
use crate::sign_in_route::SignInRoute;

/// The settings of a [`TokenKeeper`](crate::TokenKeeper).
#[derive(Clone, Debug)]
pub struct KeeperSettings {
    /// The issuer's address; [`ISSUER`] by default.
    pub issuer: String,
    /// The OAuth client of routes where all installations share one; [`CLIENT_ID`] by default.
    /// Where every installation has its own, the stored sign-in names it.
    pub client_id: String,
    /// The route whose tokens are handed out, and no other's; [`SignInRoute::CODEX`] by default.
    pub route: SignInRoute,
    /// The program's name for the issuer.
    pub originator: String,
    /// The `user-agent` for the issuer.
    pub user_agent: String,
    /// The person's runtime folder (`XDG_RUNTIME_DIR`), where renewed tokens are put away that could not
    /// be saved before a stop; none by default.
    pub runtime_folder: Option<PathBuf>,
    /// The longest wait for another program's renewal; 45 s by default.
    pub lock_wait: Duration,
    /// The pause before renewed tokens that could not be saved are saved again; 5 s by default.
    pub save_again: Duration,
    /// The pause after an early renewal that brought nothing; 30 s by default.
    pub renew_again: Duration,
}

impl KeeperSettings {
    /// Takes the caller's name, and the defaults for the rest.
    pub fn new(originator: impl Into<String>, user_agent: impl Into<String>) -> Self {
        Self {
            issuer: ISSUER.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            route: SignInRoute::CODEX,
            originator: originator.into(),
            user_agent: user_agent.into(),
            runtime_folder: None,
            lock_wait: LOCK_WAIT,
            save_again: Duration::from_secs(5),
            renew_again: Duration::from_secs(30),
        }
    }

    /// Returns the provenance that a sign-in must have to be used.
    pub fn provenance(&self) -> Provenance {
        let fixed = self.route.profile().is_none_or(|profile| !profile.registers);
        Provenance {
            route: self.route.clone(),
            issuer: Some(self.issuer.clone()),
            client_id: fixed.then(|| self.client_id.clone()),
        }
    }

    /// Makes the endpoint of the issuer, which takes some milliseconds.
    pub fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        Endpoint::new(EndpointSettings {
            issuer: &self.issuer,
            client_id: &self.client_id,
            originator: &self.originator,
            user_agent: &self.user_agent,
        })
    }
}
