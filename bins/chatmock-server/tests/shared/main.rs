//! Several servers that share a sign-in and more in a Redis: all of it as processes, and the engine by itself.
//!
//! They run with `CHATMOCK_TEST_FLEET=1` alone. Without `redis-server` they are then ignored with the reason, except with
//! `CI=true`, where that is a failure.
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

/// Asks for these tests.
#[cfg(unix)]
const FLEET: &str = "CHATMOCK_TEST_FLEET";

#[cfg(unix)]
fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let asked = std::env::var_os(FLEET).is_some();
    let why = (!asked).then_some(
        "it waits for tokens to end and engines to come back; CHATMOCK_TEST_FLEET=1 asks for it",
    );
    let cases = engine::CASES.iter().chain(renewals::CASES).chain(outages::CASES);
    let cases = cases.chain(records::CASES);
    let trials: Vec<_> = cases.map(|(name, case)| trial(name, *case, why)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// One case, which is not run where a reason is given.
#[cfg(unix)]
fn trial(name: &str, case: fn(), why_not: Option<&'static str>) -> libtest_mimic::Trial {
    libtest_mimic::Trial::ignorable_test(name, move || match why_not {
        Some(why) => Ok(libtest_mimic::Completion::ignored_with(why)),
        None => chatmock_testkit::prerequisite::with_programs(
            &chatmock_testkit::redis::PROGRAMS,
            || {
                case();
                Ok(())
            },
        ),
    })
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
