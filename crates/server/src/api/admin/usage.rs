//! `GET /usage`: what was used, by day, model, client, key or dialect.

use bytes::Bytes;
use chatmock_translate::Failure;
use http::StatusCode;

use super::super::{Exchange, Handling};
use super::View;
use crate::http::response::{self, HttpResponse};
use crate::http::sanitize;
use crate::state::ledger::{UsageBy, UsageQuery, usage_since};

/// The most single turns in an answer.
const MAX_RECORDS: usize = 1_000;

/// Answers `GET /usage`.
pub(super) fn get(exchange: Exchange<'_>) -> Handling<'_> {
    Box::pin(async move { report(&exchange) })
}

/// # Errors
/// 400 for a member that there is not, or a value that cannot be read.
fn report(exchange: &Exchange<'_>) -> Result<HttpResponse, Failure> {
    let View { label, details } = View::of(exchange.context.caller);
    let query = UsageQuery { label, ..query(exchange.head.uri.query().unwrap_or_default())? };
    let report = exchange.context.services.state.ledger.report(&query, details);
    Ok(response::bytes(StatusCode::OK, "application/json", Bytes::from(report.json())))
}

fn query(text: &str) -> Result<UsageQuery, Failure> {
    let mut query = UsageQuery::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let read = match &*name {
            "since" => usage_since(&value).map(|since| query.since = since),
            "by" => UsageBy::named(&value).map(|by| query.by = by),
            "records" => value.parse().ok().map(|records: usize| {
                query.records = records.min(MAX_RECORDS);
            }),
            _ => {
                let message = "the query knows since, by and records";
                return Err(Failure::param(sanitize::text(&name), message));
            }
        };
        read.ok_or_else(|| wrong(&name))?;
    }
    Ok(query)
}

fn wrong(name: &str) -> Failure {
    let expected = match name {
        "since" => "a number with m, h, d or w after it, as in 7d, or all",
        "by" => "day, model, client, key or dialect",
        _ => "a number",
    };
    Failure::param(name, format!("{name} must be {expected}")).with_code("invalid_value")
}
