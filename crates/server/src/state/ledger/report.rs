//! The answer to a question about what was used, as JSON, as a table and as CSV.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::entry::{DAY, TurnEntry};
use super::fleet::{Fleet, ServerRow};
use super::history::History;
use super::query::{UsageBy, UsageQuery, date};
use super::totals::{Facet, Total};
use crate::http::sanitize;

/// What was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageReport {
    /// When it was added up, in seconds of the Unix epoch.
    as_of: u64,
    /// The beginning of the time that is added up.
    from: u64,
    by: String,
    rows: Vec<Row>,
    total: Total,
    /// What each of several servers has used; empty where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    servers: Vec<ServerRow>,
    /// Turns of which no record could be kept.
    #[serde(default)]
    lost: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    records: Vec<TurnEntry>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) total: Total,
}

/// The columns of numbers.
const COLUMNS: [&str; 6] =
    ["turns", "failed", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"];

impl UsageReport {
    /// Answers a question; `details` says whether single turns are told with their notices and failures. Where there are
    /// other servers, it is about whole days.
    pub(super) fn of(
        (history, fleet): (&History, Option<&Fleet>),
        query: &UsageQuery,
        now: u64,
        details: bool,
    ) -> Self {
        let from = query.since.map_or(0, |since| now.saturating_sub(since.as_secs()));
        let visible = |label: &Option<String>| query.label.is_none() || *label == query.label;
        let (from, facets, servers) = sum(history, fleet, from, |facet| visible(&facet.label));
        let (mut rows, mut all) = (BTreeMap::<String, Total>::new(), Total::default());
        for (facet, total) in facets.iter().filter(|(facet, _)| visible(&facet.label)) {
            rows.entry(query.by.name(facet)).or_default().add(*total);
            all.add(*total);
        }
        let mut rows: Vec<Row> =
            rows.into_iter().map(|(name, total)| Row { name, total }).collect();
        if query.by != UsageBy::Day {
            let used = |row: &Row| {
                let tokens = row.total.tokens;
                std::cmp::Reverse(tokens.input_tokens.saturating_add(tokens.output_tokens))
            };
            rows.sort_by_key(used);
        }
        let recent = history.newest().filter(|entry| entry.at / 1000 >= from);
        let recent = recent.filter(|entry| visible(&entry.label)).take(query.records);
        let records = recent.map(|entry| entry.shown(details)).collect();
        let by = query.by.as_str().to_owned();
        Self { as_of: now, from, by, rows, total: all, servers, lost: 0, records }
    }

    pub(super) fn with_lost(self, lost: u64) -> Self {
        Self { lost, ..self }
    }

    /// Returns the sum of all rows.
    pub(crate) fn total(&self) -> Total {
        self.total
    }

    /// Returns what each of several servers has used.
    pub(crate) fn servers(&self) -> &[ServerRow] {
        &self.servers
    }

    /// Returns the rows.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    /// Reads a report as a server writes it.
    #[must_use]
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Writes it as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Writes it as lines of a spreadsheet, with a heading and without the sum.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = format!("{},{}\n", self.by, COLUMNS.join(","));
        for row in &self.rows {
            let numbers = numbers(row.total).map(|number| number.to_string());
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{},{}", quoted(&row.name), numbers.join(","));
        }
        text
    }

    /// Writes it as a table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let line = |name: &str, total: Total| {
            let numbers = numbers(total).map(grouped);
            [vec![sanitize::text(name)], numbers.to_vec()].concat()
        };
        let heading = COLUMNS.map(|column| column.trim_end_matches("_tokens").to_owned());
        let mut lines = vec![[vec![self.by.clone()], heading.to_vec()].concat()];
        lines.extend(self.rows.iter().map(|row| line(&row.name, row.total)));
        lines.push(line("total", self.total));
        let named = |server: &ServerRow| line(&format!("on {}", server.name), server.total);
        lines.extend(self.servers.iter().map(named));
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..=COLUMNS.len()).map(width).collect();
        let mut text = String::new();
        for line in &lines {
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let _ = match column {
                    0 => write!(text, "{cell:<width$}"),
                    _ => write!(text, "  {cell:>width$}"),
                };
            }
            text.push('\n');
        }
        let day = u32::try_from(self.from / DAY).unwrap_or_default();
        let _ = writeln!(
            text,
            "since {} (UTC)",
            if self.from == 0 { "the beginning".into() } else { date(day) }
        );
        if self.lost > 0 {
            let _ =
                writeln!(text, "{} turns are missing: no record of them could be kept", self.lost);
        }
        text
    }
}

