//! The figures, taken at one moment.

use std::fmt::Error;

use chatmock_auth::FaultKind;
use chatmock_protocol::codex::limits::{Snapshot, Window};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::api::Services;
use crate::state::ledger::{BOUNDS, Gaps, ServerRow, TIMES, Tally, Times, UsageQuery};

/// A sample's labels.
type Labels = Vec<(&'static str, String)>;

/// A figure without labels: its name, its meaning and its value.
type Plain = (&'static str, &'static str, u64);

/// The figures, taken at one moment.
#[derive(Debug)]
pub(super) struct Figures {
    tally: Tally,
    limits: Option<Snapshot>,
    renewals: (u64, u64),
    counters: Vec<Plain>,
    gauges: Vec<Plain>,
    faults: Vec<&'static str>,
    servers: Vec<ServerRow>,
    route: &'static str,
}

impl Figures {
    /// Takes them.
    pub(super) async fn take(services: &Services) -> Self {
        let state = &services.state;
        // An account that cannot be named has no limits to show.
        let account = state.client.credentials().await.ok();
        let limits =
            account.and_then(|account| state.limits.last(&account)).map(|(_, limits)| limits);
        let lost = state.log.as_ref().map_or(0, |log| log.lines_lost());
        let unsent = state.observer.as_ref().map_or(0, |observer| observer.lost());
        let (held, most) = services.bodies.held();
        let draining = u64::from(*services.turns.draining.borrow());
        Self {
            tally: state.ledger.tally(),
            limits,
            renewals: state.auth.renewals(),
            counters: vec![
                (
                    "upstream_attempts",
                    "Calls of the backend, repeated ones included.",
                    state.ledger.calls(),
                ),
                ("log_lines_lost", "Lines of the log that nobody read in time.", lost),
                (
                    "usage_records_lost",
                    "Turns of which no record could be kept.",
                    state.ledger.lost(),
                ),
                ("traces_lost", "Spans that did not reach the collector.", unsent),
                ("panics", "Requests that ended in a panic.", services.turns.panics.count()),
            ],
            gauges: vec![
                ("connections", "Open connections.", services.connections.count() as u64),
                ("turns_running", "Turns that run now.", state.ledger.running() as u64),
                ("bodies_bytes", "Bytes of request bodies that are held.", held as u64),
                (
                    "bodies_limit_bytes",
                    "The most bytes of request bodies that may be held.",
                    most as u64,
                ),
                (
                    "draining",
                    "1 while open answers are finished and no more requests taken.",
                    draining,
                ),
            ],
            faults: state.faults().iter().map(|fault| fault.code).collect(),
            servers: state.ledger.report(&UsageQuery::default(), false).servers().to_vec(),
            route: state.client.route().name(),
        }
    }

    /// The windows of the account's limits, by name.
    fn windows(&self) -> Vec<(Labels, Window)> {
        let Some(limits) = &self.limits else { return Vec::new() };
        let mut windows = Vec::new();
        let mut add = |limit: &str, window: Option<Window>| {
            windows.extend(window.map(|window| {
                let minutes = window.window_minutes.to_string();
                (vec![("limit", limit.to_owned()), ("window_minutes", minutes)], window)
            }));
        };
        add("main", limits.primary);
        add("main", limits.secondary);
        // The backend names them; there have never been more than a few.
        for further in limits.further.iter().take(8) {
            add(&further.id, further.primary);
            add(&further.id, further.secondary);
        }
        windows
    }

    fn write_turns(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let tally = &self.tally;
        let requests = tally.requests.iter().map(|((dialect, model, class), count)| {
            let labels = vec![
                ("dialect", dialect.clone()),
                ("model", model.clone()),
                ("status", (*class).to_owned()),
            ];
            (labels, *count)
        });
        page.counters("requests", "Turns by dialect, model and class of the status.", requests)?;
        let clients =
            tally.clients.iter().map(|(client, count)| (vec![("client", client.clone())], *count));
        page.counters("client_requests", "Turns by client program.", clients)?;
        let tokens = tally.tokens.iter().flat_map(|(model, tokens)| {
            let kinds = [
                ("input", tokens.input_tokens),
                ("cached", tokens.cached_tokens),
                ("output", tokens.output_tokens),
                ("reasoning", tokens.reasoning_tokens),
            ];
            let labels = |kind: &str| vec![("model", model.clone()), ("kind", kind.to_owned())];
            kinds.map(|(kind, count)| (labels(kind), count))
        });
        page.counters(
            "tokens",
            "Tokens by model and kind; cached ones are also input, reasoning also output.",
            tokens,
        )?;
        let failures =
            tally.failures.iter().map(|(code, count)| (vec![("code", code.clone())], *count));
        page.counters("failures", "Turns that failed, by code.", failures)?;
        page.counters(
            "upstream_retries",
            "Calls of the backend that were repeated.",
            [(Vec::new(), tally.retries)],
        )?;
        let dialects = || tally.dialects.iter();
        page.times(
            "turn_duration_seconds",
            "Time from a request to the end of its answer.",
            dialects().map(|(d, t)| (d, &t.durations)),
        )?;
        page.times(
            "first_output_seconds",
            "Time from a request to the first output.",
            dialects().map(|(d, t)| (d, &t.first_outputs)),
        )?;
        page.gaps(
            "delta_gap_seconds",
            "Time between two pieces of a stream.",
            dialects().map(|(d, t)| (d, &t.gaps)),
        )
    }

    /// Writes what each of several servers has used; nothing where there is one.
    fn write_servers(&self, page: &mut Page<'_>) -> Result<(), Error> {
        if self.servers.is_empty() {
            return Ok(());
        }
        let each = |figure: fn(&ServerRow) -> u64| {
            let sample =
                move |row: &ServerRow| (vec![("server", row.name.clone())], figure(row) as f64);
            self.servers.iter().map(sample).collect::<Vec<_>>()
        };
        let days = "of the last seven days, by server.";
        page.gauges("fleet_turns", &format!("Turns {days}"), each(|row| row.total.turns))?;
        let failed = format!("Turns that failed {days}");
        page.gauges("fleet_failed_turns", &failed, each(|row| row.total.failed))?;
        let tokens = self.servers.iter().flat_map(|row| {
            let tokens = row.total.tokens;
            [("input", tokens.input_tokens), ("output", tokens.output_tokens)].map(
                |(kind, count)| {
                    let labels = vec![("server", row.name.clone()), ("kind", kind.to_owned())];
                    (labels, count as f64)
                },
            )
        });
        page.gauges("fleet_tokens", &format!("Tokens {days}"), tokens)?;
        let heard = "When a server was last heard of.";
        page.gauges("fleet_heard_timestamp_seconds", heard, each(|row| row.as_of))
    }

    fn write_account(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let windows = self.windows();
        let used =
            windows.iter().map(|(labels, window)| (labels.clone(), window.used_percent / 100.0));
        page.gauges(
            "limit_used_ratio",
            "The used share of a window of the account's allowance.",
            used,
        )?;
        let resets = windows
            .iter()
            .filter_map(|(labels, window)| Some((labels.clone(), window.resets_at? as f64)));
        page.gauges("limit_reset_timestamp_seconds", "When a window begins again.", resets)?;
        let credits = self.limits.as_ref().and_then(|limits| limits.credits.as_ref());
        let balance = credits.and_then(|credits| credits.balance.as_deref()?.parse::<f64>().ok());
        page.gauges(
            "credits",
            "Credits on top of the allowance.",
            balance.map(|balance| (Vec::new(), balance)),
        )?;
        let outcome = |word: &str, count| (vec![("outcome", word.to_owned())], count);
        let (renewed, failed) = self.renewals;
        let renewals = [outcome("renewed", renewed), outcome("failed", failed)];
        page.counters("refreshes", "Renewals of the sign-in by outcome.", renewals)
    }
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page(encoder);
        self.write_turns(&mut page)?;
        self.write_account(&mut page)?;
        for (name, help, value) in &self.counters {
            page.counters(name, help, [(Vec::new(), *value)])?;
        }
        for (name, help, value) in &self.gauges {
            page.gauges(name, help, [(Vec::new(), *value as f64)])?;
        }
        let faults = FaultKind::ALL.map(|kind| kind.fault().code);
        let faults = faults.map(|code| {
            let stands = if self.faults.contains(&code) { 1.0 } else { 0.0 };
            (vec![("code", code.to_owned())], stands)
        });
        page.gauges("fault", "1 for each fault that there is now.", faults)?;
        self.write_servers(&mut page)?;
        let build = [("version", env!("CARGO_PKG_VERSION")), ("route", self.route)];
        let mut info = page.0.encode_descriptor(
            "build",
            "The version of the program and the route.",
            None,
            MetricType::Info,
        )?;
        info.encode_info(&build)
    }
}

