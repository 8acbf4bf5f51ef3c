//! Residency: the place where an account's data must stay, and the direction of its calls to it.

use std::sync::{Arc, Mutex, PoisonError};

use chatmock_protocol::codex::accounts::Account;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};

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
    origin: Option<Url>,
    /// The value of the routing header.
    routing: Option<HeaderValue>,
}

/// The residence of the account in use, once it is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Residency(Arc<Mutex<Option<Residence>>>);

impl Residency {
    /// Returns whether the residence of this account is known.
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
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(residence);
    }

    /// Directs a call of the account to where its data must stay.
    pub(crate) fn apply(&self, credentials: &Credentials, url: &mut Url, headers: &mut HeaderMap) {
        let Some(Residence { origin, routing, .. }) = self.of(credentials) else { return };
        if let Some(origin) = origin {
            let _ = url.set_host(origin.host_str());
            let _ = url.set_port(origin.port());
        }
        if let Some(routing) = routing {
            headers.insert(HEADER, routing);
        }
    }

    fn of(&self, credentials: &Credentials) -> Option<Residence> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone().filter(|known| credentials.account_id() == Some(&known.account))
    }
}

/// Parses the origin of a residence; `None` for one to which no token may be sent.
fn allowed_origin(word: &str) -> Option<Url> {
    let url = Url::parse(word).ok().filter(|_| word != NO_CONSTRAINT)?;
    let host = url.host_str()?;
    let known = HOSTS.iter().any(|known| {
        host == *known || host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'))
    });
    if url.scheme() == "https" && known {
        return Some(url);
    }
    tracing::warn!("the backend directs the account to a host that is not OpenAI's; ignoring it");
    None
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
            ("http://chatgpt.com", false),
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
