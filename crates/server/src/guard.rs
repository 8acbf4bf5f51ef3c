//! The guard: which requests are looked at at all, decided before a body is read.

use std::net::IpAddr;

use chatmock_translate::{Failure, FailureKind};
use http::header::{CONTENT_TYPE, HOST, ORIGIN, REFERER, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

use crate::decode::Coding;

/// The longest request target, in bytes.
const LONGEST_TARGET: usize = 8 * 1024;

/// Who may ask: names of this server, and no web pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    hosts: Vec<String>,
}

impl Guard {
    /// Makes a guard that lets requests for these names through, beside loopback ones.
    pub(crate) fn new(hosts: Vec<String>) -> Self {
        Self { hosts }
    }

    /// Refuses what no client of ours sends: a page of a browser, a name that is not ours, an
    /// ambiguous message.
    pub(crate) fn check(&self, head: &Parts) -> Result<(), Failure> {
        if head.method == Method::CONNECT {
            let message = "this is no proxy for other hosts";
            return Err(Failure::new(FailureKind::MethodNotAllowed, message));
        }
        let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > LONGEST_TARGET {
            let message = "the request target is too long";
            return Err(Failure::new(FailureKind::Rejected(414), message));
        }
        self.host(head)?;
        page(&head.headers)?;
        message(&head.headers)
    }

    /// The name must be ours, or a page could reach this server under its own (DNS rebinding).
    fn host(&self, head: &Parts) -> Result<(), Failure> {
        let mut hosts = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(bad("a request needs exactly one Host header"));
        };
        let host = host.to_str().ok().and_then(host_name);
        let Some(host) = host else { return Err(bad("the Host header is malformed")) };
        let named = match head.uri.authority() {
            Some(authority) => match host_name(authority.as_str()) {
                Some(named) => named,
                None => return Err(bad("the request target's authority is malformed")),
            },
            None => host.clone(),
        };
        if self.ours(&host) && self.ours(&named) {
            return Ok(());
        }
        let message = "this server does not answer for that host name";
        Err(Failure::new(FailureKind::Forbidden, message).with_code("host_not_allowed"))
    }

    fn ours(&self, host: &str) -> bool {
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = address.unwrap_or(host).parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback())
            || self.hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

fn bad(message: &str) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}

/// The host of `host[:port]`; `None` where it is malformed.
fn host_name(authority: &str) -> Option<String> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(end)?;
    let port_fits = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    (port_fits && !host.is_empty() && host.chars().all(plain)).then(|| host.to_owned())
}

/// No page of a browser may ask: nothing here is for one, and answers cost the person's quota.
fn page(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.contains_key(ORIGIN) {
        let message = "requests from web pages are not answered";
        return Err(Failure::new(FailureKind::Forbidden, message).with_code("origin_not_allowed"));
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    let foreign_site = matches!(site, Some(b"cross-site" | b"same-site"));
    let foreign_page = headers.get(REFERER).is_some_and(|page| !loopback_page(page.to_str().ok()));
    if foreign_site || foreign_page {
        let message = "requests from other sites' pages are not answered";
        return Err(Failure::new(FailureKind::Forbidden, message).with_code("origin_not_allowed"));
    }
    Ok(())
}

fn loopback_page(page: Option<&str>) -> bool {
    let rest = page.and_then(|page| page.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.and_then(host_name).is_some_and(|host| Guard::default().ours(&host))
}

/// A message that two readers could understand differently is refused.
fn message(headers: &HeaderMap) -> Result<(), Failure> {
    let several = |name: HeaderName| headers.get_all(name).iter().nth(1).is_some();
    if several(CONTENT_TYPE) {
        return Err(bad("a request may have only one Content-Type header"));
    }
    let coding = headers.get(TRANSFER_ENCODING);
    if several(TRANSFER_ENCODING)
        || coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(bad("the only transfer coding that is understood is chunked"));
    }
    Coding::of(headers).map(drop)
}

#[cfg(test)]
mod tests;
