//! State that several services share.
//!
//! Each service is given this and keeps what it alone needs to itself: the issuer its pending grants,
//! the model calls their caches. One structure with everything in it made every handler depend on every
//! other, since the structure has to know the type of each part.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::backend::Backend;
use crate::catalog::Catalog;
use crate::endpoint::Endpoint;
use crate::error_response::ErrorResponse;
use crate::http::HttpRequest;
use crate::modes::QueuedReply;
use crate::record::Recorder;
use crate::settings::Settings;
use crate::sync::lock;
use crate::tokens::IssuedTokens;

/// The state that all services of one simulator share.
#[derive(Debug)]
pub(crate) struct SharedState {
    pub(crate) settings: Settings,
    pub(crate) origin: String,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) tokens: Mutex<IssuedTokens>,
    pub(crate) catalog: Mutex<Catalog>,
    /// The reset credits that were spent, each under the name of the attempt.
    pub(crate) redeemed: Mutex<Vec<(String, String)>>,
    queues: Mutex<HashMap<Endpoint, VecDeque<QueuedReply>>>,
}

impl SharedState {
    pub(crate) fn new(settings: Settings, origin: String) -> Self {
        let tokens =
            IssuedTokens::new(origin.clone(), settings.token_life, settings.revoke_on_reuse);
        Self {
            recorder: Arc::new(Recorder::new(settings.keep_requests)),
            tokens: Mutex::new(tokens),
            catalog: Mutex::new(Catalog::bundled()),
            redeemed: Mutex::default(),
            queues: Mutex::default(),
            settings,
            origin,
        }
    }

    /// Queues what the next call of an endpoint gets.
    pub(crate) fn enqueue(&self, endpoint: Endpoint, reply: QueuedReply) {
        lock(&self.queues).entry(endpoint).or_default().push_back(reply);
    }

    /// Takes what was queued first for an endpoint.
    pub(crate) fn next_reply(&self, endpoint: Endpoint) -> Option<QueuedReply> {
        lock(&self.queues).get_mut(&endpoint)?.pop_front()
    }

    /// Returns a client's version, if models are gated by it here.
    pub(crate) fn gated<'v>(&self, version: Option<&'v str>) -> Option<&'v str> {
        version.filter(|_| self.settings.gate_versions)
    }

    /// Returns the error for a path that no endpoint has, worded by the backend whose path it is below.
    pub(crate) fn not_found(&self, http: &HttpRequest) -> ErrorResponse {
        let path = http.path();
        let backend = self.settings.bases.above(path).unwrap_or(Backend::Codex);
        backend.rules().errors.not_found(&format!("{} {path}", http.parts.method))
    }
}
