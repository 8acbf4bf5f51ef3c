//! The self test: the real program under load and abuse, one line for each figure.

use std::process::ExitCode;

fn main() -> ExitCode {
    chatmock_tests::selftest()
}