/// A page that is written.
struct Page<'p>(DescriptorEncoder<'p>);

impl Page<'_> {
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) -> Result<(), Error> {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            match labels.is_empty() {
                true => metric.encode_counter::<NoLabelSet, _, f64>(&value, None)?,
                false => metric
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, f64>(&value, None)?,
            }
        }
        Ok(())
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> Result<(), Error> {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            match labels.is_empty() {
                true => metric.encode_gauge(&value)?,
                false => metric.encode_family(&labels)?.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    fn times<'t>(
        &mut self,
        name: &str,
        help: &str,
        dialects: impl Iterator<Item = (&'t String, &'t Times)>,
    ) -> Result<(), Error> {
        let histograms = dialects.map(|(dialect, times)| {
            let bounds = TIMES.iter().map(|bound| *bound as f64 / 1e3);
            (dialect, times.sum as f64 / 1e3, bounds.collect(), times.counts.to_vec())
        });
        self.histograms(name, help, histograms.collect())
    }

    fn gaps<'t>(
        &mut self,
        name: &str,
        help: &str,
        dialects: impl Iterator<Item = (&'t String, &'t Gaps)>,
    ) -> Result<(), Error> {
        let histograms = dialects.map(|(dialect, gaps)| {
            let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e6);
            let counts = gaps.counts.map(u64::from);
            (dialect, gaps.sum as f64 / 1e6, bounds.collect(), counts.to_vec())
        });
        self.histograms(name, help, histograms.collect())
    }

    /// Writes histograms: of each, the dialect, the sum, the bounds, and the counts up to each bound and beyond.
    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        histograms: Vec<(&String, f64, Vec<f64>, Vec<u64>)>,
    ) -> Result<(), Error> {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (dialect, sum, mut bounds, counts) in histograms {
            bounds.push(f64::INFINITY);
            let buckets: Vec<(f64, u64)> = bounds.into_iter().zip(counts.iter().copied()).collect();
            let labels = vec![("dialect", dialect.clone())];
            let count = counts.iter().sum();
            metric
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}
