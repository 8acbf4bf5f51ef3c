//! Kept answers: the head and the body of an answer, as a record of the store.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::Fingerprint;
use crate::state::responses::StoredResponse;

/// An answer that is given again.
#[derive(Clone, Debug)]
pub(crate) struct KeptAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a record has beside the body.
#[derive(Deserialize, Serialize)]
struct Facts {
    fingerprint: Vec<u8>,
    status: u16,
    headers: Vec<(String, String)>,
}

impl KeptAnswer {
    /// Writes a record of the answer to a request; `None` where it cannot be one.
    pub(super) fn record(&self, asked: &Fingerprint, now: u64) -> Option<StoredResponse> {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = self.headers.iter();
        let facts = Facts {
            fingerprint: asked.to_vec(),
            status: self.status.as_u16(),
            headers: headers
                .filter_map(|(name, value)| Some((name.to_string(), text(value)?)))
                .collect(),
        };
        let facts = serde_json::to_vec(&facts).ok()?;
        // Each has a buffer of its own, so that the store counts what is held.
        Some(StoredResponse::new(now, facts.into(), Bytes::copy_from_slice(&self.body)))
    }

    /// Reads a record, with what the request was; `None` where it has another shape.
    pub(super) fn read(stored: &StoredResponse) -> Option<(Fingerprint, Self)> {
        let facts: Facts = serde_json::from_slice(&stored.input).ok()?;
        let header = |(name, value): (String, String)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        };
        let answer = Self {
            status: StatusCode::from_u16(facts.status).ok()?,
            headers: facts.headers.into_iter().filter_map(header).collect(),
            body: stored.response.clone(),
        };
        Some((facts.fingerprint.try_into().ok()?, answer))
    }
}
