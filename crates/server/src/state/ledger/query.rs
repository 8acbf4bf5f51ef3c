//! Questions about what was used: since when, added up by what.

use std::time::Duration;

use super::totals::Facet;

/// The property by which turns are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageBy {
    /// The day, in UTC.
    #[default]
    Day,
    /// The model that answered.
    Model,
    /// The client program.
    Client,
    /// The label of the inbound key.
    Key,
    /// The API that was spoken.
    Dialect,
}

impl UsageBy {
    /// Every property.
    pub const ALL: [Self; 5] = [Self::Day, Self::Model, Self::Client, Self::Key, Self::Dialect];

    /// Returns the property's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Model => "model",
            Self::Client => "client",
            Self::Key => "key",
            Self::Dialect => "dialect",
        }
    }

    /// Reads a property's word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }

    /// Returns the name of a facet's row.
    pub(super) fn name(self, facet: &Facet) -> String {
        match self {
            Self::Day => date(facet.day),
            Self::Model => facet.model.clone(),
            Self::Client => facet.client.clone(),
            Self::Key => facet.label.clone().unwrap_or_else(|| "(no key)".to_owned()),
            Self::Dialect => facet.dialect.clone(),
        }
    }
}

/// A question about what was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// The time to look back; `None` for everything.
    pub since: Option<Duration>,
    /// The property by which turns are added up.
    pub by: UsageBy,
    /// The most single turns in the answer.
    pub records: usize,
    /// The label whose turns alone are added up; `None` for those of all.
    pub label: Option<String>,
}

impl Default for UsageQuery {
    fn default() -> Self {
        let since = Some(Duration::from_secs(7 * 24 * 3600));
        Self { since, by: UsageBy::Day, records: 0, label: None }
    }
}

/// Reads a time to look back: a number with `m`, `h`, `d` or `w` after it, or `all`, which has no end.
#[must_use]
pub fn usage_since(word: &str) -> Option<Option<Duration>> {
    if word == "all" {
        return Some(None);
    }
    let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return None,
    };
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    Some(Some(Duration::from_secs(number.checked_mul(seconds)?)))
}

/// Returns the date of a day counted from the Unix epoch, in UTC.
pub(crate) fn date(day: u32) -> String {
    let epoch = time::Date::from_ordinal_date(1970, 1).unwrap_or(time::Date::MIN);
    let date = epoch.saturating_add(time::Duration::days(i64::from(day)));
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_look_back_have_a_number_and_a_unit() {
        let seconds = |word| usage_since(word).map(|since| since.map(|since| since.as_secs()));
        assert_eq!(seconds("7d"), Some(Some(7 * 24 * 3600)));
        assert_eq!(seconds("90m"), Some(Some(5400)));
        assert_eq!(seconds("2w"), Some(Some(14 * 24 * 3600)));
        assert_eq!(seconds("all"), Some(None));
        for wrong in ["", "7", "d", "0d", "-1d", "1.5h", "7 d", "ä", "99999999999999999999d", "7y"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_are_dates_in_utc() {
        assert_eq!((date(0), date(20_787)), ("1970-01-01".to_owned(), "2026-11-30".to_owned()));
        assert!(!date(u32::MAX).is_empty());
    }
}
