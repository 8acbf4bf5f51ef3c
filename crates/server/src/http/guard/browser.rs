//! Web pages: refused, unless their origin is listed.

use chatmock_translate::{Failure, FailureKind};
use http::header::{HOST, ORIGIN, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Guard;
use crate::http::sanitize;
use crate::settings::Host;

impl Guard {
    /// Refuses a web page: nothing here is for one, and answers cost the person's quota.
    ///
    /// A page whose origin is listed passes. Programs send no `Origin`; what else a browser says of
    /// itself is looked at where it is missing.
    pub(super) fn check_browser(&self, headers: &HeaderMap) -> Result<(), Failure> {
        if self.listed_origin(headers).is_some() {
            return Ok(());
        }
        if let Some(origin) = headers.get(ORIGIN) {
            return if self.is_own_page(headers) { Ok(()) } else { Err(refused(origin)) };
        }
        let sites = headers.get_all("sec-fetch-site").iter();
        let mut foreign = sites.filter(|site| !matches!(site.as_bytes(), b"none" | b"same-origin"));
        let mut referers = headers.get_all(REFERER).iter();
        if foreign.next().is_some() || referers.any(|page| !self.trusts_referer(page)) {
            let message = "requests from other sites' pages are not answered; a page that you \
                           trust can be named with --allow-origin";
            return Err(forbidden(message));
        }
        Ok(())
    }

    /// Returns whether the page of this server sent a request: its origin has the very host and port that the request
    /// is for, which is one of ours by now, and the browser says that it is the same.
    fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let only = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none())?.to_str().ok()
        };
        let (Some(origin), Some(host)) = (only(ORIGIN), only(HOST)) else { return false };
        // Behind a proxy that speaks TLS the page's scheme is another than ours.
        let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        self.ui
            && place.is_some_and(|place| place.eq_ignore_ascii_case(host))
            && only(HeaderName::from_static("sec-fetch-site")) == Some("same-origin")
    }

    /// The origin of a request, where it has one and that one is listed.
    pub(crate) fn listed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut sent = headers.get_all(ORIGIN).iter();
        let (Some(origin), None) = (sent.next(), sent.next()) else { return None };
        self.lists(origin.to_str().ok()?).then(|| origin.clone())
    }

    /// Returns whether an origin is listed, by itself or by its scheme.
    fn lists(&self, origin: &str) -> bool {
        let keyed = !self.keys.are_none();
        let mut listed = self.origins.iter().filter(|listed| keyed || !listed.needs_key());
        listed.any(|listed| listed.covers(origin))
    }

    /// Returns whether a page is of this machine, or of a listed origin.
    fn trusts_referer(&self, page: &HeaderValue) -> bool {
        let Ok(page) = page.to_str() else { return false };
        let Some((scheme, rest)) = page.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let ours = matches!(scheme, "http" | "https")
            && Host::of(authority).is_some_and(|host| self.is_ours(&host));
        ours || self.lists(&format!("{scheme}://{authority}"))
    }
}

fn refused(origin: &HeaderValue) -> Failure {
    let origin = sanitize::bytes(origin.as_bytes());
    let message = match origin.as_str() {
        "null" | "" => "requests from web pages without an origin of their own are never \
                        answered"
            .to_owned(),
        origin => format!(
            "requests from web pages are not answered; if you trust this one, start the server \
             with --allow-origin {origin}"
        ),
    };
    forbidden(&message)
}

fn forbidden(message: &str) -> Failure {
    Failure::new(FailureKind::Forbidden, message).with_code("origin_not_allowed")
}
