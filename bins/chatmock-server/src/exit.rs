//! The errors that end the program, each with an exit code for scripts.

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use chatmock_server::{Served, wrap};

use crate::terminal;

/// Any failure without a code of its own.
const OTHER: u8 = 1;
/// A flag, a variable or a setting cannot be used; clap exits with this code, too.
const SETTINGS: u8 = 2;
/// Another program listens on the port.
const PORT_TAKEN: u8 = 3;
/// A question was answered with no, or could not be asked.
const DECLINED: u8 = 4;

/// The longest label before a message, such as `error: `.
const LABEL: usize = 8;

/// Returns the exit code of a server that was stopped.
pub(crate) fn of(served: Served) -> ExitCode {
    match served {
        Served::Unsaved => ExitCode::from(OTHER),
        Served::Drained | Served::Aborted { .. } => ExitCode::SUCCESS,
    }
}

/// An error that ends the program.
#[derive(Debug)]
pub(crate) enum ExitError {
    /// The settings cannot be used; the same call would fail again.
    Settings(anyhow::Error),
    /// The port is in use.
    PortTaken(anyhow::Error),
    /// The person said no, or there was nobody to ask.
    Declined(anyhow::Error),
    /// Any other error.
    Other(anyhow::Error),
}

impl ExitError {
    /// Prints the error, and returns the exit code.
    pub(crate) fn report(&self, output: &mut impl Write) -> ExitCode {
        let (code, error) = match self {
            Self::Settings(error) => (SETTINGS, error),
            Self::PortTaken(error) => (PORT_TAKEN, error),
            Self::Declined(error) => (DECLINED, error),
            Self::Other(error) => (OTHER, error),
        };
        // If standard error cannot be written, there is no other place for the message.
        let _ = output.write_all(shown(&format!("error: {error:#}"), width_of_stderr()).as_bytes());
        ExitCode::from(code)
    }
}

/// Returns a message for the screen: each of its lines wrapped, below its first word.
fn shown(message: &str, width: Option<usize>) -> String {
    let line = |line: &str| {
        let indent = line.split_once(": ").map_or(0, |(label, _)| label.len() + 2);
        let indent = if indent <= LABEL { indent } else { 0 };
        match width {
            Some(width) => wrap::hanging(line, (0, indent), width),
            None => line.to_owned(),
        }
    };
    message.lines().map(|text| line(text) + "\n").collect()
}

/// Returns the width to wrap at, where a person reads standard error.
fn width_of_stderr() -> Option<usize> {
    stderr().is_terminal().then(terminal::width_of_stderr)
}

impl From<anyhow::Error> for ExitError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_wrapped_below_its_first_word_and_its_hint_has_a_line() {
        let message = "error: one two three four five six\nhint: seven eight nine ten";
        let text = shown(message, Some(20));
        assert_eq!(
            text,
            "error: one two three\n       four five six\nhint: seven eight\n      nine ten\n"
        );
        assert_eq!(shown(message, None), format!("{message}\n"));
    }
}
