//! The programs that drive the real program from outside: the self test and the bench.

#[cfg(target_os = "linux")]
mod benchmarks;
#[cfg(target_os = "linux")]
mod checks;
pub mod conform;
#[cfg(target_os = "linux")]
mod dialect;
#[cfg(target_os = "linux")]
mod harness;
#[cfg(target_os = "linux")]
mod instructions;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod report;
pub mod schemas;
#[cfg(target_os = "linux")]
mod spread;
#[cfg(target_os = "linux")]
mod suite;

use std::io::Write;
use std::process::ExitCode;

/// Any reason why a figure could not be measured.
#[cfg(target_os = "linux")]
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the self test: the program under load and abuse.
#[cfg(target_os = "linux")]
#[must_use]
pub fn selftest() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    suite::main(runtime, "selftest", &checks::NAMES, checks::run)
}

/// Runs the bench: the cost of the program, compared with the backend asked directly.
#[cfg(target_os = "linux")]
#[must_use]
pub fn bench() -> ExitCode {
    // The clients share one thread, so that they disturb the program as little as can be.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    suite::main(runtime, "bench", &benchmarks::NAMES, benchmarks::run)
}

/// Counts the instructions of turns and deltas: the program under callgrind.
#[cfg(target_os = "linux")]
#[must_use]
pub fn instructions() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    suite::main(runtime, "instructions", &instructions::NAMES, instructions::run)
}

/// Runs the conformance kit: the contracts of the dialects against any server.
#[must_use]
pub fn conform() -> ExitCode {
    conform::main(std::env::args().skip(1))
}

/// Runs the self test: the program under load and abuse.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn selftest() -> ExitCode {
    say("the self test reads /proc and needs Linux", ExitCode::FAILURE)
}

/// Runs the bench: the cost of the program, compared with the backend asked directly.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn bench() -> ExitCode {
    say("the bench reads /proc and needs Linux", ExitCode::FAILURE)
}

/// Counts the instructions of turns and deltas: the program under callgrind.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn instructions() -> ExitCode {
    say("the program runs under callgrind on Linux", ExitCode::FAILURE)
}

/// Writes words for a person and hands the code on.
fn say(words: &str, code: ExitCode) -> ExitCode {
    // With a closed standard error, the code has to be enough.
    let _ = writeln!(std::io::stderr(), "{words}");
    code
}
