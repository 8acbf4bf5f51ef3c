//! `GET /wham/accounts/check`: where an account's data must stay, read once per account.

use std::sync::{Arc, Mutex, PoisonError};

use chatmock_protocol::codex::accounts::read_accounts;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};

use crate::route::usage_headers;
use crate::{Client, Credentials, Error, response};

/// The header by which a call is led.
const HEADER: &str = "x-openai-account-routing-override";

/// The words with which the backend says that there is nothing to mind.
const FREE: &str = "NO_CONSTRAINT";

/// Hosts that an account may be led to, beside the configured one.
const HOSTS: [&str; 2] = ["chatgpt.com", "openai.com"];

/// Where the calls of an account go.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    account: String,
    /// The origin that takes the place of the configured one.
    origin: Option<Url>,
    routing: Option<HeaderValue>,
}

/// What was read of the account in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Residency(Arc<Mutex<Option<Place>>>);

impl Residency {
    fn of(&self, credentials: &Credentials) -> Option<Place> {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone().filter(|place| credentials.account_id() == Some(&place.account))
    }

    /// Leads a call of the account to where its data must stay.
    pub(crate) fn lead(&self, credentials: &Credentials, url: &mut Url, headers: &mut HeaderMap) {
        let Some(Place { origin, routing, .. }) = self.of(credentials) else { return };
        if let Some(origin) = origin {
            let _ = url.set_host(origin.host_str());
            let _ = url.set_port(origin.port());
        }
        if let Some(routing) = routing {
            headers.insert(HEADER, routing);
        }
    }
}

impl Client {
    /// Reads where the account's data must stay, unless that is known: later calls are led there.
    ///
    /// A backend that does not tell has nothing to say about it.
    ///
    /// # Errors
    /// Any [`Error`] but the ones of a running stream.
    pub async fn read_residency(&self) -> Result<(), Error> {
        let Some(address) = &self.endpoints.accounts else { return Ok(()) };
        let credentials = self.credentials().await?;
        let Some(account) = credentials.account_id().map(str::to_owned) else { return Ok(()) };
        if self.residency.of(&credentials).is_some() {
            return Ok(());
        }
        let request = |credentials: &Credentials| {
            self.get(address.clone(), usage_headers(self.route(), &self.caller, credentials))
        };
        let response = self.exchange(&credentials, self.limits.list, request).await?;
        let body = response::read_list(response, self.limits.list).await?;
        let accounts = read_accounts(&body)
            .map_err(|fault| Error::Malformed { what: "accounts", message: fault.message })?;
        let told = accounts.into_iter().find(|told| told.id == account);
        let place = told.map_or_else(
            || Place { account: account.clone(), origin: None, routing: None },
            |told| Place {
                account: account.clone(),
                origin: told.workspace_backend_origin.as_deref().and_then(origin),
                routing: told.account_routing_override.as_deref().and_then(routing),
            },
        );
        *self.residency.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }
}

/// An origin that calls with tokens may be led to.
fn origin(word: &str) -> Option<Url> {
    let url = Url::parse(word).ok().filter(|_| word != FREE)?;
    let host = url.host_str()?;
    let known = HOSTS.iter().any(|known| {
        host == *known || host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'))
    });
    if url.scheme() == "https" && known {
        return Some(url);
    }
    tracing::warn!("the account is led to an address that is not OpenAI's, which is not followed");
    None
}

fn routing(word: &str) -> Option<HeaderValue> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let word = Some(word).filter(|word| *word != FREE && word.len() <= 32)?;
    word.bytes().all(fits).then(|| HeaderValue::from_str(word).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Backend, Source, answer, stream};

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
            assert_eq!(origin(word).is_some(), followed, "{word}");
        }
        assert_eq!(routing("us_cr").unwrap(), "us_cr");
        for word in ["NO_CONSTRAINT", "a b", "a\r\nb: c"] {
            assert_eq!(routing(word), None, "{word}");
        }
    }

    #[tokio::test]
    async fn the_place_is_read_once_and_calls_are_led_there() {
        let body = r#"{"accounts":[{"id":"other","account_routing_override":"us_cr"},
            {"id":"acct-1","account_routing_override":"us","workspace_backend_origin":"NO_CONSTRAINT"}]}"#;
        let backend = Backend::start([answer("200 OK", &[], body), stream(&[], "")]).await;
        let client = backend.client(&Source::new());
        client.read_residency().await.unwrap();
        client.read_residency().await.unwrap();
        let credentials = client.credentials().await.unwrap();
        let request = chatmock_protocol::json::read_text(r#"{"model":"m","input":[]}"#).unwrap();
        let prepared = client.prepare(request, &credentials, None).unwrap();
        client.send(&prepared, &credentials).await.unwrap();
        let requests = backend.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests[0].starts_with("GET /backend-api/wham/accounts/check HTTP/1.1"));
        assert!(requests[1].contains("x-openai-account-routing-override: us\r\n"));
    }

    #[tokio::test]
    async fn an_account_that_is_not_told_of_is_led_nowhere() {
        let body = r#"{"accounts":{"other":{"id":"other","account_routing_override":"us"}}}"#;
        let backend = Backend::start([answer("200 OK", &[], body)]).await;
        let client = backend.client(&Source::new());
        client.read_residency().await.unwrap();
        let credentials = client.credentials().await.unwrap();
        let mut headers = HeaderMap::new();
        let mut url: Url = "https://chatgpt.com/x".parse().unwrap();
        client.residency.lead(&credentials, &mut url, &mut headers);
        assert_eq!((url.as_str(), headers.is_empty()), ("https://chatgpt.com/x", true));
    }
}
