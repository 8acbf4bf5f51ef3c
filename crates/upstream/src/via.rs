//! Requests that come back to the server that sent them, recognised by the header `Via` (RFC 9110,
//! section 7.6.3).
//!
//! With an address of its own choice, a server can be set up to call itself, directly or through others.
//! Comparing addresses finds only the direct case, so every hop adds a random name of its own, as
//! the standard has it for proxies. Only hops of this program are passed on: the rest of a client's
//! `Via` may name hosts of its network.

use std::hash::{BuildHasher, RandomState};

use reqwest::header::{HeaderMap, HeaderValue, VIA};

/// The prefix of the names of this program's instances.
const PREFIX: &str = "chatmock-";

/// A request that passed through this many instances is in a loop, since no sensible setup has so
/// many.
const MAX_HOPS: usize = 8;

/// The name of this client among the hops of a request.
#[derive(Clone, Debug)]
pub(crate) struct ViaLoop(String);

impl ViaLoop {
    /// Chooses a random name.
    pub(crate) fn new() -> Self {
        Self(format!("{PREFIX}{:016x}", RandomState::new().hash_one(PREFIX)))
    }

    /// Returns whether a request has passed through this client, or through so many instances that it must
    /// be in a loop.
    pub(crate) fn is_loop(&self, headers: &HeaderMap) -> bool {
        let hops = hops(headers);
        hops.len() >= MAX_HOPS || hops.contains(&self.0.as_str())
    }

    /// The header of a request that is sent from here, after the hops that it `received_via`.
    pub(crate) fn header(&self, received_via: Option<&str>) -> Option<HeaderValue> {
        let received_via = received_via.into_iter().filter(|hops| !hops.is_empty());
        let hops = received_via.map(str::to_owned).chain([format!("1.1 {}", self.0)]);
        HeaderValue::try_from(hops.collect::<Vec<_>>().join(", ")).ok()
    }
}

/// The hops of this program in a request's headers, as the next `Via` names them; `None` without
/// any.
pub(crate) fn received_via(headers: &HeaderMap) -> Option<String> {
    let hops = hops(headers);
    let named = hops.iter().map(|hop| format!("1.1 {hop}"));
    (!hops.is_empty()).then(|| named.collect::<Vec<_>>().join(", "))
}

/// The names of this program's instances in `Via`, the oldest first.
fn hops(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
    let words = values.flat_map(|value| value.split([',', ' ']));
    let ours = |word: &&str| {
        let id = word.strip_prefix(PREFIX).unwrap_or_default();
        id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    words.filter(ours).take(MAX_HOPS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(via: &[HeaderValue]) -> HeaderMap {
        via.iter().map(|value| (VIA, value.clone())).collect()
    }

    #[test]
    fn a_request_that_comes_back_is_recognised_also_through_others() {
        let (here, there) = (ViaLoop::new(), ViaLoop::new());
        assert_ne!(here.0, there.0);
        assert!(!here.is_loop(&HeaderMap::new()));
        let out = headers(&[HeaderValue::from_static("1.0 fred"), here.header(None).unwrap()]);
        assert!(here.is_loop(&out) && !there.is_loop(&out));
        let on = headers(&[there.header(received_via(&out).as_deref()).unwrap()]);
        assert!(here.is_loop(&on) && there.is_loop(&on));
    }

    #[test]
    fn hops_of_other_programs_are_not_passed_on() {
        let out = headers(&[HeaderValue::from_static("1.1 chatmock-x, 1.1 secret-host")]);
        assert_eq!(received_via(&out), None);
    }

    #[test]
    fn very_many_hops_are_a_loop() {
        let mut request = HeaderMap::new();
        for _ in 0..MAX_HOPS {
            let hop = ViaLoop::new();
            assert!(!hop.is_loop(&request));
            request = headers(&[hop.header(received_via(&request).as_deref()).unwrap()]);
        }
        assert!(ViaLoop::new().is_loop(&request));
    }
}
