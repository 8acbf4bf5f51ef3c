//! The name under which this program calls the backend.

use reqwest::header::HeaderValue;

use crate::error::Error;

/// The Codex version that calls name, as `major.minor.patch`.
///
/// The backend hides models that need a newer client than the version in the query of `/models` and
/// in the header `version`, and returns an empty or short list for versions that it does not know.
/// A version number of our own would therefore cost models, so this is a recent release of the real
/// client; 0.171.0 was published on 2026-11-20. The price is that it has to be raised from time to
/// time. It does not claim to be that client: `originator` and `user-agent` carry our own name.
pub const CLIENT_VERSION: &str = "0.171.0";

/// The caller's name, sent with every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The header `originator`; `chatmock` unless set otherwise.
    pub originator: String,
    /// The header `user-agent`; `chatmock/<version>` unless set otherwise.
    pub user_agent: String,
    /// The header `version` and the query member `client_version`; see [`CLIENT_VERSION`].
    pub client_version: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            originator: "chatmock".into(),
            user_agent: concat!("chatmock/", env!("CARGO_PKG_VERSION")).into(),
            client_version: CLIENT_VERSION.into(),
        }
    }
}

/// An identity whose values have been checked to be valid in headers.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) originator: HeaderValue,
    pub(crate) user_agent: HeaderValue,
    pub(crate) version: HeaderValue,
}

impl Caller {
    pub(crate) fn new(identity: &Identity) -> Result<Self, Error> {
        let value = |name: &str, text: &str| {
            HeaderValue::from_str(text)
                .ok()
                .filter(|value| !value.is_empty())
                .ok_or_else(|| Error::settings(format!("the {name} cannot be sent in a header")))
        };
        let version = &identity.client_version;
        if version.is_empty()
            || !version.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b))
        {
            return Err(Error::settings("the client version must look like 0.171.0"));
        }
        Ok(Self {
            originator: value("originator", &identity.originator)?,
            user_agent: value("user agent", &identity.user_agent)?,
            version: value("client version", version)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_names_this_program() {
        let identity = Identity::default();
        assert_eq!(identity.originator, "chatmock");
        assert!(identity.user_agent.starts_with("chatmock/"));
        assert!(Caller::new(&identity).is_ok());
    }

    #[test]
    fn values_that_break_a_header_are_refused() {
        let evil = Identity { originator: "a\r\nb: c".into(), ..Identity::default() };
        assert!(Caller::new(&evil).is_err());
        let version = Identity { client_version: "0.1&x=1".into(), ..Identity::default() };
        assert!(Caller::new(&version).is_err());
    }
}
