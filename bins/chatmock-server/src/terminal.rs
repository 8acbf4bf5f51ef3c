//! The terminal: its width, and whether it shows colours.

use std::io::{IsTerminal, stderr, stdin, stdout};

use chatmock_server::wrap::USUAL_WIDTH;
use terminal_size::{Width, terminal_size_of};

use crate::env;

/// The least width that lines are broken at: below it they could not be read.
const NARROWEST: usize = 40;

/// Returns the width of the terminal behind standard error, or of a usual one.
pub(crate) fn width_of_stderr() -> usize {
    width(terminal_size_of(stderr()).map(|(width, _)| width))
}

/// Returns the width of the terminal behind standard output, or of a usual one.
pub(crate) fn width_of_stdout() -> usize {
    width(terminal_size_of(stdout()).map(|(width, _)| width))
}

fn width(of_terminal: Option<Width>) -> usize {
    let width = of_terminal.map_or(USUAL_WIDTH, |Width(width)| usize::from(width));
    // A terminal that does not know its size reports none.
    if width == 0 { USUAL_WIDTH } else { width.max(NARROWEST) }
}

/// Returns whether colours can be shown on standard error.
pub(crate) fn shows_colour() -> bool {
    stderr().is_terminal() && env::wants_colour()
}

/// Returns whether a person sits at standard input and reads standard error.
pub(crate) fn has_person() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}
