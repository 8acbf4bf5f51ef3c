//! The instruction count: the program under callgrind, one line for each figure.

use std::process::ExitCode;

fn main() -> ExitCode {
    chatmock_tests::instructions()
}
