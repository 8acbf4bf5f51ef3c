//! Several servers that share a sign-in and more in a Redis: all of it as processes, and the engine by itself.
//!
//! Without `redis-server` they are ignored with the reason, except with `CI=true`, where that is a failure. What takes over
//! ten seconds runs with `CHATMOCK_TEST_FLEET=1` alone.
//! `CHATMOCK_TEST_ROUNDS` sets how often a server is killed (2 by default), and how many requests come at once (50 for each).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by stopping")]
#![allow(clippy::print_stderr, reason = "a run shows what it measured")]

use std::process::ExitCode;

#[cfg(unix)]
mod engine;
#[cfg(unix)]
mod figures;
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
mod rolling;

/// Asks for the long ones.
#[cfg(unix)]
const FLEET: &str = "CHATMOCK_TEST_FLEET";

#[cfg(unix)]
fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let asked = std::env::var_os(FLEET).is_some();
    let why = (!asked).then_some("it takes over ten seconds; CHATMOCK_TEST_FLEET=1 asks for it");
    let cases = engine::CASES.iter().chain(renewals::CASES).chain(outages::CASES);
    let short = cases.chain(records::CASES).chain(figures::CASES);
    let short = short.map(|(name, case)| trial((name, *case), &[], None));
    let long = outages::LONG.iter().map(|(name, case)| trial((name, *case), &[], why));
    let rolling =
        rolling::LONG.iter().map(|(name, case)| trial((name, *case), &rolling::PROGRAMS, why));
    let all = short.chain(long).chain(rolling).collect();
    libtest_mimic::run(&arguments, all).exit_code()
}

/// One case, with the programs that it takes beside an engine, which is not run where a reason is given.
#[cfg(unix)]
fn trial(
    (name, case): (&str, fn()),
    programs: &'static [&'static str],
    why_not: Option<&'static str>,
) -> libtest_mimic::Trial {
    libtest_mimic::Trial::ignorable_test(name, move || match why_not {
        Some(why) => Ok(libtest_mimic::Completion::ignored_with(why)),
        None => {
            let programs = [&chatmock_testkit::redis::PROGRAMS, programs].concat();
            chatmock_testkit::prerequisite::with_programs(&programs, || {
                case();
                Ok(())
            })
        }
    })
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
