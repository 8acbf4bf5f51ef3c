//! What all servers that share a sign-in have used: each tells the others its totals of the last days.

use std::time::Duration;

use chatmock_shared::{Name, Shared};
use serde::{Deserialize, Serialize};

use super::entry::DAY;
use super::history::History;
use super::totals::{Facet, Total};
use super::{Ledger, lock};
use crate::clock::unix_now;

/// The days whose totals are told, and for which a server that tells nothing more is remembered.
const DAYS: u32 = 35;

/// The most totals that a server tells, those of the newest days.
const MOST: usize = 2_000;

/// The time for which the engine keeps what nobody tells any more.
const LIFE: Duration = Duration::from_secs(DAYS as u64 * DAY);

/// The table with a field for each server.
const NAME: Name<'static> = Name { kind: "servers", account: "", id: "usage" };

/// The figures of one server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    /// When they were taken, in seconds of the Unix epoch.
    as_of: u64,
    /// The turns that ran then.
    running: u64,
    days: Vec<(Facet, Total)>,
}

/// What is known of all servers.
#[derive(Debug)]
pub(super) struct Fleet {
    /// The name of this one.
    me: String,
    others: Vec<(String, Figures)>,
}

/// What one server of several has used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerRow {
    pub(crate) name: String,
    /// True for the server that says so.
    pub(crate) here: bool,
    /// When it was last heard of, in seconds of the Unix epoch.
    pub(crate) as_of: u64,
    /// The turns that ran then.
    pub(crate) running: u64,
    #[serde(flatten)]
    pub(crate) total: Total,
}

impl Fleet {
    /// Adds what the others have used since a day to what was used here; gives each server's part of it.
    pub(super) fn add(
        &self,
        day: u32,
        facets: &mut Vec<(Facet, Total)>,
        visible: impl Fn(&Facet) -> bool,
    ) -> Vec<ServerRow> {
        let sum = |facets: &[(Facet, Total)]| {
            let mut total = Total::default();
            let seen = facets.iter().filter(|(facet, _)| facet.day >= day && visible(facet));
            seen.for_each(|(_, more)| total.add(*more));
            total
        };
        let (name, as_of) = (self.me.clone(), unix_now());
        let mut rows = vec![ServerRow { name, here: true, as_of, running: 0, total: sum(facets) }];
        for (name, Figures { as_of, running, days }) in &self.others {
            let (name, as_of, running, here) = (name.clone(), *as_of, *running, false);
            rows.push(ServerRow { name, here, as_of, running, total: sum(days) });
            facets.extend(days.iter().filter(|(facet, _)| facet.day >= day).cloned());
        }
        rows
    }
}

impl Ledger {
    /// Tells the other servers what was used here, and learns what they have used; `me` names this one.
    pub(crate) async fn exchange(&self, shared: &Shared, me: &str) {
        let now = unix_now();
        self.absorb();
        let running = self.running() as u64;
        let days = newest(&lock(&self.history), now);
        let Ok(text) = serde_json::to_vec(&Figures { as_of: now, running, days }) else { return };
        let fields = match shared.tally(&NAME, (me, &text), LIFE).await {
            Ok(fields) => fields,
            Err(error) => return tracing::debug!(%error, "the usage is not shared"),
        };
        let read = |text: &[u8]| serde_json::from_slice(text).unwrap_or_default();
        let others = fields.into_iter().filter(|(name, _)| name != me);
        let others = others.map(|(name, text)| (name, read(&text)));
        let (known, old): (Vec<_>, Vec<_>) = others.partition(|(_, figures): &(_, Figures)| {
            now.saturating_sub(figures.as_of) < LIFE.as_secs()
        });
        *lock(&self.fleet) = Some(Fleet { me: me.to_owned(), others: known });
        for (name, _) in old {
            // It is tried again with the next exchange.
            let _ = shared.remove_field(&NAME, &name).await;
        }
    }
}

/// The totals of the newest days, as many as are told.
fn newest(history: &History, now: u64) -> Vec<(Facet, Total)> {
    let today = u32::try_from(now / DAY).unwrap_or(u32::MAX);
    let (_, mut days) = history.days(today.saturating_sub(DAYS - 1));
    days.drain(..days.len().saturating_sub(MOST));
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(day: u32, label: &str, turns: u64) -> (Facet, Total) {
        let name = String::new;
        let label = Some(label.to_owned());
        let facet = Facet { day, dialect: name(), model: name(), client: name(), label };
        (facet, Total { turns, ..Total::default() })
    }

    #[test]
    fn what_other_servers_used_is_added_and_each_has_its_part() {
        let days = vec![used(1, "ann", 5), used(2, "ann", 7), used(2, "ben", 9)];
        let other = Figures { as_of: 3, running: 2, days };
        let fleet = Fleet { me: "one".to_owned(), others: vec![("two".to_owned(), other)] };
        let mut facets = vec![used(2, "ann", 1), used(2, "ben", 3)];
        let visible = |facet: &Facet| facet.label.as_deref() == Some("ann");
        let rows = fleet.add(2, &mut facets, visible);
        let turns = |row: &ServerRow| (row.name.clone(), row.here, row.total.turns, row.running);
        let expected = [("one".to_owned(), true, 1, 0), ("two".to_owned(), false, 7, 2)];
        assert_eq!(rows.iter().map(turns).collect::<Vec<_>>(), expected);
        assert_eq!(facets.iter().map(|(_, total)| total.turns).sum::<u64>(), 20);
    }
}
