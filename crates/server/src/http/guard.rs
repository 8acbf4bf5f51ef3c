//! The guard: admission of requests, decided by their heads, before a body is read.
//!
//! CORS alone protects nothing here. It keeps a page from reading an answer, but the request has then been
//! served and the quota spent; and a name that a page points at this machine (DNS rebinding) makes the
//! page of the same origin. So a name that is not ours and an origin that is not listed are refused
//! outright. The price is a setting for each page and each name that is wanted.

mod browser;
mod cors;
mod framing;

use chatmock_translate::{Failure, FailureKind};
use http::header::{ACCEPT, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

use crate::http::api_keys::{ApiKeys, Caller, KeySwitch};
use crate::http::connection::LocalEnd;
use crate::settings::{AdmissionSettings, Host, HostName, Origin};

/// The rules for who may send requests: programs that use a name of this server, pages that are
/// listed, holders of a key.
#[derive(Debug)]
pub(crate) struct Guard {
    hosts: Vec<HostName>,
    origins: Vec<Origin>,
    keys: ApiKeys,
    unauthenticated: bool,
    metrics_open: bool,
    ui: bool,
    longest_target: usize,
}

/// The next step of an admitted request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It is a browser's question about a listed page, to be answered with the rules.
    Preflight,
    /// It is served; its extensions name the caller.
    Request,
}

impl Guard {
    /// Makes a guard that goes by these settings.
    pub(crate) fn new(settings: &AdmissionSettings, max_target: usize) -> Self {
        Self {
            hosts: settings.hosts.clone(),
            origins: settings.origins.clone(),
            keys: ApiKeys::new(settings.keys.clone(), settings.wrong_keys),
            unauthenticated: settings.unauthenticated,
            metrics_open: settings.metrics_open,
            ui: settings.ui,
            longest_target: max_target,
        }
    }

    /// Returns the inbound keys, to be replaced while the server runs.
    pub(crate) fn key_switch(&self) -> KeySwitch {
        self.keys.switch()
    }

    /// Refuses a request for another server, and a target that is too long to look at.
    pub(crate) fn check_target(&self, head: &Parts) -> Result<(), Failure> {
        if head.method == Method::CONNECT {
            let message = "this is no proxy for other hosts";
            return Err(Failure::new(FailureKind::MethodNotAllowed, message));
        }
        let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > self.longest_target {
            let message = "the request target is too long";
            return Err(Failure::new(FailureKind::Rejected(414), message));
        }
        Ok(())
    }

    /// Refuses what no client of ours sends: a page of a browser, a name that is not ours, an
    /// ambiguous message, no key where one is needed.
    pub(crate) fn admit(&self, head: &mut Parts) -> Result<Admitted, Failure> {
        self.check_host(head)?;
        self.check_browser(&head.headers)?;
        if self.is_preflight(head) {
            // Browsers send no key with these, so none can be asked for.
            return Ok(Admitted::Preflight);
        }
        framing::check(&head.headers)?;
        let caller = if self.needs_no_key(head) {
            Caller::default()
        } else {
            self.check_proxy(&head.headers)?;
            self.keys.check(&head.headers)?
        };
        head.extensions.insert(caller);
        Ok(Admitted::Request)
    }

    /// The name must be ours, or a page could reach this server under its own (DNS rebinding).
    fn check_host(&self, head: &Parts) -> Result<(), Failure> {
        let local = head.extensions.get::<LocalEnd>();
        let mut hosts = head.headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            // No page reaches a socket in the file system, whichever name it gives to this machine.
            (_, None) if matches!(local, Some(LocalEnd::Path)) => return Ok(()),
            (Some(host), None) => host,
            _ => return Err(bad("a request needs exactly one Host header")),
        };
        let host = host.to_str().ok().and_then(Host::of);
        let Some(host) = host else { return Err(bad("the Host header is malformed")) };
        let named = match head.uri.authority() {
            Some(authority) => Host::of(authority.as_str())
                .ok_or_else(|| bad("the request target's authority is malformed"))?,
            None => host.clone(),
        };
        let is_ours = |host: &Host| self.is_ours(host) || local.is_some_and(|local| local.is(host));
        if let Some(foreign) = [&host, &named].into_iter().find(|host| !is_ours(host)) {
            return Err(foreign_host(foreign));
        }
        if host != named {
            return Err(bad("the request target and the Host header name different hosts"));
        }
        Ok(())
    }

    /// A proxy makes a server that listens on this machine alone one of all who reach the proxy: then a key is needed.
    fn check_proxy(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if !self.keys.are_none() || self.unauthenticated {
            return Ok(());
        }
        match headers.keys().find(|name| is_of_proxy(name)) {
            Some(name) => Err(proxied(name)),
            None => Ok(()),
        }
    }

    /// Returns whether a request is answered without a key: its answer is one word and costs nothing.
    fn needs_no_key(&self, head: &Parts) -> bool {
        let open = match head.uri.path() {
            "/health" => !is_verbose(head.uri.query()),
            // It is led to the page, whose files hold no data.
            "/" => self.ui && is_browser(&head.headers),
            "/metrics" => self.metrics_open,
            "/ui/events" => false,
            path if path.starts_with("/ui/") => true,
            path => OPEN.contains(&path),
        };
        open && matches!(head.method, Method::GET | Method::HEAD)
    }

    fn is_ours(&self, host: &Host) -> bool {
        host.is_local() || self.hosts.iter().any(|name| name.0 == *host)
    }
}

/// The paths, besides `/health`, that are answered without a key. The page's files hold no data.
const OPEN: [&str; 3] = ["/live", "/ready", "/ui"];

/// Returns whether a browser asks for a page: programs accept any type, or JSON.
pub(crate) fn is_browser(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Returns whether a query asks for more than one word about the server's health.
pub(crate) fn is_verbose(query: Option<&str>) -> bool {
    let mut members = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    members.any(|(name, value)| name == "verbose" && value != "false")
}

/// Returns whether proxies add a header of this name.
fn is_of_proxy(name: &HeaderName) -> bool {
    const CLIENT: [&str; 6] = [
        "forwarded",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "cf-connecting-ip",
        "true-client-ip",
    ];
    let name = name.as_str();
    name.starts_with("x-forwarded") || CLIENT.contains(&name)
}

fn proxied(name: &HeaderName) -> Failure {
    let message = format!(
        "this request came through a proxy (it has the header {name}), whose clients would use the account without a \
         key: add the line  api-key-file = \"keys\"  to the configuration file of the server, or start it with \
         --api-key-file FILE; with --allow-unauthenticated if everyone who reaches the proxy may use the account"
    );
    Failure::new(FailureKind::Forbidden, message).with_code("proxy_needs_key")
}

fn foreign_host(host: &Host) -> Failure {
    let host: String = host.to_string().chars().take(200).collect();
    let message = format!(
        "this server does not answer for the host {host}; if it is a name of this machine, start \
         the server with --allow-host {host}"
    );
    Failure::new(FailureKind::Forbidden, message).with_code("host_not_allowed")
}

fn bad(message: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

#[cfg(test)]
mod tests;
