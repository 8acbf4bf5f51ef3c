//! What the page shows, as JSON.

use std::sync::Arc;

use chatmock_protocol::codex::limits::Snapshot;
use serde::Serialize;

use super::super::View;
use crate::clock::unix_now;
use crate::state::SharedState;
use crate::state::faults::Standing;
use crate::state::ledger::{LiveView, Row, ServerRow, Total, TurnEntry, UsageBy, UsageQuery};

/// The most turns that are shown one by one.
pub(super) const RECORDS: usize = 200;

/// The days for which the page adds up by model and client, and shows each by itself.
const WEEK: u64 = 7 * 24 * 3600;

/// All that the page shows.
#[derive(Debug, Serialize)]
pub(super) struct PageState {
    version: &'static str,
    route: &'static str,
    /// True if a person has to be signed in.
    needs_account: bool,
    /// True if requests need a key.
    keyed: bool,
    account: Option<AccountView>,
    limits: Option<Snapshot>,
    limits_as_of: Option<u64>,
    usage_page: Option<&'static str>,
    total: Total,
    days: Vec<Row>,
    by_model: Vec<Row>,
    by_client: Vec<Row>,
    /// What each of several servers has used in the same days; empty where there is one.
    servers: Vec<ServerRow>,
    #[serde(flatten)]
    live: LiveNews,
    models: Vec<String>,
    faults: Vec<Standing>,
}

/// Who is signed in. Without keys everybody on the machine can look, so there is no name.
#[derive(Debug, Serialize)]
struct AccountView {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    plan: Option<String>,
    /// When the access token ends.
    until: Option<i64>,
}

/// What changes from second to second.
#[derive(Debug, Serialize)]
pub(super) struct LiveNews {
    pub(super) running: usize,
    pub(super) live: Vec<LiveView>,
    pub(super) records: Vec<TurnEntry>,
}

impl PageState {
    /// Takes what a viewer may see; the newest turns first.
    pub(super) async fn take(state: &Arc<SharedState>, view: &View) -> Self {
        let account = state.auth.account().await;
        let needs_account = !matches!(account, Ok(None));
        let account = account.ok().flatten().map(|account| AccountView {
            email: account.email.filter(|_| view.details),
            plan: account.plan,
            until: account.until,
        });
        let credentials = state.client.credentials().await.ok();
        let limits = credentials.and_then(|account| state.limits.last(&account));
        let (limits_as_of, limits) = limits.unzip();
        let ledger = &state.ledger;
        let report = |by, seconds| {
            let since = Some(std::time::Duration::from_secs(seconds));
            let query = UsageQuery { since, by, records: 0, label: view.label.clone() };
            ledger.report(&query, view.details)
        };
        let models = report(UsageBy::Model, WEEK);
        let names = state.models.current();
        let names = names.catalog().names(false).into_iter().map(|(name, _)| name);
        let (running, live) = ledger.live(view.label.as_deref());
        let records = ledger.records((view.label.as_deref(), view.details), RECORDS);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            route: state.client.route().name(),
            needs_account,
            keyed: view.details,
            account,
            limits,
            limits_as_of,
            usage_page: state.client.route().usage_page(),
            total: models.total(),
            days: report(UsageBy::Day, 2 * WEEK).into_rows(),
            servers: models.servers().to_vec(),
            by_model: models.into_rows(),
            by_client: report(UsageBy::Client, WEEK).into_rows(),
            live: LiveNews { running, live, records },
            models: names.collect(),
            faults: state.faults(),
        }
    }

    /// What changes seldom, by which it is known that there is something new.
    pub(super) fn mark(state: &SharedState) -> (Option<u64>, Vec<&'static str>, u64) {
        let as_of = state.limits.newest().map(|(as_of, _)| as_of);
        let faults = state.faults().iter().map(|fault| fault.code).collect();
        (as_of, faults, unix_now() / 30)
    }
}
