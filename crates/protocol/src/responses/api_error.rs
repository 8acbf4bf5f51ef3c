//! The backend's error object, in every envelope it comes in.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{RawObject, Text};

/// A day, the longest wait that is told, in seconds.
const LONGEST_WAIT: u64 = 86_400;

/// What the backend says of a failure, in a body or in a stream.
///
/// Members are empty where the backend left them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    /// The class, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The code, such as `context_length_exceeded`.
    pub code: Option<String>,
    /// Words for a person.
    pub message: Option<String>,
    /// The member at fault.
    pub param: Option<String>,
    /// Seconds until a limit resets, from `resets_in_seconds`.
    pub resets_in: Option<u64>,
    /// When a limit resets, in seconds of the Unix epoch, from `resets_at`.
    pub resets_at: Option<u64>,
}

impl ApiError {
    /// Reads an error object as it stands under `error`; a string there is its message.
    ///
    /// A member of an unexpected type counts as absent, so that the rest is not lost.
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

    /// Reads the body of a refused request: `{"error": …}`, `{"detail": …}` in any shape, or
    /// neither.
    #[must_use]
    pub fn read_body(body: &[u8]) -> Option<Self> {
        let members: RawObject<'_> = crate::json::read(body).ok()?;
        if let Some(error) = members.present("error") {
            return match members.text("error") {
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

    /// Reads the gateway's `detail`: a sentence, an object with a code, or a list of either.
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

    /// Seconds until another try may succeed, 1 to 86,400, where the error tells; `now` is in
    /// seconds of the Unix epoch.
    ///
    /// A reset time decides, then the words "try again in …" of the message.
    #[must_use]
    pub fn wait(&self, now: u64) -> Option<u64> {
        let at = |at: u64| at.saturating_sub(now).clamp(1, LONGEST_WAIT);
        self.resets_at.filter(|_| self.resets_in.is_none()).map(at).or_else(|| self.told_wait())
    }

    /// Seconds until another try may succeed, 1 to 86,400, where the error tells them outright:
    /// [`ApiError::wait`] without a clock.
    #[must_use]
    pub fn told_wait(&self) -> Option<u64> {
        let told = self.resets_in.or_else(|| self.message.as_deref().and_then(from_words))?;
        Some(told.clamp(1, LONGEST_WAIT))
    }
}

/// Reads "try again in 1.5s", "… 250ms", "… 2 seconds", "… 6m0s", rounded up.
fn from_words(message: &str) -> Option<u64> {
    let words = message.to_ascii_lowercase();
    let mut rest = words.split_once("try again in ")?.1;
    let mut total = None;
    while let Some((seconds, after)) = quantity(rest) {
        total = Some(total.unwrap_or(0.0) + seconds);
        rest = after;
    }
    // A float beyond the range of an integer becomes its end.
    total.map(|seconds: f64| seconds.ceil() as u64)
}

/// Reads a number and its unit as seconds; gives what follows.
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
    fn a_reset_time_tells_how_long_to_wait() {
        let at = |at| ApiError { resets_at: Some(at), ..ApiError::default() };
        assert_eq!(at(1_100).wait(1_000), Some(100));
        assert_eq!(at(5).wait(1_000), Some(1));
        assert_eq!(at(u64::MAX).wait(0), Some(86_400));
        let both = ApiError { resets_in: Some(7), ..at(1_100) };
        assert_eq!(both.wait(1_000), Some(7));
    }

    #[test]
    fn the_words_of_a_message_tell_last() {
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
