//! The warnings of the crates below, as sentences for a person at a terminal.

use std::fmt;

use chatmock_server::log_members;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::screen;

/// The warning of a refused renewal; each command says why in its own words.
const SAID_ANYWAY: &str = "the sign-in service refused the renewal";

/// The members that a sentence has behind it: the cause, and the place.
const SHOWN: [&str; 5] = ["error", "cause", "file", "folder", "path"];

/// Writes each event as one sentence, wrapped at the terminal's width.
#[derive(Debug)]
pub(crate) struct Sentences;

impl<S, N> FormatEvent<S, N> for Sentences
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match Sentence::of(log_members(event)).text() {
            Some(text) => writer.write_str(&screen::complaint("warning: ", &text)),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
struct Sentence {
    message: String,
    more: Vec<String>,
}

impl Sentence {
    fn of(members: Vec<(&'static str, String)>) -> Self {
        let mut sentence = Self::default();
        for (name, value) in members {
            match name {
                "message" => sentence.message = value,
                name if SHOWN.contains(&name) => sentence.more.push(value),
                _ => {}
            }
        }
        sentence
    }

    fn text(&self) -> Option<String> {
        if self.message == SAID_ANYWAY {
            return None;
        }
        Some(match self.more.is_empty() {
            true => self.message.clone(),
            false => format!("{} ({})", self.message, self.more.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_a_sentence_with_its_cause_and_its_place() {
        let members = [
            ("message", "it is in a file"),
            ("error", "there is no keyring here"),
            ("other", "left out"),
            ("file", "/h/auth.json"),
        ];
        let sentence = Sentence::of(members.map(|(name, value)| (name, value.to_owned())).into());
        let text = "it is in a file (there is no keyring here, /h/auth.json)";
        assert_eq!(sentence.text().as_deref(), Some(text));
        let said = Sentence { message: SAID_ANYWAY.to_owned(), more: Vec::new() };
        assert_eq!(said.text(), None);
    }
}
