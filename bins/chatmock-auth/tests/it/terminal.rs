//! A terminal at which no token may be shown.

use std::process::Command;

use chatmock_testkit::terminal;

use crate::process::assert_silent;

/// A program at a terminal.
pub(crate) struct Terminal(terminal::Terminal);

impl Terminal {
    /// Starts a program at a new terminal.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(terminal::Terminal::start(command))
    }

    /// Waits for a text; meanwhile `act` is tried with what was shown, until it did something.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str, act: impl Fn(&str) -> bool) {
        self.0.until(text, act);
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        self.0.type_line(line);
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, name: &str) {
        self.0.signal(name);
    }

    /// Waits for the end; gives the exit code and all that was shown.
    #[track_caller]
    pub(crate) fn end(self) -> (Option<i32>, String) {
        let (code, seen) = self.0.end();
        assert_silent(&seen);
        (code, seen)
    }
}
