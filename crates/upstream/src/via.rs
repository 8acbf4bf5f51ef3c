//! Calls that come back to where they came from, known by the header `Via` (RFC 9110, section 7.6.3).

use std::hash::{BuildHasher, RandomState};

use reqwest::header::{HeaderMap, HeaderValue, VIA};

/// With what the names of such programs begin.
const PREFIX: &str = "chatmock-";

/// The most stations that a request may have come through.
const MOST: usize = 8;

/// The name of this client among the stations of a request.
#[derive(Clone, Debug)]
pub(crate) struct ViaLoop(String);

impl ViaLoop {
    /// A name that no other client has.
    pub(crate) fn new() -> Self {
        Self(format!("{PREFIX}{:016x}", RandomState::new().hash_one(PREFIX)))
    }

    /// Whether a request has been here, or at so many such programs that it must be in a circle.
    pub(crate) fn is_loop(&self, headers: &HeaderMap) -> bool {
        let stations = stations(headers);
        stations.len() >= MOST || stations.contains(&self.0.as_str())
    }

    /// The header of a request that goes on from here.
    pub(crate) fn header(&self, received_via: Option<&str>) -> Option<HeaderValue> {
        let received_via = received_via.into_iter().filter(|stations| !stations.is_empty());
        let stations = received_via.map(str::to_owned).chain([format!("1.1 {}", self.0)]);
        HeaderValue::try_from(stations.collect::<Vec<_>>().join(", ")).ok()
    }
}

/// The stations that a request came through, as the next header names them; `None` for none.
pub(crate) fn received_via(headers: &HeaderMap) -> Option<String> {
    let stations = stations(headers);
    let named = stations.iter().map(|station| format!("1.1 {station}"));
    (!stations.is_empty()).then(|| named.collect::<Vec<_>>().join(", "))
}

fn stations(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
    let words = values.flat_map(|value| value.split([',', ' ']));
    let ours = |word: &&str| {
        let id = word.strip_prefix(PREFIX).unwrap_or_default();
        id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    words.filter(ours).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(via: &[HeaderValue]) -> HeaderMap {
        via.iter().map(|value| (VIA, value.clone())).collect()
    }

    #[test]
    fn a_request_that_comes_back_is_known_also_by_way_of_others() {
        let (here, there) = (ViaLoop::new(), ViaLoop::new());
        assert_ne!(here.0, there.0);
        assert!(!here.is_loop(&HeaderMap::new()));
        let out = headers(&[HeaderValue::from_static("1.0 fred"), here.header(None).unwrap()]);
        assert!(here.is_loop(&out) && !there.is_loop(&out));
        let on = headers(&[there.header(received_via(&out).as_deref()).unwrap()]);
        assert!(here.is_loop(&on) && there.is_loop(&on));
    }

    #[test]
    fn what_a_client_says_of_its_way_is_not_handed_on() {
        let out = headers(&[HeaderValue::from_static("1.1 chatmock-x, 1.1 secret-host")]);
        assert_eq!(received_via(&out), None);
    }

    #[test]
    fn very_many_stations_are_a_circle() {
        let mut request = HeaderMap::new();
        for _ in 0..MOST {
            let station = ViaLoop::new();
            assert!(!station.is_loop(&request));
            request = headers(&[station.header(received_via(&request).as_deref()).unwrap()]);
        }
        assert!(ViaLoop::new().is_loop(&request));
    }
}