/// Adds up what happened since a time, in seconds, at this server and at others; gives the time from which on it is whole,
/// and each server's part.
fn sum(
    history: &History,
    fleet: Option<&Fleet>,
    from: u64,
    visible: impl Fn(&Facet) -> bool,
) -> (u64, Vec<(Facet, Total)>, Vec<ServerRow>) {
    let Some(fleet) = fleet else {
        let (from, facets) = history.sum(from);
        return (from, facets, Vec::new());
    };
    let day = u32::try_from(from / DAY).unwrap_or(u32::MAX);
    let (from, mut facets) = history.days(day);
    let servers = fleet.add(day, &mut facets, visible);
    (from, facets, servers)
}

fn numbers(total: Total) -> [u64; COLUMNS.len()] {
    let Total { turns, failed, tokens } = total;
    [
        turns,
        failed,
        tokens.input_tokens,
        tokens.cached_tokens,
        tokens.output_tokens,
        tokens.reasoning_tokens,
    ]
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A field of CSV. A text that a spreadsheet would take for a formula gets an apostrophe, which it takes for
/// the sign of a text.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::entry::Tokens;
    use super::*;

    fn history() -> History {
        let mut history = History::default();
        for (second, model, label, input) in [
            (10, "sol", "ann", 1_200_000),
            (90_000, "luna", "ben", 5),
            (90_001, "=luna,\"x\"", "ann", 7),
        ] {
            history.add(Arc::new(TurnEntry {
                at: second * 1000,
                model: model.to_owned(),
                label: Some(label.to_owned()),
                code: Some("c".to_owned()),
                status: 200,
                tokens: Tokens { input_tokens: input, ..Tokens::default() },
                ..TurnEntry::default()
            }));
        }
        history
    }

    #[test]
    fn a_label_sees_its_own_turns_and_the_rows_add_up_to_the_sum() {
        let query = UsageQuery { since: None, by: UsageBy::Model, records: 9, label: None };
        let all = UsageReport::of((&history(), None), &query, 100_000, true);
        assert_eq!(all.rows.iter().map(|row| row.total.turns).sum::<u64>(), all.total.turns);
        assert_eq!((all.total.turns, all.total.tokens.input_tokens), (3, 1_200_012));
        assert_eq!((all.records.len(), all.records[0].at), (3, 90_001_000));
        let ann = UsageQuery { label: Some("ann".to_owned()), ..query };
        let own = UsageReport::of((&history(), None), &ann, 100_000, false);
        assert_eq!((own.total.turns, own.records.len()), (2, 2));
        assert!(own.records.iter().all(|record| record.code.is_none()));
        assert_eq!(UsageReport::read(own.json().as_bytes()).unwrap(), own);
    }

    #[test]
    fn tables_and_csv_are_for_people_and_spreadsheets() {
        let query = UsageQuery { since: None, by: UsageBy::Model, records: 0, label: None };
        let report = UsageReport::of((&history(), None), &query, 100_000, true);
        let table = report.table();
        assert!(table.contains("sol            1       0  1 200 000"), "{table}");
        assert!(table.contains("total          3       0  1 200 012"), "{table}");
        let csv = report.csv();
        assert!(csv.starts_with("model,turns,failed,input_tokens"), "{csv}");
        assert!(csv.contains("\"'=luna,\"\"x\"\"\",1,0,7,0,0,0\n"), "{csv}");
    }
}
