//! Rules of the quota guard and budgets, as they are written on the command line.

use std::fmt;
use std::str::FromStr;

use chatmock_protocol::effort::Effort;

/// A rule of the guard: a condition, and what it does to a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardRule {
    /// The rule as it was written, which is its name.
    pub(crate) text: String,
    /// The label whose turns alone it is for.
    pub(crate) label: Option<String>,
    pub(crate) when: When,
    pub(crate) then: Then,
}

/// The condition of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    /// More than so many percent of a window of so many minutes are used.
    Used { window: u64, percent: f64 },
    /// Before a time of the day, in minutes after midnight, UTC, more than so many percent of any window are used.
    Before { minute: u64, percent: f64 },
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Refuse,
    Effort(Effort),
    Model(String),
}

/// A budget of one label, or, with the label `*`, of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub(crate) text: String,
    pub(crate) label: String,
    pub(crate) tokens_per_day: Option<u64>,
    pub(crate) requests_per_minute: Option<u64>,
    pub(crate) concurrent: Option<usize>,
}

impl GuardRule {
    /// Returns the model that the rule puts in the place of others.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match &self.then {
            Then::Model(model) => Some(model),
            _ => None,
        }
    }
}

impl fmt::Display for GuardRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Budget {
    /// Returns the label; `*` for each.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// Why a text is no rule: the place of the fault, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    text: String,
    /// In characters.
    at: usize,
    expected: &'static str,
    example: &'static str,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, at, expected, example } = self;
        write!(f, "\n  {text}\n  {:at$}^ expected {expected}\n  an example: {example}", "")
    }
}

impl std::error::Error for RuleFault {}

const RULE: &str = "weekly>80%:effort<=low";
const BUDGET: &str = "laptop: tokens/day=2m, requests/min=60, concurrent=4";

/// A text that is read from its beginning.
struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    example: &'static str,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, example: &'static str) -> Self {
        Self { text, rest: text, example }
    }

    fn fault<T>(&self, expected: &'static str) -> Result<T, RuleFault> {
        let read = self.text.len() - self.rest.len();
        let at = self.text.get(..read).unwrap_or_default().chars().count();
        // Nothing in a message of the start may steer a terminal.
        let text = self.text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        Err(RuleFault { text, at, expected, example: self.example })
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn demand(&mut self, word: &str, expected: &'static str) -> Result<(), RuleFault> {
        if self.take(word) { Ok(()) } else { self.fault(expected) }
    }

    fn until(&mut self, ends: &[char]) -> &'t str {
        self.space();
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.trim_end()
    }

    fn number(&mut self, expected: &'static str) -> Result<u64, RuleFault> {
        self.space();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let Ok(number) = digits.parse() else { return self.fault(expected) };
        self.rest = rest;
        Ok(number)
    }

    fn percent(&mut self) -> Result<f64, RuleFault> {
        let before = self.rest;
        let number = self.number("a number of percent, as in 80%")?;
        if number > 100 {
            self.rest = before.trim_start();
            return self.fault("at most 100%");
        }
        self.demand("%", "% after the number")?;
        Ok(number as f64)
    }

    fn end(&mut self) -> Result<(), RuleFault> {
        self.space();
        if self.rest.is_empty() { Ok(()) } else { self.fault("the end of the rule") }
    }
}

impl FromStr for GuardRule {
    type Err = RuleFault;

    fn from_str(text: &str) -> Result<Self, RuleFault> {
        let text = text.trim();
        let mut reader = Reader::new(text, RULE);
        let mut label = None;
        if reader.take("label") {
            reader.demand("=", "= after label")?;
            let name = reader.until(&[':']);
            if name.is_empty() {
                return reader.fault("the label of a key");
            }
            label = Some(name.to_owned());
            reader.demand(":", ": after the label")?;
        }
        let (when, then) = if reader.take("reserve ") {
            (reserve(&mut reader)?, Then::Refuse)
        } else {
            let window = window(&mut reader)?;
            reader.demand(">", "> after the window")?;
            let percent = reader.percent()?;
            reader.demand(":", ": after the condition")?;
            (When::Used { window, percent }, action(&mut reader)?)
        };
        reader.end()?;
        Ok(Self { text: text.to_owned(), label, when, then })
    }
}

/// Reads `20% until 18:00`.
fn reserve(reader: &mut Reader<'_>) -> Result<When, RuleFault> {
    let percent = 100.0 - reader.percent()?;
    reader.demand("until ", "until, as in reserve 20% until 18:00")?;
    reader.space();
    let before = reader.rest;
    let hour = reader.number("a time, as in 18:00")?;
    reader.demand(":", ": in the time")?;
    let minute = reader.number("minutes, as in 18:00")?;
    if hour > 23 || minute > 59 {
        reader.rest = before;
        return reader.fault("a time from 00:00 to 23:59");
    }
    Ok(When::Before { minute: hour * 60 + minute, percent })
}

/// Reads `weekly`, `daily`, or a length such as `5h`; returns minutes.
fn window(reader: &mut Reader<'_>) -> Result<u64, RuleFault> {
    const EXPECTED: &str = "a window: weekly, daily, or a length such as 5h or 30d";
    for (word, minutes) in [("weekly", 7 * 24 * 60), ("daily", 24 * 60)] {
        if reader.take(word) {
            return Ok(minutes);
        }
    }
    let number = reader.number(EXPECTED)?;
    for (unit, minutes) in [("h", 60), ("d", 24 * 60), ("m", 1)] {
        if reader.take(unit) {
            return Ok(number.saturating_mul(minutes));
        }
    }
    reader.fault("h, d or m after the number")
}

