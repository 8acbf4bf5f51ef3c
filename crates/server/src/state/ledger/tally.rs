//! The counters of all turns since the start, for the metrics. Each set of labels is bounded.

use std::collections::BTreeMap;

use super::entry::{Tokens, TurnEntry};
use super::gaps::Gaps;
use super::totals::OTHER;

/// The most models, programs and codes that have counters of their own.
const MAX: usize = 60;

/// The upper bounds of times, in milliseconds.
pub(crate) const TIMES: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 600_000];

/// Times by length; the last are longer than every bound.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) counts: [u64; TIMES.len() + 1],
    /// All of them together, in milliseconds.
    pub(crate) sum: u64,
}

impl Times {
    fn note(&mut self, milliseconds: u64) {
        let place = TIMES.iter().position(|bound| milliseconds <= *bound).unwrap_or(TIMES.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(milliseconds);
    }
}

/// The counters of a dialect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DialectTally {
    pub(crate) durations: Times,
    pub(crate) first_outputs: Times,
    pub(crate) gaps: Gaps,
}

/// The dialect, the model and the class of the status of a turn.
pub(crate) type Request = (String, String, &'static str);

/// The counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: BTreeMap<Request, u64>,
    pub(crate) dialects: BTreeMap<String, DialectTally>,
    pub(crate) tokens: BTreeMap<String, Tokens>,
    pub(crate) clients: BTreeMap<String, u64>,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) retries: u64,
}

impl Tally {
    /// Adds a turn.
    pub(crate) fn add(&mut self, entry: &TurnEntry) {
        let model = name(&self.tokens, &entry.model);
        let dialect = entry.dialect.clone().into_owned();
        let request = (dialect.clone(), model.clone(), class(entry));
        *self.requests.entry(request).or_default() += 1;
        self.tokens.entry(model).or_default().add(entry.tokens);
        let client = name(&self.clients, &entry.client);
        *self.clients.entry(client).or_default() += 1;
        if let Some(code) = entry.code.as_deref().filter(|_| entry.has_failed()) {
            let code = name(&self.failures, code);
            *self.failures.entry(code).or_default() += 1;
        }
        self.retries += u64::from(entry.retries);
        let tally = self.dialects.entry(dialect).or_default();
        tally.durations.note(entry.milliseconds);
        if let Some(first) = entry.first_milliseconds {
            tally.first_outputs.note(first);
        }
        tally.gaps.add(&entry.gaps);
    }
}

/// The class of a turn's status. A stream that broke has a status of its own here, since it was sent 200.
fn class(entry: &TurnEntry) -> &'static str {
    match entry.status {
        _ if entry.outcome == "broken" => "broken",
        200..=299 => "2xx",
        499 => "left",
        400..=498 => "4xx",
        _ => "5xx",
    }
}

/// The name under which something is counted.
fn name<T>(known: &BTreeMap<String, T>, name: &str) -> String {
    let fits = known.contains_key(name) || known.len() < MAX;
    if fits && !name.is_empty() { name.to_owned() } else { OTHER.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_names_clients_make_up_the_sets_of_labels_stay_small() {
        let mut tally = Tally::default();
        for number in 0..100_000 {
            tally.add(&TurnEntry {
                model: format!("model-{number}"),
                client: format!("client-{number}"),
                code: Some(format!("code-{number}")),
                status: 400,
                dialect: "chat".into(),
                ..TurnEntry::default()
            });
        }
        let sizes =
            [tally.tokens.len(), tally.clients.len(), tally.failures.len(), tally.requests.len()];
        assert_eq!(sizes, [MAX + 1; 4]);
        assert_eq!(tally.requests.values().sum::<u64>(), 100_000);
        assert_eq!(tally.clients[OTHER], 100_000 - MAX as u64);
    }
}
