//! The record of requests as they arrived, and the counters, which tests can wait for.
//!
//! Counters are kept in a watch channel, so that a test waits for a number of events instead of
//! sleeping. Requests themselves are bounded in number and in bytes: a simulator that runs for
//! hours in a demonstration or a load test must not grow.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Instant;

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::Value;
use tokio::sync::watch;

use crate::content_encoding::decode_zstd;
use crate::endpoint::Endpoint;
use crate::json::{Json, object};
use crate::sync::lock;

/// The number of closed streams that are remembered.
const MAX_CLOSED_STREAMS: usize = 2048;

/// The number of bytes of bodies that are kept; the last request is always kept.
const BODY_BYTES_KEPT: usize = 64 << 20;

/// The largest size to which a recorded body is decoded, in bytes.
const DECODED: usize = 256 << 20;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// The endpoint, if the path belongs to one.
    pub endpoint: Option<Endpoint>,
    /// The method, in capitals.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers in order of first appearance, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// When the body was complete.
    pub at: Instant,
}

impl RecordedRequest {
    /// Returns the first value of a header; the name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON, decoded if it came in zstd; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        let decoded = match self.header("content-encoding") {
            Some("zstd") => decode_zstd(&self.body, DECODED),
            _ => None,
        };
        serde_json::from_slice(decoded.as_ref().unwrap_or(&self.body)).unwrap_or_default()
    }

    /// Returns the path without its query.
    pub fn bare_path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}

/// The end of a response stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedStream {
    /// When the simulator noticed it.
    pub at: Instant,
    /// True if the client left before the script had ended.
    pub cancelled: bool,
}

/// Statistics of how requests to the Codex backend treated the state of their turn (`x-codex-turn-state`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnStates {
    /// Requests that carried the state of their own turn.
    pub echoed: u64,
    /// Requests with a tool's output that carried no state, although their turn has one.
    pub missing: u64,
    /// Requests that carried the state of another turn, or one that was never issued.
    pub stray: u64,
}

impl TurnStates {
    pub(crate) fn add(&mut self, more: &Self) {
        self.echoed += more.echoed;
        self.missing += more.missing;
        self.stray += more.stray;
    }
}

/// The counters since the start.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// Requests by method and default path, such as `POST /oauth/token`; unknown ones are `other`.
    pub requests: BTreeMap<String, u64>,
    /// Attempts to refresh, granted or not.
    pub refreshes: u64,
    /// Attempts to refresh that were rejected.
    pub refreshes_refused: u64,
    /// Revocations.
    pub revokes: u64,
    /// Response streams that began.
    pub streams: u64,
    /// Response streams open now.
    pub open_streams: u64,
    /// Response streams that clients left before their script had ended.
    pub cancelled_streams: u64,
    /// The tokens of all prompts.
    pub input_tokens: u64,
    /// The tokens of prompts that were cached.
    pub cached_tokens: u64,
    /// Statistics of how requests treated turn states.
    pub turn_states: TurnStates,
    /// The last closed streams, oldest first.
    pub closed_streams: VecDeque<ClosedStream>,
}

impl Stats {
    /// Returns how many requests an endpoint got, by its [name](Endpoint::name).
    pub fn count(&self, request: &str) -> u64 {
        self.requests.get(request).copied().unwrap_or_default()
    }

    /// Returns how many model calls arrived at all backends.
    pub fn responses(&self) -> u64 {
        Endpoint::MODEL_CALLS.iter().map(|endpoint| self.count(endpoint.name())).sum()
    }
}

/// The last requests, with the total size of their bodies.
#[derive(Debug, Default)]
struct RequestLog {
    requests: VecDeque<RecordedRequest>,
    bytes: usize,
}

/// Records requests and counts events.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    keep: usize,
    stats: watch::Sender<Stats>,
    requests: Mutex<RequestLog>,
}

impl Recorder {
    pub(crate) fn new(keep: usize) -> Self {
        let stats = watch::Sender::new(Stats::default());
        Self { started: Instant::now(), keep, stats, requests: Mutex::default() }
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Stats)) {
        self.stats.send_modify(change);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats.borrow().clone()
    }

    /// Waits until the counters satisfy a condition.
    pub(crate) async fn wait_for(&self, met: impl FnMut(&Stats) -> bool) -> Stats {
        let mut reader = self.stats.subscribe();
        match reader.wait_for(met).await {
            Ok(stats) => stats.clone(),
            // The sender lives in `self`, so the channel is open.
            Err(_) => self.stats(),
        }
    }

    /// Records and counts a request, before it is answered.
    pub(crate) fn record(&self, name: &str, request: RecordedRequest) {
        if self.keep > 0 {
            self.keep_request(request);
        }
        self.update(|stats| *stats.requests.entry(name.to_owned()).or_default() += 1);
    }

    fn keep_request(&self, request: RecordedRequest) {
        let mut kept = lock(&self.requests);
        kept.bytes += request.body.len();
        kept.requests.push_back(request);
        while kept.requests.len() > self.keep.max(1)
            || kept.bytes > BODY_BYTES_KEPT && kept.requests.len() > 1
        {
            kept.bytes -= kept.requests.pop_front().map_or(0, |oldest| oldest.body.len());
        }
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.requests).requests.iter().cloned().collect()
    }

    pub(crate) fn forget_requests(&self) {
        *lock(&self.requests) = RequestLog::default();
    }

    pub(crate) fn stream_closed(&self, cancelled: bool) {
        self.update(|stats| {
            stats.open_streams = stats.open_streams.saturating_sub(1);
            stats.cancelled_streams += u64::from(cancelled);
            if stats.closed_streams.len() == MAX_CLOSED_STREAMS {
                stats.closed_streams.pop_front();
            }
            stats.closed_streams.push_back(ClosedStream { at: Instant::now(), cancelled });
        });
    }

    /// Returns the counters as JSON; times are in milliseconds since the start.
    pub(crate) fn json(&self) -> Json {
        let stats = self.stats.borrow();
        let millis = |at: Instant| at.duration_since(self.started).as_millis() as u64;
        let closed_streams = stats.closed_streams.iter();
        let closed_streams = closed_streams.map(|closing| {
            object! {"closed_at_ms": millis(closing.at), "cancelled": closing.cancelled}
        });
        let requests = stats.requests.iter().map(|(name, n)| (name.clone(), Value::from(*n)));
        object! {
            "uptime_ms": millis(Instant::now()),
            "connections": stats.connections,
            "open_connections": stats.open_connections,
            "requests": Value::Object(requests.collect()),
            "refreshes": stats.refreshes,
            "refreshes_refused": stats.refreshes_refused,
            "revokes": stats.revokes,
            "streams": stats.streams,
            "open_streams": stats.open_streams,
            "cancelled_streams": stats.cancelled_streams,
            "turn_states": object! {
                "echoed": stats.turn_states.echoed, "missing": stats.turn_states.missing,
                "stray": stats.turn_states.stray,
            },
            "closings": closed_streams.collect::<Vec<_>>(),
        }
    }
}

/// Returns the headers as text, in order.
pub(crate) fn header_list(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}
