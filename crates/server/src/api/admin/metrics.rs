//! `GET /metrics`: the server's figures for Prometheus and its kin.
//!
//! Nothing is counted for the sake of this page in a turn: the figures are made of the ledger's counters, and of
//! what the server knows of itself, when they are asked for.

mod figures;

use std::fmt::Write;

use bytes::Bytes;
use chatmock_translate::{Failure, FailureKind};
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use self::figures::Figures;
use super::super::{Exchange, Handling, Services};
use crate::http::response::{self, HttpResponse};

/// The media type of the format that is served where it is asked for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The media type of the older format, which every reader knows.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers `GET /metrics`.
pub(super) fn get(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move { page(exchange.context.services, &exchange.head.headers).await })
}

/// Writes the figures in the format that a reader accepts.
pub(crate) async fn page(
    services: &Services,
    headers: &HeaderMap,
) -> Result<HttpResponse, Failure> {
    let mut registry = Registry::with_prefix("chatmock");
    registry.register_collector(Box::new(Figures::take(services).await));
    let mut page = String::new();
    text::encode(&mut page, &registry)
        .map_err(|_| Failure::new(FailureKind::Internal, "the figures could not be written"))?;
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let (media_type, page) =
        if accepts.into_iter().any(|accept| accept.contains("openmetrics-text")) {
            (OPEN_METRICS, page)
        } else {
            (TEXT, plain(&page))
        };
    Ok(response::bytes(StatusCode::OK, media_type, Bytes::from(page)))
}

/// Rewrites OpenMetrics as the older format: there, a counter's help and type are under the name of its samples, and
/// there is no type for information and no mark of the end.
fn plain(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut help = None;
    for line in page.lines() {
        if let Some(words) = line.strip_prefix("# HELP ") {
            help = words.split_once(' ');
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|words| words.split_once(' '))
        {
            let (name, kind) = match kind {
                "counter" => (format!("{name}_total"), kind),
                "info" => (format!("{name}_info"), "gauge"),
                kind => (name.to_owned(), kind),
            };
            let help = help.take().map_or("", |(_, help)| help);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        } else if !line.starts_with("# ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
