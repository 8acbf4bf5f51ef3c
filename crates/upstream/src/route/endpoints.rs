//! The addresses of a backend's calls, checked once when the client is made.

use reqwest::Url;

use crate::error::Error;

/// The address of each call.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) responses: Url,
    models: Url,
    /// The account's limits, if the backend reports them.
    pub(crate) usage: Option<Url>,
    /// The account's workspaces, which say where their data must stay.
    pub(crate) accounts: Option<Url>,
    /// True if the backend is on this machine.
    pub(crate) loopback: bool,
    /// True if it is called without TLS.
    pub(crate) plain: bool,
}

impl Endpoints {
    /// Derives the addresses from `base`. Usage and accounts are next to the last segment of its
    /// path, not below it, and exist only where the backend reports limits.
    pub(super) fn under(base: &str, reports_limits: bool) -> Result<Self, Error> {
        let wrong = |why: &str| Error::settings(format!("the backend's address {why}"));
        let base = Url::parse(base).map_err(|_| wrong("is not a URL"))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("must not hold a user name or password"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(wrong("must end with its path"));
        }
        let loopback = is_loopback(&base);
        match base.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(wrong("must be https, since it is not on this machine")),
            _ => return Err(wrong("must begin with https://")),
        }
        let under = |tail: &[&str], up: bool| -> Result<Url, Error> {
            let mut url = base.clone();
            let mut path = url.path_segments_mut().map_err(|()| wrong("has no path"))?;
            path.pop_if_empty();
            if up {
                path.pop();
            }
            path.extend(tail);
            drop(path);
            Ok(url)
        };
        let next_to = |tail: &[&str]| {
            reports_limits.then(|| under(&[&["wham"], tail].concat(), true)).transpose()
        };
        Ok(Self {
            responses: under(&["responses"], false)?,
            models: under(&["models"], false)?,
            usage: next_to(&["usage"])?,
            accounts: next_to(&["accounts", "check"])?,
            loopback,
            plain: base.scheme() == "http",
        })
    }

    /// The list of models. A backend that filters it reads the client's version from the query.
    pub(crate) fn models(&self, client_version: Option<&str>) -> Url {
        let mut url = self.models.clone();
        if let Some(version) = client_version {
            url.query_pairs_mut().append_pair("client_version", version);
        }
        url
    }
}

/// Returns whether the host is this machine. No resolver is asked: its answer could change later, and a
/// name that only happens to resolve to this machine must not be called without TLS.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
