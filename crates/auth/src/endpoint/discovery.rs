//! The issuer's description of itself: its name, the keys of its id tokens, and where tokens are revoked.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Endpoint, EndpointError};
use crate::issuer::IssuerAddress;

/// The longest one of these calls may take.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// An issuer's description of itself, checked against how it was reached.
#[derive(Debug)]
pub(crate) struct Discovery {
    /// Its name in its id tokens.
    pub(crate) issuer: String,
    keys: Url,
    revocation: Option<Url>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    revocation_endpoint: Option<String>,
}

impl Discovery {
    fn read(body: &[u8], at: &IssuerAddress) -> Result<Self, EndpointError> {
        let document: Document =
            serde_json::from_slice(body).map_err(|_| EndpointError::Unreadable)?;
        if document.issuer.trim_end_matches('/') != at.as_str() {
            return Err(EndpointError::Discovery("it goes by the name of another service"));
        }
        let keys = at.accept(&document.jwks_uri);
        let keys = keys.ok_or(EndpointError::Discovery("its keys are at no https address"))?;
        // A refresh token is sent there, and that goes to its own issuer only.
        let revocation = document.revocation_endpoint.and_then(|place| at.accept(&place));
        let revocation = revocation.filter(|place| at.is_origin_of(place));
        Ok(Self { issuer: document.issuer, keys, revocation })
    }

    /// Returns the address where tokens are revoked.
    pub(crate) fn revocation(self) -> Result<Url, EndpointError> {
        self.revocation
            .ok_or(EndpointError::Discovery("it names no address of its own to revoke tokens at"))
    }
}

impl Endpoint {
    /// Fetches the issuer's description of itself.
    pub(crate) async fn discover(&self) -> Result<Discovery, EndpointError> {
        let place = self.issuer.at("/.well-known/openid-configuration")?;
        Discovery::read(&self.fetch(place).await?, &self.issuer)
    }

    /// Fetches the keys that id tokens are verified with.
    pub(crate) async fn keys(
        &self,
        discovery: &Discovery,
    ) -> Result<Zeroizing<Vec<u8>>, EndpointError> {
        self.fetch(discovery.keys.clone()).await
    }

    async fn fetch(&self, place: Url) -> Result<Zeroizing<Vec<u8>>, EndpointError> {
        let (status, body) = self.call(self.client.get(place).timeout(LOOK_LIMIT)).await?;
        if status.is_success() { body } else { Err(EndpointError::Status(status.as_u16())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(issuer: &str, document: &serde_json::Value) -> Result<Discovery, EndpointError> {
        Discovery::read(document.to_string().as_bytes(), &IssuerAddress::parse(issuer).unwrap())
    }

    #[test]
    fn an_issuer_must_go_by_its_own_name_and_keep_its_keys_in_a_safe_place() {
        let document = |issuer: &str, keys: &str| serde_json::json!({"issuer": issuer, "jwks_uri": keys, "revocation_endpoint": keys});
        let (remote, local) = ("https://i.test", "http://127.0.0.1:9");
        for (at, name, keys) in [
            (remote, "https://i.test", "https://i.test/keys"),
            (remote, "https://i.test/", "https://keys.test/set"),
            (local, local, "http://127.0.0.1:9/keys"),
        ] {
            assert!(read(at, &document(name, keys)).is_ok(), "{at} {name} {keys}");
        }
        for (at, name, keys) in [
            (remote, "https://other.test", "https://i.test/keys"),
            (remote, "https://i.test.other.test", "https://i.test/keys"),
            (remote, "https://i.test", "http://i.test/keys"),
            (remote, "https://i.test", "http://127.0.0.1/keys"),
            (remote, "https://i.test", "https://me:word@i.test/keys"),
            (remote, "https://i.test", "file:///etc/passwd"),
            (local, local, "http://192.0.2.1/keys"),
        ] {
            let error = read(at, &document(name, keys)).unwrap_err();
            assert!(matches!(error, EndpointError::Discovery(_)), "{at} {name} {keys}: {error}");
        }
    }

    #[test]
    fn tokens_are_revoked_at_the_issuer_itself_or_nowhere() {
        for (place, good) in [
            ("https://i.test/revoke", true),
            ("https://i.test:444/revoke", false),
            ("https://other.test/revoke", false),
            ("http://i.test/revoke", false),
        ] {
            let document = serde_json::json!({"issuer": "https://i.test",
                "jwks_uri": "https://i.test/keys", "revocation_endpoint": place});
            let revocation = read("https://i.test", &document).unwrap().revocation();
            assert_eq!(revocation.is_ok(), good, "{place}");
        }
        let none = serde_json::json!({"issuer": "https://i.test", "jwks_uri": "https://i.test/k"});
        assert!(read("https://i.test", &none).unwrap().revocation().is_err());
    }
}
