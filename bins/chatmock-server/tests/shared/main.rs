//! Several servers that share a sign-in and more in a Redis: all of it as processes, and the engine by itself.
//!
//! Without `redis-server`, the tests are reported as ignored with the reason, except with `CI=true`, where that is a failure.
//! `CHATMOCK_TEST_ROUNDS` sets how often a server is killed (2 by default), and how many requests come at once (50 for each).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]
#![allow(clippy::print_stderr, reason = "a run shows what it measured")]

use std::process::ExitCode;

#[cfg(unix)]
mod engine;
#[cfg(unix)]
mod fleet;
#[cfg(unix)]
mod outages;
#[cfg(unix)]
#[path = "../cli/process.rs"]
#[allow(dead_code, reason = "the suite of the command line uses all of it")]
mod process;
#[cfg(unix)]
mod records;
#[cfg(unix)]
mod renewals;

#[cfg(unix)]
fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let cases = engine::CASES.iter().chain(renewals::CASES).chain(outages::CASES);
    let cases = cases.chain(records::CASES);
    let trials = cases.map(|(name, case)| {
        libtest_mimic::Trial::ignorable_test(*name, || {
            chatmock_testkit::prerequisite::with_programs(
                &chatmock_testkit::redis::PROGRAMS,
                || {
                    case();
                    Ok(())
                },
            )
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
