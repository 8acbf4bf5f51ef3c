//! The screen: lines for a person on standard output, plain where no terminal shows them.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};

use chatmock_server::{sanitize, wrap};
use terminal_size::{Height, Width, terminal_size_of};

use crate::env;

/// The column at which the values of fields begin.
const VALUES: usize = 14;

/// The longest message, in bytes.
const MAX_WARNING: usize = 1000;

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Wrong, or used up.
    Bad,
    /// Of less weight than the rest.
    Faint,
    /// Of more weight than the rest.
    Strong,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Strong => "1",
        }
    }
}

/// Standard output and its abilities.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Screen {
    colour: bool,
    /// The width to wrap at, where a terminal shows the lines.
    width: Option<usize>,
    /// True if block characters can be shown.
    pub(crate) unicode: bool,
}

impl Screen {
    /// Looks at standard output.
    pub(crate) fn read() -> Self {
        let is_terminal = stdout().is_terminal();
        Self {
            colour: is_terminal && env::wants_colour(),
            width: is_terminal.then(|| width(terminal_size_of(stdout()))),
            unicode: env::is_unicode(),
        }
    }

    /// Writes a line. A reader that has gone is no reason to stop.
    pub(crate) fn line(self, text: impl Display) {
        self.hanging(&text.to_string(), 0);
    }

    /// Writes a line; what does not fit is put below its column `indent`.
    pub(crate) fn hanging(self, text: &str, indent: usize) {
        let wrapped = match self.width {
            // An address that is to be opened or copied keeps its line, as wide as it is.
            Some(width) => wrap::hanging(text, (0, indent), width),
            None => text.to_owned(),
        };
        let _ = writeln!(stdout(), "{wrapped}");
    }

    /// Writes a name and what belongs to it; the value comes from outside.
    pub(crate) fn field(self, name: &str, value: &str) {
        self.hanging(&format!("  {name:<11} {}", shown(value)), VALUES);
    }

    /// Writes the beginning of a line that a person ends.
    pub(crate) fn prompt(self, text: impl Display) {
        let _ = write!(stdout(), "{text}");
        let _ = stdout().flush();
    }

    /// Colours a text where that can be seen.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if self.colour { format!("\u{1b}[{}m{text}\u{1b}[0m", paint.code()) } else { text.into() }
    }
}

/// Writes a warning to standard error.
pub(crate) fn warn(text: impl Display) {
    complain("warning: ", &text.to_string());
}

/// Writes a message to standard error, wrapped below its label; a part behind `hint: ` has a line of its own.
pub(crate) fn complain(label: &str, text: &str) {
    // Nobody is left to report it to when this cannot be written.
    let _ = stderr().write_all(complaint(label, text).as_bytes());
}

/// Returns a message for standard error, as [`complain`] writes it.
pub(crate) fn complaint(label: &str, text: &str) -> String {
    let (mut label, mut lines) = (label, String::new());
    for part in text.split("\nhint: ") {
        let line = format!("{label}{}", sanitize::text_within(part, MAX_WARNING));
        lines.push_str(&match stderr().is_terminal() {
            true => wrap::hanging(&line, (0, label.len()), width(terminal_size_of(stderr()))),
            false => line,
        });
        lines.push('\n');
        label = "hint: ";
    }
    lines
}

fn width(of_terminal: Option<(Width, Height)>) -> usize {
    /// The least width that lines are broken at: below it they could not be read.
    const NARROWEST: usize = 40;
    match of_terminal {
        Some((Width(width @ 1..), _)) => usize::from(width).max(NARROWEST),
        _ => wrap::USUAL_WIDTH,
    }
}

/// A value from outside, fit to be shown: one short line that cannot steer the terminal.
pub(crate) fn shown(value: &str) -> String {
    sanitize::text(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_from_outside_cannot_steer_the_terminal() {
        let shown_as = r"a\u{1b}[2J\nb\u{9b}31m\u{202e}c\u{2028}\r\u{7}";
        assert_eq!(shown("a\u{1b}[2J\nb\u{9b}31m\u{202e}c\u{2028}\r\u{7}"), shown_as);
        assert_eq!(shown(&"x".repeat(1000)), "x".repeat(256) + "\u{2026}");
    }

    #[test]
    fn colours_are_written_for_terminals_only() {
        assert_eq!(Screen::default().paint(Paint::Bad, "x"), "x");
        let screen = Screen { colour: true, ..Screen::default() };
        assert_eq!(screen.paint(Paint::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
