//! The bench: what the real program costs, one line for each figure.

use std::process::ExitCode;

fn main() -> ExitCode {
    chatmock_tests::bench()
}
