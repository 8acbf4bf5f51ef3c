//! Host names: whose server a request thinks it talks to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The host of an authority, without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A literal address.
    Address(IpAddr),
    /// A name, in lower case.
    Name(String),
}

impl Host {
    /// The host of `host[:port]`; `None` where it is malformed.
    pub(crate) fn of(authority: &str) -> Option<Self> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (Self::Address(address.parse::<Ipv6Addr>().ok()?.into()), port)
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (name, port) = authority.split_at(end);
                (Self::name(name)?, port)
            }
        };
        is_port(port).then_some(host)
    }

    fn name(name: &str) -> Option<Self> {
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        // A name with a final dot is the same one, written in full.
        let name =
            name.strip_suffix('.').filter(|name| name.parse::<Ipv4Addr>().is_err()).unwrap_or(name);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        (!name.is_empty() && name.chars().all(plain)).then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// Returns whether only this machine can mean it.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost",
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Returns whether the text after a host is empty, or a colon and a port.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        })
}

/// Names under which containers reach the machine that they run on.
const CONTAINERS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// A name or address of this server beyond those that every server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(pub(crate) Host);

impl HostName {
    /// Returns whether only programs on this machine, its containers included, use it.
    #[must_use]
    pub fn is_of_this_machine(&self) -> bool {
        match &self.0 {
            Host::Name(name) => {
                CONTAINERS.contains(&&**name) || name == "localhost" || name.ends_with(".localhost")
            }
            address => address.is_local(),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for HostName {
    type Err = String;

    /// Reads a name or an address, without a port.
    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            return Ok(Self(Host::Address(address)));
        }
        if text.contains('*') {
            return Err("name every host: a pattern would let foreign names in".to_owned());
        }
        let whole = text.strip_suffix('.').unwrap_or(text);
        let host = Host::of(text).filter(|host| host.to_string().len() == whole.len());
        let wrong = || {
            "give a host name or an address alone, such as nas.lan or 192.168.1.5: no port, no \
             http://, and names of other scripts in their xn-- form"
                .to_owned()
        };
        host.map(Self).ok_or_else(wrong)
    }
}
