//! The conformance kit: the contracts of the dialects against any server, one line for each.

use std::process::ExitCode;

fn main() -> ExitCode {
    chatmock_tests::conform()
}
