//! Fields of a grant next to its tokens, read leniently so that an odd form loses nothing else.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A whole number, also where it comes as a text or with a fraction.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(number(&Value::deserialize(deserializer)?))
}

/// A text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_str().map(str::to_owned))
}

/// A moment in seconds since 1970, also where it comes as a date.
pub(super) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let date = value.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    Ok(number(&value).or_else(|| date.map(OffsetDateTime::unix_timestamp)))
}

fn number(value: &Value) -> Option<i64> {
    let cut = |number: f64| number.is_finite().then_some(number as i64);
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(cut)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::tokens::Grant;

    #[test]
    fn odd_forms_are_read_or_passed_over_without_losing_the_tokens() {
        for (text, expected) in [
            ("3600", Some(3600)),
            ("3600.9", Some(3600)),
            ("\"3600\"", Some(3600)),
            ("null", None),
            ("{}", None),
            ("\"soon\"", None),
        ] {
            let text = format!(r#"{{"access_token":"a","expires_in":{text},"scope":[1]}}"#);
            let grant: Grant = serde_json::from_str(&text).unwrap();
            assert_eq!((grant.expires_in, grant.scope.as_deref()), (expected, None), "{text}");
            assert!(grant.access_token.is_some());
        }
        for (text, expected) in [
            ("1800000000", Some(1_800_000_000)),
            ("\"2027-01-15T08:00:00Z\"", Some(1_800_000_000)),
            ("\"1800000000\"", Some(1_800_000_000)),
            ("true", None),
        ] {
            let grant: Grant =
                serde_json::from_str(&format!(r#"{{"earliest_refresh_at":{text}}}"#)).unwrap();
            assert_eq!(grant.earliest_refresh_at, expected, "{text}");
        }
    }
}
