//! The issuer of sign-ins: its address, and which addresses are accepted.

use std::net::IpAddr;

use reqwest::Url;

/// The issuer of ChatGPT sign-ins.
pub const ISSUER: &str = "https://auth.openai.com";

/// The public OAuth client that ChatGPT sign-ins for Codex are issued to. It is no secret: it is in
/// every sign-in address. The issuer accepts a refresh token only from its own client.
pub const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// The issuer is neither an `https` address nor `http` on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the issuer must be an https address, or http on a loopback address")]
pub struct InvalidIssuer;

/// An issuer's address.
#[derive(Clone, Debug)]
pub(crate) struct IssuerAddress {
    base: String,
    url: Url,
}

impl IssuerAddress {
    /// Parses an `https` address, or `http` on this machine, without query or user.
    pub(crate) fn parse(issuer: &str) -> Result<Self, InvalidIssuer> {
        let base = issuer.trim_end_matches('/').to_owned();
        let url = Url::parse(&base).map_err(|_| InvalidIssuer)?;
        let plain = url.username().is_empty() && url.password().is_none();
        let plain = plain && url.query().is_none() && url.fragment().is_none();
        match url.scheme() {
            "https" if plain => Ok(Self { base, url }),
            "http" if plain && is_local(&url) => Ok(Self { base, url }),
            _ => Err(InvalidIssuer),
        }
    }

    /// Returns the address as it was given, without a slash at its end.
    pub(crate) fn as_str(&self) -> &str {
        &self.base
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the address of a path below it.
    pub(crate) fn at(&self, path: &str) -> Result<Url, InvalidIssuer> {
        Url::parse(&format!("{}{path}", self.base)).map_err(|_| InvalidIssuer)
    }

    /// Returns whether an address has the same scheme, host and port.
    pub(crate) fn is_origin_of(&self, address: &Url) -> bool {
        self.url.origin() == address.origin()
    }

    /// Parses an address that the issuer names: `https`, or on this machine where the issuer is on
    /// this machine, too.
    pub(crate) fn accept(&self, address: &str) -> Option<Url> {
        let named = Self::parse(address).ok()?.url;
        let is_safe = named.scheme() == "https" || (is_local(&named) && is_local(&self.url));
        is_safe.then_some(named)
    }
}

/// Returns whether an address is on this machine.
pub(crate) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback_issuers_are_taken() {
        for good in [
            "https://auth.openai.com",
            "https://auth.example.org/base/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            assert!(IssuerAddress::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://auth.openai.com",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "https://user@auth.openai.com",
            "https://auth.openai.com?x=1",
            "https://auth.openai.com#x",
            "file:///etc",
            "auth.openai.com",
            "",
        ] {
            assert!(IssuerAddress::parse(bad).is_err(), "{bad}");
        }
    }
}
