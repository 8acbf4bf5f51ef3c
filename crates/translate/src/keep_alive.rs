//! The time for which a model stays loaded after its use, in the forms that Ollama takes.

use std::time::Duration;

use chatmock_protocol::json::Raw;

use crate::failure::{Failure, FailureKind};

/// The time for which a model stays loaded after its use.
///
/// Nothing is loaded here; the list of loaded models names those that were used within this time, which is
/// what clients look for there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// So long.
    For(Duration),
    /// For ever.
    Forever,
}

impl Default for KeepAlive {
    /// Returns Ollama's own default, five minutes.
    fn default() -> Self {
        Self::For(Duration::from_secs(5 * 60))
    }
}

impl KeepAlive {
    /// Reads a number of seconds, or a text such as `5m`, `1h30m`, `-1s` or `0`; below zero is for ever.
    ///
    /// # Errors
    /// In Ollama's words, for anything else.
    pub(crate) fn read(raw: Raw<'_>) -> Result<Self, Failure> {
        // In the words of Ollama, which names no member.
        let failure = |message: String| Failure::new(FailureKind::BadRequest, message);
        let seconds = match raw.as_text() {
            Some(text) => {
                duration(&text).map_err(|fault| failure(format!("time: {fault} {:?}", &*text)))?
            }
            None => raw.text().parse::<f64>().map_err(|_| {
                failure(format!("keep_alive must be a number or a duration, not {}", raw.text()))
            })?,
        };
        Ok(match Duration::try_from_secs_f64(seconds) {
            Ok(duration) => Self::For(duration),
            // Below zero, or longer than any machine runs.
            Err(_) => Self::Forever,
        })
    }

    /// Returns whether the model is unloaded at once.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::For(Duration::ZERO)
    }
}

/// The units of durations, and their seconds. Longer names come before those that they begin with.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("\u{b5}s", 1e-6),
    ("\u{3bc}s", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// Reads a duration as Go writes it, in seconds.
fn duration(text: &str) -> Result<f64, &'static str> {
    const INVALID: &str = "invalid duration";
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0.0);
    }
    if rest.is_empty() {
        return Err(INVALID);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = rest.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok());
        let number = number.ok_or(INVALID)?;
        if unit.is_empty() || unit.starts_with(['-', '+']) {
            return Err("missing unit in duration");
        }
        let known = UNITS.iter().find_map(|(name, each)| Some((unit.strip_prefix(name)?, each)));
        let (after, each) = known.ok_or("unknown unit in duration")?;
        seconds += number * each;
        rest = after;
    }
    Ok(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<KeepAlive, String> {
        let raw: Raw<'_> = serde_json::from_str(json).unwrap();
        KeepAlive::read(raw).map_err(|failure| {
            assert_eq!(failure.status(), 400);
            failure.message
        })
    }

    fn seconds(seconds: f64) -> Result<KeepAlive, String> {
        Ok(KeepAlive::For(Duration::from_secs_f64(seconds)))
    }

    #[test]
    fn every_form_of_a_duration_is_read() {
        for (json, expected) in [
            ("0", 0.0),
            ("0.0", 0.0),
            ("\"0\"", 0.0),
            ("\"0s\"", 0.0),
            ("\"-0\"", 0.0),
            ("300", 300.0),
            ("1.5", 1.5),
            ("\"5m\"", 300.0),
            ("\"1h30m\"", 5400.0),
            ("\"24h\"", 86400.0),
            ("\"+10s\"", 10.0),
            ("\".5s\"", 0.5),
            ("\"1.5h\"", 5400.0),
            ("\"300ms\"", 0.3),
        ] {
            assert_eq!(read(json), seconds(expected), "{json}");
        }
        assert_eq!(read("\"10ns\""), Ok(KeepAlive::For(Duration::from_nanos(10))));
        for json in ["-1", "-0.5", "\"-1s\"", "\"-5m\"", "1e300", "\"99999999999999999999h\""] {
            assert_eq!(read(json), Ok(KeepAlive::Forever), "{json}");
        }
    }

    #[test]
    fn anything_else_is_refused_in_ollama_s_words() {
        for (json, message) in [
            ("\"xx\"", "time: invalid duration \"xx\""),
            ("\"\"", "time: invalid duration \"\""),
            ("\"5\"", "time: missing unit in duration \"5\""),
            ("\"5x\"", "time: unknown unit in duration \"5x\""),
            ("\"1.2.3s\"", "time: invalid duration \"1.2.3s\""),
            ("\"forever\"", "time: invalid duration \"forever\""),
            ("true", "keep_alive must be a number or a duration, not true"),
            ("[]", "keep_alive must be a number or a duration, not []"),
        ] {
            assert_eq!(read(json), Err(message.to_owned()), "{json}");
        }
    }
}
