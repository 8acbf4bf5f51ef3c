//! The totals of each day, which outlive the records of single turns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Tokens, TurnEntry};

/// The most totals of one day; what is beyond is added up under [`OTHER`].
const MAX_PER_DAY: usize = 1_000;

/// The most totals in all; the oldest days go first.
const MAX: usize = 100_000;

/// The name under which what has no total of its own is added up.
pub(crate) const OTHER: &str = "other";

/// The day and the properties whose turns have one total.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Facet {
    /// Counted from the Unix epoch.
    pub(crate) day: u32,
    pub(crate) dialect: String,
    pub(crate) model: String,
    pub(crate) client: String,
    pub(crate) label: Option<String>,
}

/// A total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Total {
    pub(crate) turns: u64,
    pub(crate) failed: u64,
    #[serde(flatten)]
    pub(crate) tokens: Tokens,
}

impl Total {
    /// Adds another total.
    pub(crate) fn add(&mut self, more: Self) {
        self.turns = self.turns.saturating_add(more.turns);
        self.failed = self.failed.saturating_add(more.failed);
        self.tokens.add(more.tokens);
    }

    /// The total of one turn.
    pub(crate) fn of(entry: &TurnEntry) -> Self {
        Self { turns: 1, failed: u64::from(entry.has_failed()), tokens: entry.tokens }
    }
}

impl Facet {
    /// The facet of a turn.
    pub(crate) fn of(entry: &TurnEntry) -> Self {
        let named = |text: &str| if text.is_empty() { OTHER } else { text }.to_owned();
        Self {
            day: entry.day(),
            dialect: entry.dialect.clone().into_owned(),
            model: named(&entry.model),
            client: named(&entry.client),
            label: entry.label.clone(),
        }
    }

    /// The same day with everything added up that clients can choose.
    fn folded(self) -> Self {
        let (model, client) = (OTHER.to_owned(), OTHER.to_owned());
        let label = self.label.map(|_| OTHER.to_owned());
        Self { model, client, label, ..self }
    }

    fn first_of(day: u32) -> Self {
        let nothing = String::new();
        Self { day, dialect: nothing.clone(), model: nothing.clone(), client: nothing, label: None }
    }
}

/// All totals.
#[derive(Debug, Default)]
pub(crate) struct DayTotals(BTreeMap<Facet, Total>);

impl DayTotals {
    /// Makes them of those that were kept.
    pub(crate) fn restored(kept: impl IntoIterator<Item = (Facet, Total)>) -> Self {
        Self(kept.into_iter().collect())
    }

    /// Adds a turn; returns the facet whose total has changed.
    pub(crate) fn add(&mut self, entry: &TurnEntry) -> Facet {
        let facet = Facet::of(entry);
        let is_new = !self.0.contains_key(&facet);
        let facet = if is_new && self.days(facet.day, facet.day).count() >= MAX_PER_DAY {
            facet.folded()
        } else {
            facet
        };
        self.0.entry(facet.clone()).or_default().add(Total::of(entry));
        while self.0.len() > MAX {
            self.0.pop_first();
        }
        facet
    }

    /// Returns a facet's total.
    pub(crate) fn get(&self, facet: &Facet) -> Option<Total> {
        self.0.get(facet).copied()
    }

    /// Returns the totals of some days, in their order.
    pub(crate) fn days(&self, from: u32, to: u32) -> impl Iterator<Item = (&Facet, &Total)> {
        self.0.range(Facet::first_of(from)..).take_while(move |(facet, _)| facet.day <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> TurnEntry {
        let tokens = Tokens { input_tokens: number, ..Tokens::default() };
        TurnEntry {
            dialect: "chat".into(),
            model: "m".to_owned(),
            client: format!("client-{number}"),
            label: Some(format!("label-{number}")),
            status: 200,
            tokens,
            ..TurnEntry::default()
        }
    }

    #[test]
    fn however_many_names_there_are_a_day_has_few_totals_and_no_turn_is_missing() {
        let mut totals = DayTotals::default();
        let most = 100_000;
        for number in 0..most {
            totals.add(&entry(number));
        }
        let day: Vec<_> = totals.days(0, 0).collect();
        assert_eq!(day.len(), MAX_PER_DAY + 1);
        let mut all = Total::default();
        day.iter().for_each(|(_, total)| all.add(**total));
        assert_eq!((all.turns, all.tokens.input_tokens), (most, most * (most - 1) / 2));
        assert!(!day.iter().any(|(facet, _)| facet.label.is_none()), "a label became nobody");
    }
}
