//! Addresses to which a token may be sent.

use reqwest::Url;

/// The facts about the called addresses that decide how connections to them are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// True if they are on this machine.
    pub(crate) is_loopback: bool,
    /// True if they are called without TLS.
    pub(crate) is_plain: bool,
}

/// The address of a call: `https`, or `http` to this machine.
///
/// There is no other way to make one, so a call cannot be sent in the clear by a rule that was forgotten
/// somewhere: the configured address, and the one that an account's residence puts in its place, pass
/// through the same check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    /// The rest of a sentence that begins with "the address".
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end with its path");
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => Err("must be https, since it is not on this machine"),
            _ => Err("must begin with https://"),
        }
    }

    /// The facts that decide how connections to it are made.
    pub(crate) fn site(&self) -> Site {
        Site { is_loopback: is_loopback(&self.0), is_plain: self.0.scheme() == "http" }
    }

    /// The segments of its path that are not empty.
    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.path().split('/').filter(|segment| !segment.is_empty())
    }

    /// The scheme, host and port, as a person would write them.
    pub(crate) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host's name, and the port.
    pub(crate) fn host_and_port(&self) -> (&str, Option<u16>) {
        (self.0.host_str().unwrap_or_default(), self.0.port_or_known_default())
    }

    /// The address below this one whose path ends with `tail`.
    pub(crate) fn below(&self, tail: &[&str]) -> Self {
        self.joined(tail, false)
    }

    /// The address whose path ends with `tail` in place of this one's last segment.
    pub(crate) fn next_to(&self, tail: &[&str]) -> Self {
        self.joined(tail, true)
    }

    /// The same address with a query, which is passed on as it is written.
    pub(crate) fn with_query(mut self, query: Option<&str>) -> Self {
        self.0.set_query(query);
        self
    }

    /// The same address with one more pair in its query.
    pub(crate) fn with_pair(mut self, name: &str, value: &str) -> Self {
        self.0.query_pairs_mut().append_pair(name, value);
        self
    }

    /// The same path and query at the scheme, host and port of another address.
    pub(crate) fn moved_to(&self, origin: &Self) -> Self {
        let mut url = origin.0.clone();
        url.set_path(self.0.path());
        url.set_query(self.0.query());
        Self(url)
    }

    fn joined(&self, tail: &[&str], up: bool) -> Self {
        let mut url = self.0.clone();
        // Every https and http URL has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            if up {
                path.pop();
            }
            path.extend(tail);
        }
        Self(url)
    }
}

impl From<Address> for Url {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// Whether the host is this machine. No resolver is asked: its answer could change later, and a
/// name that only happens to resolve to this machine must not be called without TLS.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(address: Address) -> String {
        Url::from(address).into()
    }

    #[test]
    fn a_moved_call_takes_the_scheme_and_port_of_its_new_host() {
        let call = Address::parse("http://127.0.0.1:9000/a/b").unwrap().with_query(Some("x=1"));
        let origin = Address::parse("https://eu.chatgpt.com/ignored").unwrap();
        assert_eq!(text(call.moved_to(&origin)), "https://eu.chatgpt.com/a/b?x=1");
    }

    #[test]
    fn paths_are_extended_below_and_next_to_the_last_segment() {
        for base in ["https://example.org/a/b", "https://example.org/a/b/"] {
            let base = Address::parse(base).unwrap();
            assert_eq!(text(base.below(&["c", "d/e"])), "https://example.org/a/b/c/d%2Fe");
            assert_eq!(text(base.next_to(&["c"])), "https://example.org/a/c");
        }
        assert_eq!(
            text(Address::parse("https://example.org").unwrap().below(&["c"])),
            "https://example.org/c"
        );
    }
}
