//! The backend's error object, in all its envelopes.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{RawObject, Text};

/// A day in seconds: the longest wait that is reported.
const MAX_WAIT: u64 = 86_400;

/// An error as the backend describes it, in a body or in a stream.
///
/// Members that the backend left out are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    /// The class, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The code, such as `context_length_exceeded`.
    pub code: Option<String>,
    /// A message for a person.
    pub message: Option<String>,
    /// The request's member that caused it.
    pub param: Option<String>,
    /// Seconds until a limit resets, from `resets_in_seconds`.
    pub resets_in: Option<u64>,
    /// When a limit resets, in seconds of the Unix epoch, from `resets_at`.
    pub resets_at: Option<u64>,
}

impl ApiError {
    /// Reads the value of `error`: an object, or a string, which becomes the message.
    ///
    /// A member of an unexpected type is treated as absent, so that the rest is not lost.
    #[must_use]
    pub fn read(raw: &RawValue) -> Option<Self> {
        if let Ok(Text(message)) = serde_json::from_str::<Text<'_>>(raw.get()) {
            return Some(Self { message: Some(message.into_owned()), ..Self::default() });
        }
        let members: RawObject<'_> = serde_json::from_str(raw.get()).ok()?;
        let word = |name: &str| members.text(name).map(Cow::into_owned);
        let count = |name: &str| members.get(name).and_then(|raw| raw.get().parse().ok());
        Some(Self {
            kind: word("type"),
            code: word("code"),
            message: word("message"),
            param: word("param"),
            resets_in: count("resets_in_seconds"),
            resets_at: count("resets_at"),
        })
    }

    /// Reads the body of a refused request, which has `error` or `detail`; `None` where it has
    /// neither.
    #[must_use]
    pub fn read_body(body: &[u8]) -> Option<Self> {
        let members: RawObject<'_> = crate::json::read(body).ok()?;
        if let Some(error) = members.present("error") {
            return match members.text("error") {
                // A code is one word; other servers write a sentence there.
                Some(sentence) if sentence.trim().contains(char::is_whitespace) => {
                    Some(Self { message: Some(sentence.into_owned()), ..Self::default() })
                }
                Some(code) => Some(Self {
                    message: members.text("error_description").map(Cow::into_owned),
                    code: Some(code.into_owned()),
                    ..Self::default()
                }),
                None => Self::read(error),
            };
        }
        members.present("detail").map(Self::read_detail)
    }

    /// Reads the gateway's `detail`: a sentence, an object with a code, or a list of such values.
    fn read_detail(raw: &RawValue) -> Self {
        if let Ok(Text(sentence)) = serde_json::from_str::<Text<'_>>(raw.get()) {
            return Self { message: Some(sentence.into_owned()), ..Self::default() };
        }
        if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            return list.first().map(|first| Self::read_detail(first)).unwrap_or_default();
        }
        let mut error = Self::read(raw).unwrap_or_default();
        if error.message.is_none() {
            let members: RawObject<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
            error.message = members.text("msg").map(Cow::into_owned);
        }
        error
    }

    /// Returns the seconds until another try may succeed, 1 to 86,400, if the error says so; `now`
    /// is in seconds of the Unix epoch.
    ///
    /// A reset time takes precedence over the words "try again in …" of the message.
    #[must_use]
    pub fn wait(&self, now: u64) -> Option<u64> {
        let at = |at: u64| at.saturating_sub(now).clamp(1, MAX_WAIT);
        self.resets_at.filter(|_| self.resets_in.is_none()).map(at).or_else(|| self.relative_wait())
    }

    /// Returns the seconds until another try may succeed, 1 to 86,400, if the error contains them
    /// as a duration: [`ApiError::wait`] without a clock.
    #[must_use]
    pub fn relative_wait(&self) -> Option<u64> {
        let wait = self.resets_in.or_else(|| self.message.as_deref().and_then(from_words))?;
        Some(wait.clamp(1, MAX_WAIT))
    }
}

/// Parses "try again in 1.5s", "… 250ms", "… 2 seconds", "… 6m0s"; rounds up.
fn from_words(message: &str) -> Option<u64> {
    let words = message.to_ascii_lowercase();
    let mut rest = words.split_once("try again in ")?.1;
    let mut total = None;
    while let Some((seconds, after)) = quantity(rest) {
        total = Some(total.unwrap_or(0.0) + seconds);
        rest = after;
    }
    // The conversion saturates for a float beyond the range of `u64`.
    total.map(|seconds: f64| seconds.ceil() as u64)
}

/// Parses a number and its unit as seconds; returns the rest too.
fn quantity(text: &str) -> Option<(f64, &str)> {
    let split = |text: &'_ str, is: fn(char) -> bool| text.find(|c| !is(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(split(text, |c| c.is_ascii_digit() || c == '.'))?;
    let number: f64 = number.trim_end_matches('.').parse().ok()?;
    let rest = rest.trim_start_matches(' ');
    let (unit, rest) = rest.split_at_checked(split(rest, |c| c.is_ascii_alphabetic()))?;
    let seconds = match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    Some((number * seconds, rest.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Option<u64> {
        ApiError { message: Some(text.into()), ..ApiError::default() }.wait(0)
    }

    #[test]
    fn a_reset_time_decides_how_long_to_wait() {
        let at = |at| ApiError { resets_at: Some(at), ..ApiError::default() };
        assert_eq!(at(1_100).wait(1_000), Some(100));
        assert_eq!(at(5).wait(1_000), Some(1));
        assert_eq!(at(u64::MAX).wait(0), Some(86_400));
        let both = ApiError { resets_in: Some(7), ..at(1_100) };
        assert_eq!(both.wait(1_000), Some(7));
    }

    #[test]
    fn the_words_of_a_message_decide_last() {
        assert_eq!(message("Please try again in 11.054s."), Some(12));
        assert_eq!(message("Please try again in 250ms."), Some(1));
        assert_eq!(message("Try again in 1.5 seconds"), Some(2));
        assert_eq!(message("try again in 6m0s"), Some(360));
        assert_eq!(message("try again in 1 day 2 hours"), Some(86_400));
        for text in ["try again in a while", "try again in .s", "try again in 5 apples", "no"] {
            assert_eq!(message(text), None, "{text}");
        }
    }
}
