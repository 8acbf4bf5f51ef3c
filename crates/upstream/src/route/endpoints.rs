//! The addresses of a backend's calls, checked once when the client is made.

use crate::address::{Address, Site};
use crate::error::Error;

/// The address of each call.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) responses: Address,
    models: Address,
    /// The account's limits, if the backend reports them.
    pub(crate) usage: Option<Address>,
    /// The account's reset credits, and where one is spent.
    pub(crate) reset_credits: Option<Address>,
    pub(crate) redeem: Option<Address>,
    /// The account's workspaces, which say where their data must stay.
    pub(crate) accounts: Option<Address>,
}

impl Endpoints {
    /// Derives the addresses from `base`. Usage and accounts are next to the last segment of its
    /// path, not below it, and exist only where the backend reports limits.
    pub(super) fn under(base: &str, reports_limits: bool) -> Result<Self, Error> {
        let base = Address::parse(base)
            .map_err(|why| Error::settings(format!("the backend's address {why}")))?;
        let next_to = |tail: &[&str]| reports_limits.then(|| base.next_to(tail));
        Ok(Self {
            responses: base.below(&["responses"]),
            models: base.below(&["models"]),
            usage: next_to(&["wham", "usage"]),
            reset_credits: next_to(&["wham", "rate-limit-reset-credits"]),
            redeem: next_to(&["wham", "rate-limit-reset-credits", "consume"]),
            accounts: next_to(&["wham", "accounts", "check"]),
        })
    }

    /// The list of models. A backend that filters it reads the client's version from the query.
    pub(crate) fn models(&self, client_version: Option<&str>) -> Address {
        match client_version {
            Some(version) => self.models.clone().with_pair("client_version", version),
            None => self.models.clone(),
        }
    }

    /// A stored response, or a part of it. `path` is the rest of the path after `/responses`.
    ///
    /// # Errors
    /// [`Error::Request`] for segments that a URL cannot hold as they are: `..` would lead the call elsewhere,
    /// and an empty one to the whole list.
    pub(crate) fn stored(&self, path: &[&str]) -> Result<Address, Error> {
        match path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            true => {
                Err(Error::Request { param: "response_id", message: "is not the id of a response" })
            }
            false => Ok(self.responses.below(path)),
        }
    }

    /// The facts that decide how connections to them are made.
    pub(crate) fn site(&self) -> Site {
        self.responses.site()
    }
}
