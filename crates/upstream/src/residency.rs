//! Residency: the place where an account's data must stay, and the direction of its calls to it.

use std::sync::{Arc, Mutex, PoisonError};

use chatmock_protocol::codex::accounts::Account;
use reqwest::header::{HeaderMap, HeaderValue};

use crate::address::Address;
use crate::credentials::Credentials;

/// The header that directs a call to a region.
const HEADER: &str = "x-openai-account-routing-override";

/// The value with which the backend says that an account may be served anywhere.
const NO_CONSTRAINT: &str = "NO_CONSTRAINT";

/// Hosts to which calls with tokens may be directed, subdomains included.
///
/// The new host is taken from an answer of the backend. An answer that someone tampered with must
/// not be able to send an access token elsewhere, so no host but OpenAI's own is followed.
const HOSTS: [&str; 2] = ["chatgpt.com", "openai.com"];

/// The destination of one account's calls.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Residence {
    account: String,
    /// The origin that replaces the configured one.
    origin: Option<Address>,
    /// The value of the routing header.
    routing: Option<HeaderValue>,
}

/// The residence of the account in use, once it is known.
#[derive(Clone, Debug)]
pub(crate) struct Residency {
    known: Arc<Mutex<Option<Residence>>>,
    /// Whether calls may go to another origin than the configured one.
    moves: bool,
}

impl Residency {
    /// Knows nothing yet. Where a person has configured an address, calls stay there: with `moves` false,
    /// a residence adds its header and no more.
    pub(crate) fn new(moves: bool) -> Self {
        Self { known: Arc::default(), moves }
    }

    /// Whether the residence of this account is known.
    pub(crate) fn is_known(&self, credentials: &Credentials) -> bool {
        self.of(credentials).is_some()
    }

    /// Remembers the residence of `account`; one without `details` has no constraint.
    pub(crate) fn set(&self, account: String, details: Option<&Account>) {
        let origin = details
            .and_then(|details| allowed_origin(details.workspace_backend_origin.as_deref()?));
        let routing =
            details.and_then(|details| routing_value(details.account_routing_override.as_deref()?));
        let residence = Residence { account, origin, routing };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(residence);
    }

    /// Directs a call of the account to where its data must stay; returns its address.
    pub(crate) fn direct(
        &self,
        credentials: &Credentials,
        address: Address,
        headers: &mut HeaderMap,
    ) -> Address {
        let Some(Residence { origin, routing, .. }) = self.of(credentials) else { return address };
        if let Some(routing) = routing {
            headers.insert(HEADER, routing);
        }
        match origin.filter(|_| self.moves) {
            Some(origin) => address.moved_to(&origin),
            None => address,
        }
    }

    fn of(&self, credentials: &Credentials) -> Option<Residence> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone().filter(|known| credentials.account_id() == Some(&known.account))
    }
}

/// Parses the origin of a residence; `None` for one to which no token may be sent.
fn allowed_origin(word: &str) -> Option<Address> {
    if word == NO_CONSTRAINT {
        return None;
    }
    let address = Address::parse(word).ok();
    let allowed =
        address.filter(|address| !address.site().is_plain && is_ours(address.host_and_port()));
    if allowed.is_none() {
        tracing::warn!(
            "the backend directs the account to a host that is not OpenAI's; ignoring it"
        );
    }
    allowed
}

/// Whether a host is OpenAI's, at the port of https. Another port of it may be anyone's who can bind one there.
fn is_ours((host, port): (&str, Option<u16>)) -> bool {
    let known = HOSTS.iter().any(|known| {
        host == *known || host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'))
    });
    known && port == Some(443)
}

/// Parses the value of the routing header; `None` where it would not be a plain word.
fn routing_value(word: &str) -> Option<HeaderValue> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let word = Some(word).filter(|word| *word != NO_CONSTRAINT && word.len() <= 32)?;
    word.bytes().all(fits).then(|| HeaderValue::from_str(word).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openai_s_own_hosts_are_followed() {
        for (word, followed) in [
            ("https://eu.chatgpt.com", true),
            ("https://chatgpt.com", true),
            ("https://openai.com", true),
            ("https://eu.chatgpt.com:443", true),
            ("https://eu.chatgpt.com:19303", false),
            ("https://user@eu.chatgpt.com", false),
            ("http://chatgpt.com", false),
            ("http://chatgpt.com:443", false),
            ("http://127.0.0.1", false),
            ("https://chatgpt.com.example.org", false),
            ("https://notchatgpt.com", false),
            ("NO_CONSTRAINT", false),
        ] {
            assert_eq!(allowed_origin(word).is_some(), followed, "{word}");
        }
        assert_eq!(routing_value("us_cr").unwrap(), "us_cr");
        for word in ["NO_CONSTRAINT", "a b", "a\r\nb: c"] {
            assert_eq!(routing_value(word), None, "{word}");
        }
    }
}
