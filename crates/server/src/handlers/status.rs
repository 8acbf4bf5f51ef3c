//! `GET /`, `GET /health` and `GET /limits`: what this server is, whether it runs, what is left.

use std::sync::atomic::Ordering;

use chatmock_protocol::codex::limits::Snapshot;
use chatmock_translate::Failure;
use http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::reply::{self, Head, Reply};

#[derive(Serialize)]
struct About {
    name: &'static str,
    version: &'static str,
    endpoints: [&'static str; 6],
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Limits {
    /// Seconds of the Unix epoch; `null` until the backend has told.
    as_of: Option<u64>,
    limits: Option<Snapshot>,
}

/// Says what this server is.
pub(crate) fn root() -> Result<Reply, Failure> {
    let about = About {
        name: "chatmock",
        version: env!("CARGO_PKG_VERSION"),
        endpoints: [
            "POST /v1/chat/completions",
            "POST /v1/responses",
            "GET /v1/models",
            "GET /v1/models/{id}",
            "GET /limits",
            "GET /health",
        ],
    };
    reply::json(Head::default(), &about)
}

/// Says whether requests are taken.
pub(crate) fn health(app: &App) -> Result<Reply, Failure> {
    if app.draining.load(Ordering::Relaxed) {
        let mut reply = reply::json(Head::default(), &Health { status: "stopping" })?;
        *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return Ok(reply);
    }
    reply::json(Head::default(), &Health { status: "ok" })
}

/// Gives the last snapshot of the account's limits; nothing is asked of the backend.
pub(crate) fn limits(app: &App) -> Result<Reply, Failure> {
    let (as_of, limits) = app.limits.last().unzip();
    reply::json(Head::default(), &Limits { as_of, limits })
}
