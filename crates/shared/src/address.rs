//! The address of an engine.

use std::net::IpAddr;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::error::SharedError;

/// The address of an engine. It may hold a password, so it prints without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: Zeroizing<String>,
}

impl Address {
    /// Returns the address with its password.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "there is no one to connect"))]
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }
}

impl FromStr for Address {
    type Err = SharedError;

    /// Takes `rediss://…`, and `redis://…` of this machine: what is not encrypted must not leave it.
    fn from_str(text: &str) -> Result<Self, SharedError> {
        let text = text.trim();
        let fault = |why: &str| SharedError::Address(why.to_owned());
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host(authority);
        if host.is_empty() || rest.contains('#') {
            return Err(fault("the address is written rediss://USER:PASSWORD@HOST:PORT/DATABASE"));
        }
        match scheme {
            "rediss" => {}
            "redis" if is_here(host) => {}
            "redis" => {
                return Err(fault(
                    "redis:// is not encrypted and is taken for 127.0.0.1, ::1 and localhost alone: use rediss://",
                ));
            }
            _ => {
                return Err(fault(
                    "the address begins with rediss://, or with redis:// on this machine",
                ));
            }
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()) })
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, rest) = self.text.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        write!(f, "{scheme}://{place}")
    }
}

/// The host of `USER:PASSWORD@HOST:PORT`.
fn host(authority: &str) -> &str {
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    if let Some(v6) = place.strip_prefix('[') {
        return v6.split_once(']').map_or("", |(host, _)| host);
    }
    place.split_once(':').map_or(place, |(host, _)| host)
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_encrypted_is_of_this_machine() {
        for good in [
            "rediss://host:6380/0",
            "rediss://user:p%40ss@10.0.0.7:6380",
            "redis://127.0.0.1:6379",
            "redis://[::1]:6379/2",
            "redis://:secret@localhost",
        ] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "host:6379",
            "rediss://",
            "http://host",
            "redis://host:6379",
            "redis://127.0.0.1.example.com",
            "redis://localhost@example.com:1",
            "redis://user@10.0.0.1#@localhost",
            "redis+unix:///run/redis",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_prints_without_its_password() {
        let address: Address = "rediss://user:canary@host:6380/1?x=canary".parse().unwrap();
        assert_eq!(format!("{address} {address:?}"), "rediss://host:6380 rediss://host:6380");
    }
}