fn action(reader: &mut Reader<'_>) -> Result<Then, RuleFault> {
    if reader.take("refuse") {
        return Ok(Then::Refuse);
    }
    if reader.take("effort<=") {
        reader.space();
        let before = reader.rest;
        let word = reader.until(&[' ', ':', ',']);
        return match word.parse() {
            Ok(effort) => Ok(Then::Effort(effort)),
            Err(_) => {
                reader.rest = before;
                reader.fault("an effort: none, minimal, low, medium, high, xhigh or max")
            }
        };
    }
    if reader.take("model=") {
        let model = reader.until(&[' ', ',']);
        if !model.is_empty() {
            return Ok(Then::Model(model.to_owned()));
        }
        return reader.fault("the name of a model");
    }
    reader.fault("refuse, effort<=WORD or model=NAME")
}

impl FromStr for Budget {
    type Err = RuleFault;

    fn from_str(text: &str) -> Result<Self, RuleFault> {
        let text = text.trim();
        let mut reader = Reader::new(text, BUDGET);
        let label = reader.until(&[':']).to_owned();
        if label.is_empty() {
            return reader.fault("the label of a key, or * for each");
        }
        reader.demand(":", ": after the label")?;
        let (mut tokens, mut requests, mut concurrent) = (None, None, None);
        loop {
            if reader.take("tokens/day=") {
                tokens = Some(amount(&mut reader)?);
            } else if reader.take("requests/min=") {
                requests = Some(amount(&mut reader)?);
            } else if reader.take("concurrent=") {
                concurrent = usize::try_from(amount(&mut reader)?).ok();
            } else {
                return reader.fault("tokens/day=, requests/min= or concurrent=");
            }
            if !reader.take(",") {
                break;
            }
        }
        reader.end()?;
        let (tokens_per_day, requests_per_minute) = (tokens, requests);
        Ok(Self { text: text.to_owned(), label, tokens_per_day, requests_per_minute, concurrent })
    }
}

/// Reads `2m`, `500k` or `60`; units are powers of 1000, since tokens are counted, not stored.
fn amount(reader: &mut Reader<'_>) -> Result<u64, RuleFault> {
    reader.space();
    let before = reader.rest;
    let number = reader.number("a number, as in 60, 500k or 2m")?;
    let unit = [("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000)];
    let unit = unit.into_iter().find(|(unit, _)| reader.rest.starts_with(unit));
    let factor = unit.map_or(1, |(unit, factor)| {
        reader.take(unit);
        factor
    });
    match number.checked_mul(factor).filter(|amount| *amount > 0) {
        Some(amount) => Ok(amount),
        None => {
            reader.rest = before;
            reader.fault("a number from 1 on")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_documented() {
        let rule = |text: &str| text.parse::<GuardRule>().unwrap();
        let weekly = |percent| When::Used { window: 10_080, percent };
        assert_eq!(
            (rule("weekly>80%:effort<=low").when, rule("weekly>80%:effort<=low").then),
            (weekly(80.0), Then::Effort(Effort::Low))
        );
        assert_eq!(rule("5h>95%:refuse").when, When::Used { window: 300, percent: 95.0 });
        assert_eq!(rule("weekly > 90% : model=gpt-6-luna").then, Then::Model("gpt-6-luna".into()));
        let cron = rule("label=cron: weekly>50%:refuse");
        assert_eq!((cron.label.as_deref(), cron.when), (Some("cron"), weekly(50.0)));
        assert_eq!(
            rule("reserve 20% until 18:00").when,
            When::Before { minute: 1080, percent: 80.0 }
        );
        let budget: Budget = "cron: tokens/day=2m, requests/min=60, concurrent=4".parse().unwrap();
        assert_eq!(
            (&*budget.label, budget.tokens_per_day, budget.requests_per_minute, budget.concurrent),
            ("cron", Some(2_000_000), Some(60), Some(4))
        );
    }

    #[test]
    fn a_caret_is_under_the_fault_with_what_was_expected_and_an_example() {
        for (text, at, expected) in [
            ("", 0, "a window"),
            ("weekly>80:refuse", 9, "% after"),
            ("weekly 80%:refuse", 7, "> after"),
            ("weekly>80%", 10, ": after the condition"),
            ("weekly>180%:refuse", 7, "at most 100%"),
            ("weekly>80%:effort<=lots", 19, "an effort"),
            ("weekly>80%:modell=x", 11, "refuse, effort"),
            ("weekly>80%:model=", 17, "the name of a model"),
            ("5x>80%:refuse", 1, "h, d or m"),
            ("label=: weekly>1%:refuse", 6, "the label"),
            ("reserve 20% until 25:00", 18, "a time from"),
            ("weekly>80%:refuse now", 18, "the end"),
            ("wöchentlich>80%:refuse", 0, "a window"),
        ] {
            let fault = text.parse::<GuardRule>().unwrap_err();
            assert!(fault.at == at && fault.expected.starts_with(expected), "{text}: {fault:?}");
            let shown = fault.to_string();
            let lines: Vec<&str> = shown.lines().skip(1).collect();
            assert_eq!(lines[1].find('^'), Some(2 + at), "{shown}");
            assert!(lines[2].contains(RULE), "{shown}");
        }
        for (text, at) in [
            ("tokens/day=1", 12),
            (":", 0),
            ("a:", 2),
            ("a: tokens/day=0", 14),
            ("a: tokens=1", 3),
            ("a: concurrent=2,", 16),
        ] {
            let fault = text.parse::<Budget>().unwrap_err();
            assert_eq!(fault.at, at, "{text}: {fault:?}");
        }
    }
}
